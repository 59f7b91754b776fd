package content_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// tool has every kind of entry that a manifest keeps.
func tool() rpmtest.Package {
	return rpmtest.Package{
		Name: "tool", Epoch: 2, Version: "1.5", Arch: "x86_64",
		Files: []rpmtest.File{
			{Path: "/etc/tool.conf", Body: "a=1\n", Flags: rpm.FileConfig | rpm.FileNoReplace},
			{Path: "/usr/bin/tool", Mode: 0o4755, Body: "ELF", Group: "wheel", Color: 2, Caps: "cap_net_raw=ep"},
			{Path: "/usr/bin/tool-alias", HardLink: "/usr/bin/tool", Mode: 0o4755, Group: "wheel", Color: 2, Caps: "cap_net_raw=ep"},
			{Path: "/usr/bin/t", LinkTo: "tool"},
			{Path: "/usr/share/locale/de/", Lang: "de"},
			{Path: "/usr/share/locale/de/tool.mo", Body: "hallo", Lang: "de"},
			{Path: "/usr/share/empty"},
			{Path: "/var/log/tool.log", Flags: rpm.FileGhost},
		},
		Scriptlets: []rpm.Scriptlet{
			{Kind: rpm.PostIn, Interpreter: []string{"/bin/sh"}, Body: "true\n"},
			{Kind: rpm.TriggerIn, Interpreter: []string{"/bin/sh"}, Body: "echo\n", Triggers: []rpm.Dep{{Name: "bash"}}},
		},
	}
}

func build(t *testing.T, p rpmtest.Package) (path string, sum fetch.Checksum) {
	t.Helper()
	data, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), p.FileName())
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, checksum(t, data)
}

func checksum(t *testing.T, data []byte) fetch.Checksum {
	t.Helper()
	sum, err := fetch.NewChecksum("sha256", content.DigestOf(data).String())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func open(t *testing.T, dir string) *content.Store {
	t.Helper()
	s, err := content.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func read(s *content.Store, d content.Digest, size int) (string, error) {
	f, err := s.OpenContent(d, int64(size))
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(f)
	return string(data), errors.Join(err, f.Close())
}

func file(t *testing.T, m *content.Manifest, path string) content.File {
	t.Helper()
	i := slices.IndexFunc(m.Files, func(f content.File) bool { return f.Path == path })
	if i < 0 {
		t.Fatalf("the manifest has no %s", path)
	}
	return m.Files[i]
}

func TestImport(t *testing.T) {
	for _, tc := range []struct {
		name   string
		adjust func(*rpmtest.Package)
	}{
		{"v4", func(*rpmtest.Package) {}},
		{"v4 zstd", func(p *rpmtest.Package) { p.Compression = "zstd" }},
		{"v4 with 64-bit sizes", func(p *rpmtest.Package) { p.Format = rpmtest.FormatV4Large }},
		{"v6", func(p *rpmtest.Package) { p.Format = rpmtest.FormatV6 }},
		{"el7 with MD5", func(p *rpmtest.Package) { p.Format, p.FileDigest = rpmtest.FormatEL7, rpm.MD5 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := tool()
			tc.adjust(&p)
			path, sum := build(t, p)
			dir := t.TempDir()
			s := open(t, dir)
			m, err := s.Import(t.Context(), sum, path)
			if err != nil {
				t.Fatal(err)
			}
			for path, want := range map[string]string{
				"/etc/tool.conf": "a=1\n", "/usr/bin/tool": "ELF", "/usr/bin/tool-alias": "ELF",
				"/usr/share/locale/de/tool.mo": "hallo", "/usr/share/empty": "",
			} {
				f := file(t, m, path)
				if got, err := read(s, f.Content, int(f.Size)); got != want || err != nil {
					t.Errorf("%s: got %q, %v, want %q", path, got, err, want)
				}
				if f.Content != content.DigestOf([]byte(want)) {
					t.Errorf("%s: got the digest %s", path, f.Content)
				}
			}
			for _, path := range []string{"/usr/bin/t", "/usr/share/locale/de", "/var/log/tool.log"} {
				if f := file(t, m, path); !f.Content.IsZero() {
					t.Errorf("%s has the content %s", path, f.Content)
				}
			}
			if a, b := file(t, m, "/usr/bin/tool"), file(t, m, "/usr/bin/tool-alias"); a.Link == 0 || a.Link != b.Link {
				t.Errorf("got the hard link groups %d and %d", a.Link, b.Link)
			}
			again, err := s.Manifest(sum)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, again, m)
		})
	}
}

// diff compares manifests by their bytes on disk.
func diff(t *testing.T, got, want *content.Manifest) {
	t.Helper()
	if !bytes.Equal(content.Encode(got), content.Encode(want)) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestImportRefuses(t *testing.T) {
	good, err := tool().Build()
	if err != nil {
		t.Fatal(err)
	}
	truncated := good[:len(good)-20]
	other := tool()
	other.Files[0].Body = "a=2\n"
	otherBytes, err := other.Build()
	if err != nil {
		t.Fatal(err)
	}
	future := tool()
	future.Requires = append(future.Requires, "rpmlib(TimeTravel) <= 9.0-1")
	futureBytes, err := future.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		data []byte
		sum  fetch.Checksum
		want string
	}{
		{"a package that needs a newer rpm", futureBytes, checksum(t, futureBytes), "TimeTravel"},
		{"another package", otherBytes, checksum(t, good), "its repository says"},
		{"a cut-off download", truncated, checksum(t, good), "its repository says"},
		{"a package cut off before it was published", truncated, checksum(t, truncated), "reading the payload"},
		{"no package", []byte("hello"), checksum(t, []byte("hello")), "not an RPM package"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.rpm")
			if err := os.WriteFile(path, tc.data, 0o600); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			s := open(t, dir)
			_, err := s.Import(t.Context(), tc.sum, path)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got the error %v, want one with %q and the path", err, tc.want)
			}
			if _, err := s.Manifest(tc.sum); !errors.Is(err, content.ErrNotExist) {
				t.Errorf("got %v for the manifest, want ErrNotExist", err)
			}
			assertEmpty(t, filepath.Join(dir, "tmp", "run-*", "[0-9]*"))
		})
	}
}

func assertEmpty(t *testing.T, pattern string) {
	t.Helper()
	if left, err := filepath.Glob(pattern); len(left) > 0 || err != nil {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestCorruptContentIsFoundAndMadeAgain(t *testing.T) {
	path, sum := build(t, tool())
	dir := t.TempDir()
	s := open(t, dir)
	m, err := s.Import(t.Context(), sum, path)
	if err != nil {
		t.Fatal(err)
	}
	d := file(t, m, "/etc/tool.conf").Content
	stored := filepath.Join(dir, "files", d.String()[:2], d.String()[2:])
	for _, damage := range []string{"a=2\n", "", "a=1\nmore"} {
		if err := os.WriteFile(stored, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		var corrupt *content.CorruptError
		if _, err := read(s, d, 4); !errors.As(err, &corrupt) || corrupt.Digest != d {
			t.Fatalf("with the bytes %q: got %v, want a CorruptError", damage, err)
		}
		if err := s.Remove(d); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Import(t.Context(), sum, path); err != nil {
			t.Fatal(err)
		}
		if got, err := read(s, d, 4); got != "a=1\n" || err != nil {
			t.Fatalf("after another import: got %q, %v", got, err)
		}
	}
}

func TestDamagedManifestIsAbsent(t *testing.T) {
	path, sum := build(t, tool())
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := s.Import(t.Context(), sum, path); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "manifests", "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("got the manifests %v, %v", names, err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, data[:len(data)-1], append(slices.Clone(data), 0), append([]byte("x"), data[1:]...)} {
		if err := os.WriteFile(names[0], bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Manifest(sum); !errors.Is(err, content.ErrNotExist) {
			t.Errorf("got %v, want ErrNotExist", err)
		}
	}
}

func TestStoreIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "content")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	path, sum := build(t, tool())
	if _, err := open(t, dir).Import(t.Context(), sum, path); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		// Contents have the modes of files in trees; nobody else gets at them.
		shown := !e.IsDir() && strings.HasPrefix(path, filepath.Join(dir, "files")+"/")
		if err == nil && !shown && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAbandonedFilesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	dead := filepath.Join(dir, "tmp", "run-dead")
	if err := os.Mkdir(dead, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead, "1"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := open(t, dir) // while s lives
	if _, err := os.Lstat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of a dead process is still there: %v", err)
	}
	path, sum := build(t, tool())
	for _, each := range []*content.Store{s, second} {
		if err := each.Remove(content.DigestOf([]byte("ELF"))); err != nil {
			t.Fatal(err)
		}
		if _, err := each.Import(t.Context(), sum, path); err != nil {
			t.Errorf("the folder of a living process is gone: %v", err)
		}
	}
}

func TestIndex(t *testing.T) {
	dir := t.TempDir()
	first, second := open(t, dir), open(t, dir)
	root := ostree.FileHeader{Mode: ostree.ModeRegular | 0o644}
	suid := ostree.FileHeader{Mode: ostree.ModeRegular | 0o4755}
	d := content.DigestOf([]byte("x"))
	a, b := ostree.ChecksumOf([]byte("a")), ostree.ChecksumOf([]byte("b"))
	if _, ok := first.Object(d, root); ok {
		t.Error("an empty index knows an object")
	}
	first.SetObject(d, root, a)
	second.SetObject(d, suid, b)
	if got, ok := first.Object(d, root); !ok || got != a {
		t.Errorf("before it is saved: got %s, %v", got, ok)
	}
	for _, s := range []*content.Store{first, second} {
		if err := s.SaveIndex(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	third := open(t, dir)
	if got, ok := third.Object(d, root); !ok || got != a {
		t.Errorf("got %s, %v, want %s", got, ok, a)
	}
	if got, ok := third.Object(d, suid); !ok || got != b {
		t.Errorf("got %s, %v, want %s", got, ok, b)
	}
	data, err := os.ReadFile(filepath.Join(dir, "index"))
	if err != nil {
		t.Fatal(err)
	}
	data[20] ^= 1
	if err := os.WriteFile(filepath.Join(dir, "index"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := open(t, dir).Object(d, root); ok {
		t.Error("a damaged index is believed")
	}
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	s, err := content.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	one := rpmtest.Package{Name: "one", Files: []rpmtest.File{
		{Path: "/a", Body: strings.Repeat("a", 3000)}, {Path: "/shared", Body: "shared"}}}
	two := rpmtest.Package{Name: "two", Files: []rpmtest.File{
		{Path: "/b", Body: strings.Repeat("b", 3000)}, {Path: "/shared", Body: "shared"}}}
	var sums []fetch.Checksum
	for _, p := range []rpmtest.Package{one, two} {
		path, sum := build(t, p)
		if _, err := s.Import(t.Context(), sum, path); err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	header := ostree.FileHeader{Mode: ostree.ModeRegular | 0o644}
	digests := map[string]content.Digest{}
	for _, body := range []string{one.Files[0].Body, two.Files[0].Body, "shared"} {
		digests[body] = content.DigestOf([]byte(body))
		s.SetObject(digests[body], header, ostree.ChecksumOf([]byte(body)))
	}
	if err := s.SaveIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "manifests", "*"))
	if err != nil || len(names) != 2 {
		t.Fatalf("got the manifests %v, %v", names, err)
	}
	for _, name := range names {
		if err := os.Chtimes(name, time.Time{}, time.Unix(1700000000, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Manifest(sums[0]); err != nil { // the last one used
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := content.Prune(t.Context(), dir, 5500)
	if err != nil || got.Packages != 1 || got.Files != 1 || got.Freed < 3000 || got.Kept < 3000 || got.Kept > 5500 {
		t.Errorf("got %+v, %v", got, err)
	}
	s = open(t, dir)
	if _, err := s.Manifest(sums[0]); err != nil {
		t.Errorf("the package used last: %v", err)
	}
	if _, err := s.Manifest(sums[1]); !errors.Is(err, content.ErrNotExist) {
		t.Errorf("the other package: got %v, want ErrNotExist", err)
	}
	for body, want := range map[string]bool{one.Files[0].Body: true, "shared": true, two.Files[0].Body: false} {
		_, err := read(s, digests[body], len(body))
		_, known := s.Object(digests[body], header)
		if (err == nil) != want || known != want {
			t.Errorf("content %.10q: got %v and in the index %v, want it kept: %v", body, err, known, want)
		}
	}
	if got, err := content.Prune(t.Context(), filepath.Join(dir, "absent"), 0); err != nil || got != (content.Pruned{}) {
		t.Errorf("an absent store: got %+v, %v", got, err)
	}
}
