package solve

import (
	"cmp"
	"slices"
	"testing"
)

// ruleText is a rule's literals, and where it comes from, in one order.
type ruleText struct {
	literals []lit
	origins  []origin
	off      bool
}

func (s *solver) ruleTexts() []ruleText {
	var out []ruleText
	for id := ruleID(1); id < max(s.learned, 1); id++ {
		r := ruleText{literals: slices.Clone(s.literals(&s.rules[id])), origins: slices.Clone(s.originsOf(id)), off: s.rules[id].off}
		slices.SortFunc(r.origins, func(a, b origin) int {
			return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.from, b.from), cmp.Compare(a.other, b.other), cmp.Compare(a.dep, b.dep))
		})
		r.origins = slices.Compact(r.origins)
		out = append(out, r)
	}
	return out
}

// TestTemplate draws random universes and compares the rules that come from a
// template with those that are drafted for the request, one by one.
func TestTemplate(t *testing.T) {
	for seed := range uint64(400) {
		c := drawCase(seed, false)
		u := c.universe()
		for i := range c.blocks {
			var rules [2][]ruleText
			var results [2][]string
			for way, most := range [2]int{0, maxPackageDrafts} {
				u.reindex()
				u.index.rules = newTemplate(u, make([]bool, len(u.pkgs)), most)
				s, result := c.run(t, u, &c.blocks[i])
				rules[way], results[way] = s.ruleTexts(), result
			}
			if !slices.Equal(results[0], results[1]) {
				t.Fatalf("seed %d: got %q, want %q", seed, results[1], results[0])
			}
			same := slices.EqualFunc(rules[0], rules[1], func(a, b ruleText) bool {
				return slices.Equal(a.literals, b.literals) && slices.Equal(a.origins, b.origins) && a.off == b.off
			})
			if !same {
				t.Fatalf("seed %d: got rules %v, want %v", seed, rules[1], rules[0])
			}
		}
	}
}
