package content_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/compose/content"
)

// linkInto links an inode into a new folder and returns what is there then.
func linkInto(t *testing.T, s *content.Store, e content.Inode) (unix.Stat_t, string, error) {
	t.Helper()
	var st unix.Stat_t
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := dir.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.Link(t.Context(), e, int(dir.Fd()), "x"); err != nil {
		return st, "", err
	}
	path := filepath.Join(dir.Name(), "x")
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return st, string(data), nil
}

func TestAdd(t *testing.T) {
	s := open(t, t.TempDir())
	for _, body := range []string{"", "made by a program", strings.Repeat("large", 1<<16)} {
		for range 2 {
			d, size, err := s.Add(t.Context(), strings.NewReader(body))
			if err != nil || d != content.DigestOf([]byte(body)) || size != int64(len(body)) {
				t.Fatalf("got %v, %d, %v", d, size, err)
			}
			if got, err := read(s, d, len(body)); err != nil || got != body {
				t.Errorf("got %.20q, %v, want %.20q", got, err, body)
			}
		}
	}
	broken := errors.New("broken")
	if _, _, err := s.Add(t.Context(), io.MultiReader(strings.NewReader("x"), errorReader{broken})); !errors.Is(err, broken) {
		t.Errorf("got %v, want the reader's error", err)
	}
	if _, err := read(s, content.DigestOf([]byte("x")), 1); !errors.Is(err, content.ErrNotExist) {
		t.Errorf("content of a reader that broke off: got %v", err)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestLink(t *testing.T) {
	s := open(t, t.TempDir())
	path, sum := build(t, tool())
	m, err := s.Import(t.Context(), sum, path)
	if err != nil {
		t.Fatal(err)
	}
	conf, setuid := file(t, m, "/etc/tool.conf"), file(t, m, "/usr/bin/tool")
	seen := map[uint64]string{}
	for _, tc := range []struct {
		name  string
		e     content.Inode
		links uint64 // with the store's own name
		want  string
	}{
		{"as the package has it", content.Inode{Content: conf.Content, Size: conf.Size, Mode: 0o644}, 2, "a=1\n"},
		{"with another mode", content.Inode{Content: conf.Content, Size: conf.Size, Mode: 0o600}, 2, "a=1\n"},
		{"a second inode", content.Inode{Content: conf.Content, Size: conf.Size, Mode: 0o644, Copy: 1}, 2, "a=1\n"},
		{"setuid", content.Inode{Content: setuid.Content, Size: setuid.Size, Mode: 0o4755}, 2, "ELF"},
		{"empty", content.Inode{Content: content.DigestOf(nil), Mode: 0o640}, 1, ""},
	} {
		st, data, err := linkInto(t, s, tc.e)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if st.Mode != unix.S_IFREG|tc.e.Mode || uint64(st.Nlink) != tc.links || st.Mtim != (unix.Timespec{}) || data != tc.want {
			t.Errorf("%s: got mode %o, %d links, time %v, %q", tc.name, st.Mode, st.Nlink, st.Mtim, data)
		}
		if other := seen[st.Ino]; other != "" {
			t.Errorf("%s: the inode is that of %s", tc.name, other)
		}
		seen[st.Ino] = tc.name
		again, _, err := linkInto(t, s, tc.e)
		if err != nil || (again.Ino != st.Ino) != (tc.want == "") {
			t.Errorf("%s, again: got inode %d, %v, want %d", tc.name, again.Ino, err, st.Ino)
		}
	}
	if _, _, err := linkInto(t, s, content.Inode{Content: content.Digest{1}, Size: 1}); !errors.Is(err, content.ErrNotExist) {
		t.Errorf("absent content: got %v, want ErrNotExist", err)
	}
}

func TestPruneRemovesCopies(t *testing.T) {
	dir := t.TempDir()
	s, err := content.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	path, sum := build(t, tool())
	m, err := s.Import(t.Context(), sum, path)
	if err != nil {
		t.Fatal(err)
	}
	conf := file(t, m, "/etc/tool.conf")
	made, size, err := s.Add(t.Context(), strings.NewReader("made"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []content.Inode{
		{Content: conf.Content, Size: conf.Size, Mode: 0o600}, {Content: conf.Content, Size: conf.Size, Mode: 0o644, Copy: 3},
		{Content: made, Size: size, Mode: 0o755},
	} {
		if _, _, err := linkInto(t, s, e); err != nil {
			t.Fatal(err)
		}
	}
	copies := func() int {
		names, err := filepath.Glob(filepath.Join(dir, "layout", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	if got := copies(); got != 3 {
		t.Fatalf("got %d copies, want 3", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := content.Prune(t.Context(), dir, 1<<20)
	if err != nil || got.Files != 2 || copies() != 2 { // the content that no package has, and its copy
		t.Errorf("got %+v, %v, %d copies left, want 2", got, err, copies())
	}
	if got, err = content.Prune(t.Context(), dir, got.Kept-1); err != nil || got.Packages != 0 || got.Files != 1 || copies() != 1 {
		t.Errorf("with less room: got %+v, %v, %d copies left, want 1", got, err, copies())
	}
}
