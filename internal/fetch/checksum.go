package fetch

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// Checksum is the checksum of a file's bytes: an algorithm and a value. It is
// comparable; the zero value is none.
type Checksum struct {
	algorithm, hex string
}

// ParseChecksum reads "sha256:hex". Algorithms: sha1 (also called sha),
// sha224, sha256, sha384, sha512.
func ParseChecksum(s string) (Checksum, error) {
	algorithm, value, ok := strings.Cut(s, ":")
	if !ok {
		return Checksum{}, fmt.Errorf("checksum %q: want algorithm:value, such as sha256:…", s)
	}
	return NewChecksum(algorithm, value)
}

// NewChecksum returns the checksum with an algorithm's name and a value in
// hexadecimal.
func NewChecksum(algorithm, value string) (Checksum, error) {
	algorithm = strings.ToLower(algorithm)
	if algorithm == "sha" {
		algorithm = "sha1"
	}
	c := Checksum{algorithm: algorithm, hex: strings.ToLower(value)}
	h := c.Hasher()
	if h == nil {
		return Checksum{}, fmt.Errorf("checksum algorithm %q is not supported", algorithm)
	}
	if raw, err := hex.DecodeString(c.hex); err != nil || len(raw) != h.Size() {
		return Checksum{}, fmt.Errorf("checksum %q: want %d hexadecimal digits for %s", value, 2*h.Size(), algorithm)
	}
	return c, nil
}

// Algorithm returns the algorithm's name, such as sha256.
func (c Checksum) Algorithm() string { return c.algorithm }

// Hex returns the value in lower-case hexadecimal digits.
func (c Checksum) Hex() string { return c.hex }

// IsZero reports whether c is none.
func (c Checksum) IsZero() bool { return c == Checksum{} }

func (c Checksum) String() string {
	if c.IsZero() {
		return ""
	}
	return c.algorithm + ":" + c.hex
}

// Hasher returns a new hash of c's algorithm; nil for the zero value.
func (c Checksum) Hasher() hash.Hash {
	switch c.algorithm {
	case "sha1":
		return sha1.New()
	case "sha224":
		return sha256.New224()
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// Sum returns the checksum that h, a hash of c's algorithm, has come to.
func (c Checksum) Sum(h hash.Hash) Checksum {
	return Checksum{algorithm: c.algorithm, hex: hex.EncodeToString(h.Sum(nil))}
}
