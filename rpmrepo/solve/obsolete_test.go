package solve

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestComponents(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		n := 1 + r.IntN(8)
		next := make([][]int, n)
		var reach [8][8]bool
		for i := range n {
			reach[i][i] = true
			for range r.IntN(3) {
				j := r.IntN(n)
				next[i] = append(next[i], j)
				reach[i][j] = true
			}
		}
		for k := range n {
			for i := range n {
				for j := range n {
					reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
				}
			}
		}
		group := components(next)
		for i := range n {
			for j := range n {
				if got, want := group[i] == group[j], reach[i][j] && reach[j][i]; got != want {
					t.Fatalf("%v: %d with %d: got %v, want %v", next, i, j, got, want)
				}
			}
		}
	}
}

func TestObsoletedCandidates(t *testing.T) {
	for _, tt := range []struct{ pkgs, want string }{
		{"a\nb\nObs: a", "b"},
		{"a\nObs: b\nb\nObs: a", "a"},
		{"a\nObs: b\nb\nObs: c\nc", "a"},
		{"a\nb\nObs: c\nc\nObs: b\nd\nObs: a", "b"},
		{"a\nb\nObs: a > 2", "a"},
		{"c\nb\nObs: c\na\nObs: b\nz\nObs: a", "z"},
	} {
		pkgs := ""
		for line := range strings.Lines(tt.pkgs + "\n") {
			pkgs += line
			if !strings.Contains(line, ":") {
				pkgs += "Prv: v\n"
			}
		}
		u := universe(t, Options{}, "r", "want\nReq: v\n"+pkgs)
		got := strings.Join(names(resolve(t, u, specs("want"))), " ")
		if got != tt.want+" want" && got != "want "+tt.want {
			t.Errorf("%q: got %q, want %s", tt.pkgs, got, tt.want)
		}
	}
}
