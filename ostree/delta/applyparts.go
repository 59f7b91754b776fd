package delta

import (
	"context"
	"fmt"
	"io"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// A Store takes the objects that a delta makes; it compares each with its
// name. An archive.Txn is one. Its methods are called from many goroutines.
type Store interface {
	HasObject(n ostree.ObjectName) (bool, error)
	ImportObject(ctx context.Context, n ostree.ObjectName, r io.Reader) error
	WriteFileKnown(ctx context.Context, want ostree.Checksum, h ostree.FileHeader, c archive.Content) (archive.WriteResult, error)
}

// ApplyParts makes the objects of a delta's parts in a store of the repository,
// which has the commit that the delta starts from. Parts of which the store has
// all objects are not asked for. Fallbacks, the commit, and whether all of it
// is there then, are the caller's. After an error some objects may be there.
func ApplyParts(ctx context.Context, repo *archive.Repo, store Store, s *Superblock, parts Parts, o ApplyOptions) error {
	o.skip = func(p Part) (bool, error) { return hasAll(store, p.Objects) }
	err := hasFrom(repo, s)
	if err == nil {
		err = runParts(ctx, repo, s, parts, storeSink{store}, o)
	}
	if err != nil {
		return fmt.Errorf("applying delta %s: %w", s.Name, err)
	}
	return nil
}

func hasAll(store Store, objects []ostree.ObjectName) (bool, error) {
	for _, n := range objects {
		if have, err := store.HasObject(n); err != nil || !have {
			return false, err
		}
	}
	return true, nil
}
