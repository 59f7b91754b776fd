package archive

import (
	"math/bits"
)

// tinyFile is the size up to which content is also tried as letters alone.
const tinyFile = 512

// appendLetters appends a whole deflate stream of one block, which holds data
// as letters of the fixed code. The compressor spends up to seven bytes more
// on files of a few words, of which trees have many.
func appendLetters(to, data []byte) []byte {
	w := bitWriter{out: to}
	w.add(0b011, 3) // the last block; fixed code
	for _, c := range data {
		// RFC 1951, 3.2.6: letters up to 143 have 8 bits from 0x30, others 9.
		if c <= 143 {
			w.code(0x30+uint16(c), 8)
		} else {
			w.code(0x190+uint16(c-144), 9)
		}
	}
	w.code(0, 7) // the end
	return w.flush()
}

type bitWriter struct {
	out []byte
	acc uint32
	n   uint
}

// add appends bits, the lowest first.
func (w *bitWriter) add(x uint32, n uint) {
	w.acc |= x << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.acc))
		w.acc >>= 8
	}
}

// code appends a code, the highest bit first.
func (w *bitWriter) code(x uint16, n uint) { w.add(uint32(bits.Reverse16(x)>>(16-n)), n) }

func (w *bitWriter) flush() []byte {
	if w.n > 0 {
		w.out = append(w.out, byte(w.acc))
	}
	return w.out
}
