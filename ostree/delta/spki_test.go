package delta

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/treewright/treewright/ostree/ostreetest"
	"github.com/treewright/treewright/ostree/sign"
)

// TestSPKISignedDelta signs a delta with a key of openssl, has openssl verify the
// signature, and applies the delta.
func TestSPKISignedDelta(t *testing.T) {
	ostreetest.Needs(t, "openssl", "openssl")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	ostreetest.Command(t, "openssl", "genpkey", "-algorithm", "ED25519", "-out", at("key"))
	ostreetest.Command(t, "openssl", "pkey", "-in", at("key"), "-pubout", "-out", at("key.pub"))
	secret, err := os.ReadFile(at("key"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sign.ReadSPKISecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	src, from, to := commitVersions(t)
	n := Name{From: from, To: to}
	generateDelta(t, src, n, GenerateOptions{})
	folder := FolderOf(src, n)
	signed, err := Sign(t.Context(), readSuperblock(t, folder), signer)
	if err != nil {
		t.Fatal(err)
	}
	writeSuperblock(t, folder, signed)
	s := mustSuperblock(t, folder)
	if ok, err := signer.Signed(t.Context(), s.Signed, s.Signatures); !ok || err != nil {
		t.Errorf("the signature: got %v, %v, want a good one", ok, err)
	}
	sigs, _ := s.Signatures.Get(sign.KeySPKI)
	if sigs.Len() != 1 {
		t.Fatalf("signatures: got %d, want one", sigs.Len())
	}
	for name, data := range map[string][]byte{"signed": s.Signed, "sig": sigs.Index(0).Bytes()} {
		if err := os.WriteFile(at(name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ostreetest.Command(t, "openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", at("key.pub"), "-in", at("signed"), "-sigfile", at("sig"))
	wantWeApply(t, src, n)
}
