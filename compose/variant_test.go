package compose

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree/gvariant"
)

func TestToVariant(t *testing.T) {
	for _, tc := range []struct {
		value any
		typ   string
		data  string // of the serialized value
	}{
		{"x", "s", "x\x00"},
		{true, "b", "\x01"},
		{7, "x", "\x00\x00\x00\x00\x00\x00\x00\x07"},
		{int64(-2), "x", "\xff\xff\xff\xff\xff\xff\xff\xfe"},
		{uint64(1), "x", "\x00\x00\x00\x00\x00\x00\x00\x01"},
		{json.Number("258"), "x", "\x00\x00\x00\x00\x00\x00\x01\x02"},
		{json.Number("1.5"), "d", "\x3f\xf8\x00\x00\x00\x00\x00\x00"},
		{json.Number("1e2"), "d", "\x40\x59\x00\x00\x00\x00\x00\x00"},
		{1.5, "d", "\x3f\xf8\x00\x00\x00\x00\x00\x00"},
		{nil, "mv", ""},
		{[]any{"a"}, "av", "a\x00\x00s\x04"},
		{map[string]any{"k": "v"}, "a{sv}", "k\x00\x00\x00\x00\x00\x00\x00v\x00\x00s\x02\x0d"},
	} {
		got, err := toVariant(tc.value)
		if err != nil || got.Type() != tc.typ || string(got.Data()) != tc.data {
			t.Errorf("%v: got %s %q, %v, want %s %q", tc.value, got.Type(), got.Data(), err, tc.typ, tc.data)
		}
		if err := got.Check(); err != nil {
			t.Errorf("%v: %v", tc.value, err)
		}
	}
}

func TestToVariantRefuses(t *testing.T) {
	deep := any("x")
	for range 100 {
		deep = []any{deep}
	}
	for what, tc := range map[string]struct {
		value any
		want  string
	}{
		"a large number": {uint64(math.MaxUint64), "too large"},
		"a long number":  {json.Number("99999999999999999999"), "too large"},
		"a huge real":    {json.Number("1e999"), "too large"},
		"bytes":          {"\xff", "UTF-8"},
		"a NUL":          {"a\x00b", "NUL"},
		"a bad key":      {map[string]any{"\xff": 1}, "UTF-8"},
		"nesting":        {deep, "nested"},
		"another type":   {struct{}{}, "no place"},
	} {
		if _, err := toVariant(tc.value); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want an error with %q", what, err, tc.want)
		}
	}
}

func TestParseJSON(t *testing.T) {
	for _, bad := range []string{"", "null", "[]", "{} x", `{"a":`} {
		if _, err := parseJSON([]byte(bad)); err == nil {
			t.Errorf("%q: want an error", bad)
		}
	}
	m, err := parseJSON([]byte(`{"b": 1.0, "a": [1]}`))
	if err != nil {
		t.Fatal(err)
	}
	v, err := toVariant(m)
	if err != nil {
		t.Fatal(err)
	}
	d := v.Dict()
	if len(d) != 2 || d[0].Key != "a" || d[1].Value.Type() != "d" {
		t.Errorf("got %v", d)
	}
}

func TestReadPackageList(t *testing.T) {
	row := func(s ...string) gvariant.Value {
		vs := make([]gvariant.Value, len(s))
		for i := range s {
			vs[i] = gvariant.String(s[i])
		}
		return gvariant.Tuple(vs...)
	}
	got := readPackageList(gvariant.Array("(sssss)", row("a", "0", "1.2", "3", "noarch"), row("b", "7", "1~rc1", "1.el9", "x86_64")))
	if len(got) != 2 || got[0].String() != "a-1.2-3.noarch" || got[1].String() != "b-7:1~rc1-1.el9.x86_64" {
		t.Errorf("got %v", got)
	}
}

func TestByteSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 657_779_392: "657.8 MB", 5e15: "5000.0 TB"} {
		if got := byteSize(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
