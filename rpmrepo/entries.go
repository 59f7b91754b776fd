package rpmrepo

import (
	"hash/maphash"
	"strings"

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
	table []entrySlot // open addressing; a serial of zero is free
	lines []string    // by serial
	deps  []rpm.Dep   // by serial
	size  int         // bytes of the lines
	texts *stringPool
}

type entrySlot struct {
	hash   uint32
	serial int32
}

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
		lines: make([]string, 1), deps: make([]rpm.Dep, 1), texts: newStringPool(),
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
	for ; c.table[i].serial != 0; i = (i + 1) & mask {
		if s := c.table[i]; s.hash == line.hash && c.lines[s.serial] == string(tag) {
			x.pos += len(tag)
			return &c.deps[s.serial], entryLine{}
		}
	}
	line.slot = i
	return nil, line
}

// keep returns dep, which was read from the line, as find will return it from
// now on.
func (c *entryCache) keep(x *xmlScanner, line entryLine, dep rpm.Dep) rpm.Dep {
	// The line was cut at the first >. It is the tag if that ends there, too.
	if line.n == 0 || !x.pending || x.off+int64(x.pos) != line.end || c.size > maxEntryBytes {
		return dep
	}
	c.size += line.n
	text := c.texts.copy(x.buf[x.pos-line.n : x.pos])
	if i := strings.Index(text, dep.Name); i >= 0 {
		dep.Name = text[i : i+len(dep.Name)]
	} else {
		dep.Name = strings.Clone(dep.Name)
	}
	dep.EVR = c.texts.intern([]byte(dep.EVR))
	dep.Serial = int32(len(c.deps))
	c.table[line.slot] = entrySlot{hash: line.hash, serial: dep.Serial}
	c.lines, c.deps = append(c.lines, text), append(c.deps, dep)
	if 2*len(c.deps) > len(c.table) {
		c.grow()
	}
	return dep
}

func (c *entryCache) grow() {
	c.table = make([]entrySlot, 2*len(c.table))
	mask := len(c.table) - 1
	for serial, text := range c.lines[1:] {
		h := maphash.String(c.seed, text)
		i := int(h) & mask
		for c.table[i].serial != 0 {
			i = (i + 1) & mask
		}
		c.table[i] = entrySlot{hash: uint32(h >> 32), serial: int32(serial + 1)}
	}
}
