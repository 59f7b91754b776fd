package rpmtest

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Types of header entries.
const (
	typeInt16       = 3
	typeInt32       = 4
	typeInt64       = 5
	typeString      = 6
	typeBinary      = 7
	typeStringArray = 8
	typeI18NString  = 9
)

// Tags of the regions that frame a header.
const (
	regionSignatures = 62
	regionImmutable  = 63
	tagI18NTable     = 100
)

type entry struct {
	typ, count uint32
	data       []byte
}

// header collects tags; bytes writes them sorted.
type header map[rpm.Tag]entry

func (h header) str(tag rpm.Tag, s string) {
	h[tag] = entry{typeString, 1, append([]byte(s), 0)}
}

func (h header) i18n(tag rpm.Tag, s string) {
	h[tag] = entry{typeI18NString, 1, append([]byte(s), 0)}
}

// strs adds a string array; an empty one adds nothing.
func (h header) strs(tag rpm.Tag, list []string) {
	if len(list) == 0 {
		return
	}
	var b []byte
	for _, s := range list {
		b = append(append(b, s...), 0)
	}
	h[tag] = entry{typeStringArray, uint32(len(list)), b}
}

func (h header) bin(tag rpm.Tag, b []byte) {
	h[tag] = entry{typeBinary, uint32(len(b)), b}
}

func (h header) u16s(tag rpm.Tag, list []uint32) {
	var b []byte
	for _, n := range list {
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	h.put(tag, typeInt16, len(list), b)
}

func (h header) u32s(tag rpm.Tag, list ...uint32) {
	var b []byte
	for _, n := range list {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	h.put(tag, typeInt32, len(list), b)
}

func (h header) u64s(tag rpm.Tag, list ...uint64) {
	var b []byte
	for _, n := range list {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	h.put(tag, typeInt64, len(list), b)
}

func (h header) put(tag rpm.Tag, typ uint32, n int, b []byte) {
	if n > 0 {
		h[tag] = entry{typ, uint32(n), b}
	}
}

// bytes writes the header: intro, index and data, framed by a region.
func (h header) bytes(region uint32) []byte {
	tags := make([]rpm.Tag, 0, len(h))
	for t := range h {
		tags = append(tags, t)
	}
	slices.Sort(tags)
	var index, data []byte
	for _, t := range tags {
		e := h[t]
		for len(data)%alignment(e.typ) != 0 {
			data = append(data, 0)
		}
		index = appendEntry(index, uint32(t), e.typ, uint32(len(data)), e.count)
		data = append(data, e.data...)
	}
	n := uint32(len(tags) + 1)
	trailer := appendEntry(nil, region, typeBinary, -(16 * n), 16)
	var out bytes.Buffer
	out.Write([]byte{0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0})
	out.Write(binary.BigEndian.AppendUint32(nil, n))
	out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(data)+16)))
	out.Write(appendEntry(nil, region, typeBinary, uint32(len(data)), 16))
	out.Write(index)
	out.Write(data)
	out.Write(trailer)
	return out.Bytes()
}

func appendEntry(b []byte, tag, typ, offset, count uint32) []byte {
	for _, n := range []uint32{tag, typ, offset, count} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

func alignment(typ uint32) int {
	switch typ {
	case typeInt16:
		return 2
	case typeInt32:
		return 4
	case typeInt64:
		return 8
	}
	return 1
}

// lead is the 96 bytes that open a package file.
func lead(p Package) []byte {
	b := make([]byte, 96)
	copy(b, []byte{0xed, 0xab, 0xee, 0xdb, 3, 0})
	if p.Format == FormatV6 {
		b[4] = 4
	}
	if p.source() {
		b[7] = 1
	}
	b[9] = 1
	copy(b[10:75], p.Name+"-"+p.Version+"-"+p.Release)
	b[77], b[79] = 1, 5
	return b
}
