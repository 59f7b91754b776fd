package remote

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/ostreetest"
	"github.com/treewright/treewright/ostree/sign"
)

// newEd25519 makes a key from a seed.
func newEd25519(t *testing.T, seed byte) (*sign.Ed25519Signer, sign.Ed25519Keys) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	signer, err := sign.ReadEd25519Secret([]byte(base64.StdEncoding.EncodeToString(key)))
	if err != nil {
		t.Fatal(err)
	}
	return signer, sign.Ed25519Keys{key.Public().(ed25519.PublicKey)}
}

// signFile adds a signature of a file to another file.
func (u *upstream) signFile(signer sign.Signer, name, signatures string) {
	u.T.Helper()
	sig, err := signer.Sign(u.T.Context(), u.Read(name))
	if err != nil {
		u.T.Fatal(err)
	}
	dict, err := gvariant.ParseDict(u.Read(signatures))
	if err != nil {
		u.T.Fatal(err)
	}
	u.Write(signatures, sign.Append(dict, sig).Encode().Data())
}

// newSPKI makes a key from a seed.
func newSPKI(t *testing.T, seed byte) (*sign.SPKISigner, sign.SPKIKeys) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sign.ReadSPKISecret(der)
	if err != nil {
		t.Fatal(err)
	}
	public, err := signer.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := sign.ReadSPKIKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, keys
}

func TestPullVerifiesEd25519(t *testing.T) {
	signer, keys := newEd25519(t, 1)
	_, others := newEd25519(t, 2)
	testPullVerifies(t, signer, func(o *Options) { o.Ed25519Keys = keys }, func(o *Options) { o.Ed25519Keys = others })
}

func TestPullVerifiesSPKI(t *testing.T) {
	signer, keys := newSPKI(t, 1)
	_, others := newSPKI(t, 2)
	testPullVerifies(t, signer, func(o *Options) { o.SPKIKeys = keys }, func(o *Options) { o.SPKIKeys = others })
	_, other := newEd25519(t, 1)
	testPullVerifies(t, signer, func(o *Options) { o.SPKIKeys = keys }, func(o *Options) { o.SPKIKeys, o.Ed25519Keys = keys, other })
}

// testPullVerifies pulls what gpg and signer sign, with the signer's key and
// with others that refuse it.
func testPullVerifies(t *testing.T, signer sign.Signer, keys, others func(*Options)) {
	u := newUpstream(t)
	c := u.commit("r", 0, someTree)
	u.summarize()
	pull := func(change func(*Options)) error {
		t.Helper()
		opts := u.verified()
		change(&opts)
		dst := newRepo(t)
		_, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}})
		if err != nil {
			wantRef(t, dst, "r", ostree.Checksum{})
		}
		return err
	}
	commits := func(set func(*Options)) func(*Options) {
		return func(o *Options) { set(o); o.SignVerify = true }
	}
	summary := func(set func(*Options)) func(*Options) {
		return func(o *Options) { set(o); o.SignVerifySummary = true }
	}
	if err := pull(commits(keys)); !errors.Is(err, sign.ErrUnsigned) {
		t.Errorf("a commit that gpg alone signed: got %v, want %v", err, sign.ErrUnsigned)
	}
	if err := pull(summary(keys)); !errors.Is(err, sign.ErrUnsigned) {
		t.Errorf("a summary that gpg alone signed: got %v, want %v", err, sign.ErrUnsigned)
	}
	u.signFile(signer, ostreetest.ObjectFile(c, ostree.ObjectCommit), ostreetest.ObjectFile(c, ostree.ObjectCommitMeta))
	u.signFile(signer, "summary", "summary.sig")
	for name, change := range map[string]func(*Options){"commit": commits(keys), "summary": summary(keys)} {
		if err := pull(change); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*Options){"commit": commits(others), "summary": summary(others)} {
		if err := pull(change); !errors.Is(err, sign.ErrBad) && !errors.Is(err, sign.ErrUnsigned) {
			t.Errorf("%s, another key: got %v, want it refused", name, err)
		}
	}
	// Both engines must agree when both are asked.
	u.Remove(ostreetest.ObjectFile(c, ostree.ObjectCommitMeta))
	u.Write(ostreetest.ObjectFile(c, ostree.ObjectCommitMeta), gvariant.Dict{}.Encode().Data())
	u.signFile(signer, ostreetest.ObjectFile(c, ostree.ObjectCommit), ostreetest.ObjectFile(c, ostree.ObjectCommitMeta))
	if err := pull(commits(keys)); !errors.Is(err, sign.ErrUnsigned) {
		t.Errorf("gpg wanted too: got %v, want %v", err, sign.ErrUnsigned)
	}
	if err := pull(func(o *Options) { commits(keys)(o); o.GPGVerify = false }); err != nil {
		t.Error(err)
	}
	if _, err := Open(u.Server.URL, Options{SignVerify: true}); err == nil {
		t.Error("without a key: got nil, want an error")
	}
}
