package archive_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// TestTombstones are left for missing parents and go when the commit comes back.
// The real ostree writes the same note, but of the commit whose parent is
// missing and which is there.
func TestTombstones(t *testing.T) {
	src := ostreetest.NewRepo(t)
	commits := history(t, src, "a", 3) // oldest first
	ours, theirs := ostreetest.NewRepo(t), ostreetest.NewRepo(t)
	for _, dst := range []*archive.Repo{ours, theirs} {
		if _, err := dst.PullLocal(t.Context(), src, archive.PullLocalOptions{Refs: []string{"a"}, Depth: 1}); err != nil {
			t.Fatal(err)
		}
	}
	added, err := ours.AddTombstones(t.Context())
	if err != nil || len(added) != 1 || added[0] != commits[0] {
		t.Fatalf("got %v, %v, want %s", added, err, commits[0])
	}
	ostreetest.Ostree(t, "fsck", "--add-tombstones", "--repo="+theirs.Path())
	note := filepath.Join("objects", ostree.ObjectName{Checksum: commits[0], Type: ostree.ObjectTombstone}.ArchivePath())
	got, err := os.ReadFile(filepath.Join(ours.Path(), note))
	if err != nil {
		t.Fatal(err)
	}
	child := ostree.ObjectName{Checksum: commits[1], Type: ostree.ObjectTombstone}
	data, err := os.ReadFile(filepath.Join(theirs.Path(), "objects", child.ArchivePath()))
	if want := strings.ReplaceAll(string(data), commits[1].String(), commits[0].String()); err != nil || string(got) != want {
		t.Errorf("note: got %x, want %x, %v", got, want, err)
	}
	config, err := ours.Config()
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := config.Get("core", "tombstone-commits"); v != "true" {
		t.Errorf("tombstone-commits: got %q, want true", v)
	}
	if added, err := ours.AddTombstones(t.Context()); err != nil || len(added) != 0 {
		t.Errorf("again: got %v, %v, want none", added, err)
	}
	if _, err := ours.PullLocal(t.Context(), src, archive.PullLocalOptions{Refs: []string{"a"}, Depth: -1}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(ours.Path(), note)); !os.IsNotExist(err) {
		t.Errorf("the note is there beside the commit: %v", err)
	}
	ostreetest.Check(t, ours)
}
