package ostreetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/treewright/treewright/ostree"
)

// testReaders compares what those give that read any store with what they give
// of a repository on disk.
func testReaders(t *testing.T, store ostree.Store) {
	disk := NewStore(t)
	tree := RandomTree(9, 120)
	var first, second ostree.Checksum
	for _, s := range []ostree.Store{disk, store} {
		first = CommitTo(t, s, "a", tree, CommitOptions{})
		changed := tree.Clone()
		delete(changed, "large")
		changed["added"] = Regular("added")
		second = CommitTo(t, s, "a", changed, CommitOptions{})
	}
	var lists [2][]string
	var tars [2]bytes.Buffer
	for i, s := range []ostree.Store{disk, store} {
		must(t, ostree.Ls(t.Context(), s, first, "/", ostree.LsOptions{Recursive: true}, func(e ostree.LsEntry) error {
			lists[i] = append(lists[i], e.Path+" "+e.Header.String())
			return nil
		}))
		must(t, ostree.DiffCommits(t.Context(), s, first, second, func(c ostree.FileChange) error {
			lists[i] = append(lists[i], c.Path)
			return nil
		}))
		must(t, ostree.ExportTar(t.Context(), s, first, &tars[i], ostree.ExportOptions{}))
		if err := ostree.Ls(t.Context(), s, first, "/nope", ostree.LsOptions{}, nil); !errors.Is(err, ostree.ErrNotExist) {
			t.Errorf("a path that is not there: got %v, want ErrNotExist", err)
		}
		if _, _, err := s.StatFile(t.Context(), ostree.Checksum{1}); !errors.Is(err, ostree.ErrNotExist) {
			t.Errorf("a file that is not there: got %v, want ErrNotExist", err)
		}
	}
	if len(lists[0]) < len(tree)+3 || !slices.Equal(lists[1], lists[0]) {
		t.Errorf("entries and changes: got %q, want %q", lists[1], lists[0])
	}
	if !bytes.Equal(tars[1].Bytes(), tars[0].Bytes()) {
		t.Errorf("tar: got %d bytes, want the same %d", tars[1].Len(), tars[0].Len())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ostree.ExportTar(ctx, store, first, &tars[1], ostree.ExportOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: got %v", err)
	}
}
