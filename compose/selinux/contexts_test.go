package selinux

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		text Files
		want string
	}{
		{"no context", Files{Contexts: []byte("# c\n\n/a\n")}, `file_contexts:3: "/a" has no context; a line is REGEX [TYPE] CONTEXT`},
		{"type", Files{Homedirs: []byte("/a -x u:r:a:s0\n")}, `file_contexts.homedirs:1: "-x" is no file type`},
		{"type without a dash", Files{Homedirs: []byte("/a dd u:r:a:s0\n")}, `file_contexts.homedirs:1: "dd" is no file type`},
		{"bytes", Files{Local: []byte("/\xff u:r:a:s0\n")}, `file_contexts.local:1: byte 0xff: a specification is plain ASCII`},
		{"NUL", Files{Contexts: []byte("/a\x00 u:r:a:s0\n")}, `file_contexts:1: byte 0x00`},
		{"long line", Files{Contexts: []byte("/" + strings.Repeat("a", maxLine) + " u:r:a:s0\n")}, `file_contexts:1: the line is longer than 16384 bytes`},
		{"large file", Files{Contexts: make([]byte, maxFile+1)}, `reading file_contexts: it is larger than 32 MiB`},
		{"large aliases", Files{Subs: make([]byte, maxFile+1)}, `reading file_contexts.subs: it is larger than 32 MiB`},
		{"long alias", Files{SubsDist: []byte("/a /b\n/" + strings.Repeat("a", 1022) + " /b\n")}, `file_contexts.subs_dist:2: an alias has at most 1022 bytes`},
		{"many", Files{Contexts: []byte(strings.Repeat("/a b\n", maxSpecs+1))}, `file_contexts:200001: more than 200000 specifications`},
		{"many aliases", Files{Subs: []byte(strings.Repeat("/a /b\n", maxSpecs+1))}, `file_contexts.subs:200001: more than 200000 aliases`},
		{"heavy", Files{Contexts: []byte(strings.Repeat("/"+strings.Repeat("a", 1000)+"{900} b\n", 20))}, `reading the specifications: their regular expressions have more than 16777216 parts`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := ParseContexts(tc.text); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestLabelOfNothing(t *testing.T) {
	c := contexts(t, ".* u:r:a:s0\n")
	if got, ok := c.Label("", 0); ok {
		t.Errorf("got %q, want no label for an empty path", got)
	}
	if c.Specs() != 1 {
		t.Errorf("got %d specifications, want 1", c.Specs())
	}
}

// TestForget looks paths up whose states an automaton cannot all remember.
func TestForget(t *testing.T) {
	var text strings.Builder
	for i := range 200 {
		fmt.Fprintf(&text, "/.*%c[ab]{%d}%d u:r:t%d:s0\n", 'a'+i%2, 20+i%7, i, i)
	}
	c := contexts(t, text.String())
	const limit = 1 << 16
	c.automaton.limit = limit
	most, drops, before := 0, 0, 0
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 100 {
		var path strings.Builder
		path.WriteByte('/')
		for range 60 {
			path.WriteByte('a' + byte(random.IntN(2)))
		}
		n := i
		want := fmt.Sprintf("u:r:t%d:s0", n)
		tail := strings.Repeat("b", 20+n%7)
		if got, _ := c.Label(path.String()+string(rune('a'+n%2))+tail+fmt.Sprint(n), 0); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		size := c.automaton.size
		if size < before {
			drops++
		}
		most, before = max(most, size), size
	}
	if most > 2*limit || drops == 0 {
		t.Errorf("got a size of %d, forgotten %d times, want at most about %d, and at least once", most, drops, limit)
	}
}

// TestSeveral looks up by several goroutines.
func TestSeveral(t *testing.T) {
	c := load(t, "testdata/policy")
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for _, path := range examples(t, "testdata/policy") {
				c.Label(path, modes["f"])
			}
		})
	}
	wait.Wait()
}

// generated writes policies of random expressions.
type generated struct{ *rand.Rand }

func (g generated) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g generated) atom(depth int) string {
	if depth > 0 && g.IntN(4) == 0 {
		return g.pick("(", "(?:") + g.expression(depth-1) + g.pick("", "|"+g.expression(depth-1), "|") + ")"
	}
	return g.pick("a", "b", "c", "/", "/", `\.`, `\-`, ".", "[^/]", "[ab]", "[^a-b]", "[[:alpha:]]", "[]b]", `\d`, `\w`, "-", "ab", "/a", `\b`)
}

func (g generated) expression(depth int) string {
	var b strings.Builder
	for range 1 + g.IntN(4) {
		atom := g.atom(depth)
		if atom != `\b` { // PCRE2 and Go differ in what a repeated assertion is
			atom += g.pick("", "", "", "", "*", "+", "?", "{2}", "{1,2}", "*?")
		}
		b.WriteString(atom)
	}
	return b.String()
}

func (g generated) path() string {
	var b strings.Builder
	b.WriteByte('/')
	for range g.IntN(9) {
		b.WriteString(g.pick("a", "b", "c", "/", ".", "-", "1", "ab", "/a", "\n", "\xe9"))
	}
	return b.String()
}

// TestMatchpathconGenerated compares random expressions.
func TestMatchpathconGenerated(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(40) {
		g := generated{rand.New(rand.NewPCG(seed, 0))}
		dir := t.TempDir()
		var text strings.Builder
		for i := range 6 {
			re := g.pick("/", "/a", "/a/", "/b/a", "") + g.expression(2) + g.pick("", "", "", "(/.*)?", "$", "|/b")
			fmt.Fprintf(&text, "%s\t%su:r:t%d:s0\n", re, g.pick("", "", "--\t", "-d\t"), i)
		}
		must(t, os.WriteFile(filepath.Join(dir, "file_contexts"), []byte(text.String()), 0o644))
		var paths []string
		for range 300 {
			if p := g.path(); !strings.Contains(p, "//") {
				paths = append(paths, p)
			}
		}
		compare(t, dir, everyType(paths))
		c := load(t, dir)
		for _, path := range paths {
			label, _ := c.Label(path, modes["f"])
			seen[fmt.Sprint(seed, label)] = true
		}
		if t.Failed() {
			t.Fatalf("seed %d:\n%s", seed, text.String())
		}
	}
	if len(seen) < 60 {
		t.Errorf("got %d different labels, want more", len(seen))
	}
}

// FuzzParse reads hostile texts.
func FuzzParse(f *testing.F) {
	f.Add("/a -- u:r:a:s0\n#\n/b(/.*)? <<none>>\n", "/x /y\n", "/a/b")
	f.Add("/a|/b{1,1000} x\n[ x\n", "/ /usr\n", "//a/\n")
	f.Fuzz(func(t *testing.T, text, subs, path string) {
		c, err := ParseContexts(Files{Contexts: []byte(text), Homedirs: []byte(subs), Subs: []byte(subs), SubsDist: []byte(subs)})
		if err != nil {
			return
		}
		for _, mode := range modes {
			if label, ok := c.Label(path, mode); ok == (label == "") || label == none {
				t.Errorf("%q: got %q, %v", path, label, ok)
			}
		}
	})
}
