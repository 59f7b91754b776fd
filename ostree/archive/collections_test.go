package archive_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

func TestMirrorRefs(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	c := ostreetest.Commit(t, repo, "a", ostreetest.RandomTree(1, 5), ostreetest.CommitOptions{})
	set := func(ref string, to ostree.Checksum) error {
		txn, err := repo.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = txn.Abort() }()
		if to.IsZero() {
			err = txn.DeleteRef(ref)
		} else {
			err = txn.SetRef(ref, to)
		}
		if err == nil {
			_, err = txn.Commit(t.Context())
		}
		return err
	}
	ref := archive.MirrorRef("org.example.One", "app/x")
	for _, name := range []string{ref, archive.MirrorRef("org.example.Two", "os")} {
		if err := set(name, c); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := repo.ResolveRef(ref); err != nil || got != c {
		t.Errorf("%s: got %v, %v, want %v", ref, got, err, c)
	}
	got, err := repo.MirrorRefs(t.Context())
	want := []archive.CollectionRef{{Collection: "org.example.One", Name: "app/x", Commit: c}, {Collection: "org.example.Two", Name: "os", Commit: c}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if out := ostreetest.Ostree(t, "refs", "--repo="+repo.Path(), "-c"); !strings.Contains(out, ref) {
		t.Errorf("ostree refs -c: got %q, want %s among them", out, ref)
	}
	if err := set(ref, ostree.Checksum{}); err != nil {
		t.Fatal(err)
	}
	if got, err := repo.MirrorRefs(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("after one was deleted: got %v, %v, want one", got, err)
	}
	for _, bad := range []string{"(nodots, a)", "(org.example.A, ../a)", "(org.example.A,a)", "(org.example.A, a", "(../.., a)", "(, a)"} {
		if err := set(bad, c); err == nil {
			t.Errorf("%s: got nil, want an error", bad)
		}
	}
	ostreetest.Check(t, repo)
}
