package ostreetest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
)

// objectsOf lists what a commit needs, the commit last.
func objectsOf(tb testing.TB, store ostree.Store, c ostree.Checksum) []ostree.ObjectName {
	tb.Helper()
	head, err := ostree.ReadCommit(tb.Context(), store, c)
	must(tb, err)
	var names []ostree.ObjectName
	err = ostree.Reachable(tb.Context(), store, head.RootTree, head.RootMeta, func(n ostree.ObjectName) error {
		names = append(names, n)
		return nil
	})
	must(tb, err)
	return append(names, ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
}

func stored(tb testing.TB, store ostree.Store, n ostree.ObjectName) []byte {
	tb.Helper()
	f, err := store.OpenObject(n)
	must(tb, err)
	data, err := io.ReadAll(f)
	must(tb, errors.Join(err, f.Close()))
	return data
}

func testImport(t *testing.T, store ostree.Store) {
	source := NewStore(t)
	c := CommitTo(t, source, "a", RandomTree(5, 100), CommitOptions{})
	txn := begin(t, store)
	names := objectsOf(t, source, c)
	for _, n := range names {
		must(t, txn.ImportObject(t.Context(), n, bytes.NewReader(stored(t, source, n))))
		must(t, txn.ImportObject(t.Context(), n, nil)) // it is here: nothing to read
	}
	must(t, txn.SetRef("a", c))
	commit(t, txn)
	for _, n := range names {
		if !bytes.Equal(stored(t, store, n), stored(t, source, n)) {
			t.Errorf("object %s was not kept as it was", n)
		}
	}
}

func testDamagedImports(t *testing.T, store ostree.Store) {
	source := NewStore(t)
	c := CommitTo(t, source, "a", Tree{
		"small": Regular("small"), "large": Regular(randomBytes(3 << 20)), "link": Symlink("small"),
	}, CommitOptions{})
	txn := begin(t, store)
	for _, n := range objectsOf(t, source, c) {
		good := stored(t, source, n)
		flipped := bytes.Clone(good)
		flipped[len(flipped)/2] ^= 1
		for name, bad := range map[string][]byte{
			"nothing": nil, "cut": good[:len(good)-1], "longer": append(bytes.Clone(good), 'x'), "flipped": flipped,
		} {
			if err := txn.ImportObject(t.Context(), n, bytes.NewReader(bad)); err == nil {
				t.Errorf("object %s, %s: got no error", n, name)
			}
		}
	}
	for _, typ := range []ostree.ObjectType{ostree.ObjectTombstone, ostree.ObjectCommitMeta, 99} {
		n := ostree.ObjectName{Checksum: c, Type: typ}
		if err := txn.ImportObject(t.Context(), n, strings.NewReader("x")); err == nil {
			t.Errorf("object %s: got no error", n)
		}
	}
	if stats := commit(t, txn); stats.FilesNew+stats.MetaNew != 0 {
		t.Errorf("stats: got %+v, want nothing new", stats)
	}
}

// randomBytes are bytes that deflate does not make smaller.
func randomBytes(n int) string {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data) // it has no errors
	return string(data)
}

func testPartial(t *testing.T, store ostree.Store) {
	source := NewStore(t)
	c := CommitTo(t, source, "a", RandomTree(6, 10), CommitOptions{})
	names := objectsOf(t, source, c)
	put := func(txn ostree.Txn, names ...ostree.ObjectName) {
		for _, n := range names {
			must(t, txn.ImportObject(t.Context(), n, bytes.NewReader(stored(t, source, n))))
		}
	}
	txn := begin(t, store)
	put(txn, names[len(names)-1])
	txn.MarkPartial(c)
	must(t, txn.SetRef("a", c))
	commit(t, txn)
	CheckStore(t, store)
	if partial, err := store.IsPartial(c); !partial || err != nil {
		t.Errorf("IsPartial: got %v, %v, want true", partial, err)
	}
	txn = begin(t, store)
	put(txn, names...)
	txn.ClearPartial(c)
	commit(t, txn)
	if partial, err := store.IsPartial(c); partial || err != nil {
		t.Errorf("IsPartial of the whole commit: got %v, %v, want false", partial, err)
	}
}
