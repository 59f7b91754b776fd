package gvariant

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func unquoteJSON(t testing.TB, text string) (s string) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGLibReadsTheSameText compares values, their text and errors with GLib's.
func TestGLibReadsTheSameText(t *testing.T) {
	for _, row := range vectors(t, "text.txt") {
		text := unquoteJSON(t, row[0])
		v, err := ParseText(text)
		if row[1] == "error" {
			want := unquoteJSON(t, row[2])
			var place *TextError
			if !errors.As(err, &place) || err.Error() != want {
				t.Errorf("%s: got %s, %v, want %s", text, v.Type(), err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if v.Type() != row[1] || !slices.Equal(v.Data(), unhex(t, row[3])) {
			t.Errorf("%s: got %s %x, want %s %s", text, v.Type(), v.Data(), row[1], row[3])
		}
		if got, want := v.Annotated(), unquoteJSON(t, row[2]); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	for _, row := range vectors(t, "glib.txt") {
		v, err := ParseText(row[1])
		if err != nil || v.Type() != row[0] || !slices.Equal(v.Data(), unhex(t, row[2])) {
			t.Errorf("%s: got %s %x, %v, want %s %s", row[1], v.Type(), v.Data(), err, row[0], row[2])
		}
	}
}

func TestUnannotated(t *testing.T) {
	v, err := ParseText("(uint32 1, [byte 1, 2], @as [], {'k': <uint64 2>}, b'x')")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := v.Unannotated(), "(1, [0x01, 0x02], [], {'k': <uint64 2>}, b'x')"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzParseText(f *testing.F) {
	for _, row := range vectors(f, "text.txt") {
		f.Add(unquoteJSON(f, row[0]))
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ParseText(text)
		if err != nil {
			return
		}
		if err := v.Check(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		again, err := ParseText(v.Annotated())
		if err != nil || again.Type() != v.Type() || !slices.Equal(again.Data(), v.Data()) {
			t.Errorf("%q: %s is read as %s, %v", text, v.Annotated(), again.Annotated(), err)
		}
	})
}

func TestFloatText(t *testing.T) {
	for f, want := range map[float64]string{0: "0.0", 1: "1.0", -1.5: "-1.5", 0.1: "0.10000000000000001", 1e300: "1.0000000000000001e+300", 1e100: "1e+100", math.Inf(-1): "-inf"} {
		if got := floatText(f); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := floatText(math.NaN()); !strings.Contains(got, "nan") {
		t.Errorf("got %s, want nan", got)
	}
}
