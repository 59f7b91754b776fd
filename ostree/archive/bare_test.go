package archive_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// bareSource makes a repository of a bare mode that has the ref "a".
func bareSource(t *testing.T, mode string, tree ostreetest.Tree) (dir string, c ostree.Checksum) {
	t.Helper()
	src := ostreetest.NewRepo(t)
	c = ostreetest.Commit(t, src, "a", tree, ostreetest.CommitOptions{})
	dir = filepath.Join(t.TempDir(), "bare")
	ostreetest.Ostree(t, "init", "--repo="+dir, "--mode="+mode)
	ostreetest.Ostree(t, "pull-local", "--repo="+dir, src.Path(), "a")
	return dir, c
}

func openSource(t *testing.T, dir string) *archive.Source {
	t.Helper()
	src, err := archive.OpenSource(dir, archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = src.Close() })
	return src
}

// canonical is what a bare-user-only repository can hold.
func canonical(_ string, f ostreetest.File) ostreetest.File {
	f.UID, f.GID, f.Xattrs = 0, 0, nil
	if f.Mode&ostree.ModeType != ostree.ModeSymlink {
		f.Mode &= ostree.ModeType | 0o755
	}
	return f
}

func TestPullFromAllModes(t *testing.T) {
	all := ostreetest.RandomTree(1, 60)
	for mode, tree := range map[string]ostreetest.Tree{
		"bare-user": all, "bare-user-only": all.Map(canonical), "archive": all, "bare": owned(all),
	} {
		t.Run(mode, func(t *testing.T) {
			dir, c := bareSource(t, mode, tree)
			dst := ostreetest.NewRepo(t)
			result, err := dst.PullFrom(t.Context(), openSource(t, dir), archive.PullLocalOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Refs) != 1 || result.Refs[0].Commit != c || result.Linked+result.Copied == 0 {
				t.Errorf("result: got %+v, want the ref a at %s", result, c)
			}
			if got, err := dst.ResolveRef("a"); err != nil || got != c {
				t.Errorf("ref a: got %v, %v, want %v", got, err, c)
			}
			ostreetest.Check(t, dst)
			again, err := dst.PullFrom(t.Context(), openSource(t, dir), archive.PullLocalOptions{Refs: []string{"a"}})
			if err != nil || again.Linked+again.Copied != 0 {
				t.Errorf("again: got %+v, %v, want nothing new", again, err)
			}
		})
	}
}

// owned is a tree that this process may write as files: without root only its
// own, and no xattrs that need rights.
func owned(tree ostreetest.Tree) ostreetest.Tree {
	if os.Getuid() == 0 {
		return tree
	}
	return tree.Map(func(name string, f ostreetest.File) ostreetest.File {
		f = canonical(name, f)
		f.UID, f.GID = uint32(os.Getuid()), uint32(os.Getgid())
		return f
	})
}

func TestPullFromDamagedBare(t *testing.T) {
	for name, spoil := range map[string]func(file string) error{
		"damaged": func(file string) error { return os.WriteFile(file, []byte("other"), 0o644) },
		"missing": os.Remove,
		"no xattr": func(file string) error {
			return errors.Join(os.Remove(file), os.WriteFile(file, []byte("content"), 0o644))
		},
		"a directory": func(file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o755)) },
		"a symlink":   func(file string) error { return errors.Join(os.Remove(file), os.Symlink("/etc/passwd", file)) },
	} {
		for _, tree := range []ostreetest.Tree{{"file": ostreetest.Regular("content")}, {"link": ostreetest.Symlink("file")}} {
			dir, _ := bareSource(t, "bare-user", tree)
			files, err := filepath.Glob(filepath.Join(dir, "objects/*/*.file"))
			if err != nil || len(files) != 1 {
				t.Fatalf("objects: got %v, %v, want one", files, err)
			}
			if err := spoil(files[0]); err != nil {
				t.Fatal(err)
			}
			dst := ostreetest.NewRepo(t)
			if _, err := dst.PullFrom(t.Context(), openSource(t, dir), archive.PullLocalOptions{}); err == nil {
				t.Errorf("%s: got nil, want an error", name)
			}
			if _, err := dst.ResolveRef("a"); !errors.Is(err, archive.ErrNotExist) {
				t.Errorf("%s: ref a: got %v, want %v", name, err, archive.ErrNotExist)
			}
		}
	}
}

func TestOpenSourceRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := archive.OpenSource(dir, archive.Options{}); err == nil {
		t.Error("an empty folder: got nil, want an error")
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "objects"), 0o755),
		os.WriteFile(filepath.Join(dir, "config"), []byte("[core]\nrepo_version=1\nmode=bare-split-xattrs\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.OpenSource(dir, archive.Options{}); err == nil || !strings.Contains(err.Error(), "bare-split-xattrs") {
		t.Errorf("another mode: got %v, want an error that names it", err)
	}
}
