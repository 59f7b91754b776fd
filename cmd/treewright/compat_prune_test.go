package main

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestCompatPruneAndSign has both tools prune, and sign with gpg: what is left
// is the same.
func TestCompatPruneAndSign(t *testing.T) {
	p := newCompatPair(t)
	if out, err := exec.Command("cp", "-a", "/usr/libexec/installed-tests/libostree/gpghome", filepath.Join(p.dir, "gpg")).CombinedOutput(); err != nil {
		t.Fatalf("install the package ostree-tests: %v: %s", err, out)
	}
	p.getenv["OSTREE_GPG_HOME"] = filepath.Join(p.dir, "gpg/trusted") // without it the real one finds no signature to delete
	p.both("= --repo=REPO init --mode=archive")
	for _, body := range []string{"one", "two", "three", "four"} {
		p.write("tree/file", body, 0o644)
		p.write("tree/sub/"+body, body, 0o644)
		p.getenv["SOURCE_DATE_EPOCH"] = map[string]string{"one": "1600000000", "two": "1650000000", "three": "1700000000", "four": "1700000001"}[body]
		p.both("= --repo=REPO commit -b main --canonical-permissions DIR/tree")
		p.both("= --repo=REPO commit -b side/" + body + " --canonical-permissions DIR/tree")
	}
	for _, line := range []string{
		"= gpg-sign --gpg-homedir=DIR/gpg main 472CDAFA",
		"! gpg-sign --gpg-homedir=DIR/gpg main 472CDAFA : ",
		"! gpg-sign --gpg-homedir=DIR/gpg main CAFACA32A : ",
		"! gpg-sign main : Need at least one GPG KEY-ID to sign with",
		"= gpg-sign -d --gpg-homedir=DIR/gpg main 7FCA23D8472CDAFA",
		"+ static-delta generate main", "+ static-delta generate --empty side/one", "~ static-delta list",
		"! static-delta show none : Invalid rev none",
		"= prune --no-prune --refs-only",
		"= refs --delete side/one",
		"= prune --no-prune --refs-only",
		"= prune --refs-only --depth=2",
		"= log main", "~ static-delta list",
		"= prune --keep-younger-than='2022-06-01 00:00:00 +0000'",
		"= refs --delete side/two",
		"= prune --retain-branch-depth=main=1 --only-branch=main",
		"! prune --delete-commit=main : ",
		"= prune --refs-only --commit-only",
		"= prune",
		"= log main", "~ refs", "= fsck",
	} {
		p.both(line[:2] + "--repo=REPO " + line[2:])
	}
}
