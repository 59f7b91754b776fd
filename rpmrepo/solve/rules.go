package solve

import (
	"cmp"
	"slices"
)

// ruleID numbers the rules of a solver from 1: this is the order in which
// decisions look at them.
type ruleID int32

// ruleKind is what a rule comes from.
type ruleKind int32

const (
	ruleExcluded ruleKind = iota + 1
	ruleArch
	ruleNothingProvides
	ruleTooComplex
	ruleRequires
	ruleConflicts
	ruleObsoletes
	ruleSameName
	ruleInstalled // an installed package stays
	ruleJob       // a spec
	ruleInfarch   // a better architecture of the package exists
	ruleBest      // a spec wants its best candidate
	ruleLearned
)

// origin says why a rule exists: what kind, whose dependency, on which other
// package. from is a job's index for ruleJob and ruleBest.
type origin struct {
	kind        ruleKind
	from, other lit
	dep         depID
}

// rule is a clause: at least one of its literals must hold. They are first and,
// when there are more than two, those of rest; of a rule of two w2 is the second.
// Two literals are watched: when both are false the rule is broken, when one is
// the other must hold.
type rule struct {
	first  lit
	rest   listID
	w1, w2 lit
	n1, n2 ruleID // next rule that watches the same literal
	off    bool   // not in force
}

// draft is a package rule before all of them are sorted.
type draft struct {
	first, second lit
	rest          listID
	origin
}

// localList marks lists that belong to one solver.
const localList listID = 1 << 30

// at returns a list of the universe or of this solver.
func (s *solver) at(id listID) []lit {
	if id&localList != 0 {
		return s.lists.at(id &^ localList)
	}
	return s.u.index.lists.at(id)
}

func (s *solver) keep(list []lit) listID { return s.lists.add(list) | localList }

// literals returns a rule's literals. The slice is valid until the next call.
func (s *solver) literals(r *rule) []lit {
	b := append(s.litBuf[:0], r.first)
	switch {
	case r.rest != noList:
		b = append(b, s.at(r.rest)...)
	case r.w2 != 0:
		b = append(b, r.w2)
	}
	s.litBuf = b
	return b
}

// draftList adds the package rule "first or any of list".
func (s *solver) draftList(first lit, list listID, o origin) {
	switch l := s.at(list); len(l) {
	case 0:
		s.draft(first, 0, o)
	case 1:
		s.draft(first, l[0], o)
	default:
		if !slices.Contains(l, -first) {
			s.drafts = append(s.drafts, draft{first: first, rest: list, origin: o})
		}
	}
}

// draft adds the package rule "first or second", or first alone.
func (s *solver) draft(first, second lit, o origin) {
	if second != 0 && first > second {
		first, second = second, first
	}
	if first != -second {
		s.drafts = append(s.drafts, draft{first: first, second: second, origin: o})
	}
}

// compareDrafts gives package rules their order, which decisions follow.
func (s *solver) compareDrafts(a, b *draft) int {
	if c := cmp.Compare(a.first, b.first); c != 0 {
		return c
	}
	switch {
	case a.rest == noList && b.rest == noList:
		return cmp.Compare(a.second, b.second)
	case a.rest == noList:
		return cmp.Or(cmp.Compare(a.second, s.at(b.rest)[0]), -1)
	case b.rest == noList:
		return cmp.Or(cmp.Compare(s.at(a.rest)[0], b.second), 1)
	case a.rest == b.rest:
		return 0
	}
	return compareLists(s.at(a.rest), s.at(b.rest))
}

// compareLists orders lists as if each ended with a zero, which is between
// negative and positive literals.
func compareLists(a, b []lit) int {
	for i, x := range a {
		if i == len(b) {
			return int(x)
		}
		if c := cmp.Compare(x, b[i]); c != 0 {
			return c
		}
	}
	if len(a) < len(b) {
		return -int(b[len(a)])
	}
	return 0
}

// sortDrafts returns the places of the drafts in their order: first by package,
// whose rules all start with it being absent, then each package's own.
func (s *solver) sortDrafts() []int32 {
	n := len(s.u.pkgs)
	start := make([]int32, n+1) // by place of the first literal, the highest package first
	place := func(d *draft) int { return n + int(min(d.first, 0)) }
	for i := range s.drafts {
		start[place(&s.drafts[i])]++
	}
	sum := int32(0)
	for i, count := range start {
		start[i] = sum
		sum += count
	}
	order := make([]int32, len(s.drafts))
	for i := range s.drafts {
		p := place(&s.drafts[i])
		order[start[p]] = int32(i)
		start[p]++
	}
	from := int32(0)
	for _, to := range start {
		if to-from > 1 {
			slices.SortFunc(order[from:to], func(a, b int32) int {
				return cmp.Or(s.compareDrafts(&s.drafts[a], &s.drafts[b]), cmp.Compare(a, b))
			})
		}
		from = to
	}
	return order
}

// addRule appends a rule; its origin is to follow.
func (s *solver) addRule(first, second lit, rest listID) ruleID {
	r := rule{first: first, rest: rest, w1: first, w2: second}
	if rest != noList {
		r.w2 = s.at(rest)[0]
	}
	id := ruleID(len(s.rules))
	s.rules = append(s.rules, r)
	s.originAt = append(s.originAt, int32(len(s.origins)))
	if rest != noList || first > 0 && second > 0 {
		s.choices = append(s.choices, id)
	}
	return id
}

// addClause appends a rule of the given literals in their order.
func (s *solver) addClause(c []lit, o origin) ruleID {
	var id ruleID
	switch len(c) {
	case 1:
		id = s.addRule(c[0], 0, noList)
	case 2:
		id = s.addRule(c[0], c[1], noList)
	default:
		id = s.addRule(c[0], 0, s.keep(c[1:]))
	}
	s.origins = append(s.origins, o)
	return id
}

// originsOf returns where a rule comes from.
func (s *solver) originsOf(id ruleID) []origin {
	at := s.originAt[id]
	if at < 0 {
		t, r := s.template, &s.rules[id]
		var list []origin
		for _, o := range t.origins[t.originAt[^at]:t.originAt[^at+1]] {
			list = append(list, o.in(-r.first, t.rules[^at].second))
		}
		return list
	}
	for _, next := range s.originAt[id+1:] {
		if next >= 0 {
			return s.origins[at:next]
		}
	}
	return s.origins[at:]
}
