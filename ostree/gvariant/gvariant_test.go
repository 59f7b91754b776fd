package gvariant

import (
	"bufio"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// vectors reads a table that GLib made; its recipe stands beside it.
func vectors(tb testing.TB, name string) [][]string {
	tb.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var rows [][]string
	for s := bufio.NewScanner(f); s.Scan(); {
		rows = append(rows, strings.Split(s.Text(), "\t"))
	}
	return rows
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// rebuild makes the value again from its parts, with the constructors.
func rebuild(v Value) Value {
	switch v.Type()[0] {
	case 'b':
		return Bool(v.Bool())
	case 'y':
		return Byte(v.Byte())
	case 'i':
		return Int32(v.Int32())
	case 'u':
		return Uint32(v.Uint32())
	case 'x':
		return Int64(v.Int64())
	case 't':
		return Uint64(v.Uint64())
	case 'd':
		return Double(v.Double())
	case 's':
		return String(v.Str())
	case 'v':
		return Variant(rebuild(v.Unwrap()))
	case 'm':
		if v.Len() == 0 {
			return Nothing(v.Type()[1:])
		}
		return Just(rebuild(v.Index(0)))
	case 'a':
		return Array(v.Type()[1:], parts(v)...)
	case '(':
		return Tuple(parts(v)...)
	case '{':
		return DictEntry(rebuild(v.Index(0)), rebuild(v.Index(1)))
	}
	return v
}

func parts(v Value) []Value {
	var out []Value
	for _, e := range v.All() {
		out = append(out, rebuild(e))
	}
	return out
}

func TestGLibWritesTheSame(t *testing.T) {
	for _, row := range vectors(t, "glib.txt") {
		typ, text, data := row[0], row[1], unhex(t, row[2])
		v, err := Parse(typ, data)
		if err != nil {
			t.Errorf("Parse of %s: %v", text, err)
			continue
		}
		got := rebuild(v)
		if got.Type() != typ || !slices.Equal(got.Data(), data) {
			t.Errorf("%s: got %s %x, want %s %x", text, got.Type(), got.Data(), typ, data)
		}
		if err := got.Check(); err != nil {
			t.Errorf("Check of %s: %v", text, err)
		}
	}
}

func TestGLibAgreesOnNormalForm(t *testing.T) {
	for _, row := range vectors(t, "normal.txt") {
		_, err := Parse(row[0], unhex(t, row[1]))
		if got, want := err == nil, row[2] == "1"; got != want {
			t.Errorf("%s %s: got normal %v (%v), want %v", row[0], row[1], got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat("a", 200) + "y"
	for _, tt := range []struct{ name, typ, data string }{
		{"no type", "", ""},
		{"unknown type", "z", ""},
		{"two types", "ss", "\x00"},
		{"open tuple", "(s", "\x00"},
		{"entry of one", "{s}", "\x00"},
		{"entry with a container as key", "{ass}", "\x00"},
		{"deep type", deep, ""},
		{"deep variant", "v", strings.Repeat("\x00v", 300)},
		{"offset beyond the end", "as", "a\x00\xff"},
		{"offsets that fall", "as", "a\x00b\x00\x04\x02"},
		{"wide offsets", "as", strings.Repeat("a", 200) + "\x00" + "\xc9\x00" + strings.Repeat("\x00", 56)},
		{"no room for offsets", "(ssssssss)", "\x00\x00"},
		{"boolean of two", "b", "\x02"},
		{"not UTF-8", "s", "\xff\x00"},
		{"NUL inside", "s", "a\x00b\x00"},
		{"padding", "(yu)", "\x01\x01\x00\x00\x02\x00\x00\x00"},
		{"object path", "o", "a\x00"},
		{"signature", "g", "(\x00"},
		{"variant without a type", "v", ""},
		{"variant with a long type", "v", "\x00" + strings.Repeat("a", 1<<17) + "y"},
	} {
		_, err := Parse(tt.typ, []byte(tt.data))
		if err == nil {
			t.Errorf("%s: got no error", tt.name)
		}
	}
	_, err := Parse("s", nil)
	var form *FormError
	if !errors.As(err, &form) || form.Type != "s" {
		t.Errorf("Parse of no string: got %v, want a FormError of type s", err)
	}
}

func TestWideOffsets(t *testing.T) {
	for _, n := range []int{0, 100, 250, 255, 256, 65530, 65535, 65536, 70000} {
		long := strings.Repeat("x", n)
		v := Tuple(Strings(long, "b", ""), String(long), Uint32(7), String("end"))
		back, err := Parse("(assus)", v.Data())
		if err != nil {
			t.Errorf("%d characters: %v", n, err)
			continue
		}
		if got := back.Index(0).Strings(); !slices.Equal(got, []string{long, "b", ""}) {
			t.Errorf("%d characters: the array did not survive", n)
		}
		if back.Index(1).Str() != long || back.Index(2).Uint32() != 7 || back.Index(3).Str() != "end" {
			t.Errorf("%d characters: the members did not survive", n)
		}
	}
}

func TestAccessorsOfOtherTypes(t *testing.T) {
	for _, v := range []Value{{}, String("x"), Uint32(1), Bytes([]byte{1}), Variant(Byte(1))} {
		if v.Uint64() != 0 || v.Double() != 0 || v.Bool() || v.Strings() != nil || v.Dict() != nil || v.Int32() != 0 {
			t.Errorf("accessors of a value of type %q: got something, want zero values", v.Type())
		}
	}
	if got := (Value{}).Len(); got != 0 {
		t.Errorf("Len of no value: got %d, want 0", got)
	}
	if !Uint32(1).Unwrap().IsZero() {
		t.Error("Unwrap of no variant: got a value, want none")
	}
}

func TestBadStringsAreFound(t *testing.T) {
	for _, s := range []string{"a\x00b", "\xff", "\xed\xa0\x80"} {
		if err := VarDict(Entry{"k", String(s)}).Check(); err == nil {
			t.Errorf("Check of %q: got no error", s)
		}
	}
}

func TestBigEndian(t *testing.T) {
	if got := Uint64(BE64(0x0102)).Data(); !slices.Equal(got, []byte{0, 0, 0, 0, 0, 0, 1, 2}) {
		t.Errorf("BE64: got % x", got)
	}
	if got := BE32(Uint32(BE32(77)).Uint32()); got != 77 {
		t.Errorf("BE32 twice: got %d, want 77", got)
	}
	if got := math.Float64bits(Double(-0.5).Double()); got != math.Float64bits(-0.5) {
		t.Errorf("Double: got %x", got)
	}
}

func TestDict(t *testing.T) {
	var d Dict
	d.Set("b", String("1"))
	d.Set("a", Uint32(2))
	d.Set("b", String("3"))
	if got := d.Str("b"); got != "3" || len(d) != 2 || d[0].Key != "b" {
		t.Errorf("Set: got %q in %v, want it replaced in place", got, d)
	}
	back, err := ParseDict(d.Encode().Data())
	if err != nil || len(back) != 2 || back[1].Value.Uint32() != 2 {
		t.Errorf("ParseDict: got %v, %v", back, err)
	}
	twice := append(d.Clone(), Entry{"b", String("later")})
	if got := twice.Str("b"); got != "3" {
		t.Errorf("a key that stands twice: got %q, want the first", got)
	}
	twice.Delete("b")
	if _, ok := twice.Get("b"); ok || len(d) != 2 {
		t.Errorf("Delete: got %v, and %v of the original", twice, d)
	}
	d.Sort()
	if d[0].Key != "a" {
		t.Errorf("Sort: got %v", d)
	}
	if got := d.Str("a"); got != "" {
		t.Errorf("Str of a number: got %q, want nothing", got)
	}
}

// anyValue draws a value of any type that the constructors make.
func anyValue(t *rapid.T, depth int) Value {
	top := 9
	if depth > 3 {
		top = 5
	}
	switch rapid.IntRange(0, top).Draw(t, "kind") {
	case 0:
		return String(strings.ReplaceAll(rapid.String().Draw(t, "s"), "\x00", ""))
	case 1:
		return Uint32(rapid.Uint32().Draw(t, "u"))
	case 2:
		return Bytes(rapid.SliceOf(rapid.Byte()).Draw(t, "ay"))
	case 3:
		return Bool(rapid.Bool().Draw(t, "b"))
	case 4:
		return Uint64(rapid.Uint64().Draw(t, "t"))
	case 5:
		return Byte(rapid.Byte().Draw(t, "y"))
	case 6:
		return Variant(anyValue(t, depth+1))
	case 7:
		return Just(anyValue(t, depth+1))
	case 8:
		e := anyValue(t, depth+1)
		return Array(e.Type(), slices.Repeat([]Value{e}, rapid.IntRange(0, 4).Draw(t, "n"))...)
	}
	var members []Value
	for range rapid.IntRange(0, 5).Draw(t, "members") {
		members = append(members, anyValue(t, depth+1))
	}
	return Tuple(members...)
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(t, 0)
		back, err := Parse(v.Type(), v.Data())
		if err != nil {
			t.Fatal(err)
		}
		if got := rebuild(back); !slices.Equal(got.Data(), v.Data()) {
			t.Fatalf("%s: got %x, want %x", v.Type(), got.Data(), v.Data())
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, row := range vectors(f, "glib.txt") {
		f.Add(row[0], unhex(f, row[2]))
	}
	for _, row := range vectors(f, "normal.txt") {
		f.Add(row[0], unhex(f, row[1]))
	}
	f.Fuzz(func(t *testing.T, typ string, data []byte) {
		v, err := Parse(typ, data)
		if err != nil {
			return
		}
		// Normal form is unique: what is made of the parts has the same bytes.
		if got := rebuild(v); !slices.Equal(got.Data(), data) {
			t.Errorf("%s %x: made again as %x", typ, data, got.Data())
		}
	})
}
