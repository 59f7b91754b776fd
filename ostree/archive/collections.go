package archive

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/ostree"
)

// CollectionRef is a ref of a collection: refs/mirrors/COLLECTION/NAME.
type CollectionRef struct {
	Collection, Name string
	Commit           ostree.Checksum
}

// MirrorRef returns the name under which ResolveRef, SetRef and their kin know
// a ref of a collection: "(COLLECTION, NAME)", as `ostree refs -c` prints it.
func MirrorRef(collection, name string) string { return ostree.MirrorRef(collection, name) }

// MirrorRefs returns the refs of collections, sorted.
func (r *Repo) MirrorRefs(ctx context.Context) ([]CollectionRef, error) {
	var refs []CollectionRef
	err := r.eachRef(ctx, "mirrors", func(ref Ref, err error) error {
		collection, name, ok := strings.Cut(ref.Name, "/")
		if !ok || ostree.ValidateCollectionID(collection) != nil {
			return nil
		}
		refs = append(refs, CollectionRef{collection, name, ref.Commit})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the mirrored refs of repository %s: %w", r.path, err)
	}
	slices.SortFunc(refs, func(a, b CollectionRef) int {
		return strings.Compare(a.Collection+"\x00"+a.Name, b.Collection+"\x00"+b.Name)
	})
	return refs, nil
}
