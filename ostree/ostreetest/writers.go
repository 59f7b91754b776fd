package ostreetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// testBuffers writes over every buffer that was given to the store, or came
// from it.
func testBuffers(t *testing.T, store ostree.Store) {
	scribble := func(b []byte) {
		for i := range b {
			b[i] ^= 0xff
		}
	}
	source := NewStore(t)
	imported := CommitTo(t, source, "source", Tree{"f": Regular("imported")}, CommitOptions{})
	txn := begin(t, store)
	for _, n := range objectsOf(t, source, imported) {
		data := stored(t, source, n)
		must(t, txn.ImportObject(t.Context(), n, bytes.NewReader(data)))
		scribble(data)
	}
	content := []byte("written")
	res, err := txn.WriteFile(t.Context(), Regular("").header(), ostree.Content{Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}})
	must(t, err)
	scribble(content)
	dm := ostree.DirMeta{Mode: ostree.ModeDir | 0o700}
	data, err := dm.Encode()
	must(t, err)
	want := bytes.Clone(data)
	meta, err := txn.WriteMeta(t.Context(), ostree.ObjectDirMeta, data)
	must(t, err)
	scribble(data)
	encoded := gvariant.Dict{{Key: "note", Value: gvariant.String("kept")}}.Encode().Data()
	dict, err := gvariant.ParseDict(encoded)
	must(t, err)
	txn.SetCommitMeta(imported, dict)
	dict[0].Key = "lost"
	must(t, txn.SetRef("a", imported))
	commit(t, txn)
	for range 2 { // what the first reading gave is written over before the second
		got, err := store.ReadMeta(t.Context(), ostree.ObjectName{Checksum: meta, Type: ostree.ObjectDirMeta})
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("dirmeta: got %x, %v, want %x", got, err, want)
		}
		scribble(got)
		if err := wholeFile(t.Context(), store, ostree.ObjectName{Checksum: res.Checksum, Type: ostree.ObjectFile}); err != nil {
			t.Error(err)
		}
		d, err := store.CommitMeta(imported)
		if err != nil || d.Str("note") != "kept" {
			t.Errorf("detached metadata: got %v, %v", d, err)
		}
		if len(d) > 0 {
			d[0].Key = "lost"
		}
	}
}

// testWriters has many commit to one ref, each on top of what another did,
// while others read.
func testWriters(t *testing.T, store ostree.Store) {
	const writers, each = 4, 3
	first := CommitTo(t, store, "a", Tree{"f": Regular("first")}, CommitOptions{})
	done := make(chan struct{})
	var reading, writing sync.WaitGroup
	for range 2 {
		reading.Go(func() {
			for {
				if err := Whole(t.Context(), store); err != nil {
					t.Errorf("while others wrote: %v", err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range writers {
		writing.Go(func() {
			for j := range each {
				if err := appendCommit(t.Context(), store, Tree{"f": Regular(fmt.Sprint(i, " ", j)), "d/g": Regular(strings.Repeat("x", i))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	c, err := store.ResolveRef("a")
	must(t, err)
	n := 0
	for ; c != first; n++ {
		head, err := ostree.ReadCommit(t.Context(), store, c)
		must(t, err)
		c = head.Parent
	}
	if n != writers*each {
		t.Errorf("history: got %d commits, want those of all %d", n, writers*each)
	}
}

// appendCommit commits to "a", again and again until nobody else did so
// meanwhile.
func appendCommit(ctx context.Context, store ostree.Store, tree Tree) error {
	for {
		err := tryAppend(ctx, store, tree)
		if !errors.Is(err, ostree.ErrRefChanged) {
			return err
		}
	}
}

func tryAppend(ctx context.Context, store ostree.Store, tree Tree) (err error) {
	parent, err := store.ResolveRef("a")
	if err != nil {
		return err
	}
	txn, err := store.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	c := ostree.Commit{Parent: parent, Timestamp: 1700000000, Metadata: gvariant.Dict{{Key: ostree.KeyRefBinding, Value: gvariant.Strings("a")}}}
	if c.RootTree, c.RootMeta, err = tree.TryWrite(ctx, txn); err != nil {
		return err
	}
	sum, err := writeMeta(ctx, txn, ostree.ObjectCommit, c.Encode)
	if err != nil {
		return err
	}
	if err := errors.Join(txn.ExpectRef("a", parent), txn.SetRef("a", sum)); err != nil {
		return err
	}
	_, err = txn.Commit(ctx)
	return err
}

// testCopy copies to another kind of store, and back.
func testCopy(t *testing.T, store ostree.Store) {
	source := NewStore(t)
	c := CommitTo(t, source, "a", RandomTree(7, 60), CommitOptions{})
	must(t, source.UpdateCommitMeta(t.Context(), c, func(gvariant.Dict) (gvariant.Dict, error) {
		return gvariant.Dict{{Key: "note", Value: gvariant.String("kept")}}, nil
	}))
	must(t, copyRefs(t.Context(), store, source))
	back := NewStore(t)
	must(t, copyRefs(t.Context(), back, store))
	for _, n := range append(objectsOf(t, source, c), ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommitMeta}) {
		if !bytes.Equal(stored(t, back, n), stored(t, source, n)) {
			t.Errorf("object %s came back as another", n)
		}
	}
	txn := begin(t, store)
	if err := ostree.CopyCommit(t.Context(), txn, source, ostree.Checksum{1}); !errors.Is(err, ostree.ErrNotExist) {
		t.Errorf("a commit that the source lacks: got %v, want ErrNotExist", err)
	}
	must(t, txn.Abort())
}
