package lua

import (
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/parse"
)

func TestRewrite(t *testing.T) {
	tests := []struct{ src, want string }{
		{"a = 1 + 2 -- c\nb = a", "a = 1 + 2 \nb = a"},
		{"a = 1 // 2", `a = ("").__treewright_idiv(1 , 2)`},
		{"a = 1 | 2 & 3", `a = ("").__treewright_bor(1 , ("").__treewright_band(2 , 3))`},
		{"a = b\n// c\n// d", "a = (\"\").__treewright_idiv((\"\").__treewright_idiv(b \n, c) \n, d)"},
		{"a = ~b", `a = ("").__treewright_bnot(b)`},
		{"a = 'x\\z\n  y' b = 1", "a = \"xy\"\n b = 1"},
		{"a = 0x10 + 007", "a = 16 + 7"},
		{"local a <const> = 1", "local a       = 1"},
		{"while 1 do break end", "while 1 do do break end end"},
		{"a = '\\u{20ac}'", `a = "\226\130\172"`},
		{"a = [[x\n]y]]\nb = 1", "a = \"x\\010]y\"\n\nb = 1"},
	}
	for _, test := range tests {
		got, err := rewrite(test.src, "x")
		if err != nil || strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(test.want), " ") ||
			strings.Count(got, "\n") != strings.Count(test.want, "\n") {
			t.Errorf("%q\n got %q, %v\nwant %q", test.src, got, err, test.want)
		}
	}
}

// tokenLines gives the line of every name in a source.
func tokenLines(t *testing.T, src string) []int {
	t.Helper()
	s := &scanner{src: src}
	tokens, err := s.scan()
	if err != nil {
		return nil
	}
	var lines []int
	for _, tok := range tokens {
		word := src[tok.start:tok.end]
		if tok.kind == kindName && !strings.HasPrefix(word, "__treewright") && word != "const" {
			lines = append(lines, tok.line)
		}
	}
	return lines
}

func FuzzRewrite(f *testing.F) {
	for _, line := range strings.Split(oracleScripts, "\n") {
		f.Add(line)
	}
	f.Add("a = [[\n]x]] .. 'b\\\nc'\r\nd = 1 // 2")
	f.Add("f() ; (g)() local x <const> = ~1 return x")
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 4096 {
			return
		}
		got, err := rewrite(src, "x")
		_, plainErr := parse.Parse(strings.NewReader(src), "x")
		if err != nil {
			return
		}
		if _, err := parse.Parse(strings.NewReader(got), "x"); err != nil && plainErr == nil {
			t.Errorf("%q is accepted, %q is not: %v", src, got, err)
		}
		a, b := tokenLines(t, src), tokenLines(t, got)
		if len(a) != len(b) {
			t.Fatalf("%q: got %d names in %q, want %d", src, len(b), got, len(a))
		}
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("%q: name %d of %q is on line %d, want %d", src, i, got, b[i], a[i])
			}
		}
	})
}

func FuzzCheck(f *testing.F) {
	for _, line := range strings.Split(oracleScripts, "\n") {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) < 4096 {
			_ = Check("x", src)
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("hello world", "(%w+) %f[%w]()")
	f.Add("[[x]]", "%b[]-$")
	f.Fuzz(func(t *testing.T, src, pat string) {
		if len(src) > 20 || len(pat) > 12 {
			return
		}
		defer func() {
			if p := recover(); p != nil {
				if _, ok := p.(patternError); !ok {
					panic(p)
				}
			}
		}()
		m := &matcher{src: src, pat: pat}
		if s, e := m.next(0); s >= 0 && (e < s || e > len(src)) {
			t.Errorf("got %d to %d in %d bytes", s, e, len(src))
		}
	})
}
