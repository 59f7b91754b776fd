package gvariant

import "testing"

func TestText(t *testing.T) {
	for _, c := range []struct {
		value Value
		want  string
	}{
		{Bool(true), "true"},
		{Byte(7), "0x07"},
		{Int32(-3), "-3"},
		{Uint64(1 << 40), "1099511627776"},
		{String("it's \"so\"\n"), `'it\'s "so"\n'`},
		{Bytes([]byte{1, 0xff}), "[byte 0x01ff]"},
		{Strings("a", "b"), "['a', 'b']"},
		{Tuple(String("x"), Uint32(1)), "('x', 1)"},
		{Tuple(String("x")), "('x',)"},
		{Variant(Uint32(1)), "<1>"},
		{Dict{{Key: "k", Value: Bool(false)}}.Encode(), "{'k': <false>}"},
		{Value{}, "nothing"},
	} {
		if got := c.value.Text(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.value.Type(), got, c.want)
		}
	}
}
