package content

import (
	"crypto/sha256"
	"encoding/hex"
)

// Digest is the SHA-256 of a file's bytes. The zero Digest means no content.
type Digest [sha256.Size]byte

// emptyDigest is that of a file without a byte, which is never stored.
var emptyDigest = Digest(sha256.Sum256(nil))

// String returns 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero tells whether there is no content.
func (d Digest) IsZero() bool { return d == Digest{} }

// DigestOf returns the digest of data.
func DigestOf(data []byte) Digest { return sha256.Sum256(data) }

// parseDigest reads 64 hexadecimal digits.
func parseDigest(s string) (d Digest, ok bool) {
	if len(s) != 2*len(d) {
		return d, false
	}
	_, err := hex.Decode(d[:], []byte(s))
	return d, err == nil
}
