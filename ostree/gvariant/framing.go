package gvariant

import (
	"bytes"
	"encoding/binary"
	"math"
)

// offsetWidth returns how many bytes an offset has in a container of the
// given total size.
func offsetWidth(total int) int {
	switch {
	case total <= 0xff:
		return 1
	case total <= 0xffff:
		return 2
	case total <= math.MaxUint32:
		return 4
	}
	return 8
}

// minWidth returns the width of each of n offsets that follow a body.
func minWidth(body, n int) int {
	for _, w := range [...]int{1, 2, 4} {
		if offsetWidth(body+n*w) <= w {
			return w
		}
	}
	return 8
}

func appendOffset(b []byte, off, width int) []byte {
	var le [8]byte
	binary.LittleEndian.PutUint64(le[:], uint64(off))
	return append(b, le[:width]...)
}

// readOffset reads one offset. What no int holds becomes MaxInt, which is
// beyond the end of every container.
func readOffset(b []byte, width int) int {
	var le [8]byte
	copy(le[:], b[:width])
	return int(min(binary.LittleEndian.Uint64(le[:]), math.MaxInt))
}

func pad(b []byte, align int) []byte {
	for len(b)%align != 0 {
		b = append(b, 0)
	}
	return b
}

// appendTuple serializes the members of a tuple or dictionary entry.
func (t *typ) appendTuple(vs []Value) []byte {
	if len(vs) == 0 {
		return []byte{0}
	}
	size := 16
	for _, v := range vs {
		size += len(v.data) + 8
	}
	data := make([]byte, 0, size)
	var ends []int
	for i, v := range vs {
		data = append(pad(data, v.t.align), v.data...)
		if v.t.size == 0 && i < len(vs)-1 {
			ends = append(ends, len(data))
		}
	}
	if t.size > 0 {
		return pad(data, t.align)
	}
	w := minWidth(len(data), len(ends))
	for i := len(ends) - 1; i >= 0; i-- {
		data = appendOffset(data, ends[i], w)
	}
	return data
}

// array serializes elements that all have the element type of t.
func array(t *typ, vs []Value) Value {
	size := 0
	for _, v := range vs {
		size += alignUp(len(v.data), t.align) + 4
	}
	data := make([]byte, 0, size)
	if t.elem.size > 0 {
		for _, v := range vs {
			data = append(data, v.data...)
		}
		return Value{t, data}
	}
	ends := make([]int, len(vs))
	for i, v := range vs {
		data = append(pad(data, t.align), v.data...)
		ends[i] = len(data)
	}
	w := minWidth(len(data), len(ends))
	for _, end := range ends {
		data = appendOffset(data, end, w)
	}
	return Value{t, data}
}

// offsets splits the serialization of a non-empty array of variable-size
// elements into the body's length, the table of ends and its width.
func offsets(data []byte) (body int, table []byte, width int) {
	width = offsetWidth(len(data))
	body = readOffset(data[len(data)-width:], width)
	return body, data[min(body, len(data)):], width
}

// Len returns the number of elements of an array or maybe, or members of a
// tuple or dictionary entry; 1 for a variant; 0 for everything else.
func (v Value) Len() int {
	if v.t == nil {
		return 0
	}
	switch v.t.kind {
	case '(', '{':
		return len(v.t.members)
	case 'v':
		return 1
	case 'm':
		if len(v.data) > 0 {
			return 1
		}
	case 'a':
		if v.t.elem.size > 0 {
			return len(v.data) / v.t.elem.size
		}
		if len(v.data) > 0 {
			_, table, width := offsets(v.data)
			return len(table) / width
		}
	}
	return 0
}

// Index returns the i-th element or member. Like indexing a slice, it panics
// when there is none.
func (v Value) Index(i int) Value {
	if i < 0 || i >= v.Len() {
		panic("gvariant: Index out of range")
	}
	switch v.t.kind {
	case '(', '{':
		return v.member(i)
	case 'v':
		return v.Unwrap()
	case 'm':
		if v.t.elem.size > 0 {
			return Value{v.t.elem, v.data}
		}
		return Value{v.t.elem, v.data[:len(v.data)-1]}
	}
	if n := v.t.elem.size; n > 0 {
		return Value{v.t.elem, v.data[i*n : (i+1)*n : (i+1)*n]}
	}
	_, table, w := offsets(v.data)
	start := 0
	if i > 0 {
		start = alignUp(readOffset(table[(i-1)*w:], w), v.t.align)
	}
	end := readOffset(table[i*w:], w)
	return Value{v.t.elem, v.data[start:end:end]}
}

func (v Value) member(n int) Value {
	w := offsetWidth(len(v.data))
	body := len(v.data) - v.t.framing()*w
	start, end, next := 0, 0, len(v.data)
	for i, m := range v.t.members[:n+1] {
		start = alignUp(end, m.align)
		switch {
		case m.size > 0:
			end = start + m.size
		case i == len(v.t.members)-1:
			end = body
		default:
			next -= w
			end = readOffset(v.data[next:], w)
		}
	}
	return Value{v.t.members[n], v.data[start:end:end]}
}

// framing returns how many offsets a tuple of type t has.
func (t *typ) framing() int {
	n := 0
	for i, m := range t.members {
		if m.size == 0 && i < len(t.members)-1 {
			n++
		}
	}
	return n
}

// Unwrap returns what a variant holds, and the zero Value when v is none.
func (v Value) Unwrap() Value {
	if !v.is('v') {
		return Value{}
	}
	end := bytes.LastIndexByte(v.data, 0)
	if end < 0 {
		return Value{}
	}
	t, err := parseTypeString(string(v.data[end+1:]))
	if err != nil {
		return Value{}
	}
	return Value{t, v.data[:end:end]}
}
