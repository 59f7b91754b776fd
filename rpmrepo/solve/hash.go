package solve

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"unsafe"
)

// hashKey makes the tables of one universe hash differently from those of any
// other, so that no repository can be made whose names all collide. It can be
// stored with the tables, which a maphash.Seed cannot.
type hashKey [2]uint64

func newHashKey() hashKey {
	return hashKey{maphash.String(maphash.MakeSeed(), ""), maphash.String(maphash.MakeSeed(), "") | 1}
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func (k *hashKey) string(s string) uint64 {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	h := k[0] ^ uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		h = mix(h^binary.LittleEndian.Uint64(b), k[1]) + k[0]
	}
	tail := uint64(0)
	if len(b) >= 4 {
		tail = uint64(binary.LittleEndian.Uint32(b)) << 32
		b = b[4:]
	}
	for i, c := range b {
		tail |= uint64(c) << (8 * i)
	}
	return mix(mix(h^tail, k[1])+k[0], k[1])
}

func (k *hashKey) relation(r relation) uint64 {
	return mix(mix(uint64(uint32(r.left))<<32^uint64(uint32(r.right))^k[0], k[1])^uint64(r.op), k[1])
}
