package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompatPullLocal pulls with both tools from archive and bare repositories,
// with signatures, bindings and modes checked.
func TestCompatPullLocal(t *testing.T) {
	p := newCompatPair(t)
	p.write("tree/a", "a\n", 0o644)
	p.write("tree/sub/b", "b\n", 0o644)
	p.write("suid/s", "s\n", 0o644)
	p.write("override", "2048 /s\n", 0o644)
	home := "/usr/libexec/installed-tests/libostree/gpghome"
	if out, err := exec.Command("cp", "-a", home, filepath.Join(p.dir, "gpg")).CombinedOutput(); err != nil {
		t.Fatalf("install the package ostree-tests: %v: %s", err, out)
	}
	key := "472CDAFA"
	p.ok("--repo=DIR/srv init --mode=archive")
	p.ok("--repo=DIR/srv commit -b main --canonical-permissions DIR/tree")
	p.ok("--repo=DIR/srv commit -b main --canonical-permissions -s two --gpg-homedir=DIR/gpg --gpg-sign=" + key + " --tree=ref=main")
	p.ok("--repo=DIR/srv commit -b suid --statoverride=DIR/override DIR/suid")
	p.ok("--repo=DIR/srv refs --create=other main")
	for _, line := range []string{"init --mode=bare-user", "pull-local DIR/srv main", "commit -b bare DIR/suid"} {
		if _, errs, code := p.runTheirs("--repo=DIR/bare " + line); code != 0 {
			t.Fatalf("%s: %s", line, errs)
		}
	}
	p.both("= --repo=REPO init --mode=archive")
	for _, repo := range []string{p.ours, p.theirs} {
		for _, args := range [][]string{{"o", "key1.asc"}, {"wrong", "key2.asc"}} {
			if out, err := exec.Command("ostree", "--repo="+repo, "remote", "add", "--gpg-import="+home+"/"+args[1], args[0], "file:///none").CombinedOutput(); err != nil {
				t.Fatalf("remote add: %v: %s", err, out)
			}
		}
	}
	for _, line := range []string{
		"= pull-local --commit-metadata-only DIR/srv main",
		"= fsck",
		"= pull-local --depth=-1 DIR/srv main",
		"= pull-local DIR/srv main",
		"! pull-local DIR/srv other : Commit has no requested ref ‘other’ in ref binding metadata (‘main’)",
		"= pull-local --disable-verify-bindings DIR/srv other",
		"! pull-local DIR/srv none : Refspec 'none' not found",
		"! pull-local --bareuseronly-files DIR/srv suid : invalid mode",
		"+ pull-local --remote=new DIR/srv suid",
		"! pull-local --gpg-verify DIR/srv main : Must specify remote name to enable gpg verification",
		"= pull-local --remote=o --gpg-verify DIR/srv main",
		"! pull-local --remote=wrong --gpg-verify DIR/srv main : Can't check signature: public key not found",
		"! pull-local --remote=o --gpg-verify DIR/srv suid : GPG verification enabled, but no signatures found",
		"! pull-local --remote=o --gpg-verify-summary DIR/srv main : GPG verification enabled, but no summary found",
		"+ pull-local DIR/bare",
		"~ refs",
		"= rev-parse main other new:suid o:main bare",
		"= fsck",
	} {
		p.both(line[:2] + "--repo=REPO " + line[2:])
	}
	p.ok("--repo=DIR/srv summary -u --gpg-homedir=DIR/gpg --gpg-sign=" + key)
	p.both("= --repo=REPO pull-local --remote=o --gpg-verify-summary DIR/srv main")
	if out := p.ok("--repo=REPO refs"); strings.Contains(out, "wrong:") {
		t.Errorf("a refused pull made a ref: %s", out)
	}
}
