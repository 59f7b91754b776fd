package rpmrepo

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// The bounds of an entryCache. What does not fit is read each time.
const (
	maxEntryLine  = 1 << 10
	maxEntryBytes = 64 << 20
)

// entryCache remembers the entries of dependency lists by their bytes: in a
// distribution four of five were there before, byte for byte. Each gets a
// serial. A nil cache is empty and keeps nothing.
type entryCache struct {
	seed  maphash.Seed
	table []entrySlot // open addressing
	lines []byte      // serial[4], length[2] and bytes of each, what is compared side by side
	deps  []rpm.Dep   // by serial; the first is none
	texts *stringPool
}

type entrySlot struct {
	hash uint32
	at   uint32 // in lines; zero is free
}

// entryHead is what stands before the bytes of a line.
const entryHead = 6

// entryLine is a tag that find did not know.
type entryLine struct {
	slot int
	hash uint32
	n    int   // its bytes; zero is no tag
	end  int64 // where it ends in the document
}

func newEntryCache() *entryCache {
	return &entryCache{
		seed: maphash.MakeSeed(), table: make([]entrySlot, 1<<12),
		lines: make([]byte, 1, 1<<20), deps: make([]rpm.Dep, 1, 1<<10), texts: newStringPool(),
	}
}

// find goes past the next tag if it is an entry that was there before. If it
// is not, keep may take the line.
func (c *entryCache) find(x *xmlScanner) (*rpm.Dep, entryLine) {
	if c == nil {
		return nil, entryLine{}
	}
	tag := x.peekEmpty()
	if len(tag) == 0 || len(tag) > maxEntryLine {
		return nil, entryLine{}
	}
	h := maphash.Bytes(c.seed, tag)
	line := entryLine{hash: uint32(h >> 32), n: len(tag), end: x.off + int64(x.pos+len(tag))}
	mask := len(c.table) - 1
	i := int(h) & mask
	for ; c.table[i].at != 0; i = (i + 1) & mask {
		s := c.table[i]
		if s.hash != line.hash {
			continue
		}
		if serial, known := c.line(s.at); string(known) == string(tag) {
			x.pos += len(tag)
			return &c.deps[serial], entryLine{}
		}
	}
	line.slot = i
	return nil, line
}

// keep returns dep, which was read from the line, as find will return it from
// now on.
func (c *entryCache) keep(x *xmlScanner, line entryLine, dep rpm.Dep) rpm.Dep {
	// The line was cut at the first >. It is the tag if that ends there, too.
	if line.n == 0 || !x.pending || x.off+int64(x.pos) != line.end || len(c.lines) > maxEntryBytes {
		return dep
	}
	dep.Name = c.texts.copy([]byte(dep.Name))
	dep.EVR = c.texts.intern([]byte(dep.EVR))
	dep.Serial = int32(len(c.deps))
	c.table[line.slot] = entrySlot{hash: line.hash, at: uint32(len(c.lines))}
	c.lines = binary.LittleEndian.AppendUint32(c.lines, uint32(dep.Serial))
	c.lines = binary.LittleEndian.AppendUint16(c.lines, uint16(line.n))
	c.lines = append(c.lines, x.buf[x.pos-line.n:x.pos]...)
	c.deps = append(c.deps, dep)
	if 2*len(c.deps) > len(c.table) {
		c.grow()
	}
	return dep
}

// line returns the line at a place.
func (c *entryCache) line(at uint32) (serial uint32, line []byte) {
	l := c.lines[at:]
	n := binary.LittleEndian.Uint16(l[4:])
	return binary.LittleEndian.Uint32(l), l[entryHead : entryHead+int(n)]
}

func (c *entryCache) grow() {
	c.table = make([]entrySlot, 2*len(c.table))
	mask := len(c.table) - 1
	for at := uint32(1); int(at) < len(c.lines); {
		_, line := c.line(at)
		h := maphash.Bytes(c.seed, line)
		i := int(h) & mask
		for c.table[i].at != 0 {
			i = (i + 1) & mask
		}
		c.table[i] = entrySlot{hash: uint32(h >> 32), at: at}
		at += entryHead + uint32(len(line))
	}
}
