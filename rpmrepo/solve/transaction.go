package solve

import (
	"cmp"
	"slices"
	"strings"
)

// transaction returns the packages that were decided to be installed.
func (s *solver) transaction(req *Request) *Transaction {
	var chosen []lit
	for p := firstPkg; int(p) < len(s.u.pkgs); p++ {
		if s.levels[p] > 0 && !s.u.installed(p) {
			chosen = append(chosen, p)
		}
	}
	slices.SortStableFunc(chosen, func(a, b lit) int {
		x, y := &s.u.pkgs[a], &s.u.pkgs[b]
		return cmp.Or(
			strings.Compare(s.u.in.str(x.name), s.u.in.str(y.name)),
			s.u.compareEVR(x.evr, y.evr),
			strings.Compare(s.u.in.str(x.arch), s.u.in.str(y.arch)),
			cmp.Compare(a, b),
		)
	})
	r := reasoner{s: s, req: req, reasons: make([]Reason, len(chosen)), place: make(map[lit]int, len(chosen)), chosen: chosen}
	r.run()
	t := &Transaction{Order: s.u.opts.Order, Skipped: s.skippedSpecs(req), Packages: make([]Selected, len(chosen))}
	for i, p := range chosen {
		t.Packages[i] = Selected{Package: s.u.metadata(p), Repo: s.u.repoOf(p).opts.ID, Reason: r.reasons[i]}
	}
	return t
}

// reasoner finds, for every package of a transaction, the shortest way from the
// request: requirements first, weak dependencies only where they do not lead.
type reasoner struct {
	s       *solver
	req     *Request
	chosen  []lit
	place   map[lit]int
	reasons []Reason
	reached []lit // packages with a reason, nearest first
}

func (r *reasoner) run() {
	for i, p := range r.chosen {
		r.place[p] = i
	}
	for _, j := range r.s.jobs {
		for _, c := range j.clauses {
			for _, p := range c {
				if _, ok := r.place[p]; ok {
					r.give(p, Reason{Kind: ReasonRequested, Spec: r.req.Install[j.spec].String(), By: -1, Alternatives: r.others(c, p)})
				}
			}
		}
	}
	for strong, weak := 0, 0; ; {
		switch {
		case strong < len(r.reached):
			r.follow(r.reached[strong], requires, ReasonRequired)
			strong++
		case weak < len(r.reached):
			r.follow(r.reached[weak], recommends, ReasonRecommended)
			weak++
		case !r.supplement():
			r.rest()
			return
		}
	}
}

// give states a package's reason, unless it has one.
func (r *reasoner) give(p lit, why Reason) {
	i, ok := r.place[p]
	if ok && r.reasons[i].Kind == 0 {
		r.reasons[i] = why
		r.reached = append(r.reached, p)
	}
}

// follow gives a reason to what a package requires or recommends.
func (r *reasoner) follow(p lit, kind depKind, why ReasonKind) {
	for _, d := range r.s.u.list(p, kind) {
		for _, q := range r.s.u.bringers(d) {
			if i, ok := r.place[q]; ok && r.reasons[i].Kind == 0 {
				r.give(q, Reason{Kind: why, By: r.place[p], Dep: r.s.u.depString(d), Alternatives: r.alternatives(d, q)})
			}
		}
	}
}

// bringers returns the packages that a dependency may bring.
func (u *Universe) bringers(d depID) []lit {
	if !u.isComplex(d) {
		return u.providers(d)
	}
	clauses, t, err := u.normalForm(d, conjunctive)
	if err != nil || t != depends {
		return nil
	}
	return slices.DeleteFunc(slices.Concat(clauses...), func(l lit) bool { return l < 0 })
}

// alternatives are the names of other packages that fulfil d and could have
// been installed.
func (r *reasoner) alternatives(d depID, chosen lit) []string {
	return r.others(r.s.u.bringers(d), chosen)
}

// others are the names of a list's packages that could have been installed
// instead of the chosen one.
func (r *reasoner) others(list []lit, chosen lit) []string {
	var names []string
	own := r.s.u.pkgs[chosen].name
	for _, p := range list {
		if p >= firstPkg && r.s.u.pkgs[p].name != own && r.s.installable(p) {
			names = append(names, r.s.u.in.copied(r.s.u.pkgs[p].name))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// supplement gives a reason to the first package that supplements what is
// installed, and reports whether there was one.
func (r *reasoner) supplement() bool {
	for i, p := range r.chosen {
		if r.reasons[i].Kind != 0 {
			continue
		}
		for _, d := range r.s.u.list(p, supplements) {
			if r.s.fulfilled(d) {
				r.give(p, Reason{Kind: ReasonSupplements, By: r.firstOf(d, p), Dep: r.s.u.depString(d)})
				return true
			}
		}
	}
	return false
}

// firstOf returns the place of the first selected package that d names, or -1.
func (r *reasoner) firstOf(d depID, not lit) int {
	for _, q := range r.s.u.bringers(d) {
		if i, ok := r.place[q]; ok && q != not && r.reasons[i].Kind != 0 {
			return i
		}
	}
	return -1
}

// rest covers packages that nothing leads to: the search needed them on its way.
func (r *reasoner) rest() {
	for i := range r.chosen {
		if r.reasons[i].Kind == 0 {
			r.reasons[i] = Reason{Kind: ReasonChosen, By: -1}
		}
	}
}
