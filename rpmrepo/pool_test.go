package rpmrepo

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func writeString(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func TestPool(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenPool(dir, "x86_64 main"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty cache: got %v, want ErrNotExist", err)
	}
	for _, content := range []string{"first", "the second"} {
		if err := SavePool(dir, "x86_64 main", writeString(content)); err != nil {
			t.Fatal(err)
		}
		p, err := OpenPool(dir, "x86_64 main")
		if err != nil {
			t.Fatal(err)
		}
		if string(p.Data) != content {
			t.Errorf("got %q, want %q", p.Data, content)
		}
		p.Data[0] = 'X' // the file does not see it
		if err := errors.Join(p.Close(), p.Close()); err != nil {
			t.Error(err)
		}
	}
	if _, err := OpenPool(dir, "aarch64 main"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another name: got %v, want ErrNotExist", err)
	}
	broken := errors.New("broken")
	if err := SavePool(dir, "x86_64 main", func(w io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want the writer's error", err)
	}
	p, err := OpenPool(dir, "x86_64 main")
	if err != nil || string(p.Data) != "the second" {
		t.Errorf("after a failure: got %v, want what was there", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "repomd/pools/*")); len(names) != 1 {
		t.Errorf("got %q, want one file", names)
	}
}

func TestPoolIsNoOtherFile(t *testing.T) {
	dir := t.TempDir()
	path := (&cache{dir: dir}).poolPath("x")
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPool(dir, "x"); err == nil {
		t.Error("a folder was opened as a pool")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPool(dir, "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty file: got %v, want ErrNotExist", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", path); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPool(dir, "x"); err == nil {
		t.Error("a link was followed")
	}
}

func TestPruneTakesPools(t *testing.T) {
	dir := t.TempDir()
	c, err := openCache(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(SavePool(dir, "x", writeString("pool")), c.close()); err != nil {
		t.Fatal(err)
	}
	if done, err := Prune(t.Context(), dir, 0); err != nil || done.Files != 1 {
		t.Errorf("got %+v %v, want one file removed", done, err)
	}
}
