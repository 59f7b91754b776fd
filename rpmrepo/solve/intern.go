package solve

import (
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
	table  slots
	key    hashKey
}

func newInterner() *interner {
	return &interner{starts: make([]uint32, 2, 1024), table: make(slots, 4096), key: newHashKey()}
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
	i, _ := in.slot(s)
	id = strID(in.table[i].id)
	return id, id != 0
}

// id returns the number of s, and gives it one when it has none.
func (in *interner) id(s string) strID {
	if s == "" {
		return 0
	}
	i, hash := in.slot(s)
	if id := in.table[i].id; id != 0 {
		return strID(id)
	}
	if len(s) > maxText-len(in.text) {
		in.full = true
		return 0
	}
	id := strID(in.count())
	if cap(in.text)-len(in.text) < len(s) {
		in.text = withRoom(in.text, len(in.text)+len(s)+internRoom)
	}
	in.text = append(in.text, s...)
	in.starts = append(roomy(in.starts), uint32(len(in.text)))
	in.table[i] = slot{int32(id), hash}
	in.table = in.table.roomFor(in.count())
	return id
}

// reserve makes room for n more strings of so many bytes.
func (in *interner) reserve(n, size int) {
	in.starts = withRoom(in.starts, n)
	in.text = withRoom(in.text, size)
	in.table = in.table.roomFor(in.count() + n)
}

// slot is where s is in the table, or the free place where it belongs.
func (in *interner) slot(s string) (place int, hash uint32) {
	mask := len(in.table) - 1
	hash = uint32(in.key.string(s))
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		if e := in.table[i]; e.id == 0 || e.hash == hash && in.str(strID(e.id)) == s {
			return i, hash
		}
	}
}

// relTable numbers relations.
type relTable struct {
	rels  []relation // the first is none
	table slots      // of places in rels
	key   hashKey
}

func newRelTable(key hashKey) relTable {
	return relTable{rels: make([]relation, 1, 1024), table: make(slots, 1024), key: key}
}

// id returns the number of r, and gives it one when it has none.
func (t *relTable) id(r relation) depID {
	mask := len(t.table) - 1
	hash := uint32(t.key.relation(r))
	i := int(hash) & mask
	for ; t.table[i].id != 0; i = (i + 1) & mask {
		if s := t.table[i]; s.hash == hash && t.rels[s.id] == r {
			return depID(s.id) | relBit
		}
	}
	n := int32(len(t.rels))
	t.rels = append(roomy(t.rels), r)
	t.table[i] = slot{n, hash}
	t.table = t.table.roomFor(len(t.rels))
	return depID(n) | relBit
}

// reserve makes room for n more relations.
func (t *relTable) reserve(n int) {
	t.rels = withRoom(t.rels, n)
	t.table = t.table.roomFor(len(t.rels) + n)
}
