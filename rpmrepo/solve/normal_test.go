package solve

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Both normal forms of a dependency, and their opposites, are true exactly
// where the dependency is.
func TestNormalForm(t *testing.T) {
	d := &drawer{Rand: rand.New(rand.NewPCG(3, 7)), names: []string{"A", "B", "C", "D"}, caps: []string{"x", "y", "nothing"}}
	u := universe(t, Options{}, "r", "A\nPrv: x\nB 2-1\nPrv: x = 1\nPrv: y\nC 1:1-1\nD")
	u.reindex()
	for range 3000 {
		r := d.rich(3)
		if r.Op == rpm.RichDep {
			continue
		}
		dep := u.rich(r, u.plain)
		for set := range 1 << 4 {
			s := &solver{u: u, levels: make([]int32, len(u.pkgs))}
			for p := firstPkg; int(p) < len(u.pkgs); p++ {
				if set>>(p-firstPkg)&1 == 1 {
					s.levels[p] = 1
				}
			}
			want := checker{s, s.answer()}.holds(dep, noPkg)
			if got := s.fulfilled(dep); got != want {
				t.Fatalf("%v with %v: got %v, want %v", r, s.answer(), got, want)
			}
			for _, f := range []form{conjunctive, disjunctive} {
				clauses, truth, err := u.normalForm(dep, f)
				if err != nil {
					t.Fatal(err)
				}
				if got := s.evaluate(clauses, truth, f); got != want {
					t.Fatalf("%v with %v: form %v is %v, want %v", r, s.answer(), clauses, got, want)
				}
				clauses, truth = invert(clauses, truth)
				if got := s.evaluate(clauses, truth, f.other()); got == want {
					t.Fatalf("not %v with %v: form %v is %v, want %v", r, s.answer(), clauses, got, !want)
				}
			}
		}
	}
}

func (s *solver) evaluate(clauses [][]lit, t truth, f form) bool {
	if t != depends {
		return t == always
	}
	holds := func(l lit) bool { return (s.levels[max(l, -l)] > 0) == (l > 0) }
	fails := func(l lit) bool { return !holds(l) }
	if f == conjunctive {
		return !slices.ContainsFunc(clauses, func(c []lit) bool { return !slices.ContainsFunc(c, holds) })
	}
	return slices.ContainsFunc(clauses, func(c []lit) bool { return !slices.ContainsFunc(c, fails) })
}

func TestHasOpposites(t *testing.T) {
	for _, tt := range []struct {
		clause []lit
		want   bool
	}{{nil, false}, {[]lit{1}, false}, {[]lit{-1, 1}, true}, {[]lit{-3, -2, 1, 4}, false}, {[]lit{-4, -2, 1, 2, 9}, true}} {
		if got := hasOpposites(tt.clause); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.clause, got, tt.want)
		}
	}
}
