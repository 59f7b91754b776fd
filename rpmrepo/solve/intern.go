package solve

import (
	"slices"
	"strings"
	"unsafe"
)

// strID numbers a string of the universe; 0 is the empty string.
type strID int32

// maxText bounds the bytes of all strings: places among them have 32 bits.
const maxText = 1<<32 - 1

// internRoom is room for some more strings.
const internRoom = 64 << 10

// interner numbers strings. It copies them behind each other, so that it never
// keeps a caller's buffer alive. Bytes that are there never change: when they
// move, the strings cut from them keep the old ones.
type interner struct {
	text   []byte
	starts []uint32 // by strID: where it starts in text; one more at the end
	full   bool     // a string had no place and became the empty one
	table  []strID  // open addressing; 0 is free
	hashes []uint32 // by strID; none after a snapshot, where next to nothing is added
	key    hashKey
}

func newInterner() *interner {
	return &interner{starts: make([]uint32, 2, 1024), hashes: make([]uint32, 1, 1024), table: make([]strID, 4096), key: newHashKey()}
}

// count is how many strings there are, the empty one included.
func (in *interner) count() int { return len(in.starts) - 1 }

// str returns a string, which may lie in a snapshot: answers take a copied one.
func (in *interner) str(id strID) string {
	b := in.text[in.starts[id]:in.starts[id+1]]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (in *interner) copied(id strID) string { return strings.Clone(in.str(id)) }

// find returns the number of s, or ok false when s was never interned.
func (in *interner) find(s string) (id strID, ok bool) {
	if s == "" {
		return 0, true
	}
	slot, _ := in.slot(s)
	id = in.table[slot]
	return id, id != 0
}

// id returns the number of s, and gives it one when it has none.
func (in *interner) id(s string) strID {
	if s == "" {
		return 0
	}
	slot, hash := in.slot(s)
	if id := in.table[slot]; id != 0 {
		return id
	}
	if len(s) > maxText-len(in.text) {
		in.full = true
		return 0
	}
	id := strID(in.count())
	if cap(in.text)-len(in.text) < len(s) {
		in.text = slices.Grow(in.text, len(in.text)+len(s)+internRoom)
	}
	in.text = append(in.text, s...)
	in.starts = append(roomy(in.starts), uint32(len(in.text)))
	if len(in.hashes) == int(id) {
		in.hashes = append(roomy(in.hashes), hash)
	}
	in.table[slot] = id
	if tooFull(in.count(), len(in.table)) {
		in.grow()
	}
	return id
}

// roomy doubles a list that is full: append adds a quarter to large ones, and
// so copies them more often.
func roomy[T any](list []T) []T {
	if len(list) == cap(list) {
		list = slices.Grow(list, len(list)+64)
	}
	return list
}

// tooFull reports whether a table of so many places has so many entries that
// it must grow.
func tooFull(entries, places int) bool { return entries > places/4*3 }

// slot is where s is in the table, or the free place where it belongs. What
// hashes differently is not looked at: most of it is far away in memory.
func (in *interner) slot(s string) (slot int, hash uint32) {
	mask := len(in.table) - 1
	hash = uint32(in.key.string(s))
	hashes := in.hashes
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		id := in.table[i]
		if id == 0 || (int(id) >= len(hashes) || hashes[id] == hash) && in.str(id) == s {
			return i, hash
		}
	}
}

func (in *interner) grow() {
	in.table = make([]strID, 2*len(in.table))
	for id := 1; id < in.count(); id++ {
		if id < len(in.hashes) {
			in.put(strID(id), in.hashes[id])
		} else {
			in.put(strID(id), uint32(in.key.string(in.str(strID(id)))))
		}
	}
}

// put enters a string that is not in the table.
func (in *interner) put(id strID, hash uint32) {
	mask := len(in.table) - 1
	i := int(hash) & mask
	for in.table[i] != 0 {
		i = (i + 1) & mask
	}
	in.table[i] = id
}

// relTable numbers relations.
type relTable struct {
	rels  []relation // the first is none
	table []int32    // open addressing: places in rels; 0 is free
	key   hashKey
}

func newRelTable(key hashKey) relTable {
	return relTable{rels: make([]relation, 1, 1024), table: make([]int32, 1024), key: key}
}

// id returns the number of r, and gives it one when it has none.
func (t *relTable) id(r relation) depID {
	mask := len(t.table) - 1
	i := int(t.key.relation(r)) & mask
	for ; t.table[i] != 0; i = (i + 1) & mask {
		if n := t.table[i]; t.rels[n] == r {
			return depID(n) | relBit
		}
	}
	n := int32(len(t.rels))
	t.rels = append(roomy(t.rels), r)
	t.table[i] = n
	if tooFull(len(t.rels), len(t.table)) {
		t.grow()
	}
	return depID(n) | relBit
}

func (t *relTable) grow() {
	t.table = make([]int32, 2*len(t.table))
	mask := len(t.table) - 1
	for n := 1; n < len(t.rels); n++ {
		i := int(t.key.relation(t.rels[n])) & mask
		for t.table[i] != 0 {
			i = (i + 1) & mask
		}
		t.table[i] = int32(n)
	}
}
