package rpm

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"fmt"
	"hash"
)

// DigestAlgo is a hash function, numbered as OpenPGP and rpm do.
type DigestAlgo uint8

// The algorithms that packages use. RIPEMD-160, number 3, was never used by a
// build of rpm for files and is not read.
const (
	MD5      DigestAlgo = 1
	SHA1     DigestAlgo = 2
	SHA256   DigestAlgo = 8
	SHA384   DigestAlgo = 9
	SHA512   DigestAlgo = 10
	SHA224   DigestAlgo = 11
	SHA3_256 DigestAlgo = 12
	SHA3_512 DigestAlgo = 14
)

// String is the algorithm's usual name.
func (a DigestAlgo) String() string {
	switch a {
	case MD5:
		return "MD5"
	case SHA1:
		return "SHA1"
	case SHA224:
		return "SHA224"
	case SHA256:
		return "SHA256"
	case SHA384:
		return "SHA384"
	case SHA512:
		return "SHA512"
	case SHA3_256:
		return "SHA3-256"
	case SHA3_512:
		return "SHA3-512"
	}
	return fmt.Sprintf("algorithm %d", uint8(a))
}

// Size returns the length of a digest in bytes, zero for an unknown algorithm.
func (a DigestAlgo) Size() int {
	switch a {
	case MD5:
		return md5.Size
	case SHA1:
		return sha1.Size
	case SHA224:
		return sha256.Size224
	case SHA256, SHA3_256:
		return sha256.Size
	case SHA384:
		return sha512.Size384
	case SHA512, SHA3_512:
		return sha512.Size
	}
	return 0
}

// New returns a hash of the algorithm, nil for an unknown one.
func (a DigestAlgo) New() hash.Hash {
	switch a {
	case MD5:
		return md5.New()
	case SHA1:
		return sha1.New()
	case SHA224:
		return sha256.New224()
	case SHA256:
		return sha256.New()
	case SHA384:
		return sha512.New384()
	case SHA512:
		return sha512.New()
	case SHA3_256:
		return sha3.New256()
	case SHA3_512:
		return sha3.New512()
	}
	return nil
}
