package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/ostreetest"
	"github.com/treewright/treewright/ostree/sign"
)

// TestCompatSPKI signs with keys of the kind that ostree's own tests use, has
// openssl check the signature, and pulls with the remote's settings.
func TestCompatSPKI(t *testing.T) {
	ostreetest.Needs(t, "openssl", "openssl")
	p := newCompatPair(t)
	dir := t.TempDir()
	key := func(name string) (secret, public string) {
		file := filepath.Join(dir, name)
		ostreetest.Command(t, "openssl", "genpkey", "-algorithm", "ed448", "-out", file)
		ostreetest.Command(t, "openssl", "pkey", "-in", file, "-pubout", "-out", file+".pub")
		return base64.StdEncoding.EncodeToString(ostreetest.Command(t, "openssl", "pkey", "-in", file, "-outform", "DER")),
			base64.StdEncoding.EncodeToString(ostreetest.Command(t, "openssl", "pkey", "-in", file, "-pubout", "-outform", "DER"))
	}
	secret, public := key("ours")
	_, other := key("other")
	p.write("tree/a", "a\n", 0o644)
	p.ok("--repo=REPO init --mode=archive")
	p.ok("--repo=REPO commit -b main --sign-type=spki --sign=" + secret + " DIR/tree")
	p.ok("--repo=REPO summary -u --sign-type=spki --sign=" + secret)
	wantOpenSSL(t, p.ours, filepath.Join(dir, "ours.pub"))
	testSignVerb(p, dir, secret, public, other)

	upstream := p.ours
	p.ours = filepath.Join(t.TempDir(), "repo")
	p.ok("--repo=REPO init --mode=archive")
	set := func(key, value string) { p.ok("--repo=REPO config --group='remote \"o\"' set " + key + " " + value) }
	set("url", "file://"+upstream)
	set("gpg-verify", "false")
	set("sign-verify", "spki")
	p.fails("--repo=REPO pull o main", "No keys found for required signapi type spki")
	set("verification-spki-key", other)
	set("sign-verify-summary", "true")
	p.fails("--repo=REPO pull o main", "spki: Signature couldn't be verified")
	set("verification-spki-file", filepath.Join(dir, "ours.pub")) // beside the other key
	p.ok("--repo=REPO pull o main")
	set("verification-spki-file", filepath.Join(dir, "other.pub"))
	set("verification-spki-key", public)
	set("sign-verify", "ed25519;spki")
	p.fails("--repo=REPO pull o main", "No keys found for required signapi type ed25519")
	set("sign-verify", "true")
	p.ok("--repo=REPO pull o main")
	set("verification-spki-file", filepath.Join(dir, "ours")) // the secret one
	p.fails("--repo=REPO pull o main", "this is a secret key")
}

// testSignVerb signs and verifies with keys on the command line, in files and in
// folders, as ostree's own test of the engine does.
func testSignVerb(p *compatPair, dir, secret, public, other string) {
	p.t.Helper()
	read := func(names ...string) (all string) {
		for _, name := range names {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				p.t.Fatal(err)
			}
			all += string(data)
		}
		return all
	}
	const sign = "--repo=REPO sign --sign-type=spki main "
	const verify = "--repo=REPO sign --verify --sign-type=spki main "
	p.ok(sign + secret)
	p.ok(sign + "--keys-file=" + filepath.Join(dir, "ours"))
	if out := p.ok(verify + other + " " + public); !strings.Contains(out, "spki: Signature verified successfully with key") {
		p.t.Errorf("verified: got %q", out)
	}
	p.fails(verify+other, "No valid signatures found")
	p.write("keys", read("other.pub", "other.pub", "ours.pub"), 0o644)
	p.ok(verify + "--keys-file=DIR/keys")
	p.write("keys", strings.Repeat(read("other.pub"), 100), 0o644)
	p.fails(verify+"--keys-file=DIR/keys", "spki: Signature couldn't be verified; tried 100 keys")
	p.write("keys", read("ours.pub")+"-----BEGIN PUBLIC KEY-----\n", 0o644)
	p.fails(verify+"--keys-file=DIR/keys", "is damaged")
	p.write("etc/trusted.spki.d/one", read("other.pub"), 0o644)
	p.fails(verify+"--keys-dir=DIR/etc", "No valid signatures found")
	p.write("etc/trusted.spki", read("ours.pub"), 0o644)
	p.ok(verify + "--keys-dir=DIR/etc")
	p.write("etc/revoked.spki.d/one", read("ours.pub"), 0o644)
	p.fails(verify+"--keys-dir=DIR/etc", "No valid signatures found")
}

// wantOpenSSL has openssl check the signature of the commit of main.
func wantOpenSSL(t *testing.T, dir, public string) {
	t.Helper()
	repo := ostreetest.Open(t, dir)
	c, err := repo.ResolveRef("main")
	if err != nil {
		t.Fatal(err)
	}
	meta, err := repo.CommitMeta(c)
	if err != nil {
		t.Fatal(err)
	}
	sigs, _ := meta.Get(sign.KeySPKI)
	if sigs.Len() != 1 {
		t.Fatalf("signatures: got %d, want one", sigs.Len())
	}
	file := filepath.Join(t.TempDir(), "sig")
	if err := os.WriteFile(file, sigs.Index(0).Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	commit := filepath.Join(dir, ostreetest.ObjectFile(c, ostree.ObjectCommit))
	ostreetest.Command(t, "openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, "-in", commit, "-sigfile", file)
}
