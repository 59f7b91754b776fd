package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCompatCollections gives both tools a repository with a collection ID:
// refs of its own, of others, and of a remote, in refs, summary and fsck.
func TestCompatCollections(t *testing.T) {
	p := newCompatPair(t)
	p.write("tree/a", "a\n", 0o644)
	p.ok("--repo=DIR/srv init --mode=archive --collection-id=org.example.Remote")
	p.ok("--repo=DIR/srv commit -b there --canonical-permissions DIR/tree")
	for _, line := range []string{
		"= init --mode=archive --collection-id=org.example.Own",
		"= commit -b main --canonical-permissions DIR/tree",
		"= commit -b other --canonical-permissions -s two DIR/tree",
		"= refs -c",
		"= refs --collections --create=org.example.Foreign:x main",
		"= refs -c --create=org.example.Foreign:sub/y other",
		"= refs -c --create=org.example.Own:new main",
		"! refs -c --create=bad:x main : Invalid collection ID bad",
		"! refs -c --create=org.example.Foreign:../x main : Invalid ref",
		"! refs --create=x : You must specify a revision when creating a new ref",
		"! refs --create=x main other : You must specify only 1 existing ref",
		"~ refs -c",
		"~ refs -c org.example.Foreign",
		"~ refs -c org.example.Own",
		"= fsck",
		"! fsck --verify-bindings : Commit has no requested ref ‘new’ in ref binding metadata (‘main’)",
		"= refs --delete new",
		"! fsck --verify-bindings : in ref binding metadata",
		"= summary -u",
		"= summary -u --add-metadata=key='uint64 7' -m map='@a{sv} {}' -m bytes='@ay [1, 2]'",
		"! summary -u -m bad : Missing '=' in KEY=VALUE metadata",
		"! summary -u -m bad=oops : unknown keyword",
		"= summary --raw",
		"= summary -v",
		"= log ostree-metadata",
		"= ls -R -C ostree-metadata",
		"= rev-parse ostree-metadata ostree-metadata^",
		"= config --group='remote \"o\"' set url file://DIR/srv",
		"= config --group='remote \"o\"' set gpg-verify false",
		"= config --group='remote \"o\"' set collection-id org.example.Remote",
		"+ pull o there",
		"~ refs -c",
		"= summary -u",
		"= summary -v",
		"= refs -c --delete org.example.Foreign",
		"~ refs -c",
		"= refs --delete ostree-metadata",
		"= summary -u",
		"= rev-parse ostree-metadata",
		"= refs --delete other",
		"! fsck --verify-back-refs : Collection–ref (org.example.Own, o",
	} {
		p.both(line[:2] + "--repo=REPO " + line[2:])
	}
}

// TestCompatFsckDelete has both tools delete what is damaged and mark commits.
func TestCompatFsckDelete(t *testing.T) {
	p := newCompatPair(t)
	p.write("tree/a", "a\n", 0o644)
	p.write("tree/b", "b\n", 0o644)
	p.both("= --repo=REPO init --mode=archive")
	p.both("= --repo=REPO commit -b main --canonical-permissions DIR/tree")
	p.both("= --repo=REPO commit -b main --canonical-permissions -s two --tree=ref=main")
	objects := func(change func(path string) error) {
		t.Helper()
		for _, repo := range []string{p.ours, p.theirs} {
			files, err := filepath.Glob(filepath.Join(repo, "objects/*/*.filez"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no objects in %s: %v", repo, err)
			}
			if err := change(files[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	damage := func(path string) error {
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.WriteFile(path, []byte("whoops"), 0o644)
	}
	objects(damage)
	p.both("! --repo=REPO fsck : In commits")
	p.both("! --repo=REPO fsck -a : Repository corruption encountered")
	p.both("! --repo=REPO fsck --delete : Marking commit as partial")
	p.both("! --repo=REPO fsck : 2 partial commits from fsck-detected corruption")
	p.both("! --repo=REPO fsck --verify-back-refs : Ref ‘main’ in bindings for commit")
	p.both("= --repo=REPO commit -b main --canonical-permissions -s two DIR/tree")
	p.ok("--repo=DIR/copy init --mode=archive")
	p.ok("--repo=DIR/copy pull-local " + p.ours + " main")
	p.both("= --repo=REPO refs --delete main")
	p.both("+ --repo=REPO prune --refs-only")
	p.both("= --repo=REPO pull-local DIR/copy main")
	p.both("= --repo=REPO fsck")
	objects(os.Remove)
	p.both("! --repo=REPO fsck : Object missing in commits")
	p.both("! --repo=REPO fsck -q : 1 partial commits from fsck-detected corruption")
}
