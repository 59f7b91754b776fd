package rpm_test

import (
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

func TestParseDep(t *testing.T) {
	for _, in := range []string{"bash", "bash >= 1:2-3", "perl(Foo::Bar) < 2", "/bin/sh", "(a if b else c)", "libc.so.6(GLIBC_2.4)(64bit)", "x <= 1", "x = 1", "x > 1", "x <> 1"} {
		d, err := rpm.ParseDep(in)
		if err != nil || d.String() != in {
			t.Errorf("ParseDep(%q): got %q, %v", in, d, err)
		}
	}
	for _, in := range []string{"", "a b", "a ~ 1", "a>=1", "(a and", "a >= 1 2"} {
		if d, err := rpm.ParseDep(in); err == nil {
			t.Errorf("ParseDep(%q): got %+v, want an error", in, d)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		provide, require string
		want             bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "a >= 5", true}, // a provide without a version has them all
		{"a = 1", "a", true},
		{"a = 1-1", "a = 1", true}, // no release: any
		{"a = 1", "a = 1-1", true},
		{"a = 1-1", "a = 1-2", false},
		{"a = 1-1", "a > 1", false},
		{"a = 1-1", "a >= 1", true},
		{"a = 1", "a > 1-1", true}, // the provide's release is unknown
		{"a = 1-1", "a < 1", false},
		{"a = 1", "a < 1-1", true},
		{"a = 2-1", "a > 1", true},
		{"a = 1:1-1", "a >= 5", true},
		{"a = 5", "a >= 1:1", false},
		{"a = 1.0~rc1", "a >= 1.0", false},
		{"a = 1.0^git", "a > 1.0", true},
		{"a < 3", "a < 1", true},
		{"a > 3", "a > 9", true},
		{"a < 3", "a > 2", true},
		{"a < 3", "a > 3", false},
		{"a <= 3", "a >= 3", true},
		{"a < 3", "a >= 3", false},
		{"a < 3", "a = 3", false},
		{"a < 3", "a = 2", true},
		{"a >= 3", "a = 2", false},
		{"a <=> 3", "a = 7", true},
	} {
		p, err := rpm.ParseDep(c.provide)
		if err != nil {
			t.Fatal(err)
		}
		r, err := rpm.ParseDep(c.require)
		if err != nil {
			t.Fatal(err)
		}
		if got := rpm.Matches(p, r); got != c.want {
			t.Errorf("provide %s, require %s: got %t, want %t", p, r, got, c.want)
		}
	}
}

func TestParseRich(t *testing.T) {
	for in, want := range map[string]string{
		"(a and b)":                           "(a and b)",
		"(a  and b and   c)":                  "(a and b and c)",
		"(a >= 1 or b < 2)":                   "(a >= 1 or b < 2)",
		"(a if b)":                            "(a if b)",
		"(a if (b or c) else d)":              "(a if (b or c) else d)",
		"(a unless b else c)":                 "(a unless b else c)",
		"(pkgconfig(x) with pkgconfig(x) =2)": "(pkgconfig(x) with pkgconfig(x) = 2)",
		"(a without b)":                       "(a without b)",
		"((a))":                               "a",
		"((a and b) or (c and (d or e)))":     "((a and b) or (c and (d or e)))",
		"(libfoo(64bit)(x) = 1:2-3 with y)":   "(libfoo(64bit)(x) = 1:2-3 with y)",
	} {
		r, err := rpm.ParseRich(in)
		if err != nil || r.String() != want {
			t.Errorf("ParseRich(%q): got %v, %v, want %s", in, r, err, want)
		}
	}
	for in, why := range map[string]string{
		"a and b":                 "start with",
		"(a and b":                "closing parenthesis",
		"(a b)":                   "no operator",
		"(a and)":                 "operand is missing",
		"()":                      "operand is missing",
		"(a and b or c)":          "put parentheses",
		"(a if b if c)":           "cannot follow another",
		"(a without b without c)": "cannot follow another",
		"(a else b)":              "else without",
		"(a if b else c else d)":  "else without",
		"(a >= and b)":            "no operator",
		"(a >=)":                  "version is missing",
		"(a and b) c":             "follows its end",
		strings.Repeat("(", 100) + "a" + strings.Repeat(")", 100): "nested deeper",
		"(a and " + strings.Repeat("b", 70000) + ")":              "the limit is",
	} {
		r, err := rpm.ParseRich(in)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("ParseRich(%.40q): got %v, %v, want one about %q", in, r, err, why)
		}
	}
}

func FuzzParseRich(f *testing.F) {
	for _, s := range []string{"(a if b else c)", "((a and b) or c)", "(a >= 1 with (b without c))", "(x(y) = 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := rpm.ParseRich(s)
		if err != nil || r.Op == rpm.RichDep {
			return
		}
		again, err := rpm.ParseRich(r.String())
		if err != nil || again.String() != r.String() {
			t.Errorf("%q became %q, which reads as %v, %v", s, r, again, err)
		}
	})
}

func FuzzVercmp(f *testing.F) {
	f.Add("1.0~rc1", "1.0^git")
	f.Fuzz(func(t *testing.T, a, b string) {
		if x, y := rpm.Vercmp(a, b), rpm.Vercmp(b, a); x != -y || x < -1 || x > 1 {
			t.Errorf("%q and %q compare as %d and %d", a, b, x, y)
		}
	})
}
