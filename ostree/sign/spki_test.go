package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree/gvariant"
)

// openSSL runs the real openssl in a folder of its own.
type openSSL struct {
	t   *testing.T
	dir string
}

func newOpenSSL(t *testing.T) openSSL {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("this test needs openssl: install the package openssl")
	}
	return openSSL{t, t.TempDir()}
}

func (o openSSL) try(args ...string) ([]byte, error) {
	cmd := exec.Command("openssl", args...)
	cmd.Dir = o.dir
	return cmd.CombinedOutput()
}

func (o openSSL) run(args ...string) []byte {
	o.t.Helper()
	out, err := o.try(args...)
	if err != nil {
		o.t.Fatalf("openssl %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

func (o openSSL) write(name string, data []byte) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), data, 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o openSSL) read(name string) []byte {
	o.t.Helper()
	data, err := os.ReadFile(filepath.Join(o.dir, name))
	if err != nil {
		o.t.Fatal(err)
	}
	return data
}

// genkey makes a key and returns both parts in PEM.
func (o openSSL) genkey(args ...string) (secret, public []byte) {
	o.t.Helper()
	o.run(append([]string{"genpkey", "-out", "key"}, args...)...)
	o.run("pkey", "-in", "key", "-pubout", "-out", "key.pub")
	return o.read("key"), o.read("key.pub")
}

// spkiKinds are the kinds of keys that the engine signs with, as openssl makes
// them, and the length of their signatures where it is always the same.
var spkiKinds = map[string]struct {
	args []string
	size int
}{
	"Ed25519":    {[]string{"-algorithm", "ED25519"}, 64},
	"Ed448":      {[]string{"-algorithm", "ED448"}, 114},
	"RSA":        {[]string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, 256},
	"ECDSA P256": {[]string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}, 0},
	"ECDSA P384": {[]string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"}, 0},
	"ECDSA P521": {[]string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"}, 0},
}

// TestSPKIAgainstOpenSSL signs with each side and verifies with the other.
// pkeyutl -rawin without -digest calls EVP_DigestSign and EVP_DigestVerify with
// no digest named, as libostree does.
func TestSPKIAgainstOpenSSL(t *testing.T) {
	for name, kind := range spkiKinds {
		t.Run(name, func(t *testing.T) {
			o := newOpenSSL(t)
			secret, public := o.genkey(kind.args...)
			signer, err := ReadSPKISecret(secret)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := signer.PublicKey(t.Context()); err != nil || !bytes.Equal(got, public) {
				t.Errorf("public key: got %s, %v, want %s", got, err, public)
			}
			keys, err := ReadSPKIKeys(public)
			if err != nil {
				t.Fatal(err)
			}
			content := strings.Repeat("a commit object ", 100)
			o.write("content", []byte(content))
			o.write("other", []byte(content+"!"))

			o.run("pkeyutl", "-sign", "-rawin", "-inkey", "key", "-in", "content", "-out", "theirs")
			theirs := Append(nil, Signature{KeySPKI, o.read("theirs")})
			verified, err := keys.Verify([]byte(content), theirs)
			if err != nil || verified.Fingerprint != keys[0].Fingerprint() {
				t.Errorf("their signature: got %+v, %v", verified, err)
			}
			if _, err := keys.Verify([]byte(content+"!"), theirs); !errors.Is(err, ErrBad) {
				t.Errorf("their signature of other content: got %v, want %v", err, ErrBad)
			}

			sig, err := signer.Sign(t.Context(), []byte(content))
			if err != nil || sig.Key != KeySPKI || kind.size != 0 && len(sig.Data) != kind.size {
				t.Fatalf("our signature: got %s of %d bytes, %v, want %d", sig.Key, len(sig.Data), err, kind.size)
			}
			o.write("ours", sig.Data)
			verify := []string{"pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key.pub", "-sigfile", "ours", "-in"}
			o.run(append(verify, "content")...)
			if out, err := o.try(append(verify, "other")...); err == nil {
				t.Errorf("openssl takes our signature for other content: %s", out)
			}
			if again, err := signer.Sign(t.Context(), []byte(content)); err != nil || !bytes.Equal(again.Data, sig.Data) {
				t.Errorf("signed again: got %x, %v, want %x", again.Data, err, sig.Data)
			}
			wantSigned(t, signer, content, theirs)
		})
	}
}

func wantSigned(t *testing.T, signer Signer, content string, dict gvariant.Dict) {
	t.Helper()
	if ok, err := signer.Signed(t.Context(), []byte(content), dict); !ok || err != nil {
		t.Errorf("signed: got %v, %v, want true", ok, err)
	}
	if ok, err := signer.Signed(t.Context(), []byte(content), nil); ok || err != nil {
		t.Errorf("signed, without a signature: got %v, %v, want false", ok, err)
	}
}

// TestSPKIKeyForms reads keys in every form that libostree or openssl writes.
func TestSPKIKeyForms(t *testing.T) {
	o := newOpenSSL(t)
	var all, lines []byte
	for _, kind := range spkiKinds {
		secret, public := o.genkey(kind.args...)
		all = append(append(all, "\nsome words about the key\n"...), public...)
		lines = append(append(lines, base64.StdEncoding.EncodeToString(der(t, public))...), "\r\n\n"...)
		for form, data := range map[string][]byte{
			"PEM": secret, "DER": der(t, secret), "base64": []byte(base64.StdEncoding.EncodeToString(der(t, secret)) + "\n"),
		} {
			signer, err := LoadSigner(bytes.NewReader(data), []byte("unused"), time.Now)
			if err != nil {
				t.Fatalf("secret key, %s: %v", form, err)
			}
			if got, err := signer.(*SPKISigner).PublicKey(t.Context()); err != nil || !bytes.Equal(got, public) {
				t.Errorf("secret key, %s: got the public key %s, %v, want %s", form, got, err, public)
			}
		}
		if keys, err := ReadSPKIKeys(der(t, public)); err != nil || len(keys) != 1 {
			t.Errorf("DER: got %d keys, %v, want one", len(keys), err)
		}
	}
	inPEM, err := ReadSPKIKeys(all)
	if err != nil || len(inPEM) != len(spkiKinds) {
		t.Fatalf("PEM: got %d keys, %v, want %d", len(inPEM), err, len(spkiKinds))
	}
	inBase64, err := ReadSPKIKeys(lines)
	if err != nil || len(inBase64) != len(inPEM) {
		t.Fatalf("base64: got %d keys, %v, want %d", len(inBase64), err, len(inPEM))
	}
	for i := range inPEM {
		if inPEM[i].Fingerprint() != inBase64[i].Fingerprint() {
			t.Errorf("key %d: got %s in base64, want %s", i, inBase64[i].Fingerprint(), inPEM[i].Fingerprint())
		}
	}
	secret := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x30}, 64))
	if _, err := LoadSigner(strings.NewReader(secret), nil, time.Now); err == nil || !strings.Contains(err.Error(), "ed25519") {
		t.Errorf("64 bytes in base64: got %v, want them taken for an ed25519 key", err)
	}
	if _, err := LoadSigner(strings.NewReader("-----BEGIN PGP PRIVATE KEY BLOCK-----\n"), nil, time.Now); err == nil || strings.Contains(err.Error(), "spki") {
		t.Errorf("an OpenPGP key: got %v, want it read as such", err)
	}
}

func der(t *testing.T, text []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("no PEM: %s", text)
	}
	return block.Bytes
}

// TestSPKIRefuses makes keys of what the engine does not sign with.
func TestSPKIRefuses(t *testing.T) {
	o := newOpenSSL(t)
	for name, args := range map[string][]string{
		"RSA-PSS":                {"-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"},
		"X25519":                 {"-algorithm", "X25519"},
		"X448":                   {"-algorithm", "X448"},
		"an RSA key of 768 bits": {"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:768"},
		"elliptic curve":         {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"},
	} {
		secret, public := o.genkey(args...)
		if _, err := ReadSPKIKeys(public); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("public key: got %v, want an error with %q", err, name)
		}
		if _, err := ReadSPKISecret(secret); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("secret key: got %v, want an error with %q", err, name)
		}
	}
	secret, public := o.genkey("-algorithm", "ED448")
	o.run("pkey", "-in", "key", "-aes256", "-passout", "pass:opensesame", "-out", "locked")
	cut := public[:len(public)/2]
	for name, c := range map[string]struct {
		data   []byte
		secret bool
		want   string
	}{
		"locked":         {o.read("locked"), true, "has a passphrase"},
		"secret for all": {secret, false, "this is a secret key"},
		"public to sign": {public, true, `want "PRIVATE KEY"`},
		"two to sign":    {append(bytes.Clone(secret), secret...), true, "want one"},
		"nothing":        {nil, true, "want one"},
		"cut PEM":        {append(bytes.Clone(public), cut...), false, "1 of 2 PEM blocks are damaged"},
		"cut DER":        {der(t, public)[:20], false, "no SubjectPublicKeyInfo"},
		"more than DER":  {append(der(t, public), 0), false, "1 bytes follow it"},
		"short Ed448":    {append(der(t, secret)[:15], 1), true, "no PKCS#8"},
		"a word":         {[]byte("key!"), false, "line 1"},
		"PKCS#1":         {[]byte("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"), true, "openssl pkey"},
		"a certificate":  {[]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), false, "CERTIFICATE"},
	} {
		var err error
		if c.secret {
			_, err = ReadSPKISecret(c.data)
		} else {
			_, err = ReadSPKIKeys(c.data)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestCount(t *testing.T) {
	dict := gvariant.Dict{{Key: "version", Value: gvariant.String("1")}, {Key: KeyOpenPGP, Value: gvariant.String("no array")}}
	for _, key := range []string{KeyEd25519, KeySPKI, KeySPKI} {
		dict = Append(dict, Signature{key, []byte{byte(len(dict)), 1}})
	}
	if got := Count(dict); got != 3 {
		t.Errorf("signatures: got %d, want 3", got)
	}
}

// seedKeys are keys of all kinds, secret and public, in DER.
func seedKeys(f *testing.F) [][]byte {
	f.Helper()
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		f.Fatal(err)
	}
	ed448 := append([]byte("\x30\x47\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x71\x04\x3b\x04\x39"), bytes.Repeat([]byte{4}, 57)...)
	ders := [][]byte{ed448}
	for _, key := range []crypto.Signer{ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), curve, long} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			f.Fatal(err)
		}
		ders = append(ders, der)
	}
	for _, der := range ders {
		signer, err := ReadSPKISecret(der)
		if err != nil {
			f.Fatal(err)
		}
		ders = append(ders, []byte(signer.public.der))
	}
	return ders
}

func FuzzReadSPKI(f *testing.F) {
	for _, data := range seedKeys(f) {
		f.Add(data)
		f.Add([]byte(base64.StdEncoding.EncodeToString(data)))
		f.Add(pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: data}))
		f.Add(pem.EncodeToMemory(&pem.Block{Type: pemSecret, Bytes: data}))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := ReadSPKIKeys(data)
		if err == nil {
			for _, k := range keys {
				if k.verify([]byte("content"), data) {
					t.Errorf("key %s passed a signature that nobody made", k.Fingerprint())
				}
			}
		}
		if signer, err := ReadSPKISecret(data); err == nil {
			if _, err := signer.Sign(t.Context(), data); err != nil {
				t.Error(err)
			}
		}
	})
}
