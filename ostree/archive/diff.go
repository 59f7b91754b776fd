package archive

import (
	"context"
	"fmt"

	"github.com/treewright/treewright/ostree"
)

// FileChange is a path at which two commits differ.
type FileChange struct {
	ostree.Change
	OldSize, NewSize int64 // of regular files, else 0
}

// Diff calls fn for every path at which two commits differ, as ostree.Diff
// does, and says how large files were and are.
func (r *Repo) Diff(ctx context.Context, before, after ostree.Checksum, fn func(FileChange) error) error {
	old, err := r.Commit(ctx, before)
	if err != nil {
		return err
	}
	now, err := r.Commit(ctx, after)
	if err != nil {
		return err
	}
	a := ostree.TreeDir{Tree: old.RootTree, Meta: old.RootMeta}
	b := ostree.TreeDir{Tree: now.RootTree, Meta: now.RootMeta}
	return ostree.Diff(ctx, r, a, b, func(c ostree.Change) error {
		f := FileChange{Change: c}
		for _, side := range []struct {
			e    ostree.Entry
			size *int64
		}{{c.Old, &f.OldSize}, {c.New, &f.NewSize}} {
			if side.e.Type != ostree.ObjectFile {
				continue
			}
			e, err := r.lsEntry(ctx, c.Path, side.e)
			if err != nil {
				return fmt.Errorf("%s: %w", c.Path, err)
			}
			*side.size = e.Size
		}
		return fn(f)
	})
}
