package remote

import (
	"testing"

	"github.com/treewright/treewright/ostree"
)

// TestLearnDamagedTree looks at a tree of 2^60 paths whose lowest directory is
// missing: each directory costs one look.
func TestLearnDamagedTree(t *testing.T) {
	dst := newRepo(t)
	txn, err := dst.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer txn.Abort()
	tree := ostree.Checksum{1}
	for range 60 {
		data, err := ostree.DirTree{Dirs: []ostree.TreeDir{{Name: "a", Tree: tree}, {Name: "b", Tree: tree}}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if tree, err = txn.WriteMeta(t.Context(), ostree.ObjectDirTree, data); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := txn.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := &puller{dst: dst}
	if err := p.learn(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if whole, err := p.learnTree(t.Context(), tree, 0); whole || err != nil || len(p.known) > 0 {
		t.Errorf("got %t, %v and %d known directories, want a tree with a hole", whole, err, len(p.known))
	}
}
