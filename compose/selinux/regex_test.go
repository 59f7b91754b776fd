package selinux

import (
	"regexp"
	"strings"
	"testing"
)

// TestRefused has what Go's regexp cannot say as PCRE2 does, and what is no
// expression.
func TestRefused(t *testing.T) {
	for _, tc := range []struct{ re, want string }{
		{`/a(?=b)`, `at 3: "(?=" is not supported`},
		{`/a(?!b).*`, `at 3: "(?!" is not supported`},
		{`/(?<=a)b`, `at 2: "(?<" is not supported`},
		{`/(?<!a)b`, `at 2: "(?<" is not supported`},
		{`/(?>a)`, `at 2: "(?>" is not supported`},
		{`/(?i)a`, `at 2: "(?i" is not supported`},
		{`/(?P<n>a)`, `at 2: "(?P" is not supported`},
		{`(*UTF)/a`, `at 1: "(*U" is not supported`},
		{`/(a)\1`, `at 5: the escape \1 is not supported`},
		{`/(a)\g1`, `at 5: the escape \g is not supported`},
		{`/(a)\k<n>`, `at 5: the escape \k is not supported`},
		{`/a\Qb\E`, `the escape \Q is not supported`},
		{`/a\x41`, `the escape \x is not supported`},
		{`/\pL`, `the escape \p is not supported`},
		{`/a\Zb`, `the escape \Z is not supported`},
		{`/a++`, `the possessive quantifier "++" is not supported`},
		{`/a{2}+`, `the possessive quantifier "{2}+" is not supported`},
		{`/a**`, `invalid nested repetition operator`},
		{`/(*)`, `"(*)" is not supported`},
		{`*a`, `missing argument to repetition operator`},
		{`/a|*`, `missing argument to repetition operator`},
		{`/a{2,1}`, `invalid repeat count`},
		{`/a{1001}`, `invalid repeat count`},
		{`/((a{100}){100}){100}`, `invalid repeat count`},
		{`/a{99999999999999999999}`, `invalid repeat count`},
		{`/(a`, `a ( is not closed`},
		{`/a)`, `a ) closes nothing`},
		{`/[a`, `a [ is not closed`},
		{`/[]`, `a [ is not closed`},
		{`/[b-a]`, `the range b-a is empty`},
		{`/[[:word:]-a[:foo:]]`, `the class [:foo:] is not supported`},
		{`/[[.a.]]`, `the class [.a.] is not supported`},
		{`/[[=a=]]`, `the class [=a=] is not supported`},
		{`/[a-[:digit:]]`, `a range cannot end with a class`},
		{`/[\x41]`, `the escape \x in brackets is not supported`},
		{`/[a\`, `a \ escapes nothing`},
		{`/a\`, `a \ escapes nothing`},
		{`/a$b`, `$ is supported at the end only`},
		{strings.Repeat("(", 1500) + "/" + strings.Repeat(")", 1500), `expression nests too deeply`},
	} {
		_, err := ParseContexts(Files{Contexts: []byte("/a u:r:a:s0\n" + tc.re + "\t--\tu:r:a:s0\n")})
		if err == nil || !strings.HasPrefix(err.Error(), "file_contexts:2: regular expression "+tc.re+": ") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want one of file_contexts:2 with %q", tc.re, err, tc.want)
		}
	}
}

func TestTranslate(t *testing.T) {
	for _, tc := range []struct {
		re           string
		prefix, rest string
		alone        bool
	}{
		{`/usr/bin/su`, "/usr/bin/su", "", false},
		{`/usr/a\.b`, "/usr/a.b", "", false},
		{`/usr(/.*)?`, "/usr", `(/.*)?`, false},
		{`/usr/?`, "/usr", `/?`, false},
		{`/a{2}b`, "/", `a{2}b`, false},
		{`/a{,2}`, "/a{,2}", "", false},
		{`/a+?`, "/", `a+?`, false},
		{`.*`, "", `.*`, false},
		{`/x|/y`, "", `/x|/y`, true},
		{`/(x|y)`, "/", `(x|y)`, false},
		{`/a\bb`, "/a", `\bb`, true},
		{`/a$`, "/a", `$`, true},
		{`/a\sb`, "/a", `[\t-\r ]b`, false},
		{`/a\-b`, "/a-b", "", false},
		{`/[^/]+\.so`, "/", `[^/]+\.so`, false},
		{`/[]a-c-]`, "/", `[\]a-c\-]`, false},
	} {
		got, err := translate(tc.re)
		if err != nil {
			t.Errorf("%s: %v", tc.re, err)
			continue
		}
		if got.prefix != tc.prefix || got.rest != tc.rest || got.alone != tc.alone {
			t.Errorf("%s: got %q %q %v, want %q %q %v", tc.re, got.prefix, got.rest, got.alone, tc.prefix, tc.rest, tc.alone)
		}
	}
}

// undivided is the whole of an expression, as it is translated before anything
// is made of its prefix.
func undivided(t testing.TB, re string) *regexp.Regexp {
	t.Helper()
	tr := &translator{src: re, repeats: 1}
	for tr.pos < len(re) {
		must(t, tr.next())
	}
	return regexp.MustCompile("(?s)^" + tr.out.String() + "$")
}

// slow is the label of a path found by trying one specification after the other.
func slow(t testing.TB, lines []string, path string) string {
	t.Helper()
	var last [2]string // of those with and without meta characters
	for _, line := range lines {
		f := fields(line)
		if s := stemOf(f[0]); s != "" && s != elementOf(path) {
			continue
		}
		re := undivided(t, f[0])
		if re.MatchString(bytewise(path)) || strings.HasSuffix(path, "\n") && re.MatchString(bytewise(path[:len(path)-1])) {
			kind := 0
			if !hasMeta(f[0]) {
				kind = 1
			}
			last[kind] = f[1]
		}
	}
	if last[1] != "" {
		return last[1]
	}
	return last[0]
}

// FuzzTranslate has two expressions and a path.
func FuzzTranslate(f *testing.F) {
	for _, re := range []string{`/usr(/.*)?`, `/x|/y`, `/a{2,3}[^/]+\.so(\.[^/]*)*`, `/(a|b|)c?$`, `/[[:alpha:]_-]\s\w+\b`, `.*`, `/a\-b/c`, `/us/?r`, `/a(?:b+?)*`} {
		f.Add(re, `/.*`, "/usr/lib/libc.so.6")
		f.Add(`/a.*`, re, "/aa/x.so\n")
	}
	f.Fuzz(func(t *testing.T, one, two, path string) {
		lines := []string{one + " one", two + " two"}
		for _, line := range lines {
			if g := fields(line); len(g) != 2 || g[0][0] == '#' || strings.Contains(line, "\n") {
				return
			}
		}
		c, err := ParseContexts(Files{Contexts: []byte(strings.Join(lines, "\n"))})
		if err != nil || path == "" {
			return
		}
		for _, p := range []string{path, "/" + path, "/aa/b.so.1", "/usr/x\n"} {
			got, _ := c.Label(p, 0)
			if want := slow(t, lines, c.key(p)); got != want && want != none {
				t.Errorf("%q and %q, %q: got %q, want %q", one, two, p, got, want)
			}
		}
	})
}
