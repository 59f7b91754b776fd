package ostree_test

import (
	"errors"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/memory"
	"github.com/treewright/treewright/ostree/ostreetest"
)

func TestRefPath(t *testing.T) {
	for ref, want := range map[string]string{
		"a":        "refs/heads/a",
		"a/b.c/_d": "refs/heads/a/b.c/_d",
		"origin:a": "refs/remotes/origin/a",
		"o:a/b":    "refs/remotes/o/a/b",
		"(x.Y, a)": "refs/mirrors/x.Y/a",
		ostree.MirrorRef("org.example.C", "app/x/y/z"): "refs/mirrors/org.example.C/app/x/y/z",
	} {
		if got, err := ostree.RefPath(ref); err != nil || got != want {
			t.Errorf("RefPath(%q): got %q, %v, want %q", ref, got, err, want)
		}
	}
	for _, bad := range []string{
		"", "/", "a/", "../a", "a/../b", ":a", "o:", "o:../a", "..:a", "o/p:a", "(x.Y, a", "(x.Y,a)", "(x, a)", "(x.Y, ../a)", "(../x.Y, a)", "(x.Y, )",
	} {
		if got, err := ostree.RefPath(bad); err == nil {
			t.Errorf("RefPath(%q): got %q, want an error", bad, got)
		}
	}
}

// TestCopyCommitOfPart copies what lacks an object: nothing of it is shown.
func TestCopyCommitOfPart(t *testing.T) {
	source, whole := memory.New(), memory.New()
	c := ostreetest.CommitTo(t, whole, "a", ostreetest.Tree{"f": ostreetest.Regular("x")}, ostreetest.CommitOptions{})
	data, err := whole.ReadMeta(t.Context(), ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
	if err != nil {
		t.Fatal(err)
	}
	txn, err := source.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := txn.WriteMeta(t.Context(), ostree.ObjectCommit, data); err != nil {
		t.Fatal(err)
	}
	if _, err := txn.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	into, err := memory.New().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var missing *ostree.MissingError
	if err := ostree.CopyCommit(t.Context(), into, source, c); !errors.As(err, &missing) || missing.Object.Type == ostree.ObjectCommit {
		t.Errorf("got %v, want an object that is missing", err)
	}
	n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit}
	if have, err := into.HasObject(n); have || err != nil {
		t.Errorf("the commit itself: got %v, %v, want it not to come before what it needs", have, err)
	}
}
