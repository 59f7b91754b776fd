package rpm

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// find returns the entry of a tag, or nil.
func (h *Header) find(tag Tag) *entry {
	i, ok := slices.BinarySearchFunc(h.index, tag, func(e entry, t Tag) int { return int(int64(e.tag) - int64(t)) })
	if !ok {
		return nil
	}
	return &h.index[i]
}

// Has reports whether the header has the tag.
func (h *Header) Has(tag Tag) bool { return h.find(tag) != nil }

// Tags returns the tags of the header in ascending order.
func (h *Header) Tags() []Tag {
	tags := make([]Tag, len(h.index))
	for i, e := range h.index {
		tags[i] = e.tag
	}
	return tags
}

// Count returns how many values the tag has; zero when it is absent.
func (h *Header) Count(tag Tag) int {
	if e := h.find(tag); e != nil {
		return int(e.count)
	}
	return 0
}

// String returns the first string of a tag, the untranslated one where there
// are translations; empty when the tag is absent or holds no strings.
func (h *Header) String(tag Tag) string {
	e := h.find(tag)
	if e == nil || !isText(e.typ) {
		return ""
	}
	s := h.text[e.offset:][:e.size]
	return s[:strings.IndexByte(s, 0)]
}

// Strings returns the strings of a tag; nil when it is absent or holds none.
// They share the memory of the header.
func (h *Header) Strings(tag Tag) []string {
	e := h.find(tag)
	if e == nil || !isText(e.typ) {
		return nil
	}
	list := make([]string, e.count)
	s := h.text[e.offset:][:e.size]
	for i := range list {
		n := strings.IndexByte(s, 0)
		list[i], s = s[:n], s[n+1:]
	}
	return list
}

// Bytes returns the value of a binary tag; nil when it is absent or other.
func (h *Header) Bytes(tag Tag) []byte {
	e := h.find(tag)
	if e == nil || e.typ != typeBinary {
		return nil
	}
	return h.data[e.offset:][:e.size:e.size]
}

// Uint64 returns the first number of a tag; ok is false when there is none.
func (h *Header) Uint64(tag Tag) (n uint64, ok bool) {
	e := h.find(tag)
	if e == nil || !isNumber(e.typ) {
		return 0, false
	}
	return h.number(e, 0), true
}

// Uint32s returns the numbers of a tag of at most 32 bits each; nil when the
// tag is absent or other.
func (h *Header) Uint32s(tag Tag) []uint32 {
	e := h.find(tag)
	if e == nil || !isNumber(e.typ) || e.typ == typeInt64 {
		return nil
	}
	list := make([]uint32, e.count)
	for i := range list {
		list[i] = uint32(h.number(e, i))
	}
	return list
}

// number returns the i-th value of a numeric entry.
func (h *Header) number(e *entry, i int) uint64 {
	d := h.data[e.offset:][:e.size]
	switch e.typ {
	case typeInt16:
		return uint64(binary.BigEndian.Uint16(d[2*i:]))
	case typeInt32:
		return uint64(binary.BigEndian.Uint32(d[4*i:]))
	case typeInt64:
		return binary.BigEndian.Uint64(d[8*i:])
	}
	return uint64(d[i])
}

func isText(typ uint32) bool {
	return typ == typeString || typ == typeStringArray || typ == typeI18NString
}

func isNumber(typ uint32) bool { return typ >= typeChar && typ <= typeInt64 }

// numbers walks a numeric tag without a copy.
type numbers struct {
	h *Header
	e *entry
}

// at returns the i-th value, or zero when the tag is absent.
func (n numbers) at(i int) uint64 {
	if n.e == nil {
		return 0
	}
	return n.h.number(n.e, i)
}

// column returns a numeric tag that must have n values when it is there.
func (h *Header) column(tag Tag, n int) (numbers, error) {
	e := h.find(tag)
	if e == nil {
		return numbers{}, nil
	}
	if !isNumber(e.typ) {
		return numbers{}, fmt.Errorf("tag %s holds no numbers", tag)
	}
	if int(e.count) != n {
		return numbers{}, fmt.Errorf("tag %s has %d values, not %d", tag, e.count, n)
	}
	return numbers{h, e}, nil
}

// texts walks a string array without a slice of it.
type texts struct{ rest string }

// next returns the next string, or "" when the tag is absent.
func (t *texts) next() string {
	i := strings.IndexByte(t.rest, 0)
	if i < 0 {
		return ""
	}
	s := t.rest[:i]
	t.rest = t.rest[i+1:]
	return s
}

// textColumn returns a string tag that must have n values when it is there.
func (h *Header) textColumn(tag Tag, n int) (texts, error) {
	e := h.find(tag)
	if e == nil {
		return texts{}, nil
	}
	if !isText(e.typ) {
		return texts{}, fmt.Errorf("tag %s holds no strings", tag)
	}
	if int(e.count) != n {
		return texts{}, fmt.Errorf("tag %s has %d values, not %d", tag, e.count, n)
	}
	return texts{h.text[e.offset:][:e.size]}, nil
}
