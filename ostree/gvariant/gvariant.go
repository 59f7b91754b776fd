// Package gvariant reads and writes GVariant, the serialization that OSTree
// uses for everything but file content.
//
// A value has a type string and bytes. Fixed-size basic types are stored
// little-endian at their natural alignment: y 1 byte, b 1, n q 2, i u h 4,
// x t d 8. Strings (s o g) are UTF-8 with a closing NUL. Containers add
// framing, whose offsets all have one width: the smallest of 1, 2, 4 and 8
// bytes that can express the container's whole size.
//
//	array of fixed size    aiai: the elements, one after the other
//	array of variable size as:   "ab\0" "c\0" 03 05         the end of each element
//	tuple                  (sys): "ab\0" 07 "c\0" 03        the end of each variable-size
//	                                                       member but the last, last first
//	fixed-size tuple       (uy): 01 00 00 00 07 00 00 00    padded to its alignment
//	variant                v:    07 00 "y"                  the value, NUL, its type
//	maybe                  mu:   empty, or the value        ms: empty, or the value and NUL
//
// Every element starts at a multiple of its alignment, counted from the start
// of the container; the padding is zero. The specification is
// https://docs.gtk.org/glib/gvariant-specification-1.0.html.
//
// Parse accepts normal form only (what GLib itself would have written), so a
// parsed value's accessors cannot meet bad framing. OSTree stores most of its
// integers big-endian: BE32 and BE64 convert both ways.
package gvariant

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// Value is an immutable GVariant. The zero Value has no type and no bytes.
type Value struct {
	t    *typ
	data []byte
}

// FormError tells where a serialization is not in normal form.
type FormError struct {
	Type   string // of the value that is wrong
	Reason string
}

func (e *FormError) Error() string {
	return fmt.Sprintf("GVariant of type %q is not in normal form: %s", e.Type, e.Reason)
}

// Parse takes data as a value of the given type. It refuses everything but
// normal form with a *FormError. The Value keeps data, which must not change.
func Parse(typeString string, data []byte) (Value, error) {
	t, err := parseTypeString(typeString)
	if err != nil {
		return Value{}, err
	}
	if err := t.check(data, 0); err != nil {
		return Value{}, err
	}
	return Value{t, data}, nil
}

// Check reports whether the value is in normal form. Only a value made from
// strings that are no UTF-8 or hold a NUL is not; encoders call it before
// they write what others gave them.
func (v Value) Check() error {
	if v.t == nil {
		return &FormError{Reason: "no value"}
	}
	return v.t.check(v.data, 0)
}

// Type returns the type string, "" for the zero Value.
func (v Value) Type() string {
	if v.t == nil {
		return ""
	}
	return v.t.str
}

// Data returns the serialized bytes, which the caller must not change.
func (v Value) Data() []byte { return v.data }

// IsZero tells the zero Value, which holds nothing.
func (v Value) IsZero() bool { return v.t == nil }

func (v Value) is(kind byte) bool { return v.t != nil && v.t.kind == kind }

// The accessors below return the zero value of their result when the value
// has another type: what a stranger wrote under a known key is not believed.

// Bool returns a value of type b.
func (v Value) Bool() bool { return v.is('b') && v.data[0] != 0 }

// Byte returns a value of type y.
func (v Value) Byte() byte {
	if !v.is('y') {
		return 0
	}
	return v.data[0]
}

// Int32 returns a value of type i.
func (v Value) Int32() int32 {
	if !v.is('i') {
		return 0
	}
	return int32(binary.LittleEndian.Uint32(v.data))
}

// Uint32 returns a value of type u.
func (v Value) Uint32() uint32 {
	if !v.is('u') {
		return 0
	}
	return binary.LittleEndian.Uint32(v.data)
}

// Int64 returns a value of type x.
func (v Value) Int64() int64 {
	if !v.is('x') {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(v.data))
}

// Uint64 returns a value of type t.
func (v Value) Uint64() uint64 {
	if !v.is('t') {
		return 0
	}
	return binary.LittleEndian.Uint64(v.data)
}

// Double returns a value of type d.
func (v Value) Double() float64 {
	if !v.is('d') {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(v.data))
}

// Str returns a value of type s, o or g.
func (v Value) Str() string {
	if !v.is('s') && !v.is('o') && !v.is('g') {
		return ""
	}
	return string(v.data[:len(v.data)-1])
}

// Bytes returns a value of type ay; the caller must not change it.
func (v Value) Bytes() []byte {
	if v.t == nil || v.t.str != "ay" {
		return nil
	}
	return v.data
}

// Strings returns a value of type as.
func (v Value) Strings() []string {
	if v.t == nil || v.t.str != "as" {
		return nil
	}
	n := v.Len()
	out := make([]string, n)
	for i := range n {
		out[i] = v.Index(i).Str()
	}
	return out
}

// BE32 converts an integer between host order, as Uint32 gives and takes it,
// and the big-endian order in which OSTree stores it.
func BE32(x uint32) uint32 { return bits.ReverseBytes32(x) }

// BE64 is BE32 for 64 bits.
func BE64(x uint64) uint64 { return bits.ReverseBytes64(x) }

// Bool makes a value of type b.
func Bool(x bool) Value {
	if x {
		return Value{typBool, []byte{1}}
	}
	return Value{typBool, []byte{0}}
}

// Byte makes a value of type y.
func Byte(x byte) Value { return Value{typByte, []byte{x}} }

// Int32 makes a value of type i.
func Int32(x int32) Value {
	return Value{typInt32, binary.LittleEndian.AppendUint32(nil, uint32(x))}
}

// Uint32 makes a value of type u.
func Uint32(x uint32) Value { return Value{typUint32, binary.LittleEndian.AppendUint32(nil, x)} }

// Int64 makes a value of type x.
func Int64(x int64) Value {
	return Value{typInt64, binary.LittleEndian.AppendUint64(nil, uint64(x))}
}

// Uint64 makes a value of type t.
func Uint64(x uint64) Value { return Value{typUint64, binary.LittleEndian.AppendUint64(nil, x)} }

// Double makes a value of type d.
func Double(x float64) Value {
	return Value{typDouble, binary.LittleEndian.AppendUint64(nil, math.Float64bits(x))}
}

// String makes a value of type s. It does not look at the bytes: Check finds
// out whether they are UTF-8 without NUL.
func String(s string) Value {
	data := make([]byte, len(s)+1)
	copy(data, s)
	return Value{typString, data}
}

// Bytes makes a value of type ay. It keeps b, which must not change.
func Bytes(b []byte) Value { return Value{typBytes, b} }

// ByteString makes the ay that GLib calls a byte string: s with a closing NUL.
func ByteString(s string) Value {
	data := make([]byte, len(s)+1)
	copy(data, s)
	return Value{typBytes, data}
}

// Strings makes a value of type as.
func Strings(ss ...string) Value {
	vs := make([]Value, len(ss))
	for i, s := range ss {
		vs[i] = String(s)
	}
	return array(typStrings, vs)
}

// Variant boxes v as a value of type v.
func Variant(v Value) Value {
	data := make([]byte, 0, len(v.data)+1+len(v.t.str))
	data = append(data, v.data...)
	data = append(data, 0)
	return Value{typVariant, append(data, v.t.str...)}
}

// Tuple makes a tuple of the given members.
func Tuple(vs ...Value) Value {
	members := make([]*typ, len(vs))
	var str strings.Builder
	str.WriteByte('(')
	for i, v := range vs {
		members[i] = v.t
		str.WriteString(v.t.str)
	}
	str.WriteByte(')')
	t := newTuple(str.String(), '(', members)
	return Value{t, t.appendTuple(vs)}
}

// DictEntry makes a dictionary entry, of type {kv}. The key must be basic.
func DictEntry(key, value Value) Value {
	if !key.t.basic() {
		panic("gvariant: DictEntry with a key of type " + key.t.str)
	}
	t := newTuple("{"+key.t.str+value.t.str+"}", '{', []*typ{key.t, value.t})
	return Value{t, t.appendTuple([]Value{key, value})}
}

// Array makes an array of elements of the given type. It panics when an
// element has another type or elemType is no type string: both are mistakes
// in the program, not in its input.
func Array(elemType string, vs ...Value) Value {
	t, err := parseTypeString("a" + elemType)
	if err != nil {
		panic("gvariant: Array: " + err.Error())
	}
	for _, v := range vs {
		if v.Type() != elemType {
			panic(fmt.Sprintf("gvariant: Array of %s with an element of type %s", elemType, v.Type()))
		}
	}
	return array(t, vs)
}

// Just makes the maybe that holds v.
func Just(v Value) Value {
	t := &typ{str: "m" + v.t.str, kind: 'm', align: v.t.align, elem: v.t}
	if v.t.size > 0 {
		return Value{t, v.data}
	}
	return Value{t, append(v.data[:len(v.data):len(v.data)], 0)}
}

// Nothing makes the maybe of the given element type that holds no value. It
// panics when elemType is no type string.
func Nothing(elemType string) Value {
	t, err := parseTypeString("m" + elemType)
	if err != nil {
		panic("gvariant: Nothing: " + err.Error())
	}
	return Value{t, nil}
}
