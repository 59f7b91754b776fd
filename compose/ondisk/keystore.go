package ondisk

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"unicode/utf16"
)

// A Java key store, numbers with the high byte first:
//
//	0xFEEDFEED, version 2, number of entries   4 bytes each
//	entries of certificates:
//	    2                                      4 bytes
//	    alias                                  2 bytes of length, text
//	    milliseconds since 1970                8 bytes
//	    type                                   2 bytes of length, text
//	    certificate                            4 bytes of length, DER
//	SHA-1 of the password as UTF-16, "Mighty Aphrodite" and all before   20 bytes
const (
	keyStoreMagic   = 0xfeedfeed
	keyStoreVersion = 2
	certificateTag  = 2
	// usualPassword is Java's for the certificates that everybody trusts.
	usualPassword = "changeit"
)

// clearKeyStoreTimes sets the times of certificates to 0.
func clearKeyStoreTimes(data []byte) ([]byte, string, string) {
	const other = "the times in a key store of another kind or password"
	if len(data) < 12+sha1.Size || binary.BigEndian.Uint32(data) != keyStoreMagic {
		if bytes.HasPrefix(data, []byte{0x30}) { // PKCS #12
			return nil, "", other
		}
		return nil, "", ""
	}
	body := data[:len(data)-sha1.Size]
	if keyStoreSum(body) != [sha1.Size]byte(data[len(body):]) {
		return nil, "", other
	}
	times, ok := keyStoreTimes(body)
	if !ok {
		return nil, "", other
	}
	changed := false
	for _, at := range times {
		changed = changed || binary.BigEndian.Uint64(body[at:]) != 0
		clear(body[at : at+8])
	}
	if !changed {
		return nil, "", ""
	}
	sum := keyStoreSum(body)
	return append(body, sum[:]...), "the times of its certificates", ""
}

func keyStoreSum(body []byte) [sha1.Size]byte {
	h := sha1.New()
	for _, c := range utf16.Encode([]rune(usualPassword)) {
		h.Write([]byte{byte(c >> 8), byte(c)})
	}
	h.Write([]byte("Mighty Aphrodite"))
	h.Write(body)
	return [sha1.Size]byte(h.Sum(nil))
}

// keyStoreTimes returns where the times are, if there are certificates alone.
func keyStoreTimes(body []byte) (times []int, ok bool) {
	if binary.BigEndian.Uint32(body[4:]) != keyStoreVersion {
		return nil, false
	}
	rest := body[12:]
	skip := func(n uint64) bool {
		if n > uint64(len(rest)) {
			rest = nil
			return false
		}
		rest = rest[n:]
		return true
	}
	length := func(size int) (n uint64) {
		if len(rest) < size {
			rest = nil
			return 1
		}
		for _, b := range rest[:size] {
			n = n<<8 | uint64(b)
		}
		rest = rest[size:]
		return n
	}
	for range binary.BigEndian.Uint32(body[8:]) {
		if length(4) != certificateTag || !skip(length(2)) {
			return nil, false
		}
		times = append(times, len(body)-len(rest))
		if !skip(8) || !skip(length(2)) || !skip(length(4)) {
			return nil, false
		}
	}
	return times, len(rest) == 0
}
