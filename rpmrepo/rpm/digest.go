package rpm

// DigestAlgo is a hash function, numbered as OpenPGP and rpm do.
type DigestAlgo uint8

// The algorithms that rpm knows.
const (
	MD5       DigestAlgo = 1
	SHA1      DigestAlgo = 2
	RIPEMD160 DigestAlgo = 3
	SHA256    DigestAlgo = 8
	SHA384    DigestAlgo = 9
	SHA512    DigestAlgo = 10
	SHA224    DigestAlgo = 11
	SHA3_256  DigestAlgo = 12
	SHA3_512  DigestAlgo = 14
)
