package inflate

import "encoding/binary"

// block reads the header of a block.
func (z *Reader) block() error {
	head, err := z.number(3)
	if err != nil {
		return err
	}
	z.last = head&1 != 0
	switch head >> 1 {
	case 0:
		z.take(z.n % 8)
		n, err := z.number(32)
		if err != nil {
			return err
		}
		if n&0xffff != ^n>>16&0xffff {
			return damaged("the size of a stored block")
		}
		z.stored, z.state = n&0xffff, inStored
		return nil
	case 1:
		var lengths [288 + 30]uint8
		for i := range lengths {
			switch {
			case i < 144:
				lengths[i] = 8
			case i < 256:
				lengths[i] = 9
			case i < 280:
				lengths[i] = 7
			case i < 288:
				lengths[i] = 8
			default:
				lengths[i] = 5
			}
		}
		z.state = inCodes
		fill(z.lengths[:], lengthBits, lengths[:288], lengthEntry)
		// Of 32 codes of five bits two mean nothing.
		fill(z.distances[:], distanceBits, append(lengths[288:], 5, 5), distanceEntry)
		return nil
	case 2:
		return z.ownCodes()
	}
	return damaged("a block of no kind")
}

// ownCodes reads the codes of a block.
func (z *Reader) ownCodes() error {
	head, err := z.number(14)
	if err != nil {
		return err
	}
	nl, nd, nc := head&31+257, head>>5&31+1, head>>10+4
	if nl > 286 || nd > 30 {
		return damaged("too many codes")
	}
	var own [19]uint8
	for i := range nc {
		n, err := z.number(3)
		if err != nil {
			return err
		}
		own["\x10\x11\x12\x00\x08\x07\x09\x06\x0a\x05\x0b\x04\x0c\x03\x0d\x02\x0e\x01\x0f"[i]] = uint8(n)
	}
	var table [1 << 7]entry
	if !fill(table[:], 7, own[:], plainEntry) {
		return damaged("no code for the codes")
	}
	lengths, err := z.readLengths(table[:], nl+nd)
	if err != nil {
		return err
	}
	if lengths[256] == 0 || !fill(z.lengths[:], lengthBits, lengths[:nl], lengthEntry) ||
		!fill(z.distances[:], distanceBits, lengths[nl:nl+nd], distanceEntry) {
		return damaged("no code")
	}
	z.state = inCodes
	return nil
}

// readLengths reads the lengths of n codes.
func (z *Reader) readLengths(table []entry, n int) (lengths [286 + 30]uint8, err error) {
	for i := 0; i < n; {
		symbol, err := z.symbol(table)
		if err != nil {
			return lengths, err
		}
		repeat, value := 1, uint8(symbol)
		if symbol >= 16 {
			least, extra := 3, uint(2)
			switch value = 0; symbol {
			case 16:
				if i == 0 {
					return lengths, damaged("no length to repeat")
				}
				value = lengths[i-1]
			case 17:
				extra = 3
			case 18:
				least, extra = 11, 7
			}
			if repeat, err = z.number(extra); err != nil {
				return lengths, err
			}
			repeat += least
		}
		if repeat > n-i {
			return lengths, damaged("too many lengths")
		}
		for range repeat {
			lengths[i] = value
			i++
		}
	}
	return lengths, nil
}

// symbol reads one symbol by a table without second ones.
func (z *Reader) symbol(table []entry) (int, error) {
	for {
		e := table[z.hold&uint64(len(table)-1)]
		if e.bits() <= z.n {
			if e.isNone() {
				return 0, damaged("no such code")
			}
			z.take(e.bits())
			return e.value(), nil
		}
		if err := z.need(z.n + 1); err != nil {
			return 0, err
		}
	}
}

// slack is the room that a step of fast needs: some bytes and the longest
// match, which it copies in strides.
const (
	slack    = 1 + literals + 258 + stride
	literals = 4
	stride   = 32
)

// codes writes what the symbols of a block say into buf from at on; have is how
// much before that a match may refer to.
func (z *Reader) codes(buf []byte, at, have int) (int, error) {
	first := max(0, at-have)
	for at < len(buf) && z.state == inCodes {
		if z.length > 0 {
			at = z.match(buf, at)
			continue
		}
		if z.pos+padding > len(z.in) {
			if err := z.more(); err != nil {
				return at, err
			}
			continue
		}
		var err error
		if at+slack <= len(buf) {
			at, err = z.fast(buf, at, first)
		} else {
			at, err = z.step(buf, at, first)
		}
		if z.all && z.pos > z.end {
			err = damaged("it ends in the middle")
		}
		if err != nil {
			return at, err
		}
	}
	return at, nil
}

// match writes as much of a match as there is room for.
func (z *Reader) match(buf []byte, at int) int {
	n := min(z.length, len(buf)-at)
	for i := range n {
		buf[at+i] = buf[at+i-z.back]
	}
	z.length -= n
	return at + n
}

// giveBack keeps only part of a byte in hold.
func (z *Reader) giveBack(pos int, hold uint64, n uint) {
	z.pos, z.n = pos-int(n>>3), n&7
	z.hold = hold & (1<<z.n - 1)
}

// step does one symbol, wherever buf ends.
func (z *Reader) step(buf []byte, at, first int) (int, error) {
	pos, hold, n := z.pos, z.hold, z.n
	hold |= binary.LittleEndian.Uint64(z.in[pos:]) << n
	pos += int(63-n) >> 3
	n |= 56
	e := z.lengths[hold&(1<<lengthBits-1)]
	if e&entrySub != 0 {
		hold >>= lengthBits
		n -= lengthBits
		e = z.lengths[e.value()+int(hold&(1<<e.extra()-1))]
	}
	hold >>= e.bits()
	n -= e.bits()
	switch {
	case e&entryLiteral != 0:
		buf[at] = byte(e.value())
		at++
	case e&entryEnd != 0:
		if e.isNone() {
			return at, damaged("no such code")
		}
		z.endBlock()
	default:
		z.length = e.value() + int(hold&(1<<e.extra()-1))
		hold >>= e.extra()
		n -= e.extra()
		e = z.distances[hold&(1<<distanceBits-1)]
		if e&entrySub != 0 {
			hold >>= distanceBits
			n -= distanceBits
			e = z.distances[e.value()+int(hold&(1<<e.extra()-1))]
		}
		hold >>= e.bits()
		n -= e.bits()
		z.back = e.value() + int(hold&(1<<e.extra()-1))
		hold >>= e.extra()
		n -= e.extra()
		if e.isNone() || z.back > at-first {
			return at, damaged("a match with what is not there")
		}
	}
	z.giveBack(pos, hold, n)
	return at, nil
}

// fast is step for as long as there is room for everything.
func (z *Reader) fast(buf []byte, at, first int) (int, error) {
	in, pos, hold, n := z.in, z.pos, z.hold, z.n
	lengths, distances := &z.lengths, &z.distances
	for at+slack <= len(buf) && pos+padding <= len(in) {
		hold |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
		pos += int(63-n) >> 3
		n |= 56
		e := lengths[hold&(1<<lengthBits-1)]
		if e&entryLiteral != 0 {
			for range literals { // one more, and they have 55 bits
				hold, n = hold>>(e&31), n-e.bits()
				buf[at] = byte(e >> 16)
				at++
				if e = lengths[hold&(1<<lengthBits-1)]; e&entryLiteral == 0 {
					hold |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
					pos += int(63-n) >> 3
					n |= 56
					break
				}
			}
		}
		if e&entrySub != 0 {
			hold, n = hold>>lengthBits, n-lengthBits
			e = lengths[e.value()+int(hold&(1<<e.extra()-1))]
		}
		hold, n = hold>>(e&31), n-e.bits()
		if e&entryLiteral != 0 {
			buf[at] = byte(e >> 16)
			at++
			continue
		}
		if e&entryEnd != 0 {
			if e.isNone() {
				return at, damaged("no such code")
			}
			z.endBlock()
			break
		}
		length := e.value() + int(hold&(1<<e.extra()-1))
		hold, n = hold>>e.extra(), n-e.extra()
		e = distances[hold&(1<<distanceBits-1)]
		if e&entrySub != 0 {
			hold, n = hold>>distanceBits, n-distanceBits
			e = distances[e.value()+int(hold&(1<<e.extra()-1))]
		}
		hold, n = hold>>(e&31), n-e.bits()
		back := e.value() + int(hold&(1<<e.extra()-1))
		hold, n = hold>>e.extra(), n-e.extra()
		from := at - back
		if from < first || e&entryEnd != 0 {
			return at, damaged("a match with what is not there")
		}
		copyMatch(buf, from, at, length)
		at += length
	}
	z.giveBack(pos, hold, n)
	return at, nil
}

// copyMatch may write up to a stride more.
func copyMatch(buf []byte, from, at, length int) {
	if at-from < 8 {
		// It repeats: each copy makes what can be copied longer.
		for length > 0 {
			n := copy(buf[at:at+length], buf[from:at])
			at, length = at+n, length-n
		}
		return
	}
	for end := at + length; at < end; at += stride {
		to, of := buf[at:at+stride], buf[from:from+stride]
		binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(of))
		binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(of[8:]))
		binary.LittleEndian.PutUint64(to[16:], binary.LittleEndian.Uint64(of[16:]))
		binary.LittleEndian.PutUint64(to[24:], binary.LittleEndian.Uint64(of[24:]))
		from += stride
	}
}
