package rpmrepo

import (
	"hash/maphash"
	"strings"
	"unsafe"
)

// stringPool turns bytes into strings with few allocations: they are cut from
// blocks, and intern returns the same string for the same bytes.
//
// A passing pool has one block, which forget gives free again: its strings are
// gone then, and it need not look for equal ones. It may leave bytes where they
// are, see view.
type stringPool struct {
	passing bool
	bytes   []byte // the block of a passing pool

	table []string // open addressing; "" is free
	used  int
	seed  maphash.Seed
	block strings.Builder
}

const poolBlock = 64 << 10

func newStringPool() *stringPool {
	return &stringPool{table: make([]string, 1<<12), seed: maphash.MakeSeed()}
}

// intern returns b as a string that is kept for the next time.
func (p *stringPool) intern(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if p.passing {
		return p.pass(b)
	}
	mask := len(p.table) - 1
	i := int(maphash.Bytes(p.seed, b)) & mask
	for ; p.table[i] != ""; i = (i + 1) & mask {
		if p.table[i] == string(b) {
			return p.table[i]
		}
	}
	s := p.copy(b)
	p.table[i] = s
	if p.used++; 2*p.used > len(p.table) {
		p.grow()
	}
	return s
}

func (p *stringPool) grow() {
	old := p.table
	p.table = make([]string, 2*len(old))
	mask := len(p.table) - 1
	for _, s := range old {
		if s == "" {
			continue
		}
		i := int(maphash.String(p.seed, s)) & mask
		for p.table[i] != "" {
			i = (i + 1) & mask
		}
		p.table[i] = s
	}
}

// pass returns b as a string that lasts until forget. When the block moves, the
// strings cut from it keep the old one.
func (p *stringPool) pass(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	start := len(p.bytes)
	p.bytes = append(p.bytes, b...)
	return unsafe.String(&p.bytes[start], len(b))
}

// forget ends the strings of a passing pool.
func (p *stringPool) forget() { p.bytes = p.bytes[:0] }

// copy returns b as a string. A builder that has room never moves what it
// holds, so the strings cut from it stay right.
func (p *stringPool) copy(b []byte) string {
	if p.passing {
		return p.pass(b)
	}
	if len(b) > poolBlock/8 {
		return string(b)
	}
	if p.block.Cap()-p.block.Len() < len(b) {
		p.block = strings.Builder{}
		p.block.Grow(poolBlock)
	}
	start := p.block.Len()
	p.block.Write(b)
	return p.block.String()[start:]
}

// view is copy for bytes that stay as they are until forget: a passing pool
// leaves them where they are.
func (p *stringPool) view(b []byte) string {
	if !p.passing {
		return p.copy(b)
	}
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// internView is view for what comes again.
func (p *stringPool) internView(b []byte) string {
	if p.passing {
		return p.view(b)
	}
	return p.intern(b)
}
