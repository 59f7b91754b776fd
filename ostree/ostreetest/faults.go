package ostreetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/memory"
)

// TestFaults has each call of some work on a store fail, in every way that there
// is, and sees each time that the refs are all as they were or all as they were
// to be, that what they show is whole, that nothing is left of a transaction
// that was dropped, and that the same work succeeds when it is done again.
func TestFaults(t *testing.T, open func(testing.TB) ostree.Store) {
	for name, fault := range map[string]Fault{
		"one call fails":                 {},
		"one call fails when it is done": {After: true},
		"all calls fail from some on":    {Stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newFaultTrial(t, open(t))
			whole := NewFaulty(tr.store, Fault{})
			w := tr.work(t, 0)
			must(t, w.do(t.Context(), whole))
			calls, _ := whole.Calls()
			for n := 1; n <= calls && !t.Failed(); n++ {
				fault.At = n
				tr.disturb(t, fault)
				if n%50 == 0 {
					CheckStore(t, tr.store)
				}
			}
			CheckStore(t, tr.store)
			t.Logf("%d calls", calls)
		})
	}
}

// faultTrial is a store that is disturbed again and again, and brought back to
// its old state.
type faultTrial struct {
	store  ostree.Store
	source ostree.Store // has what is imported
	old    []ostree.Ref
}

func newFaultTrial(t *testing.T, store ostree.Store) *faultTrial {
	t.Helper()
	CommitTo(t, store, "a", Tree{"f": Regular("old"), "d/kept": Regular("kept")}, CommitOptions{})
	CommitTo(t, store, "gone", Tree{"f": Regular("gone")}, CommitOptions{})
	old, err := store.Refs(t.Context(), "")
	must(t, err)
	return &faultTrial{store: store, source: memory.New(), old: old}
}

// disturb does work with a fault, judges what is left, and does it again.
func (tr *faultTrial) disturb(t *testing.T, fault Fault) {
	t.Helper()
	tr.reset(t)
	w := tr.work(t, fault.At)
	faulty := NewFaulty(tr.store, fault)
	err := w.do(t.Context(), faulty)
	_, hit := faulty.Calls()
	if hit == "" || !errors.Is(err, ErrFault) {
		t.Errorf("got %v, want the fault", err)
	}
	if done := tr.judge(t, w); !done {
		for _, c := range []ostree.Checksum{w.commit, w.imported} {
			n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit}
			if have, err := tr.store.HasObject(n); have || err != nil {
				t.Errorf("of what was dropped: got %v, %v for %s, want nothing", have, err, n)
			}
		}
	}
	if err := w.do(t.Context(), tr.store); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if done := tr.judge(t, w); !done {
		t.Error("the same again changed no ref")
	}
	if d, err := tr.store.CommitMeta(w.commit); err != nil || d.Str("note") != "new" || d.Str("more") != "added" {
		t.Errorf("detached metadata in the end: got %v, %v", d, err)
	}
	if t.Failed() {
		t.Errorf("this was with call %d, %s", fault.At, hit)
	}
}

// reset brings the refs back to what they were.
func (tr *faultTrial) reset(t *testing.T) {
	t.Helper()
	txn := begin(t, tr.store)
	must(t, txn.DeleteRef("imported"))
	for _, ref := range tr.old {
		must(t, txn.SetRef(ref.Name, ref.Commit))
	}
	commit(t, txn)
}

// judge fails the test unless all refs are old or all new, and whole. It tells
// which.
func (tr *faultTrial) judge(t *testing.T, w *faultWork) (isNew bool) {
	t.Helper()
	if err := Whole(t.Context(), tr.store); err != nil {
		t.Error(err)
	}
	refs, err := tr.store.Refs(t.Context(), "")
	must(t, err)
	want := []ostree.Ref{{Name: "a", Commit: w.commit}, {Name: "imported", Commit: w.imported}}
	if !slices.Equal(refs, tr.old) && !slices.Equal(refs, want) {
		t.Errorf("refs: got %v, want %v or %v", refs, tr.old, want)
	}
	return slices.Equal(refs, want)
}

// faultWork is a transaction with calls of every kind. What it writes is its
// own: no other has written it before.
type faultWork struct {
	tree     Tree
	parent   ostree.Checksum
	source   ostree.Store
	imported ostree.Checksum
	known    File
	commit   ostree.Checksum // once it is written
}

func (tr *faultTrial) work(t *testing.T, n int) *faultWork {
	t.Helper()
	own := fmt.Sprintf("work %d ", n)
	tree := Tree{
		"f": Regular(own), "twin": Regular(own), "link": Symlink(own), "empty": Regular(""), "d/kept": Regular("kept"),
		"d/large": Regular(strings.Repeat(own, 1<<20/len(own)+1)),
	}
	imported := CommitTo(t, tr.source, "imported", Tree{"f": Regular("imported " + own)}, CommitOptions{})
	return &faultWork{tree: tree, parent: tr.old[0].Commit, source: tr.source, imported: imported, known: Regular("known " + own)}
}

// do does the work. It reads what it wrote, before and after the commit.
func (w *faultWork) do(ctx context.Context, store ostree.Store) (err error) {
	if err := w.write(ctx, store); err != nil {
		return err
	}
	err = store.UpdateCommitMeta(ctx, w.commit, func(d gvariant.Dict) (gvariant.Dict, error) {
		d.Set("more", gvariant.String("added"))
		return d, nil
	})
	if err != nil {
		return err
	}
	if _, err := store.ResolveRef("a"); err != nil {
		return err
	}
	r, err := store.OpenObject(ostree.ObjectName{Checksum: w.commit, Type: ostree.ObjectCommit})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close(), Whole(ctx, store))
}

func (w *faultWork) write(ctx context.Context, store ostree.Store) (err error) {
	now, err := store.ResolveRef("a")
	if err != nil {
		return err
	}
	txn, err := store.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	c := ostree.Commit{Parent: w.parent, Timestamp: 1700000000, Metadata: gvariant.Dict{{Key: ostree.KeyRefBinding, Value: gvariant.Strings("a")}}}
	if c.RootTree, c.RootMeta, err = w.tree.TryWrite(ctx, txn); err != nil {
		return err
	}
	if w.commit, err = writeMeta(ctx, txn, ostree.ObjectCommit, c.Encode); err != nil {
		return err
	}
	if _, err := ostree.ReadDirTree(ctx, txn, c.RootTree); err != nil {
		return err
	}
	sum := ostree.ContentHasher(w.known.header())
	io.WriteString(sum, w.known.Data) // a hash takes all
	for range 2 {
		if _, err := txn.WriteFileKnown(ctx, ostree.Checksum(sum.Sum(nil)), w.known.header(), w.known.content()); err != nil {
			return err
		}
	}
	if err := ostree.CopyCommit(ctx, txn, w.source, w.imported); err != nil {
		return err
	}
	txn.SetCommitMeta(w.commit, gvariant.Dict{{Key: "note", Value: gvariant.String("new")}})
	txn.ClearPartial(w.commit)
	for _, change := range []func() error{
		func() error { return txn.ExpectRef("a", now) },
		func() error { return txn.SetRef("a", w.commit) },
		func() error { return txn.SetRef("imported", w.imported) },
		func() error { return txn.DeleteRef("gone") },
	} {
		if err := change(); err != nil {
			return err
		}
	}
	_, err = txn.Commit(ctx)
	return err
}
