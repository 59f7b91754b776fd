package memory_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/memory"
	"github.com/treewright/treewright/ostree/ostreetest"
)

func open(testing.TB) ostree.Store { return memory.New() }

func TestStore(t *testing.T) { ostreetest.TestStore(t, open) }

func TestFaults(t *testing.T) { ostreetest.TestFaults(t, open) }

// TestServes has the real ostree pull from memory.
func TestServes(t *testing.T) {
	store := memory.New()
	tree := ostreetest.RandomTree(3, 120)
	c := ostreetest.CommitTo(t, store, "some/ref", tree, ostreetest.CommitOptions{})
	note := gvariant.Dict{{Key: "note", Value: gvariant.String("kept")}}
	if err := store.UpdateCommitMeta(t.Context(), c, func(gvariant.Dict) (gvariant.Dict, error) { return note, nil }); err != nil {
		t.Fatal(err)
	}
	if on := ostreetest.Commit(t, ostreetest.NewRepo(t), "some/ref", tree, ostreetest.CommitOptions{}); on != c {
		t.Errorf("the same commit on disk: got %s, want %s", on, c)
	}
	server := httptest.NewServer(http.FileServerFS(store.FS()))
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "repo")
	ostreetest.Ostree(t, "init", "--mode=archive", "--repo="+dir)
	ostreetest.Ostree(t, "remote", "add", "--repo="+dir, "--no-gpg-verify", "memory", server.URL)
	ostreetest.Ostree(t, "pull", "--repo="+dir, "memory", "some/ref")
	ostreetest.Ostree(t, "fsck", "--repo="+dir)
	if got := strings.TrimSpace(ostreetest.Ostree(t, "rev-parse", "--repo="+dir, "memory:some/ref")); got != c.String() {
		t.Errorf("ref: got %s, want %s", got, c)
	}
	if got := ostreetest.Ostree(t, "show", "--repo="+dir, "--print-detached-metadata-key=note", c.String()); !strings.Contains(got, "kept") {
		t.Errorf("detached metadata: got %s", got)
	}
}

func TestFS(t *testing.T) {
	store := memory.New()
	c := ostreetest.CommitTo(t, store, "a", ostreetest.Tree{"f": ostreetest.Regular("x")}, ostreetest.CommitOptions{})
	if got, err := fs.ReadFile(store.FS(), "refs/heads/a"); err != nil || string(got) != c.String()+"\n" {
		t.Errorf("ref: got %q, %v", got, err)
	}
	commit := ostreetest.ObjectFile(c, ostree.ObjectCommit)
	info, err := fs.Stat(store.FS(), commit)
	if err != nil || info.Size() == 0 || info.Name() != filepath.Base(commit) || info.IsDir() || info.Mode() != 0o444 || info.Sys() != nil || !info.ModTime().IsZero() {
		t.Errorf("commit: got %v, %v", info, err)
	}
	for _, name := range []string{
		"objects", "refs/heads", "refs/heads/b", "summary", "objects/00", "objects/../config", "/config", commit + "meta",
		strings.Replace(commit, "objects/", "objects//", 1), "objects/" + c.String() + ".commit", commit + ".x", "objects/ab/cd.commit",
	} {
		if _, err := fs.ReadFile(store.FS(), name); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrNotExist", name, err)
		}
	}
}

// TestEnds sees what calls give that come too late.
func TestEnds(t *testing.T) {
	store := memory.New()
	c := ostreetest.CommitTo(t, store, "a", ostreetest.Tree{"f": ostreetest.Regular("x")}, ostreetest.CommitOptions{})
	head, err := ostree.ReadCommit(t.Context(), store, c)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := ostree.ReadDirTree(t.Context(), store, head.RootTree)
	if err != nil {
		t.Fatal(err)
	}
	_, _, r, err := store.OpenFile(t.Context(), tree.Files[0].Checksum)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) || !errors.Is(r.Close(), os.ErrClosed) {
		t.Errorf("Read after Close: got %v, want %v, of Close too", err, os.ErrClosed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	txn, err := store.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(txn.DeleteRef("a"), txn.SetRef("remote:b", c), txn.SetRef(ostree.MirrorRef("org.example.C", "b"), c)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := txn.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: got %v, want %v", err, context.Canceled)
	}
	for name, call := range map[string]func() error{
		"Begin": func() error { _, err := store.Begin(ctx); return err },
		"ReadMeta": func() error {
			_, err := store.ReadMeta(ctx, ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
			return err
		},
		"OpenFile":     func() error { _, _, _, err := store.OpenFile(ctx, tree.Files[0].Checksum); return err },
		"Refs":         func() error { _, err := store.Refs(ctx, ""); return err },
		"ImportObject": func() error { return txn.ImportObject(t.Context(), ostree.ObjectName{}, bytes.NewReader(nil)) },
		"DeleteRef":    func() error { return txn.DeleteRef("a") },
		"ExpectRef":    func() error { return txn.ExpectRef("a", c) },
	} {
		if call() == nil {
			t.Errorf("%s, too late: got no error", name)
		}
	}
	if refs, err := store.Refs(t.Context(), ""); err != nil || len(refs) != 1 || refs[0].Commit != c {
		t.Errorf("refs: got %v, %v, want what there was", refs, err)
	}
	for _, n := range []ostree.ObjectName{{Checksum: c, Type: ostree.ObjectCommitMeta}, {Checksum: c, Type: ostree.ObjectFile}} {
		if _, err := store.OpenObject(n); !errors.Is(err, ostree.ErrNotExist) {
			t.Errorf("object %s: got %v, want ErrNotExist", n, err)
		}
	}
}

// TestNames compares what is refused with what a repository on disk refuses.
func TestNames(t *testing.T) {
	on, in := ostreetest.NewStore(t), ostree.Store(memory.New())
	for _, ref := range []string{"a", "a/b", "", "a b", "r:a", "r:a/b", ":a", "(org.example.C, a)", "(org.example.C, )", "(x, a)", "r:(org.example.C, a)"} {
		var errs [2]error
		for i, store := range []ostree.Store{on, in} {
			_, errs[i] = store.ResolveRef(ref)
		}
		if errs[0] == nil || errs[1] == nil || errors.Is(errs[0], ostree.ErrNotExist) != errors.Is(errs[1], ostree.ErrNotExist) {
			t.Errorf("ref %q: got %v, want %v", ref, errs[1], errs[0])
		}
	}
}

func FuzzImport(f *testing.F) {
	store := memory.New()
	ostreetest.CommitTo(f, store, "a", ostreetest.Tree{"f": ostreetest.Regular("some text, some text"), "l": ostreetest.Symlink("f")}, ostreetest.CommitOptions{})
	c, err := store.ResolveRef("a")
	if err != nil {
		f.Fatal(err)
	}
	head, err := ostree.ReadCommit(f.Context(), store, c)
	if err != nil {
		f.Fatal(err)
	}
	seed := func(n ostree.ObjectName) error {
		r, err := store.OpenObject(n)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		f.Add(byte(n.Type), n.Checksum.String(), data)
		return err
	}
	err = ostree.Reachable(f.Context(), store, head.RootTree, head.RootMeta, seed)
	if err = errors.Join(err, seed(ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, typ byte, hex string, data []byte) {
		c, err := ostree.ParseChecksum(hex)
		if err != nil {
			return
		}
		n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectType(typ)}
		txn, err := memory.New().Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if txn.ImportObject(t.Context(), n, bytes.NewReader(data)) != nil || !n.Type.IsMeta() {
			return
		}
		if got, err := txn.ReadMeta(t.Context(), n); err != nil || !bytes.Equal(got, data) || ostree.ChecksumOf(got) != c {
			t.Errorf("object %s: got %x, %v", n, got, err)
		}
	})
}
