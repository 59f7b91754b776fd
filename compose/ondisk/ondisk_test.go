package ondisk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/ondisk"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

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

// fixture is a tree, its store and where both lie.
type fixture struct {
	t     *testing.T
	dir   string
	store *content.Store
	tree  *rootfs.Tree
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{t: t, dir: dir, store: open(t, filepath.Join(dir, "content")), tree: rootfs.New()}
	f.tree.Packages = []string{"tool-1-1.x86_64"}
	return f
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// file adds a file of the package, its content in the store.
func (f *fixture) file(path string, mode uint32, body string) *rootfs.Node {
	f.t.Helper()
	d, size, err := f.store.Add(f.t.Context(), strings.NewReader(body))
	f.must(err)
	n := &rootfs.Node{Mode: ostree.ModeRegular | mode, User: "root", Group: "root", Content: d, Size: size}
	f.must(f.tree.Attach(path, n))
	return n
}

func (f *fixture) dirMode(path string, mode uint32) {
	f.t.Helper()
	n, err := f.tree.Mkdir(path)
	f.must(err)
	n.Mode = ostree.ModeDir | mode
}

// write lays the tree out in a new folder.
func (f *fixture) write() string {
	f.t.Helper()
	dir := f.out()
	f.must(ondisk.Write(f.t.Context(), f.tree, f.store, dir, ondisk.Options{}))
	return dir
}

func (f *fixture) out() string {
	f.t.Helper()
	dir, err := os.MkdirTemp(f.dir, "tree-")
	f.must(err)
	f.t.Cleanup(func() {
		if err := ondisk.Remove(dir); err != nil {
			f.t.Error(err)
		}
	})
	return dir
}

func stat(t *testing.T, path string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return st
}

// listing describes what lies below dir, one line a path.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st := stat(t, path)
		fmt.Fprintf(&b, "%o %s", st.Mode, "/"+strings.TrimPrefix(strings.TrimPrefix(path, dir), "/"))
		switch e.Type() {
		case fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			b.WriteString(" -> " + target)
		case 0:
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", data)
		}
		if st.Mtim != (unix.Timespec{}) {
			fmt.Fprintf(&b, " at %d", st.Mtim.Sec)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWrite(t *testing.T) {
	f := newFixture(t)
	f.file("/usr/bin/tool", 0o755, "tool")
	f.file("/usr/share/tool", 0o644, "tool")
	f.file("/usr/bin/su", 0o4755, "su")
	f.file("/usr/bin/wall", 0o2755, "wall")
	f.file("/usr/share/empty", 0o600, "")
	f.file("/etc/shadow", 0o000, "root:*::0:99999:7:::\n")
	f.file("/var/closed/below/file", 0o640, "deep")
	f.dirMode("/tmp", 0o1777)
	f.dirMode("/var/closed", 0o000)
	f.dirMode("/var/closed/below", 0o555)
	f.must(f.tree.AddSymlink("/usr/lib64", "../../../etc"))
	f.must(f.tree.AddFile("/usr/lib/made", 0o640, []byte("made")))
	f.must(f.tree.AddFile("/usr/lib/made-empty", 0o644, []byte{}))

	want := `40755 /
40755 /etc
100000 /etc/shadow "root:*::0:99999:7:::\n"
41777 /tmp
40755 /usr
40755 /usr/bin
104755 /usr/bin/su "su"
100755 /usr/bin/tool "tool"
102755 /usr/bin/wall "wall"
40755 /usr/lib
100640 /usr/lib/made "made"
100644 /usr/lib/made-empty ""
120777 /usr/lib64 -> ../../../etc
40755 /usr/share
100600 /usr/share/empty ""
100644 /usr/share/tool "tool"
40755 /var
40000 /var/closed
40555 /var/closed/below
100640 /var/closed/below/file "deep"
`
	dir := f.write()
	if os.Geteuid() != 0 {
		if err := os.Chmod(filepath.Join(dir, "var/closed"), 0o500); err != nil {
			t.Fatal(err)
		}
		want = strings.Replace(want, "40000 /var/closed\n", "40500 /var/closed\n", 1)
		if err := os.Chmod(filepath.Join(dir, "etc/shadow"), 0o400); err != nil {
			t.Fatal(err)
		}
		want = strings.Replace(want, "100000 /etc", "100400 /etc", 1)
	}
	if got := listing(t, dir); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := ondisk.Write(t.Context(), f.tree, f.store, dir, ondisk.Options{}); err == nil || !strings.Contains(err.Error(), "it is not empty") {
		t.Errorf("into a folder that has something: got %v", err)
	}
}

func TestFilesShareInodesWithTheStoreAlone(t *testing.T) {
	f := newFixture(t)
	f.file("/a", 0o644, "same")
	f.file("/b", 0o644, "same")
	f.file("/c", 0o755, "same")
	f.file("/x", 0o644, "linked").Link = 7
	f.file("/y", 0o644, "linked").Link = 7
	first, second := f.write(), f.write()
	inode := func(dir, name string) uint64 { return stat(t, filepath.Join(dir, name)).Ino }
	for _, name := range []string{"a", "b", "c", "x", "y"} {
		if inode(first, name) != inode(second, name) {
			t.Errorf("%s was copied again", name)
		}
	}
	if inode(first, "a") == inode(first, "b") || inode(first, "a") == inode(first, "c") || inode(first, "b") == inode(first, "c") {
		t.Error("files that are no hard links share an inode")
	}
	if inode(first, "x") != inode(first, "y") {
		t.Error("hard links of the package do not share an inode")
	}
}

// damage changes a file of the store in place.
func damage(t *testing.T, f *fixture, path string, change func(name string) error) {
	t.Helper()
	want := stat(t, path).Ino
	found := false
	err := filepath.WalkDir(filepath.Join(f.dir, "content"), func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && stat(t, name).Ino == want {
			found = true
			return change(name)
		}
		return err
	})
	if err != nil || !found {
		t.Fatalf("damaging the inode of %s: found %v, %v", path, found, err)
	}
}

func TestDamagedInodesAreNotBelieved(t *testing.T) {
	change := map[string]func(string) error{
		"shorter":  func(name string) error { return os.Truncate(name, 1) },
		"mode":     func(name string) error { return os.Chmod(name, 0o777) },
		"contents": func(name string) error { return os.WriteFile(name, []byte("LOOT"), 0o644) },
	}
	for name, change := range change {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.file("/program", 0o755, "tool")
			damage(t, f, filepath.Join(f.write(), "program"), change)
			dir := f.write()
			if got := listing(t, dir); !strings.Contains(got, "100755 /program \"tool\"\n") {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestContentThatIsMissing(t *testing.T) {
	for name, change := range map[string]func(string) error{
		"missing": os.Remove,
		"damaged": func(name string) error { return os.WriteFile(name, []byte("tool!"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			n := f.file("/usr/bin/tool", 0o644, "tool1")
			damage(t, f, filepath.Join(f.write(), "usr/bin/tool"), change)
			err := ondisk.Write(t.Context(), f.tree, f.store, f.out(), ondisk.Options{})
			var broken *ondisk.ContentError
			if !errors.As(err, &broken) || broken.Path != "/usr/bin/tool" || broken.Package != "tool-1-1.x86_64" {
				t.Errorf("got %v, want a ContentError with path and package", err)
			}
			dir := f.out()
			opts := ondisk.Options{Repair: func(_ context.Context, m *rootfs.Node) error {
				if m != n {
					t.Errorf("got %v to repair", m)
				}
				if err := f.store.Remove(n.Content); err != nil {
					return err
				}
				_, _, err := f.store.Add(t.Context(), strings.NewReader("tool1"))
				return err
			}}
			if err := ondisk.Write(t.Context(), f.tree, f.store, dir, opts); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(dir, "usr/bin/tool"))
			if err != nil || string(data) != "tool1" {
				t.Errorf("got %q, %v", data, err)
			}
		})
	}
}

func TestInodeWithoutFurtherLinks(t *testing.T) {
	f := newFixture(t)
	f.file("/usr/share/a", 0o644, "x")
	path := filepath.Join(f.write(), "usr/share/a")
	spare := t.TempDir()
	for i := range 70000 { // ext4 allows 65000, others more
		if err := os.Link(path, filepath.Join(spare, fmt.Sprint(i))); err != nil {
			if !errors.Is(err, unix.EMLINK) {
				t.Fatal(err)
			}
			break
		}
	}
	for range 2 {
		data, err := os.ReadFile(filepath.Join(f.write(), "usr/share/a"))
		if err != nil || string(data) != "x" {
			t.Errorf("got %q, %v", data, err)
		}
	}
}

func TestWriteStops(t *testing.T) {
	f := newFixture(t)
	f.file("/a", 0o644, "a")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrUnexpectedEOF)
	if err := ondisk.Write(ctx, f.tree, f.store, f.out(), ondisk.Options{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want the cause", err)
	}
	odd := &rootfs.Node{Mode: 0o060644, Package: rootfs.NoPackage}
	f.must(f.tree.Attach("/dev/sda", odd))
	if err := ondisk.Write(t.Context(), f.tree, f.store, f.out(), ondisk.Options{}); err == nil || !strings.Contains(err.Error(), "/dev/sda") {
		t.Errorf("a device: got %v", err)
	}
}
