package inflate

import "math/bits"

// An entry of a table says what the next bits mean:
//
//	bits  0-4   how many there are, without those that say more
//	      5     a byte
//	      6     a look into a second table is needed
//	      7     the end of the block, or no code at all
//	      8-12  how many bits say more; of a second table, what it looks at
//	     16-31  the byte, the base of a length or distance, where a second
//	            table starts
type entry uint32

const (
	entryLiteral entry = 1 << 5
	entrySub     entry = 1 << 6
	entryEnd     entry = 1 << 7
	entryNone    entry = 1<<7 | 1<<13
)

func (e entry) bits() uint   { return uint(e & 31) }
func (e entry) extra() uint  { return uint(e>>8) & 31 }
func (e entry) value() int   { return int(e >> 16) }
func (e entry) isNone() bool { return e&entryNone == entryNone }

const (
	lengthBits   = 11 // looked up at once, of lengths and bytes
	distanceBits = 9
	maxCode      = 15
	// Each second table has at least two codes, and looks at what is left of the
	// longest one.
	lengthTable   = 1<<lengthBits + 288/2<<(maxCode-lengthBits)
	distanceTable = 1<<distanceBits + 32/2<<(maxCode-distanceBits)
)

// lengthEntry is what a symbol of the first alphabet means.
func lengthEntry(symbol int) entry {
	switch {
	case symbol < 256:
		return entryLiteral | entry(symbol)<<16
	case symbol == 256:
		return entryEnd
	case symbol < 265:
		return entry(symbol-257+3) << 16
	case symbol < 285:
		extra := uint(symbol-261) / 4
		return entry((4+(symbol-261)%4)<<extra+3)<<16 | entry(extra)<<8
	case symbol == 285:
		return 258 << 16
	}
	return entryNone
}

// distanceEntry is what a symbol of the second alphabet means.
func distanceEntry(symbol int) entry {
	switch {
	case symbol < 4:
		return entry(symbol+1) << 16
	case symbol < 30:
		extra := uint(symbol-2) / 2
		return entry((2+symbol%2)<<extra+1)<<16 | entry(extra)<<8
	}
	return entryNone
}

// plainEntry is a symbol that means itself.
func plainEntry(symbol int) entry { return entry(symbol) << 16 }

// fill builds the table for codes of the given lengths, zero for symbols that
// do not occur; false when they are not the lengths of a code. As zlib does, it
// takes a code of a single symbol, and none at all.
func fill(table []entry, primary uint, lengths []uint8, meaning func(int) entry) bool {
	var count [maxCode + 1]int
	for _, n := range lengths {
		count[n]++
	}
	used := len(lengths) - count[0]
	left, longest := 1, 0
	var next [maxCode + 2]int
	for n := 1; n <= maxCode; n++ {
		left = left<<1 - count[n]
		if left < 0 {
			return false
		}
		if count[n] > 0 {
			longest = n
		}
		next[n+1] = (next[n] + count[n]) << 1
	}
	if left > 0 && (used > 1 || longest > 1) {
		return false
	}
	for i := range table[:1<<primary] {
		table[i] = entryNone | 1
	}
	free, wide := 1<<primary, uint(max(longest, int(primary)))-primary
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		code := int(bits.Reverse16(uint16(next[n])) >> (16 - n))
		next[n]++
		e := meaning(symbol)
		if uint(n) <= primary {
			for i := code; i < 1<<primary; i += 1 << n {
				table[i] = e | entry(n)
			}
			continue
		}
		first := &table[code&(1<<primary-1)]
		if *first&entrySub == 0 {
			if free+1<<wide > len(table) {
				return false
			}
			*first = entrySub | entry(primary) | entry(wide)<<8 | entry(free)<<16
			for i := range 1 << wide {
				table[free+i] = entryNone | 1
			}
			free += 1 << wide
		}
		sub := table[first.value() : first.value()+1<<first.extra()]
		for i := code >> primary; i < len(sub); i += 1 << (uint(n) - primary) {
			sub[i] = e | entry(uint(n)-primary)
		}
	}
	return true
}
