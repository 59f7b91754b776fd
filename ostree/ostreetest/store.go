package ostreetest

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// TestStore checks what every repository must do, whatever it lies on. Open
// makes an empty one for each part. TestFaults has calls fail.
func TestStore(t *testing.T, open func(testing.TB) ostree.Store) {
	for name, part := range map[string]func(*testing.T, ostree.Store){
		"invisible until committed": testVisibility,
		"abort":                     testAbort,
		"refs":                      testRefs,
		"twins are written once":    testTwins,
		"known content":             testKnown,
		"content that changes":      testChanging,
		"detached metadata":         testCommitMeta,
		"import":                    testImport,
		"damaged imports":           testDamagedImports,
		"partial commits":           testPartial,
		"nobody's buffers":          testBuffers,
		"many writers":              testWriters,
		"copies":                    testCopy,
		"readers":                   testReaders,
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t)
			part(t, store)
			CheckStore(t, store)
		})
	}
}

func begin(tb testing.TB, store ostree.Store) ostree.Txn {
	tb.Helper()
	txn, err := store.Begin(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := txn.Abort(); err != nil {
			tb.Error(err)
		}
	})
	return txn
}

func commit(tb testing.TB, txn ostree.Txn) ostree.Stats {
	tb.Helper()
	stats, err := txn.Commit(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return stats
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func testVisibility(t *testing.T, store ostree.Store) {
	txn := begin(t, store)
	c := WriteCommit(t, store, txn, "a", RandomTree(1, 50), CommitOptions{})
	must(t, txn.SetRef("a", c))
	n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit}
	if have, err := store.HasObject(n); have || err != nil {
		t.Errorf("the repository before the commit: got %v, %v, want no object", have, err)
	}
	if have, err := txn.HasObject(n); !have || err != nil {
		t.Errorf("the transaction: got %v, %v, want the object", have, err)
	}
	if _, err := txn.ReadMeta(t.Context(), n); err != nil {
		t.Errorf("ReadMeta of the transaction: %v", err)
	}
	stats := commit(t, txn)
	if stats.FilesNew == 0 || stats.MetaNew == 0 || stats.BytesStored == 0 {
		t.Errorf("stats: got %+v, want new objects", stats)
	}
	if got, err := store.ResolveRef("a"); err != nil || got != c {
		t.Errorf("ref: got %s, %v, want %s", got, err, c)
	}
	if _, err := txn.Commit(t.Context()); err == nil {
		t.Error("a second Commit: got no error")
	}
	again := begin(t, store)
	RandomTree(1, 50).Write(t, again)
	if stats := commit(t, again); stats.FilesNew+stats.MetaNew != 0 || stats.FilesTotal == 0 {
		t.Errorf("stats of the same tree: got %+v, want nothing new", stats)
	}
}

func testAbort(t *testing.T, store ostree.Store) {
	txn := begin(t, store)
	c := WriteCommit(t, store, txn, "a", RandomTree(1, 20), CommitOptions{})
	must(t, txn.SetRef("a", c))
	must(t, txn.Abort())
	must(t, txn.Abort())
	if _, err := store.ResolveRef("a"); !errors.Is(err, ostree.ErrNotExist) {
		t.Errorf("ref: got %v, want ErrNotExist", err)
	}
	if _, err := txn.WriteMeta(t.Context(), ostree.ObjectDirTree, []byte{0}); err == nil {
		t.Error("WriteMeta after Abort: got no error")
	}
	if err := txn.SetRef("a", c); err == nil {
		t.Error("SetRef after Abort: got no error")
	}
}

func testRefs(t *testing.T, store ostree.Store) {
	one := CommitTo(t, store, "x/one", Tree{"f": Regular("1")}, CommitOptions{})
	two := CommitTo(t, store, "x/two", Tree{"f": Regular("2")}, CommitOptions{})
	CommitTo(t, store, "y", Tree{}, CommitOptions{})
	refs, err := store.Refs(t.Context(), "x")
	if err != nil || len(refs) != 2 || refs[0] != (ostree.Ref{Name: "x/one", Commit: one}) || refs[1].Commit != two {
		t.Errorf("Refs of x: got %v, %v", refs, err)
	}
	if refs, err := store.Refs(t.Context(), ""); err != nil || len(refs) != 3 {
		t.Errorf("Refs: got %v, %v, want three", refs, err)
	}
	for _, bad := range []string{"", "../x", "a b", one.String()} {
		txn := begin(t, store)
		if err := txn.SetRef(bad, one); err == nil {
			t.Errorf("SetRef(%q): got no error", bad)
		}
		must(t, txn.Abort())
	}
	for _, clash := range []string{"x", "y/below"} {
		txn := begin(t, store)
		must(t, txn.SetRef(clash, one))
		if _, err := txn.Commit(t.Context()); err == nil || !strings.Contains(err.Error(), "delete it first") {
			t.Errorf("SetRef(%q): got %v, want an error that says what to do", clash, err)
		}
	}
	txn := begin(t, store)
	must(t, txn.DeleteRef("x/one"))
	must(t, txn.DeleteRef("x/two"))
	must(t, txn.DeleteRef("absent"))
	must(t, txn.SetRef("upstream:x", two))
	commit(t, txn)
	if got, err := store.ResolveRef("upstream:x"); err != nil || got != two {
		t.Errorf("ref of a remote: got %s, %v, want %s", got, err, two)
	}
	txn = begin(t, store)
	must(t, txn.SetRef("x", two)) // its empty folder is in the way
	commit(t, txn)
	expectRefs(t, store, two)
}

// expectRefs tries the guard against those who changed a ref meanwhile.
func expectRefs(t *testing.T, store ostree.Store, c ostree.Checksum) {
	t.Helper()
	for ref, old := range map[string]ostree.Checksum{"x": {}, "absent": c} {
		txn := begin(t, store)
		must(t, txn.ExpectRef(ref, old))
		must(t, txn.SetRef("new", c))
		own, _ := Tree{ref: Regular("own")}.Write(t, txn)
		if _, err := txn.Commit(t.Context()); !errors.Is(err, ostree.ErrRefChanged) {
			t.Errorf("ExpectRef(%s): got %v, want ErrRefChanged", ref, err)
		}
		if have, err := store.HasObject(ostree.ObjectName{Checksum: own, Type: ostree.ObjectDirTree}); have || err != nil {
			t.Errorf("ExpectRef(%s): got %v, %v, want no object of the transaction", ref, have, err)
		}
	}
	txn := begin(t, store)
	must(t, txn.ExpectRef("x", c))
	must(t, txn.ExpectRef("new", ostree.Checksum{}))
	must(t, txn.SetRef("new", c))
	commit(t, txn)
	txn = begin(t, store)
	must(t, txn.SetRef("dangling", ostree.Checksum{1}))
	if _, err := txn.Commit(t.Context()); !errors.Is(err, ostree.ErrNotExist) {
		t.Errorf("a ref to a commit that is not there: got %v, want ErrNotExist", err)
	}
}

func testTwins(t *testing.T, store ostree.Store) {
	txn := begin(t, store)
	var fresh atomic.Int64
	var wg sync.WaitGroup
	for i := range 32 {
		f := Regular(strings.Repeat("twin", 1000))
		if i%2 == 0 { // a large one
			f = Regular(strings.Repeat("large twin", 300_000))
		}
		wg.Go(func() {
			res, err := txn.WriteFile(t.Context(), f.header(), f.content())
			if err != nil {
				t.Error(err)
			}
			if res.New {
				fresh.Add(1)
			}
		})
	}
	wg.Wait()
	stats := commit(t, txn)
	if fresh.Load() != 2 || stats.FilesNew != 2 || stats.FilesTotal != 32 {
		t.Errorf("32 files of two contents: got %d new, %+v, want 2", fresh.Load(), stats)
	}
}

func testKnown(t *testing.T, store ostree.Store) {
	f := Regular("known")
	unread := ostree.Content{Size: 5, Open: func() (io.ReadCloser, error) { return nil, errors.New("it was read") }}
	txn := begin(t, store)
	res, err := txn.WriteFile(t.Context(), f.header(), f.content())
	must(t, err)
	if _, err := txn.WriteFileKnown(t.Context(), res.Checksum, f.header(), unread); err != nil {
		t.Errorf("an object of the transaction: %v", err)
	}
	commit(t, txn)
	txn = begin(t, store)
	if got, err := txn.WriteFileKnown(t.Context(), res.Checksum, f.header(), unread); err != nil || got.New {
		t.Errorf("an object of the repository: got %+v, %v", got, err)
	}
	for _, wrong := range []File{Regular("other"), Symlink("other"), Regular(strings.Repeat("large", 1<<20))} {
		_, err := txn.WriteFileKnown(t.Context(), ostree.Checksum{1}, wrong.header(), wrong.content())
		var sum *ostree.ChecksumError
		if !errors.As(err, &sum) || sum.Object.Checksum != (ostree.Checksum{1}) {
			t.Errorf("another content than the known: got %v, want a ChecksumError", err)
		}
	}
	if stats := commit(t, txn); stats.FilesNew != 0 {
		t.Errorf("stats: got %+v, want nothing new", stats)
	}
}

// testChanging gives other bytes at the second reading, if there is one, or
// more or fewer than were announced.
func testChanging(t *testing.T, store ostree.Store) {
	txn := begin(t, store)
	const large = 3 << 20
	readings := 0
	for name, c := range map[string]ostree.Content{
		"no content":     {},
		"shorter":        {Size: 10, Open: give("short")},
		"longer":         {Size: 3, Open: give("longer")},
		"large, shorter": {Size: large, Open: give(strings.Repeat("x", large-1))},
		"large, longer":  {Size: large, Open: give(strings.Repeat("x", large+1))},
		"large, another": {Size: large, Open: func() (io.ReadCloser, error) {
			readings++
			return give(strings.Repeat(string(rune('a'+readings)), large))()
		}},
		"no file": {Size: 1, Open: func() (io.ReadCloser, error) { return nil, errors.New("gone") }},
	} {
		if _, err := txn.WriteFile(t.Context(), Regular("").header(), c); err == nil && (name != "large, another" || readings > 1) {
			t.Errorf("%s: got no error", name)
		}
	}
	if _, err := txn.WriteFile(t.Context(), ostree.FileHeader{Mode: ostree.ModeDir}, ostree.Content{}); err == nil {
		t.Error("a directory as content object: got no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := txn.WriteFile(ctx, Regular("").header(), Regular(strings.Repeat("x", large)).content()); err == nil {
		t.Error("a cancelled context: got no error")
	}
	// What failed half-way is not in the way of the same in one piece.
	if _, err := txn.WriteFile(t.Context(), Regular("").header(), Regular(strings.Repeat("b", large)).content()); err != nil {
		t.Errorf("what the first reading gave: %v", err)
	}
	if stats := commit(t, txn); stats.FilesNew != 1 {
		t.Errorf("stats: got %+v, want one new", stats)
	}
}

func give(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

// changeInTxn changes detached metadata along with a ref: both, or neither.
func changeInTxn(t *testing.T, store ostree.Store, c ostree.Checksum) {
	t.Helper()
	refuse := errors.New("refused")
	txn := begin(t, store)
	must(t, txn.SetRef("b", c))
	txn.SetCommitMeta(c, gvariant.Dict{{Key: "note", Value: gvariant.String("lost")}})
	txn.UpdateCommitMeta(c, func(gvariant.Dict) (gvariant.Dict, error) { return nil, refuse })
	if _, err := txn.Commit(t.Context()); !errors.Is(err, refuse) {
		t.Errorf("a change that fails in a transaction: got %v", err)
	}
	_, errRef := store.ResolveRef("b")
	if d, err := store.CommitMeta(c); err != nil || d.Str("note") != "" || !errors.Is(errRef, ostree.ErrNotExist) {
		t.Errorf("after it: got %v, %v, and of the ref %v, want nothing changed", d, err, errRef)
	}
	txn = begin(t, store)
	for _, word := range []string{"one", ", two"} {
		txn.UpdateCommitMeta(c, func(d gvariant.Dict) (gvariant.Dict, error) {
			d.Set("note", gvariant.String(d.Str("note")+word))
			return d, nil
		})
	}
	commit(t, txn)
	if d, err := store.CommitMeta(c); err != nil || d.Str("note") != "one, two" {
		t.Errorf("two changes: got %v, %v, want both in their order", d, err)
	}
}

func testCommitMeta(t *testing.T, store ostree.Store) {
	c := CommitTo(t, store, "a", Tree{"f": Regular("1")}, CommitOptions{})
	if d, err := store.CommitMeta(c); err != nil || d != nil {
		t.Errorf("CommitMeta: got %v, %v, want none", d, err)
	}
	appendSignature := func(d gvariant.Dict) (gvariant.Dict, error) {
		old, _ := d.Get(ostree.KeyGPGSignatures)
		var sigs []gvariant.Value
		for _, s := range old.All() {
			sigs = append(sigs, s)
		}
		d.Set(ostree.KeyGPGSignatures, gvariant.Array("ay", append(sigs, gvariant.Bytes([]byte("sig")))...))
		runtime.Gosched() // to those who would come between
		return d, nil
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := store.UpdateCommitMeta(t.Context(), c, appendSignature); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	d, err := store.CommitMeta(c)
	must(t, err)
	if sigs, _ := d.Get(ostree.KeyGPGSignatures); sigs.Len() != 8 {
		t.Errorf("signatures: got %d, want those of all eight writers", sigs.Len())
	}
	refuse := errors.New("refused")
	err = store.UpdateCommitMeta(t.Context(), c, func(gvariant.Dict) (gvariant.Dict, error) { return nil, refuse })
	if !errors.Is(err, refuse) {
		t.Errorf("a change that fails: got %v", err)
	}
	if again, err := store.CommitMeta(c); err != nil || len(again) != 1 {
		t.Errorf("after it: got %v, %v, want what was there", again, err)
	}
	changeInTxn(t, store, c)
	txn := begin(t, store)
	txn.SetCommitMeta(c, nil)
	commit(t, txn)
	if d, err := store.CommitMeta(c); err != nil || d != nil {
		t.Errorf("after it was removed: got %v, %v", d, err)
	}
	if err := store.UpdateCommitMeta(t.Context(), ostree.Checksum{9}, appendSignature); !errors.Is(err, ostree.ErrNotExist) {
		t.Errorf("metadata of no commit: got %v, want ErrNotExist", err)
	}
}
