package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCompatRemotes has both tools add, list and delete remotes; their configs
// are the same.
func TestCompatRemotes(t *testing.T) {
	p := newCompatPair(t)
	p.getenv["OSTREE_DUMMY_SIGN_ENABLED"] = "1"
	home := "/usr/libexec/installed-tests/libostree/gpghome"
	if _, err := os.Stat(home); err != nil {
		t.Fatalf("install the package ostree-tests: %v", err)
	}
	p.write("tree/a", "a\n", 0o644)
	p.ok("--repo=DIR/srv init --mode=archive")
	p.ok("--repo=DIR/srv commit -b main --canonical-permissions DIR/tree")
	p.ok("--repo=DIR/srv commit -b sub/other --canonical-permissions DIR/tree")
	for _, line := range []string{
		"= init --mode=archive",
		"= remote list",
		"= remote add first http://example.com/repo",
		"! remote add first http://example.com/repo : Remote configuration for \"first\" already exists",
		"= remote add --if-not-exists first http://example.com/other",
		"= remote add --force --no-gpg-verify first http://example.com/other main os/branch",
		"= remote add --set=proxy=http://p --set=gpg-verify=true --contenturl=http://c --collection-id=org.example.C second metalink=http://example.com/link",
		"= remote add --no-sign-verify third mirrorlist=http://example.com/list",
		"= remote add --sign-verify=dummy=inline:key --sign-verify=dummy=file:/k fourth file:///x",
		"= remote add --custom-backend=other fifth",
		"= remote add --gpg-import=" + home + "/key1.asc sixth file:///x",
		"! remote add one : NAME and URL must be specified",
		"! remote add --if-not-exists --force one file:///x : Can only specify one of --if-not-exists and --force",
		"! remote add --sign-verify=dummy one file:///x : Failed to parse KEYTYPE=",
		"! remote add --sign-verify=dummy=bad:key one file:///x : Invalid key reference bad, expected inline|file",
		"! remote add --sign-verify=none=inline:key one file:///x : Requested signature type is not implemented",
		"! remote add --no-sign-verify --sign-verify=dummy=inline:key one file:///x : Cannot specify both --sign-verify and --no-sign-verify",
		"! remote add --set=novalue one file:///x",
		"! remote add bad/name file:///x : Invalid remote name bad/name",
		"~ remote list",
		"= remote show-url first",
		`! remote show-url second : No "url" option in remote "second"`,
		"! remote show-url none : Remote \"none\" not found",
		"! remote show-url : NAME must be specified",
		"= remote gpg-import --keyring=" + home + "/key2.asc sixth",
		"= remote gpg-import -k " + home + "/key2.asc sixth",
		"! remote gpg-import --keyring=" + home + "/key2.asc none : Remote \"none\" not found",
		"= remote gpg-list-keys sixth",
		"= remote delete fifth",
		"! remote list -u : first   http://example.com/other",
		"= remote delete second",
		"~ remote list -u",
		"! remote delete fifth : Remote \"fifth\" not found",
		"= remote delete --if-exists fifth",
		"= remote delete sixth",
		"= remote add --no-gpg-verify srv file://DIR/srv",
		"! remote refs srv : Remote refs not available; server has no summary file",
		"! remote summary srv : Remote server has no summary file",
		"! remote refs none : Remote \"none\" not found",
		"! remote nonsense",
	} {
		if strings.HasPrefix(line[2:], "remote gpg-list-keys") {
			p.compareKeys(strings.Fields(line)[3])
			continue
		}
		p.both(line[:2] + strings.Replace(line[2:], " ", " --repo=REPO ", 1))
	}
	p.ok("--repo=DIR/srv summary -u")
	p.both("= remote --repo=REPO refs srv")
	p.both("= remote --repo=REPO summary srv")
	p.both("= remote --repo=REPO summary --raw srv")
	var configs []string
	for _, repo := range []string{p.ours, p.theirs} {
		text, err := os.ReadFile(filepath.Join(repo, "config"))
		if err != nil {
			t.Fatal(err)
		}
		configs = append(configs, strings.Join(strings.Fields(string(text)), "\n"))
	}
	if configs[0] != configs[1] {
		t.Errorf("config: got\n%s\nwant\n%s", configs[0], configs[1])
	}
	for _, repo := range []string{p.ours, p.theirs} {
		if left, err := filepath.Glob(filepath.Join(repo, "*.trustedkeys.gpg")); err != nil || len(left) > 0 {
			t.Errorf("keys of a remote that was deleted: %v, %v", left, err)
		}
	}
}

// compareKeys has the real tool list the keys of a remote in both repositories.
func (p *compatPair) compareKeys(remote string) {
	p.t.Helper()
	want, errs, code := p.runTheirs("remote --repo=REPO gpg-list-keys " + remote)
	got, _, ourCode := p.runTheirs("remote --repo=" + p.ours + " gpg-list-keys " + remote)
	if code != 0 || ourCode != 0 || sortLines(got) != sortLines(want) {
		p.t.Errorf("keys of %s: got %d\n%s\nwant %d\n%s%s", remote, ourCode, got, code, want, errs)
	}
}

func TestCompatCookies(t *testing.T) {
	p := newCompatPair(t)
	p.ok("--repo=REPO init --mode=archive")
	p.write("ours/o.cookies.txt", "example.com\tFALSE\t/repo\tFALSE\t0\ta\t1\n.example.com\tTRUE\t/\tTRUE\t1900000000\tb\t2\n"+
		"example.com\tFALSE\t/\tFALSE\t1700000000\told\t3\n# a\tb\tc\td\te\tf\tg\nnonsense\n", 0o644)
	env, _, _ := testEnvironment()
	env.clock = func() time.Time { return time.Unix(1_800_000_000, 0) }
	c := &compat{env: env, path: p.ours}
	repo, err := c.open()
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	for url, want := range map[string]string{
		"http://example.com/repo": "a=1", "https://example.com/repo/sub": "a=1; b=2", "https://sub.example.com/repo": "b=2", "http://example.com/repository": "",
		"http://badexample.com/repo": "",
	} {
		r := &compatRemote{c: c, repo: repo, name: "o"}
		if got, err := r.cookies(url); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", url, got, err, want)
		}
	}
}
