package sign

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree/gvariant"
)

// gnupg is a folder of GnuPG with the program to use it.
type gnupg struct {
	t    *testing.T
	home string
}

func newGnuPG(t *testing.T) gnupg {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Fatal("this test needs gpg: install the package gnupg (Fedora: gnupg2)")
	}
	// The agent's socket lies in the folder, and its path must be short.
	home, err := os.MkdirTemp("", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	return gnupg{t, home}
}

func (g gnupg) run(args ...string) []byte {
	g.t.Helper()
	cmd := exec.Command("gpg", append([]string{"--homedir", g.home, "--batch", "--quiet", "--yes", "--no-tty"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		g.t.Fatalf("gpg %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// generate makes a key with gpg and returns its fingerprint.
func (g gnupg) generate(uid, algorithm, usage, expire string) string {
	g.t.Helper()
	g.run("--passphrase", "", "--quick-generate-key", uid, algorithm, usage, expire)
	return g.fingerprint(uid)
}

func (g gnupg) fingerprint(uid string) string {
	g.t.Helper()
	for line := range strings.Lines(string(g.run("--list-keys", "--with-colons", uid))) {
		if f := strings.Split(line, ":"); f[0] == "fpr" {
			return f[9]
		}
	}
	g.t.Fatalf("gpg lists no key %s", uid)
	return ""
}

func (g gnupg) keyring(keys ...string) *Keyring {
	g.t.Helper()
	k, err := ReadKeyring(g.run(append([]string{"--export"}, keys...)...))
	if err != nil {
		g.t.Fatal(err)
	}
	return k
}

func (g gnupg) sign(key, content string, args ...string) gvariant.Dict {
	g.t.Helper()
	file := filepath.Join(g.t.TempDir(), "content")
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		g.t.Fatal(err)
	}
	sig := g.run(append(args, "--local-user", key, "--output", "-", "--detach-sign", file)...)
	return Append(nil, Signature{KeyOpenPGP, sig})
}

func TestVerifyWhatGPGSigns(t *testing.T) {
	g := newGnuPG(t)
	for _, algorithm := range []string{"ed25519", "rsa3072", "nistp256"} {
		uid := algorithm + "@example.org"
		key := g.generate(uid, algorithm, "sign", "never")
		got, err := g.keyring().Verify([]byte("content"), g.sign(key, "content"), time.Now())
		if err != nil || got.Fingerprint != key || got.UID != uid {
			t.Errorf("%s: got %+v, %v, want %s %s", algorithm, got, err, key, uid)
		}
	}
	for name, form := range map[string][]byte{
		"armored":              g.run("--armor", "--export"),
		"armored, one each":    append(g.run("--armor", "--export", "rsa3072@example.org"), g.run("--armor", "--export", "ed25519@example.org")...),
		"binary, then text":    append(g.run("--export", "rsa3072@example.org"), g.run("--armor", "--export", "ed25519@example.org")...),
		"text, then binary":    append(g.run("--armor", "--export", "rsa3072@example.org"), g.run("--export", "ed25519@example.org")...),
		"binary, line between": append(append(g.run("--export", "rsa3072@example.org"), '\n'), g.run("--export", "ed25519@example.org")...),
		"with words around":    append([]byte("Our key:\n\n"), append(g.run("--armor", "--export", "ed25519@example.org"), "\nthat was it\n"...)...),
		"with Windows' ends":   bytes.ReplaceAll(g.run("--armor", "--export"), []byte("\n"), []byte("\r\n")),
	} {
		k, err := ReadKeyring(form)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := k.Verify([]byte("content"), g.sign("ed25519@example.org", "content"), time.Now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerifyOneElementWithSeveralSignatures(t *testing.T) {
	g := newGnuPG(t)
	g.generate("a@example.org", "ed25519", "sign", "never")
	g.generate("b@example.org", "ed25519", "sign", "never")
	dict := g.sign("a@example.org", "content", "--local-user", "b@example.org")
	for _, key := range []string{"a@example.org", "b@example.org"} {
		if _, err := g.keyring(key).Verify([]byte("content"), dict, time.Now()); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestVerifySubkeysExpiryAndRevocation(t *testing.T) {
	g := newGnuPG(t)
	primary := g.generate("sub@example.org", "ed25519", "cert", "never")
	g.run("--passphrase", "", "--quick-add-key", primary, "ed25519", "sign", "1y")
	dict := g.sign(primary, "content")
	now := time.Now().Add(time.Hour) // after every key and signature that this test makes
	got, err := g.keyring().Verify([]byte("content"), dict, now)
	if err != nil || got.Fingerprint != primary {
		t.Fatalf("subkey: got %+v, %v, want %s", got, err, primary)
	}
	fresh := g.run("--export", primary)
	if _, err := g.keyring().Verify([]byte("content"), dict, now.AddDate(2, 0, 0)); !errors.Is(err, ErrExpired) {
		t.Errorf("subkey after two years: got %v, want %v", err, ErrExpired)
	}

	expiring := g.generate("year@example.org", "rsa3072", "sign", "1y")
	short := g.sign(expiring, "content")
	if _, err := g.keyring(expiring).Verify([]byte("content"), short, now); err != nil {
		t.Errorf("key in its time: %v", err)
	}
	if _, err := g.keyring(expiring).Verify([]byte("content"), short, now.AddDate(2, 0, 0)); !errors.Is(err, ErrExpired) {
		t.Errorf("key after its time: got %v, want %v", err, ErrExpired)
	}
	old := g.run("--export", expiring)
	g.run("--quick-set-expire", expiring, "10y")
	extended, err := ReadKeyring(append(old, g.run("--export", expiring)...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := extended.Verify([]byte("content"), short, now.AddDate(2, 0, 0)); err != nil {
		t.Errorf("old and extended copy: %v", err)
	}

	g.revoke(primary)
	if _, err := g.keyring(primary).Verify([]byte("content"), dict, now); !errors.Is(err, ErrRevoked) {
		t.Errorf("revoked: got %v, want %v", err, ErrRevoked)
	}
	both, err := ReadKeyring(append(fresh, g.run("--export", primary)...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := both.Verify([]byte("content"), dict, now); !errors.Is(err, ErrRevoked) {
		t.Errorf("revoked in one of two copies: got %v, want %v", err, ErrRevoked)
	}
}

// revoke imports the revocation certificate that gpg made with the key.
func (g gnupg) revoke(key string) {
	g.t.Helper()
	path := filepath.Join(g.home, "openpgp-revocs.d", key+".rev")
	data, err := os.ReadFile(path)
	if err != nil {
		g.t.Fatal(err)
	}
	// A colon guards the certificate against being imported by accident.
	data = bytes.ReplaceAll(data, []byte(":-----BEGIN"), []byte("-----BEGIN"))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		g.t.Fatal(err)
	}
	g.run("--import", path)
}

func TestVerifyRefusesWhatGPGMakesWeak(t *testing.T) {
	g := newGnuPG(t)
	g.generate("weak@example.org", "rsa1024", "sign", "never")
	if _, err := g.keyring().Verify([]byte("content"), g.sign("weak@example.org", "content"), time.Now()); !errors.Is(err, ErrUnusable) {
		t.Errorf("RSA 1024: got %v, want %v", err, ErrUnusable)
	}
	g.generate("good@example.org", "rsa3072", "sign", "never")
	dict := g.sign("good@example.org", "content", "--digest-algo", "SHA1")
	if _, err := g.keyring().Verify([]byte("content"), dict, time.Now()); !errors.Is(err, ErrUnusable) {
		t.Errorf("SHA-1: got %v, want %v", err, ErrUnusable)
	}
	dict = g.sign("good@example.org", "content", "--textmode")
	if _, err := g.keyring().Verify([]byte("content"), dict, time.Now()); !errors.Is(err, ErrUnusable) {
		t.Errorf("a text signature: got %v, want %v", err, ErrUnusable)
	}
}

func TestGPGVerifiesWhatWeSign(t *testing.T) {
	key, signer, _ := newKey(t, "Ours <ours@example.org>")
	g := newGnuPG(t)
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	g.run("--import", write("public", key.Public))
	if got := g.fingerprint("ours@example.org"); got != key.Fingerprint {
		t.Errorf("fingerprint in gpg: got %s, want %s", got, key.Fingerprint)
	}
	sig, err := signer.Sign(t.Context(), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	g.run("--verify", write("sig", sig.Data), write("content", []byte("content")))

	// The secret part, too: gpg signs with it, and exports it with a passphrase.
	g.run("--import", write("secret", key.Secret))
	keyring, err := ReadKeyring(key.Public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Verify([]byte("content"), g.sign(key.Fingerprint, "content"), time.Now()); err != nil {
		t.Errorf("gpg with our secret key: %v", err)
	}
}

func TestLoadSecretKeyFromGPG(t *testing.T) {
	g := newGnuPG(t)
	plain := g.generate("plain@example.org", "rsa3072", "sign", "never")
	sub := g.generate("sub@example.org", "ed25519", "cert", "never")
	g.run("--passphrase", "", "--quick-add-key", sub, "ed25519", "sign", "never")
	g.run("--pinentry-mode", "loopback", "--passphrase", "opensesame", "--quick-generate-key", "locked@example.org", "ed25519", "sign", "never")
	export := func(args ...string) []byte {
		return g.run(append([]string{"--pinentry-mode", "loopback", "--passphrase", "opensesame"}, args...)...)
	}
	for _, tc := range []struct {
		name       string
		file       []byte
		passphrase string
		problem    string
	}{
		{"binary", export("--export-secret-keys", plain), "", ""},
		{"armored", export("--armor", "--export-secret-keys", plain), "", ""},
		{"subkeys alone", export("--export-secret-subkeys", sub), "", ""},
		{"locked", export("--export-secret-keys", "locked@example.org"), "opensesame", ""},
		{"locked, no passphrase", export("--export-secret-keys", "locked@example.org"), "", "locked with a passphrase"},
		{"locked, wrong passphrase", export("--export-secret-keys", "locked@example.org"), "sesame", "unlocking it"},
		{"public alone", g.run("--export", plain), "", "public keys alone"},
		{"several", export("--export-secret-keys", plain, sub), "", "holds several"},
		{"nothing", nil, "", "no OpenPGP key"},
	} {
		signer, err := LoadSecretKey(bytes.NewReader(tc.file), []byte(tc.passphrase), time.Now)
		if tc.problem != "" {
			if err == nil || !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("%s: got %v, want an error with %q", tc.name, err, tc.problem)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		sig, err := signer.Sign(t.Context(), []byte("content"))
		if err != nil {
			t.Errorf("%s: signing: %v", tc.name, err)
			continue
		}
		if _, err := g.keyring().Verify([]byte("content"), Append(nil, sig), time.Now()); err != nil {
			t.Errorf("%s: verifying: %v", tc.name, err)
		}
		public, err := signer.PublicKey(t.Context())
		if err != nil {
			t.Errorf("%s: public key: %v", tc.name, err)
			continue
		}
		if k, err := ReadKeyring(public); err != nil || k.Fingerprints()[0] != signer.Fingerprint() {
			t.Errorf("%s: public key: got %v, %v, want %s", tc.name, k, err, signer.Fingerprint())
		}
	}
}

func TestGPGSigner(t *testing.T) {
	g := newGnuPG(t)
	key := g.generate("agent@example.org", "ed25519", "sign", "never")
	signer := NewGPG(g.home, key)
	dict := mustSign(t, signer, "content", nil)
	if _, err := g.keyring().Verify([]byte("content"), dict, time.Now()); err != nil {
		t.Errorf("verifying: %v", err)
	}
	for content, want := range map[string]bool{"content": true, "other": false} {
		if got, err := signer.Signed(t.Context(), []byte(content), dict); got != want || err != nil {
			t.Errorf("signed %s: got %v, %v, want %v", content, got, err, want)
		}
	}
	if _, err := NewGPG(g.home, "nobody@example.org").Sign(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "nobody@example.org") {
		t.Errorf("unknown key: got %v, want an error that names it", err)
	}
	if _, err := NewGPG(g.home, "nobody@example.org").PublicKey(t.Context()); err == nil {
		t.Error("exporting an unknown key: got nil, want an error")
	}
	missing := NewGPG("", key)
	missing.Program = "no-such-gpg"
	if _, err := missing.Sign(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "install GnuPG") {
		t.Errorf("missing program: got %v, want the advice to install it", err)
	}
	if _, err := ReadKeyring(mustRead(t, filepath.Join(g.home, "pubring.kbx"))); err == nil || !strings.Contains(err.Error(), "gpg --export") {
		t.Errorf("a keybox: got %v, want the advice to export", err)
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
