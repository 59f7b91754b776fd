package archive_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

func TestResolveRev(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	var commits []ostree.Checksum
	for _, subject := range []string{"one", "two", "three"} {
		commits = append(commits, ostreetest.Commit(t, repo, "os/main", ostreetest.Tree{}, ostreetest.CommitOptions{Subject: subject}))
	}
	last := commits[2].String()
	for rev, want := range map[string]ostree.Checksum{
		"os/main": commits[2], "os/main^": commits[1], "os/main^^": commits[0],
		last: commits[2], last[:12]: commits[2], last + "^": commits[1],
	} {
		if got, err := repo.ResolveRev(t.Context(), rev); err != nil || got != want {
			t.Errorf("ResolveRev(%q): got %s, %v, want %s", rev, got, err, want)
		}
	}
	for _, rev := range []string{"nope", "os/main^^^", strings.Repeat("0", 64), "0123456789abcdef", "a:b"} {
		if _, err := repo.ResolveRev(t.Context(), rev); !errors.Is(err, archive.ErrNotExist) {
			t.Errorf("ResolveRev(%q): got %v, want ErrNotExist", rev, err)
		}
	}
	for _, rev := range []string{"", "^", "../x", "os"} {
		if _, err := repo.ResolveRev(t.Context(), rev); err == nil {
			t.Errorf("ResolveRev(%q): got no error", rev)
		}
	}
	if got := ostreetest.Ostree(t, "rev-parse", "--repo="+repo.Path(), "os/main^"); strings.TrimSpace(got) != commits[1].String() {
		t.Errorf("the real ostree: got %q, want %s", got, commits[1])
	}
}

func TestLog(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	for _, subject := range []string{"one", "two", "three"} {
		ostreetest.Commit(t, repo, "a", ostreetest.Tree{}, ostreetest.CommitOptions{Subject: subject})
	}
	show := func() string {
		c, err := repo.ResolveRef("a")
		if err != nil {
			t.Fatal(err)
		}
		var subjects []string
		err = repo.Log(t.Context(), c, func(_ ostree.Checksum, c *ostree.Commit) error {
			subjects = append(subjects, c.Subject)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return strings.Join(subjects, " ")
	}
	if got := show(); got != "three two one" {
		t.Errorf("Log: got %q", got)
	}
	first, err := repo.ResolveRev(t.Context(), "a^^")
	if err != nil {
		t.Fatal(err)
	}
	remove(t, objectPath(repo, ostree.ObjectName{Checksum: first, Type: ostree.ObjectCommit}))
	if got := show(); got != "three two" {
		t.Errorf("Log without the oldest: got %q", got)
	}
	if all, err := repo.Commits(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("Commits: got %v, %v, want two", all, err)
	}
}

// TestAliases follows the symlinks that `ostree refs --alias` makes.
func TestAliases(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	c := ostreetest.Commit(t, repo, "os/41", ostreetest.Tree{}, ostreetest.CommitOptions{})
	ostreetest.Ostree(t, "refs", "--repo="+repo.Path(), "--alias", "--create=stable", "os/41")
	if got, err := repo.ResolveRef("stable"); err != nil || got != c {
		t.Errorf("alias: got %s, %v, want %s", got, err, c)
	}
	heads := filepath.Join(repo.Path(), "refs/heads")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := errors.Join(os.WriteFile(secret, []byte(c.String()), 0o644), os.Symlink(secret, filepath.Join(heads, "out")),
		os.Symlink("os", filepath.Join(heads, "folder")), os.WriteFile(filepath.Join(heads, ".tmp-x"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if got, err := repo.ResolveRef("out"); err == nil {
		t.Errorf("a symlink out of the repository: got %s, want an error", got)
	}
	remove(t, filepath.Join(heads, "out"))
	refs, err := repo.Refs(t.Context(), "")
	if err != nil || len(refs) != 2 || refs[1].Name != "stable" {
		t.Errorf("Refs: got %v, %v, want os/41 and stable", refs, err)
	}
}

func TestLs(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	c := ostreetest.Commit(t, repo, "a", ostreetest.RandomTree(4, 100), ostreetest.CommitOptions{})
	for _, path := range []string{"/", "/large"} {
		var got []string
		err := repo.Ls(t.Context(), c, path, archive.LsOptions{}, func(e archive.LsEntry) error {
			got = append(got, e.Path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		out := ostreetest.Ostree(t, "ls", "--repo="+repo.Path(), "--nul-filenames-only", "a", path)
		want := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
		if strings.Join(got, "\x00") != strings.Join(want, "\x00") {
			t.Errorf("Ls of %s: got %q, want %q", path, got, want)
		}
	}
	n := 0
	count := func(archive.LsEntry) error { n++; return nil }
	if err := repo.Ls(t.Context(), c, "/", archive.LsOptions{DirOnly: true}, count); err != nil || n != 1 {
		t.Errorf("Ls of the directory alone: got %d entries, %v, want 1", n, err)
	}
	if err := repo.Ls(t.Context(), c, "/nope", archive.LsOptions{}, count); !errors.Is(err, archive.ErrNotExist) {
		t.Errorf("Ls of nothing: got %v, want ErrNotExist", err)
	}
}

// TestRefsInEachOther has one transaction set refs of which one would be a
// folder of the other: none of them becomes visible.
func TestRefsInEachOther(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	c := ostreetest.Commit(t, repo, "os/main", ostreetest.Tree{}, ostreetest.CommitOptions{})
	for _, refs := range [][2]string{{"app/x", "app/x/y/z"}, {"app/x-1/y", "app/x-1"}, {"up:a", "up:a/b"}} {
		txn, err := repo.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range []string{refs[0], "app/x-other", refs[1]} {
			if err := txn.SetRef(ref, c); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := txn.Commit(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot both be here") {
			t.Errorf("%q: got %v, want a refusal", refs, err)
		}
	}
	for _, ref := range []string{"app/x", "app/x-1", "app/x-other", "up:a"} {
		if _, err := repo.ResolveRef(ref); !errors.Is(err, archive.ErrNotExist) {
			t.Errorf("%s: got %v, want ErrNotExist", ref, err)
		}
	}
}

// TestRefIsFIFO has what another user put into refs/ not hold readers up.
func TestRefIsFIFO(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	if err := syscall.Mkfifo(filepath.Join(repo.Path(), "refs/heads/pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	var damaged *archive.RefError
	if _, err := repo.ResolveRef("pipe"); !errors.As(err, &damaged) {
		t.Errorf("got %v, want a RefError", err)
	}
}
