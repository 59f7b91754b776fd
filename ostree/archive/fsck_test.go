package archive_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

func objectPath(repo *archive.Repo, n ostree.ObjectName) string {
	return filepath.Join(repo.Path(), "objects", n.ArchivePath())
}

// fileAt returns the content object at a path of a commit.
func fileAt(t *testing.T, repo *archive.Repo, c ostree.Checksum, path string) ostree.ObjectName {
	t.Helper()
	head, err := repo.Commit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	e, found, err := ostree.Lookup(t.Context(), repo, head.RootTree, head.RootMeta, path)
	if err != nil || !found {
		t.Fatalf("%s: got %v, %v", path, found, err)
	}
	if e.Type == ostree.ObjectDirTree {
		return ostree.ObjectName{Checksum: e.Tree, Type: e.Type}
	}
	return ostree.ObjectName{Checksum: e.File, Type: e.Type}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// damage changes the last byte of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 0x55
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFsckNamesWhatBreaks damages a repository in every way, and looks whom
// each damage is said to hurt.
func TestFsckNamesWhatBreaks(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	both := ostreetest.Tree{"shared/f": ostreetest.Regular("in both"), "shared/g": ostreetest.Regular(noise('g', 100_000))}
	first := both.Clone()
	first["only/first"] = ostreetest.Regular("first")
	a := ostreetest.Commit(t, repo, "a", first, ostreetest.CommitOptions{})
	ostreetest.Commit(t, repo, "b", both, ostreetest.CommitOptions{})
	old := ostreetest.Commit(t, repo, "c", ostreetest.Tree{"old": ostreetest.Regular("old")}, ostreetest.CommitOptions{})
	ostreetest.Commit(t, repo, "c", ostreetest.Tree{"new": ostreetest.Regular("new")}, ostreetest.CommitOptions{})
	gone := ostreetest.Commit(t, repo, "gone", ostreetest.Tree{}, ostreetest.CommitOptions{Subject: "gone"})
	ostreetest.Check(t, repo)

	missing, damaged := fileAt(t, repo, a, "shared/f"), fileAt(t, repo, a, "shared/g")
	tree, ancient := fileAt(t, repo, a, "only"), fileAt(t, repo, old, "old")
	commit := ostree.ObjectName{Checksum: gone, Type: ostree.ObjectCommit}
	for _, n := range []ostree.ObjectName{missing, tree, ancient, commit} {
		remove(t, objectPath(repo, n))
	}
	damage(t, objectPath(repo, damaged))
	if err := os.WriteFile(filepath.Join(repo.Path(), "refs/heads/bad"), []byte("nonsense\n"), 0o644); err != nil {
		t.Fatal(err)
	}

	report, err := repo.Fsck(t.Context(), archive.FsckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	type finding struct {
		missing bool
		refs    string
	}
	want := map[ostree.ObjectName]finding{
		missing: {true, "a b"}, damaged: {false, "a b"}, tree: {true, "a"}, commit: {true, "gone"}, ancient: {true, ""}, {}: {false, "bad"},
	}
	for _, p := range report.Problems {
		got := finding{p.Missing, strings.Join(p.Refs, " ")}
		if got != want[p.Object] {
			t.Errorf("%s: got %v (%v), want %v", p.Object, got, p.Err, want[p.Object])
		}
		delete(want, p.Object)
		if p.Object == ancient && !slices.Equal(p.Commits, []ostree.Checksum{old}) {
			t.Errorf("commits of %s: got %v, want %s", p.Object, p.Commits, old)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
	if _, err := repo.Refs(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("Refs: got %v, want an error that names the ref", err)
	}
	if refs, err := repo.Refs(t.Context(), "a"); err != nil || len(refs) != 1 {
		t.Errorf("Refs of another prefix: got %v, %v, want it unharmed", refs, err)
	}
}

// TestDamagedContent reads content objects in every broken form.
func TestDamagedContent(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	c := ostreetest.Commit(t, repo, "a", ostreetest.Tree{
		"f": ostreetest.Regular(strings.Repeat("compressible ", 1000)), "empty": ostreetest.Regular(""), "l": ostreetest.Symlink("f"),
	}, ostreetest.CommitOptions{})
	for _, path := range []string{"f", "empty", "l"} {
		n := fileAt(t, repo, c, path)
		good, err := os.ReadFile(objectPath(repo, n))
		if err != nil {
			t.Fatal(err)
		}
		for cut := range len(good) {
			checkUnreadable(t, repo, n, good[:cut])
		}
		checkUnreadable(t, repo, n, append(slices.Clone(good), 0))
		for i := range good {
			bad := slices.Clone(good)
			bad[i] ^= 0xff
			checkUnreadable(t, repo, n, bad)
		}
	}
}

func checkUnreadable(t *testing.T, repo *archive.Repo, n ostree.ObjectName, data []byte) {
	t.Helper()
	if err := os.WriteFile(objectPath(repo, n), data, 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, f, err := repo.OpenFile(t.Context(), n.Checksum)
	if err == nil {
		_, err = io.ReadAll(f)
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		t.Errorf("%d bytes: read without an error", len(data))
	}
}

func TestReadMetaVerifies(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	c := ostreetest.Commit(t, repo, "a", ostreetest.Tree{}, ostreetest.CommitOptions{})
	n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit}
	damage(t, objectPath(repo, n))
	_, err := repo.Commit(t.Context(), c)
	var sum *ostree.ChecksumError
	if !errors.As(err, &sum) || sum.Object != n {
		t.Errorf("Commit: got %v, want a ChecksumError of %s", err, n)
	}
	if _, err := repo.ReadMeta(t.Context(), ostree.ObjectName{Checksum: c, Type: ostree.ObjectFile}); err == nil {
		t.Error("ReadMeta of a file: got no error")
	}
	var missing *archive.MissingError
	if _, err := repo.DirTree(t.Context(), c); !errors.As(err, &missing) || !errors.Is(err, archive.ErrNotExist) {
		t.Errorf("DirTree of nothing: got %v, want a MissingError", err)
	}
	if _, err := repo.ObjectSize(ostree.ObjectName{Checksum: c, Type: ostree.ObjectFile}); !errors.Is(err, archive.ErrNotExist) {
		t.Errorf("ObjectSize of nothing: got %v, want ErrNotExist", err)
	}
	if size, err := repo.ObjectSize(n); err != nil || size == 0 {
		t.Errorf("ObjectSize: got %d, %v", size, err)
	}
}
