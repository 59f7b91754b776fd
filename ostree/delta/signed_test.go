package delta

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/ostreetest"
	"github.com/treewright/treewright/ostree/sign"
)

// dummyKey is the dictionary key of libostree's engine "dummy", whose
// signature is the secret key itself. Debian's client has no other engine.
const dummyKey = "ostree.sign.dummy"

type dummySigner string

func (d dummySigner) Sign(context.Context, []byte) (sign.Signature, error) {
	return sign.Signature{Key: dummyKey, Data: []byte(d)}, nil
}

func (d dummySigner) Signed(context.Context, []byte, gvariant.Dict) (bool, error) { return false, nil }

// writeSuperblock replaces that of a delta.
func writeSuperblock(t *testing.T, folder Folder, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(string(folder), superblockFile), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func readSuperblock(t *testing.T, folder Folder) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(string(folder), superblockFile))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestTheirSignedDelta reads what the real ostree signs, makes the same bytes
// of it, and applies it.
func TestTheirSignedDelta(t *testing.T) {
	t.Setenv("OSTREE_DUMMY_SIGN_ENABLED", "1")
	src, from, to := commitVersions(t)
	for _, n := range []Name{{To: to}, {From: from, To: to}} {
		start := "--empty"
		if !n.From.IsZero() {
			start = "--from=" + n.From.String()
		}
		ostreetest.Ostree(t, "static-delta", "generate", "--repo="+src.Path(), start, "--to="+to.String(), "--sign-type=dummy", "--sign=secret")
		folder := FolderOf(src, n)
		data := readSuperblock(t, folder)
		s := mustSuperblock(t, folder)
		if want := sign.Append(nil, sign.Signature{Key: dummyKey, Data: []byte("secret")}); !bytes.Equal(s.Signatures.Encode().Data(), want.Encode().Data()) {
			t.Errorf("%s: signatures: got %s, want %s", n, s.Signatures.Encode().Text(), want.Encode().Text())
		}
		plain, err := DecodeSuperblock(s.Signed)
		if err != nil || plain.Signed != nil || plain.Name != n || len(plain.Parts) != len(s.Parts) {
			t.Errorf("%s: inside: got %+v, %v, want the same delta", n, plain, err)
		}
		again, err := Sign(t.Context(), s.Signed, dummySigner("secret"))
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%s: signed by us: got %x, %v, want %x", n, again, err, data)
		}
		wantWeApply(t, src, n)
		if _, err := RewriteDetachedMeta(t.Context(), src, n); err == nil {
			t.Errorf("%s: new detached metadata under an old signature: got no error", n)
		}
	}
}

// TestOurSignedDelta signs a delta of ours. We verify the signature and apply
// the delta; the real ostree applies what is inside, and with its own engine
// the whole.
func TestOurSignedDelta(t *testing.T) {
	t.Setenv("OSTREE_DUMMY_SIGN_ENABLED", "1")
	src, from, to := commitVersions(t)
	n := Name{From: from, To: to}
	generateDelta(t, src, n, GenerateOptions{})
	folder := FolderOf(src, n)
	plain := readSuperblock(t, folder)

	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	signer, err := sign.ReadEd25519Secret([]byte(base64.StdEncoding.EncodeToString(key)))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := Sign(t.Context(), plain, signer)
	if err != nil {
		t.Fatal(err)
	}
	writeSuperblock(t, folder, signed)
	s := mustSuperblock(t, folder)
	trusted := sign.Ed25519Keys{key.Public().(ed25519.PublicKey)}
	if _, err := trusted.Verify(s.Signed, s.Signatures); err != nil {
		t.Errorf("the signature: %v", err)
	}
	for name, check := range map[string]struct {
		keys sign.Ed25519Keys
		data []byte
	}{
		"another key": {sign.Ed25519Keys{bytes.Repeat([]byte{1}, ed25519.PublicKeySize)}, s.Signed},
		"other bytes": {trusted, append([]byte{1}, s.Signed[1:]...)},
		"fewer bytes": {trusted, s.Signed[:len(s.Signed)-1]},
	} {
		if _, err := check.keys.Verify(check.data, s.Signatures); !errors.Is(err, sign.ErrBad) {
			t.Errorf("%s: got %v, want a bad signature", name, err)
		}
	}
	wantWeApply(t, src, n)
	writeSuperblock(t, folder, s.Signed)
	theyApply(t, src, n)

	if signed, err = Sign(t.Context(), plain, dummySigner("secret")); err != nil {
		t.Fatal(err)
	}
	writeSuperblock(t, folder, signed)
	file := filepath.Join(string(folder), superblockFile)
	ostreetest.Ostree(t, "static-delta", "verify", "--repo="+src.Path(), "--sign-type=dummy", file, "secret")
	if _, err := ostreetest.TryOstree(t, "static-delta", "verify", "--repo="+src.Path(), "--sign-type=dummy", file, "guess"); err == nil {
		t.Error("the real ostree verified it with another key")
	}
	theyApply(t, src, n, "--sign-type=dummy", "secret")
}

// TestSignedSuperblockIsNoOther has wrappers around what is no superblock.
func TestSignedSuperblockIsNoOther(t *testing.T) {
	data, err := sampleSuperblock(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := Sign(t.Context(), data, dummySigner("secret"))
	if err != nil {
		t.Fatal(err)
	}
	twice, err := Sign(t.Context(), signed, dummySigner("secret"))
	if err != nil {
		t.Fatal(err)
	}
	nothing, err := Sign(t.Context(), nil, dummySigner("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"signed twice": twice, "nothing": nothing, "cut": signed[:len(signed)-9], "magic alone": []byte(signedMagic),
	} {
		if s, err := DecodeSuperblock(data); err == nil {
			t.Errorf("%s: got %+v, want an error", name, s)
		}
	}
}
