package content

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

const manifestMagic = "twmanif1"

// encode returns the bytes that the package comment shows.
func (m *Manifest) encode() []byte {
	e := &encoder{b: append(make([]byte, 0, 64+96*len(m.Files)), manifestMagic...), index: map[string]int{}}
	e.text(m.NEVRA.Name)
	e.number(uint64(m.NEVRA.Epoch))
	e.text(m.NEVRA.Version)
	e.text(m.NEVRA.Release)
	e.text(m.NEVRA.Arch)
	e.names(m.Files)
	e.files(m.Files)
	e.scriptlets(m.Scriptlets)
	for _, list := range [...][]rpm.Dep{m.Requires, m.Provides, m.Conflicts, m.Obsoletes} {
		e.deps(list)
	}
	sum := sha256.Sum256(e.b)
	return append(e.b, sum[:]...)
}

type encoder struct {
	b     []byte
	index map[string]int // of the table of strings
}

func (e *encoder) number(n uint64) { e.b = binary.AppendUvarint(e.b, n) }

func (e *encoder) text(s string) {
	e.number(uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) name(s string) { e.number(uint64(e.index[s])) }

// names writes the table of the strings that many files share.
func (e *encoder) names(files []File) {
	var table []string
	for i := range files {
		f := &files[i]
		for _, s := range [...]string{f.User, f.Group, f.Lang, f.Caps} {
			if _, known := e.index[s]; !known {
				e.index[s] = len(table)
				table = append(table, s)
			}
		}
	}
	e.number(uint64(len(table)))
	for _, s := range table {
		e.text(s)
	}
}

func (e *encoder) files(files []File) {
	e.number(uint64(len(files)))
	prev := ""
	for i := range files {
		f := &files[i]
		shared := commonPrefix(prev, f.Path)
		e.number(uint64(shared))
		e.text(f.Path[shared:])
		prev = f.Path
		for _, n := range [...]uint32{f.Mode, uint32(f.Flags), f.Color, f.RDev} {
			e.number(uint64(n))
		}
		e.number(uint64(f.Size))
		e.name(f.User)
		e.name(f.Group)
		e.name(f.Lang)
		e.name(f.Caps)
		e.number(uint64(f.Link))
		e.text(f.LinkTo)
		e.text(f.IMA)
		if f.Content.IsZero() {
			e.number(0)
		} else {
			e.number(1)
			e.b = append(e.b, f.Content[:]...)
		}
	}
}

func (e *encoder) scriptlets(list []rpm.Scriptlet) {
	e.number(uint64(len(list)))
	for _, s := range list {
		e.text(string(s.Kind))
		e.texts(s.Interpreter)
		e.text(s.Body)
		e.number(uint64(s.Flags))
		e.number(uint64(s.Priority))
		e.deps(s.Triggers)
		e.texts(s.Paths)
	}
}

func (e *encoder) deps(list []rpm.Dep) {
	e.number(uint64(len(list)))
	for _, d := range list {
		e.text(d.Name)
		e.number(uint64(d.Flags))
		e.text(d.EVR)
		e.number(flag(d.Pre))
	}
}

func (e *encoder) texts(list []string) {
	e.number(uint64(len(list)))
	for _, s := range list {
		e.text(s)
	}
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
