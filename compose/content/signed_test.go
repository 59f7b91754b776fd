package content_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/treewright/treewright/compose/content"
)

func TestSigned(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	sum := checksum(t, []byte("package"))
	keys, others := content.DigestOf([]byte("keys")), content.DigestOf([]byte("other keys"))
	if _, ok := s.Signed(sum, keys); ok {
		t.Error("an unknown package counts as signed")
	}
	if err := s.SetSigned(sum, keys, "0123abcd"); err != nil {
		t.Fatal(err)
	}
	if signer, ok := s.Signed(sum, keys); !ok || signer != "0123abcd" {
		t.Errorf("got %q, %v", signer, ok)
	}
	if _, ok := s.Signed(sum, others); ok {
		t.Error("a package counts as signed with keys that it was not checked with")
	}
	names, err := filepath.Glob(filepath.Join(dir, "signed", "*"))
	if err != nil || len(names) != 1 {
		t.Fatalf("got %v, %v", names, err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-40] ^= 1
	if err := os.WriteFile(names[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Signed(sum, keys); ok {
		t.Error("a damaged record is believed")
	}
}
