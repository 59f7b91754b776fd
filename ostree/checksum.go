package ostree

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Checksum is the SHA-256 that names an object. The zero Checksum means none.
type Checksum [32]byte

// ChecksumOf returns the checksum of a metadata object's bytes.
func ChecksumOf(data []byte) Checksum { return sha256.Sum256(data) }

// ParseChecksum reads 64 lower-case hexadecimal digits.
func ParseChecksum(s string) (Checksum, error) {
	var c Checksum
	if len(s) != 64 {
		return c, fmt.Errorf("checksum %.80q has %d characters, not 64", s, len(s))
	}
	for i := range len(s) {
		if d := s[i]; (d < '0' || d > '9') && (d < 'a' || d > 'f') {
			return c, fmt.Errorf("checksum %q has the character %q, no lower-case hexadecimal digit", s, d)
		}
	}
	_, err := hex.Decode(c[:], []byte(s))
	return c, err
}

// ChecksumFromBytes takes 32 bytes as they stand in objects.
func ChecksumFromBytes(b []byte) (Checksum, error) {
	var c Checksum
	if len(b) != len(c) {
		return c, fmt.Errorf("checksum of %d bytes, not 32", len(b))
	}
	copy(c[:], b)
	return c, nil
}

// String returns 64 hexadecimal digits.
func (c Checksum) String() string { return hex.EncodeToString(c[:]) }

// IsZero tells whether there is no checksum.
func (c Checksum) IsZero() bool { return c == Checksum{} }

// Compare orders checksums as their bytes, and so as their digits.
func (c Checksum) Compare(o Checksum) int {
	for i := range c {
		if c[i] != o[i] {
			return int(c[i]) - int(o[i])
		}
	}
	return 0
}

// MarshalText writes the digits; the zero Checksum becomes an empty text.
func (c Checksum) MarshalText() ([]byte, error) {
	if c.IsZero() {
		return nil, nil
	}
	return hex.AppendEncode(nil, c[:]), nil
}

// UnmarshalText reads what MarshalText writes.
func (c *Checksum) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*c = Checksum{}
		return nil
	}
	*c, err = ParseChecksum(string(text))
	return err
}

// ChecksumError says that bytes are not those that their name promises.
type ChecksumError struct {
	Object ObjectName
	Got    Checksum
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("object %s is damaged: its content has checksum %s", e.Object, e.Got)
}
