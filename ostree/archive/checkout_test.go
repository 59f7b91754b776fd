package archive_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
	"golang.org/x/sys/unix"
)

// look describes everything below a folder: mode, owner, time, content.
func look(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil {
			return err
		}
		what := ""
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			what = fmt.Sprintf("%x", sha256.Sum256(data))
		case unix.S_IFLNK:
			if what, err = os.Readlink(name); err != nil {
				return err
			}
		}
		rel, err := filepath.Rel(dir, name)
		out[rel] = fmt.Sprintf("%o %d:%d %d %s %s", st.Mode, st.Uid, st.Gid, st.Mtim.Sec, what, xattrsOf(t, name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// withoutTimes leaves the times out.
func withoutTimes(t *testing.T, look map[string]string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, what := range look {
		parts := strings.SplitN(what, " ", 4)
		out[name] = parts[0] + " " + parts[1] + " " + parts[3]
	}
	return out
}

func xattrsOf(t *testing.T, name string) string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := unix.Llistxattr(name, buf)
	if err != nil && !errors.Is(err, unix.ENOTSUP) {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(buf[:max(n, 0)]), "\x00", ",")
}

func compareLooks(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%q: got %q, want %q", name, got[name], w)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%q: it should not be there", name)
		}
	}
}

// readable lets those who are not root read all of a tree.
func readable(_ string, f ostreetest.File) ostreetest.File {
	if os.Geteuid() != 0 {
		f.Mode |= 0o400
	}
	return f
}

// TestCheckoutAsTheirs compares checkouts of both tools.
func TestCheckoutAsTheirs(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	tree := ostreetest.RandomTree(5, 300).Map(readable)
	tree["sub/dir/file"] = ostreetest.Regular("x")
	tree["sub/sticky"] = ostreetest.File{Mode: ostree.ModeDir | 0o1777}
	c := ostreetest.Commit(t, repo, "test", tree, ostreetest.CommitOptions{})
	for _, tt := range []struct {
		subpath string
		opts    archive.CheckoutOptions
		args    []string
	}{
		{"", archive.CheckoutOptions{}, []string{"-U"}},
		{"/sub", archive.CheckoutOptions{Subpath: "/sub"}, []string{"-U", "--subpath=/sub"}},
		{"/sub/dir/file", archive.CheckoutOptions{Subpath: "/sub/dir/file"}, []string{"-U", "--subpath=/sub/dir/file"}},
	} {
		dir := t.TempDir()
		ours, theirs := filepath.Join(dir, "ours"), filepath.Join(dir, "theirs")
		stats, err := repo.Checkout(t.Context(), c, ours, tt.opts)
		if err != nil {
			t.Fatal(err)
		}
		ostreetest.Ostree(t, append(append([]string{"checkout", "--repo=" + repo.Path()}, tt.args...), "test", theirs)...)
		got, want := look(t, ours), look(t, theirs)
		if tt.subpath == "/sub/dir/file" { // the folder is whoever's
			delete(got, ".")
			delete(want, ".")
			stats.Dirs = 0
		}
		compareLooks(t, withoutTimes(t, got), withoutTimes(t, want)) // theirs are those of the moment for files
		if int(stats.Files+stats.Dirs) != len(got) {
			t.Errorf("%s: stats: got %+v, want %d files and directories", tt.subpath, stats, len(got))
		}
	}
}

// TestCheckoutOwners compares a checkout by root with that of a bare
// repository; others get an error.
func TestCheckoutOwners(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	tree := ostreetest.RandomTree(6, 100)
	c := ostreetest.Commit(t, repo, "test", tree, ostreetest.CommitOptions{})
	dir := t.TempDir()
	_, err := repo.Checkout(t.Context(), c, filepath.Join(dir, "ours"), archive.CheckoutOptions{Owners: true})
	if os.Geteuid() != 0 {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("not as root: got %v, want a permission error", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	ostreetest.Ostree(t, "checkout", "--repo="+repo.Path(), "test", filepath.Join(dir, "theirs"))
	compareLooks(t, withoutTimes(t, look(t, filepath.Join(dir, "ours"))), withoutTimes(t, look(t, filepath.Join(dir, "theirs"))))
}

func TestCheckoutUnion(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	one := ostreetest.Commit(t, repo, "a", ostreetest.Tree{"d/a": ostreetest.Regular("a"), "d/both": ostreetest.Regular("1")}, ostreetest.CommitOptions{})
	two := ostreetest.Commit(t, repo, "b", ostreetest.Tree{"d/b": ostreetest.Symlink("/"), "d/both": ostreetest.Regular("2")}, ostreetest.CommitOptions{})
	dir := filepath.Join(t.TempDir(), "out")
	if _, err := repo.Checkout(t.Context(), one, dir, archive.CheckoutOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Checkout(t.Context(), two, dir, archive.CheckoutOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("into a folder that is there: got %v, want ErrExist", err)
	}
	if _, err := repo.Checkout(t.Context(), two, dir, archive.CheckoutOptions{Union: true}); err != nil {
		t.Fatal(err)
	}
	if got := look(t, dir); len(got) != 5 {
		t.Errorf("union: got %v", got)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "d/both")); err != nil || string(data) != "2" {
		t.Errorf("the file of both: got %q, %v, want 2", data, err)
	}
}

// TestCheckoutFollowsNoSymlink has a symlink stand where a directory belongs,
// and one where a file belongs.
func TestCheckoutFollowsNoSymlink(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	c := ostreetest.Commit(t, repo, "a", ostreetest.Tree{"d/file": ostreetest.Regular("evil"), "file": ostreetest.Regular("evil")}, ostreetest.CommitOptions{})
	outside := t.TempDir()
	victim := filepath.Join(outside, "file")
	if err := os.WriteFile(victim, []byte("good"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := errors.Join(os.Symlink(outside, filepath.Join(dir, "d")), os.Symlink(victim, filepath.Join(dir, "file"))); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Checkout(t.Context(), c, dir, archive.CheckoutOptions{Union: true}); err == nil {
		t.Error("a symlink instead of a directory: got no error")
	}
	if data, err := os.ReadFile(victim); err != nil || string(data) != "good" {
		t.Errorf("the file outside: got %q, %v", data, err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "file")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the symlink that stood where a file belongs: got %v, %v, want the file", info, err)
	}
}

// TestCheckoutDamaged notices content that is not what it should be.
func TestCheckoutDamaged(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	c := ostreetest.Commit(t, repo, "a", ostreetest.Tree{"f": ostreetest.Regular("content")}, ostreetest.CommitOptions{})
	e := lookup(t, repo, c, "/f")
	path := filepath.Join(repo.Path(), "objects", ostree.ObjectName{Checksum: e.File, Type: ostree.ObjectFile}.ArchivePath())
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-3] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Checkout(t.Context(), c, filepath.Join(t.TempDir(), "out"), archive.CheckoutOptions{}); err == nil || !strings.Contains(err.Error(), "f: object") {
		t.Errorf("got %v, want an error that names the file and the object", err)
	}
	if _, err := repo.Checkout(t.Context(), c, filepath.Join(t.TempDir(), "out"), archive.CheckoutOptions{Subpath: "/g"}); !errors.Is(err, archive.ErrNotExist) {
		t.Errorf("a path that is not there: got %v, want ErrNotExist", err)
	}
}
