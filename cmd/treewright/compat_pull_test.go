package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ok runs a line with treewright, which must succeed.
func (p *compatPair) ok(line string) string {
	p.t.Helper()
	out, errs, code := p.runOurs(line)
	if code != 0 {
		p.t.Fatalf("%s: exit code %d: %s", line, code, errs)
	}
	return out
}

// fails runs a line with treewright, which must fail and say so.
func (p *compatPair) fails(line, says string) {
	p.t.Helper()
	if _, errs, code := p.runOurs(line); code != 1 || !strings.HasPrefix(errs, "error: ") || !strings.Contains(errs, says) {
		p.t.Errorf("%s: got exit code %d, %q, want 1 and %q", line, code, errs, says)
	}
}

// TestCompatPullSigned checks signatures of commits and summaries, those of a
// cached summary too.
func TestCompatPullSigned(t *testing.T) {
	p := newCompatPair(t)
	delete(p.getenv, "OSTREE_SKIP_CACHE")
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32)))
	secret := base64.StdEncoding.EncodeToString(key)
	public := base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	other := base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed([]byte(strings.Repeat("o", 32))).Public().(ed25519.PublicKey))
	p.write("tree/a", "a\n", 0o644)
	p.ok("--repo=DIR/srv init --mode=archive")
	p.ok("--repo=DIR/srv commit -b main --sign-type=ed25519 --sign=" + secret + " DIR/tree")
	p.ok("--repo=DIR/srv commit -b unsigned --no-bindings DIR/tree")
	p.ok("--repo=DIR/srv summary -u --sign=" + secret)
	p.ok("--repo=REPO init --mode=archive")
	set := func(key, value string) { p.ok("--repo=REPO config --group='remote \"o\"' set " + key + " " + value) }
	set("url", "file://DIR/srv")
	set("gpg-verify", "false")
	set("sign-verify", "ed25519")
	set("sign-verify-summary", "true")
	p.fails("--repo=REPO pull o main", "No keys found for required signapi type ed25519")
	set("verification-ed25519-key", other)
	p.fails("--repo=REPO pull o main", "Signature couldn't be verified")
	set("verification-ed25519-key", public)
	p.fails("--repo=REPO pull o unsigned", "No signatures found")
	p.fails("--repo=REPO pull --bareuseronly-files --url=file://DIR/none o main", "no summary.sig found")
	p.ok("--repo=REPO pull o main")
	cached := filepath.Join(p.ours, "tmp", "cache", "summaries", "o")
	whole, err := os.ReadFile(cached)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cached, append([]byte("x"), whole...), 0o644); err != nil {
		t.Fatal(err)
	}
	p.ok("--repo=REPO pull o main")
	if again, err := os.ReadFile(cached); err != nil || string(again) != string(whole) {
		t.Errorf("a cached summary that its signature does not sign was kept: %v", err)
	}
	set("sign-verify", "nosuchsystem")
	p.fails("--repo=REPO pull o main", "Requested signature type is not implemented")
	p.ok("--repo=REPO prune")
	if _, err := os.Stat(cached); err != nil {
		t.Errorf("prune dropped the summary of a remote that is there: %v", err)
	}
}

// TestCompatPullChecks refuses what the options say, and takes objects from a
// repository beside.
func TestCompatPullChecks(t *testing.T) {
	p := newCompatPair(t)
	p.write("tree/a", "a\n", 0o644)
	p.write("suid/s", "s\n", 0o644)
	p.write("override", "2048 /s\n", 0o644)
	for _, repo := range []string{"DIR/srv", "DIR/cache", "REPO"} {
		p.ok("--repo=" + repo + " init --mode=archive")
	}
	old := strings.TrimSpace(p.ok("--repo=DIR/srv commit -b main --owner-uid=0 --owner-gid=0 DIR/tree"))
	p.ok("--repo=DIR/srv commit -b suid --statoverride=DIR/override DIR/suid")
	p.ok("--repo=DIR/cache pull-local DIR/srv main")
	p.write("tree/b", "b\n", 0o644)
	p.getenv["SOURCE_DATE_EPOCH"] = "1700000100"
	p.ok("--repo=DIR/srv commit -b main --owner-uid=0 --owner-gid=0 DIR/tree")
	p.ok("--repo=DIR/srv summary -u")
	for key, value := range map[string]string{"url": "file://DIR/srv", "gpg-verify": "false"} {
		p.ok("--repo=REPO config --group='remote \"o\"' set " + key + " " + value)
	}
	p.fails("--repo=REPO pull --bareuseronly-files o suid", "with bits 04000")
	if out := p.ok("--repo=REPO refs"); out != "" {
		t.Errorf("refs after a refused pull: got %q, want none", out)
	}
	if out := p.ok("--repo=REPO pull -L DIR/cache o main"); !strings.HasPrefix(out, "3 metadata, 1 content objects fetched (1 meta, 1 content local)") {
		t.Errorf("with a local cache: got %q", out)
	}
	p.fails("--repo=REPO pull -T o main@"+old, "is chronologically older than")
	p.ok("--repo=REPO pull o main@" + old)
	if out := p.ok("--repo=REPO rev-parse o:main"); strings.TrimSpace(out) != old {
		t.Errorf("got %q, want the commit that was named", out)
	}
	p.ok("--repo=REPO fsck")
}
