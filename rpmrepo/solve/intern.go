package solve

import (
	"hash/maphash"
	"strings"
)

// strID numbers a string of the universe; 0 is the empty string.
type strID int32

// interner numbers strings. It copies them into blocks, so that it never keeps
// a caller's buffer alive.
type interner struct {
	strs  []string
	table []strID // open addressing; 0 is free
	seed  maphash.Seed
	block strings.Builder
}

const internBlock = 64 << 10

func newInterner() *interner {
	return &interner{strs: make([]string, 1, 1024), table: make([]strID, 4096), seed: maphash.MakeSeed()}
}

func (in *interner) str(id strID) string { return in.strs[id] }

// find returns the number of s, or ok false when s was never interned.
func (in *interner) find(s string) (id strID, ok bool) {
	if s == "" {
		return 0, true
	}
	id = in.table[in.slot(s)]
	return id, id != 0
}

// id returns the number of s, and gives it one when it has none.
func (in *interner) id(s string) strID {
	if s == "" {
		return 0
	}
	slot := in.slot(s)
	if id := in.table[slot]; id != 0 {
		return id
	}
	id := strID(len(in.strs))
	in.strs = append(in.strs, in.keep(s))
	in.table[slot] = id
	if len(in.strs)*2 > len(in.table) {
		in.grow()
	}
	return id
}

// slot is where s is in the table, or the free place where it belongs.
func (in *interner) slot(s string) int {
	mask := len(in.table) - 1
	for i := int(maphash.String(in.seed, s)) & mask; ; i = (i + 1) & mask {
		if id := in.table[i]; id == 0 || in.strs[id] == s {
			return i
		}
	}
}

func (in *interner) grow() {
	in.table = make([]strID, 2*len(in.table))
	for id := 1; id < len(in.strs); id++ {
		in.table[in.slot(in.strs[id])] = strID(id)
	}
}

// keep copies s into the current block. A block never grows once started, so
// the strings cut from it stay where they are.
func (in *interner) keep(s string) string {
	if len(s) > internBlock/8 {
		return strings.Clone(s)
	}
	if in.block.Cap()-in.block.Len() < len(s) {
		in.block = strings.Builder{}
		in.block.Grow(internBlock)
	}
	start := in.block.Len()
	in.block.WriteString(s)
	return in.block.String()[start:]
}
