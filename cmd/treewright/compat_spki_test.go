package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
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
