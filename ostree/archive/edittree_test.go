package archive_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// TestEditTree gives the tree that the real ostree makes with a statoverride
// and a skip list, from a tree of the transaction and from one that is stored.
func TestEditTree(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	tree := ostreetest.Tree{
		"usr/bin/su":    {Mode: ostree.ModeRegular | 0o755, Data: "su"},
		"usr/bin/large": {Mode: ostree.ModeRegular | 0o644, Data: strings.Repeat("x", 3<<20)},
		"usr/skipped/a": ostreetest.Regular("a"),
		"usr/link":      ostreetest.Symlink("bin/su"),
		"kept":          ostreetest.Regular("kept"),
	}
	want := tree.Clone()
	delete(want, "usr/skipped/a")
	delete(want, "usr/skipped")
	want["usr/bin/su"] = ostreetest.File{Mode: ostree.ModeRegular | 0o4755, Data: "su"}
	want["usr/bin/large"] = ostreetest.File{Mode: ostree.ModeRegular | 0o644, Data: tree["usr/bin/large"].Data, UID: 5}
	edit := func(path string, h ostree.FileHeader) (ostree.FileHeader, bool) {
		switch path {
		case "/usr/bin/su":
			h.Mode |= 0o4000
		case "/usr/bin/large":
			h.UID = 5
		}
		return h, path != "/usr/skipped"
	}
	dir := tree.WriteDir(t)
	canonical := archive.TreeOptions{CanonicalPermissions: true}
	stored := commitTree(t, repo, func(txn *archive.Txn) (ostree.TreeDir, error) { return txn.WriteDir(t.Context(), dir, canonical) })
	commit, err := repo.Commit(t.Context(), stored)
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]func(*archive.Txn) (ostree.TreeDir, error){
		"stored": func(*archive.Txn) (ostree.TreeDir, error) {
			return ostree.TreeDir{Tree: commit.RootTree, Meta: commit.RootMeta}, nil
		},
		"of the transaction": func(txn *archive.Txn) (ostree.TreeDir, error) { return txn.WriteDir(t.Context(), dir, canonical) },
	} {
		repo := repo
		if name != "stored" {
			repo = ostreetest.NewRepo(t)
		}
		c := commitTree(t, repo, func(txn *archive.Txn) (ostree.TreeDir, error) {
			d, err := from(txn)
			if err != nil {
				return d, err
			}
			return txn.EditTree(t.Context(), d, edit)
		})
		expected := ostreetest.Commit(t, repo, "want", want, ostreetest.CommitOptions{})
		compareCommits(t, repo, c, repo, expected)
		ostreetest.Check(t, repo)
	}
}

// TestOverlay lays trees over each other as the real ostree does.
func TestOverlay(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	lower := ostreetest.Tree{
		"both/lower": ostreetest.Regular("1"), "both/same": ostreetest.Regular("old"),
		"only/lower": ostreetest.Regular("2"), "z": ostreetest.Regular("3"),
	}
	upper := ostreetest.Tree{
		"both":      {Mode: ostree.ModeDir | 0o700},
		"both/same": ostreetest.Regular("new"), "both/upper": ostreetest.Symlink("same"), "a/b/c": ostreetest.Regular("4"),
	}
	dirs := []string{lower.WriteDir(t), upper.WriteDir(t)}
	c := commitTree(t, repo, func(txn *archive.Txn) (root ostree.TreeDir, err error) {
		for i, dir := range dirs {
			next, err := txn.WriteDir(t.Context(), dir, archive.TreeOptions{})
			if err == nil && i > 0 {
				next, err = txn.Overlay(t.Context(), root, next)
			}
			if err != nil {
				return root, err
			}
			root = next
		}
		return root, nil
	})
	out := ostreetest.Ostree(t, "commit", "--repo="+repo.Path(), "-b", "b", "--tree=dir="+dirs[0], "--tree=dir="+dirs[1])
	their, err := repo.ResolveRev(t.Context(), strings.TrimSpace(out))
	if err != nil {
		t.Fatal(err)
	}
	compareCommits(t, repo, c, repo, their)
	ostreetest.Check(t, repo)
}

func TestOverlayRefusesClashes(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	file, dir := ostreetest.Tree{"x": ostreetest.Regular("file")}.WriteDir(t), ostreetest.Tree{"x/y": ostreetest.Regular("below")}.WriteDir(t)
	for _, pair := range [][2]string{{file, dir}, {dir, file}} {
		txn, err := repo.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		low, err := txn.WriteDir(t.Context(), pair[0], archive.TreeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		up, err := txn.WriteDir(t.Context(), pair[1], archive.TreeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := txn.Overlay(t.Context(), low, up); err == nil || !strings.Contains(err.Error(), "x is a ") {
			t.Errorf("got %v, want an error that names x", err)
		}
		if err := txn.Abort(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAliases are symlinks that both tools follow.
func TestSetAlias(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	first := ostreetest.Commit(t, repo, "os/26/server", ostreetest.RandomTree(1, 3), ostreetest.CommitOptions{})
	second := ostreetest.Commit(t, repo, "os/27/server", ostreetest.RandomTree(2, 3), ostreetest.CommitOptions{})
	for _, tt := range []struct {
		target string
		want   ostree.Checksum
	}{{"os/26/server", first}, {"os/27/server", second}} {
		if err := repo.SetAlias(t.Context(), "os/stable/server", tt.target); err != nil {
			t.Fatal(err)
		}
		if got, err := repo.ResolveRef("os/stable/server"); err != nil || got != tt.want {
			t.Errorf("got %s, %v, want %s", got, err, tt.want)
		}
		if got := strings.TrimSpace(ostreetest.Ostree(t, "rev-parse", "--repo="+repo.Path(), "os/stable/server")); got != tt.want.String() {
			t.Errorf("the real ostree: got %s, want %s", got, tt.want)
		}
		aliases, err := repo.Aliases(t.Context())
		if err != nil || len(aliases) != 1 || aliases["os/stable/server"] != tt.target {
			t.Errorf("aliases: got %v, %v", aliases, err)
		}
	}
	if err := repo.SetAlias(t.Context(), "x", "none"); err == nil {
		t.Error("an alias of a ref that is not there was made")
	}
	ostreetest.Ostree(t, "refs", "--repo="+repo.Path(), "--create=origin:pulled", second.String())
	refs, err := repo.AllRefs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range refs {
		names = append(names, r.Name)
	}
	if got := strings.Join(names, " "); got != "origin:pulled os/26/server os/27/server os/stable/server" {
		t.Errorf("refs: got %s", got)
	}
}

// TestPullLocalCommits brings commits that no ref shows.
func TestPullLocalCommits(t *testing.T) {
	src, dst := ostreetest.NewRepo(t), ostreetest.NewRepo(t)
	commits := history(t, src, "a", 3)
	res, err := dst.PullLocal(t.Context(), src, archive.PullLocalOptions{Commits: commits[:1]})
	if err != nil || len(res.Refs) != 0 {
		t.Fatalf("got %+v, %v", res, err)
	}
	if refs, err := dst.Refs(t.Context(), ""); err != nil || len(refs) != 0 {
		t.Errorf("refs: got %v, %v, want none", refs, err)
	}
	if have, err := dst.Commits(t.Context()); err != nil || len(have) != 1 || have[0] != commits[0] {
		t.Errorf("commits: got %v, %v, want %s", have, err, commits[0])
	}
	ostreetest.Check(t, dst)
}

// TestEmptyCommitMeta is stored: those who pull see that signatures are gone.
func TestEmptyCommitMeta(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	commit := history(t, repo, "a", 1)[0]
	file := filepath.Join(repo.Path(), "objects", ostree.ObjectName{Checksum: commit, Type: ostree.ObjectCommitMeta}.ArchivePath())
	for _, tt := range []struct {
		meta  gvariant.Dict
		there bool
	}{{gvariant.Dict{{Key: "a", Value: gvariant.Bool(true)}}, true}, {gvariant.Dict{}, true}, {nil, false}} {
		err := repo.UpdateCommitMeta(t.Context(), commit, func(gvariant.Dict) (gvariant.Dict, error) { return tt.meta, nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(file); (err == nil) != tt.there {
			t.Errorf("%v: got %v, want the file there: %v", tt.meta, err, tt.there)
		}
		if got, err := repo.CommitMeta(commit); err != nil || len(got) != len(tt.meta) {
			t.Errorf("%v: got %v, %v", tt.meta, got, err)
		}
		ostreetest.Check(t, repo)
	}
}

// TestCollectionRefs are those of refs/mirrors.
func TestCollectionRefs(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	commit := history(t, repo, "a", 1)[0]
	dir := filepath.Join(repo.Path(), "refs", "mirrors", "org.example.One", "b")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"y", "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(commit.String()+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := repo.CollectionRefs(t.Context())
	if want := []archive.Ref{{Name: "b/x", Commit: commit}, {Name: "b/y", Commit: commit}}; err != nil || len(got) != 1 || !slices.Equal(got["org.example.One"], want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}
