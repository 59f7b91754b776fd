package solve

import (
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"time"
)

func TestGlobMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "a/b", true}, {"a*", "abc", true}, {"a*c", "abcbc", true}, {"a*d", "abc", false},
		{"?", "a", true}, {"?", "", false}, {"a?c", "abc", true}, {"[ab]", "b", true}, {"[!ab]", "b", false}, {"[^ab]", "c", true}, {"[a-c]x", "bx", true},
		{"[]]", "]", true}, {"[a", "[a", true}, {"[a-]", "-", true}, {`\*`, "*", true}, {`\*`, "a", false}, {`a\`, `a\`, true}, {"**b", "aab", true},
	} {
		if got := globMatch(tt.pattern, tt.s); got != tt.want {
			t.Errorf("%q on %q: got %v, want %v", tt.pattern, tt.s, got, tt.want)
		}
	}
}

// Where path.Match has the same rules it has the same answers.
func TestGlobMatchRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(from string, n int) string {
		var b strings.Builder
		for range r.IntN(n) {
			b.WriteByte(from[r.IntN(len(from))])
		}
		return b.String()
	}
	for range 20000 {
		pattern, s := draw("ab*?", 8), draw("ab", 8)
		want, err := path.Match(pattern, s)
		if err != nil {
			t.Fatal(err)
		}
		if got := globMatch(pattern, s); got != want {
			t.Fatalf("%q on %q: got %v, want %v", pattern, s, got, want)
		}
	}
}

func TestGlobMatchTime(t *testing.T) {
	start := time.Now()
	if globMatch(strings.Repeat("a*", 500)+"b", strings.Repeat("a", 10000)) {
		t.Error("got a match, want none")
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("got %v, want no more than the product of the lengths", d)
	}
}

func TestEditDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"bash", "bash", 0}, {"bahs", "bash", 1}, {"bas", "bash", 1}, {"basch", "bash", 1}, {"dash", "bash", 1}, {"zsh", "bash", 2}, {"", "ab", 2}} {
		if got := editDistance(tt.a, tt.b, 2); got != tt.want {
			t.Errorf("%s, %s: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
	if got := editDistance("kernel", "zstd", 2); got <= 2 {
		t.Errorf("kernel, zstd: got %d, want more than 2", got)
	}
}
