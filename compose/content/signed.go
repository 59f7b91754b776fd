package content

import (
	"crypto/sha256"
	"fmt"
	"os"

	"github.com/treewright/treewright/internal/fetch"
)

const signedMagic = "twsigned"

func (s *Store) signedPath(pkg fetch.Checksum) string {
	return s.path("signed", fmt.Sprintf("%s-%s", pkg.Algorithm(), pkg.Hex()))
}

// SetSigned records that the package file pkg has a good signature by the key
// with the fingerprint signer, one of the keys whose files have the digest keys.
func (s *Store) SetSigned(pkg fetch.Checksum, keys Digest, signer string) error {
	data := append([]byte(signedMagic), keys[:]...)
	data = append(data, signer...)
	sum := sha256.Sum256(data)
	if err := s.writeNamed(s.signedPath(pkg), append(data, sum[:]...)); err != nil {
		return fmt.Errorf("recording a signature: %w", err)
	}
	return nil
}

// Signed returns who signed a package, if that was checked before with the very
// same keys.
func (s *Store) Signed(pkg fetch.Checksum, keys Digest) (signer string, ok bool) {
	data, err := os.ReadFile(s.signedPath(pkg))
	if err != nil {
		return "", false
	}
	body, ok := cutTrailer(data, signedMagic)
	if !ok || len(body) < len(keys) || Digest(body[:len(keys)]) != keys {
		return "", false
	}
	return string(body[len(keys):]), true
}
