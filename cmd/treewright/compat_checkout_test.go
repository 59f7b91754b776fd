package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompatCheckout has both tools check out commits, and compares the files.
func TestCompatCheckout(t *testing.T) {
	p := newCompatPair(t)
	p.write("tree/a", "a\n", 0o755)
	p.write("tree/sub/deep/b", "b\n", 0o640)
	p.write("tree/empty/x", "", 0o600)
	p.write("more/sub/c", "c\n", 0o644)
	if err := os.Symlink("a", filepath.Join(p.dir, "tree/link")); err != nil {
		t.Fatal(err)
	}
	p.write("override", "2048 /a\n", 0o644)
	p.both("= --repo=REPO init --mode=archive")
	p.both("= --repo=REPO commit -b main --owner-uid=0 --owner-gid=0 --statoverride=DIR/override DIR/tree")
	p.both("= --repo=REPO commit -b more --canonical-permissions DIR/more")
	for i, line := range []string{
		"= checkout -U main OUT", "= checkout main OUT", "= checkout --user-mode --subpath=/sub main OUT", "= checkout -U --union --subpath=/sub/deep main OUT",
		"= checkout -U --allow-noent --subpath=/none main OUT", "! checkout -U --subpath=/none main OUT : No such file or directory", "! checkout -U : COMMIT must be specified",
		"! checkout -U none OUT : Refspec 'none' not found", "= checkout -C --disable-cache --fsync=no main OUT",
	} {
		p.both(line[:2] + "--repo=REPO " + strings.ReplaceAll(line[2:], "OUT", "REPO/out"))
		p.compareTrees("out", line)
		if i == 0 {
			p.both("! --repo=REPO checkout -U main REPO/out : File exists")
			p.both("= --repo=REPO checkout -U --union more REPO/out")
			p.compareTrees("out", "union")
		}
		for _, repo := range []string{p.ours, p.theirs} {
			if err := os.RemoveAll(filepath.Join(repo, "out")); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// compareTrees compares names, modes, owners and content.
func (p *compatPair) compareTrees(name, line string) {
	p.t.Helper()
	var listings []string
	for _, repo := range []string{p.ours, p.theirs} {
		cmd := exec.Command("sh", "-c", `cd "$0" 2>/dev/null || exit 0; find . ! -type d -printf '%P %m %U %G %l\n' | sort; find . -type d -printf '%P %m %U %G\n' | sort; find . -type f | sort | xargs -r sha256sum`,
			filepath.Join(repo, name))
		out, err := cmd.CombinedOutput()
		if err != nil {
			p.t.Fatalf("%v: %s", err, out)
		}
		listings = append(listings, string(out))
	}
	if listings[0] != listings[1] {
		p.t.Errorf("%s: got\n%s\nwant\n%s", line, listings[0], listings[1])
	}
}

// TestCompatDiff has both tools compare commits.
func TestCompatDiff(t *testing.T) {
	p := newCompatPair(t)
	p.write("one/same", "s\n", 0o644)
	p.write("one/changed", "1\n", 0o644)
	p.write("one/mode", "m\n", 0o644)
	p.write("one/gone/deep/x", "x\n", 0o644)
	p.write("one/kept/gone", "x\n", 0o644)
	p.write("one/filetodir", "f\n", 0o644)
	p.write("one/dirtofile/y", "y\n", 0o644)
	p.write("one/tolink", "l\n", 0o644)
	p.write("one/dirmode/z", "z\n", 0o644)
	p.write("two/same", "s\n", 0o644)
	p.write("two/changed", "2\n", 0o644)
	p.write("two/mode", "m\n", 0o755)
	p.write("two/new/deep/n", "n\n", 0o644)
	p.write("two/kept/new", "n\n", 0o644)
	p.write("two/filetodir/y", "f\n", 0o644)
	p.write("two/dirtofile", "y\n", 0o644)
	p.write("two/dirmode/z", "z2\n", 0o644)
	if err := os.Symlink("same", filepath.Join(p.dir, "two/tolink")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(p.dir, "two/dirmode"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.both("= --repo=REPO init --mode=archive")
	for _, tree := range []string{"one", "two"} {
		p.both("= --repo=REPO commit -b main --owner-uid=0 --owner-gid=0 DIR/" + tree)
	}
	for _, line := range []string{"~ diff main", "~ diff main^ main", "~ diff main main^", "= diff main main", "~ diff --stats main", "~ diff --stats --fs-diff main main^", "! diff : REV must be specified",
		"! diff main none : Refspec 'none' not found"} {
		p.both(line[:2] + "--repo=REPO " + line[2:])
	}
	p.fails("--repo=REPO diff main ./one", "treewright compares commits alone")
}
