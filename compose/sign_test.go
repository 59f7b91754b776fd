package compose_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/ostree/ostreetest"
	"github.com/treewright/treewright/ostree/sign"
)

// TestSigned: the commit that a ref shows carries the signature, and the same
// commit made again keeps it and gets no second one.
func TestSigned(t *testing.T) {
	key, err := sign.Generate(rand.Reader, "Compose <compose@example.org>", now)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := key.Signer(func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	w := newWorkshop(t, osTree, base()...)
	with := func(o *compose.Options) { o.Signer, o.NoParent = signer, true }
	r := w.compose(with)
	again := w.compose(with, force)
	if again.Commit != r.Commit {
		t.Fatalf("got %s, want %s", again.Commit, r.Commit)
	}
	repo := ostreetest.Open(t, w.repo)
	d, err := repo.CommitMeta(r.Commit)
	w.must(err)
	sigs, ok := d.Get("ostree.gpgsigs")
	if !ok || sigs.Len() != 1 {
		t.Errorf("got %d signatures, want one", sigs.Len())
	}
}
