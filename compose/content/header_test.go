package content_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

func TestHeader(t *testing.T) {
	path, sum := build(t, tool())
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := s.Header(sum); !errors.Is(err, content.ErrNotExist) {
		t.Errorf("before the import: got %v, want ErrNotExist", err)
	}
	if _, err := s.Import(t.Context(), sum, path); err != nil {
		t.Fatal(err)
	}
	got, err := s.Header(sum)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := rpm.OpenHeaders(bytes.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	if want := data[96:][:p.HeaderEnd]; !bytes.Equal(got, want) {
		t.Errorf("got %d bytes that are not those after the lead", len(got))
	}
	if p.NEVRA() != tool().NEVRA() {
		t.Errorf("got %s, want %s", p.NEVRA(), tool().NEVRA())
	}
	damage(t, filepath.Join(dir, "headers", "*"))
	if _, err := s.Header(sum); !errors.Is(err, content.ErrNotExist) {
		t.Errorf("of a damaged file: got %v, want ErrNotExist", err)
	}
	if _, err := s.Import(t.Context(), sum, path); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Header(sum); err != nil || !bytes.Equal(again, got) {
		t.Errorf("imported again: got %d bytes, %v", len(again), err)
	}
}

// damage changes a byte in the middle of each file.
func damage(t *testing.T, pattern string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("no file is named %s: %v", pattern, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPruneRemovesHeaders(t *testing.T) {
	path, sum := build(t, tool())
	dir := t.TempDir()
	s, err := content.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Import(t.Context(), sum, path); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{1 << 20, 0} {
		if _, err := content.Prune(t.Context(), dir, size); err != nil {
			t.Fatal(err)
		}
		names, err := filepath.Glob(filepath.Join(dir, "headers", "*"))
		if err != nil {
			t.Fatal(err)
		}
		if kept := len(names) == 1; kept != (size > 0) {
			t.Errorf("pruned to %d bytes: got the headers %v", size, names)
		}
	}
}
