package rpmrepo

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"unsafe"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// The bounds of an entryCache. What does not fit is read each time.
const (
	maxEntryLine   = 1 << 10
	maxEntryBlocks = 64

	entryBlockBits = 20
	entryBlock     = 1 << entryBlockBits
	firstBlock     = 16 << 10 // the next ones double
)

// entryCache remembers the entries of dependency lists by their bytes: in a
// distribution four of five were there before, byte for byte. Each gets a
// serial. A nil cache is empty and keeps nothing.
//
// An entry is a record in one of the blocks, which never move:
//
//	serial[4] line[2] evr[2] name[2] name's place[2] flags pre 0 0
//	line, evr, and the name unless it stands in the line as it is
type entryCache struct {
	key    [2]uint64
	table  []entrySlot // open addressing
	used   int
	blocks [][]byte
}

// entrySlot is where a record is, and so much of its hash that hardly any other
// is looked at.
type entrySlot struct {
	hash uint32
	at   uint32 // block and place in it; zero is free
}

const entryHead = 16

// entryLine is a tag that may be kept; n, its bytes, is zero if not.
type entryLine struct {
	hash uint32
	n    int
	at   uint32 // the record with its hash, if there is one
	size uint16 // of that one's line
}

func newEntryCache() *entryCache {
	key := [2]uint64{maphash.String(maphash.MakeSeed(), ""), maphash.String(maphash.MakeSeed(), "") | 1}
	return &entryCache{key: key, table: make([]entrySlot, 1<<10)}
}

const entryTag = "<rpm:entry "

// line returns the tag that b starts with.
func (c *entryCache) line(b []byte) (line entryLine) {
	if c == nil {
		return line
	}
	n, h := c.scan(b[:min(len(b), maxEntryLine)])
	if n == 0 || string(b[:len(entryTag)]) != entryTag || b[n-2] != '/' {
		return line
	}
	return entryLine{hash: h, n: n}
}

// candidate returns the record with a hash; zero is none. Hashes of two lines
// may be the same: then only the first one is known.
func (c *entryCache) candidate(hash uint32) (at uint32) {
	mask := len(c.table) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		if s := c.table[i]; s.at == 0 || s.hash == hash {
			return s.at
		}
	}
}

// find looks for what is known of lines. It does each step for all of them:
// most of the cache is far away in memory, and so the way to many of its places
// takes as long as that to one.
func (c *entryCache) find(lines []entryLine) {
	for i := range lines {
		lines[i].at = c.candidate(lines[i].hash)
	}
	for i := range lines {
		if at := lines[i].at; at != 0 {
			lines[i].size = binary.LittleEndian.Uint16(c.record(at)[4:])
		}
	}
}

// known returns what the cache knows of a line that was looked for, and false
// if that is nothing.
func (c *entryCache) known(line entryLine, tag []byte) (dep rpm.Dep, ok bool) {
	if line.at == 0 || int(line.size) != len(tag) {
		return dep, false
	}
	r := c.record(line.at)
	if string(r[entryHead:entryHead+len(tag)]) != string(tag) {
		return dep, false
	}
	return entryDep(r, len(tag)), true
}

// scan returns how far it is to the end of the first > behind the tag's start,
// and a hash of what is in between; zero when there is none.
func (c *entryCache) scan(b []byte) (n int, hash uint32) {
	h := c.key[0]
	for n = len(entryTag); len(b)-n >= 8; n += 8 {
		x := binary.LittleEndian.Uint64(b[n:])
		end := x ^ wordOnes*'>'
		if end = (end - wordOnes) &^ end & wordHighs; end != 0 {
			size := bits.TrailingZeros64(end) + 1
			h = entryMix(h^x<<(64-size), c.key[1])
			return n + size/8, uint32(h)
		}
		h = entryMix(h^x, c.key[1]) + c.key[0]
	}
	return 0, 0
}

func entryMix(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

func (c *entryCache) record(at uint32) []byte {
	return c.blocks[at>>entryBlockBits][at&(entryBlock-1):]
}

// entryDep is what a record says; n is the size of its line.
func entryDep(r []byte, n int) rpm.Dep {
	text := func(at, size uint16) string { return unsafe.String(unsafe.SliceData(r[at:at+size]), int(size)) }
	num := binary.LittleEndian
	return rpm.Dep{
		Name: text(num.Uint16(r[10:]), num.Uint16(r[8:])), EVR: text(uint16(entryHead+n), num.Uint16(r[6:])),
		Flags: rpm.Flags(r[12]), Pre: r[13] != 0, Serial: int32(num.Uint32(r)),
	}
}

// keep returns dep, which was read from the line's bytes, as find will return
// it from now on.
func (c *entryCache) keep(line entryLine, tag []byte, dep rpm.Dep) rpm.Dep {
	size := entryHead + len(tag) + len(dep.EVR) + len(dep.Name)
	if line.at != 0 || len(tag) != line.n || size > firstBlock/2 {
		return dep
	}
	last := len(c.blocks) - 1
	if last < 0 || len(c.blocks[last])+size > cap(c.blocks[last]) {
		if last+1 == maxEntryBlocks {
			return dep
		}
		last++
		// The place zero is none.
		c.blocks = append(c.blocks, make([]byte, entryHead, min(entryBlock, firstBlock<<min(last, entryBlockBits))))
	}
	c.used++
	dep.Serial = int32(c.used)
	at := uint32(last<<entryBlockBits | len(c.blocks[last]))
	c.blocks[last] = appendEntry(c.blocks[last], tag, dep)
	c.put(entrySlot{hash: line.hash, at: at})
	if c.used > len(c.table)/4*3 {
		old := c.table
		c.table = make([]entrySlot, 2*len(old))
		for _, s := range old {
			if s.at != 0 {
				c.put(s)
			}
		}
	}
	return entryDep(c.record(at), len(tag))
}

func appendEntry(b, tag []byte, dep rpm.Dep) []byte {
	name := bytes.Index(tag, unsafe.Slice(unsafe.StringData(dep.Name), len(dep.Name)))
	at := entryHead + name
	if name < 0 {
		at = entryHead + len(tag) + len(dep.EVR)
	}
	var pre byte
	if dep.Pre {
		pre = 1
	}
	num := binary.LittleEndian
	b = num.AppendUint32(b, uint32(dep.Serial))
	for _, n := range [...]int{len(tag), len(dep.EVR), len(dep.Name), at} {
		b = num.AppendUint16(b, uint16(n))
	}
	b = append(b, byte(dep.Flags), pre, 0, 0)
	b = append(append(b, tag...), dep.EVR...)
	if name < 0 {
		b = append(b, dep.Name...)
	}
	return b
}

// put enters a record that is not in the table.
func (c *entryCache) put(s entrySlot) {
	mask := len(c.table) - 1
	i := int(s.hash) & mask
	for c.table[i].at != 0 {
		i = (i + 1) & mask
	}
	c.table[i] = s
}
