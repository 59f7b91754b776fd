package solve

import "slices"

// Nearly all rules follow from the packages alone, whatever is asked. The
// template holds them for all packages, sorted and numbered once: a request
// then takes those whose packages are in its closure. What remains to be
// drafted for each request are exclusions, and packages whose rules are too
// many, or too hard to tell in advance, to keep.

const (
	maxPackageDrafts  = 1 << 14 // dependencies times providers of one package
	maxTemplateDrafts = 8 << 20 // of all packages
)

// bodyRule is a rule of the template without its first literal, which follows
// from its group.
type bodyRule struct {
	second lit
	rest   listID
}

// bodyOrigin is where a rule of the template comes from, without what follows
// from the rule.
type bodyOrigin struct {
	kind  ruleKind // negative: from is the second literal's package, not the group's
	depID depID
}

func newBodyOrigin(d *draft) bodyOrigin {
	if d.from != -d.first {
		return bodyOrigin{-d.kind, d.dep}
	}
	return bodyOrigin{d.kind, d.dep}
}

// in completes the origin of a rule in a group.
func (o bodyOrigin) in(group, second lit) origin {
	out := origin{kind: o.kind, from: group, dep: o.depID}
	if o.kind == ruleConflicts && second == 0 {
		out.other = system
	}
	if second < 0 {
		out.other = -second
	}
	if o.kind < 0 {
		out.kind = -o.kind
		if second < 0 {
			out.from, out.other = -second, group
		}
	}
	return out
}

// packageFlags say what the template knows of a package.
type packageFlags uint8

const (
	isTemplated packageFlags = 1 << iota // its rules are in the template
	needsPaths                           // it depends on a path that only file lists know
	hasForeign                           // other packages' rules are in its group
	otherArchs                           // its name comes in several architectures
	isMulti                              // it may be installed in several versions
)

// template is all rules that hold for every request. Rules are in groups by
// their first literal, which is the absence of the group's package.
type template struct {
	flags    []packageFlags // by package
	groups   []int32        // by package: its first rule, the highest package first
	rules    []bodyRule
	originAt []int32 // by rule: its first origin; one more at the end
	origins  []bodyOrigin
	nextAt   []int32 // by package: where its part of next starts, the highest first
	next     []lit   // what each package brings into the closure
}

// templated returns the template, made on the first call.
func (u *Universe) templated(multi []bool) *template {
	if u.index.rules == nil || !u.index.rules.isFor(multi) {
		u.index.rules = newTemplate(u, multi, maxPackageDrafts)
	}
	return u.index.rules
}

// newTemplate makes a template of the packages with at most so many drafts.
func newTemplate(u *Universe, multi []bool, most int) *template {
	n := len(u.pkgs)
	b := templateBuilder{
		s:    &solver{u: u, multi: multi, excluded: make([]exclusion, n), added: make([]bool, n), lists: newListTable()},
		t:    &template{flags: make([]packageFlags, n), nextAt: make([]int32, n), groups: make([]int32, n)},
		most: most,
	}
	return b.build()
}

// isFor reports whether the template was made for these side by side versions.
func (t *template) isFor(multi []bool) bool {
	for p, m := range multi {
		if m != (t.flags[p]&isMulti != 0) {
			return false
		}
	}
	return true
}

type templateBuilder struct {
	s    *solver // drafts the rules
	t    *template
	most int // drafts of one package
}

func (b *templateBuilder) build() *template {
	s, t := b.s, b.t
	for p := lit(len(t.flags)) - 1; p >= firstPkg; p-- {
		b.markArchs(p)
		if s.multi[p] {
			t.flags[p] |= isMulti
		}
		t.nextAt[p] = int32(len(t.next))
		if b.fits(p) {
			b.addPackage(p)
		}
	}
	t.nextAt[system] = int32(len(t.next))
	b.number(s.sortDrafts())
	return t
}

// fits reports whether the rules of a package may be kept.
func (b *templateBuilder) fits(p lit) bool {
	u, n := b.s.u, 0
	for _, kind := range [...]depKind{requires, conflicts, obsoletes, recommends, suggests} {
		for _, d := range u.list(p, kind) {
			if (kind == requires || kind == conflicts) && u.isComplex(d) {
				return false
			}
			n += 1 + len(u.providers(d))
		}
	}
	n += len(u.providers(depID(u.pkgs[p].name)))
	return n <= b.most && n+len(b.s.drafts)+len(b.t.next) <= maxTemplateDrafts
}

// addPackage drafts a package's rules and notes what it brings.
func (b *templateBuilder) addPackage(p lit) {
	s, t := b.s, b.t
	t.flags[p] |= isTemplated
	s.draftPackage(p)
	if s.latePath {
		t.flags[p] |= needsPaths
	}
	t.next = append(t.next, s.work...)
	for _, q := range s.work {
		s.added[q] = false
	}
	s.work, s.latePath = s.work[:0], false
}

// markArchs marks the packages whose name comes in several architectures.
func (b *templateBuilder) markArchs(p lit) {
	u := b.s.u
	score := u.arch.score(u.pkgs[p].arch)
	for _, q := range u.providers(depID(u.pkgs[p].name)) {
		if u.pkgs[q].name == u.pkgs[p].name && u.arch.score(u.pkgs[q].arch) != score {
			b.t.flags[p] |= otherArchs
			return
		}
	}
}

// number keeps the sorted drafts, each rule once with all its origins.
func (b *templateBuilder) number(order []int32) {
	s, t := b.s, b.t
	for i, o := range order {
		d := &s.drafts[o]
		if i == 0 || s.compareDrafts(&s.drafts[order[i-1]], d) != 0 {
			t.groups[-d.first]++
			t.originAt = append(t.originAt, int32(len(t.origins)))
			t.rules = append(t.rules, bodyRule{d.second, d.rest})
		}
		if d.from != -d.first {
			t.flags[-d.first] |= hasForeign
		}
		t.origins = append(t.origins, newBodyOrigin(d))
	}
	t.originAt = append(t.originAt, int32(len(t.origins)))
	// The highest package comes first: its group starts at 0.
	sum := int32(0)
	for p, n := range slices.Backward(t.groups) {
		t.groups[p] = sum
		sum += n
	}
}

// nextOf is what a package of the template brings into the closure.
func (t *template) nextOf(p lit) []lit { return t.next[t.nextAt[p]:t.nextAt[p-1]] }

// group returns the rules of a package's group: the first, and the one behind
// the last.
func (t *template) group(p lit) (from, to int32) { return t.groups[p], t.groups[p-1] }

// numberRules puts the template's rules of the closure and the drafts together,
// sorted.
func (s *solver) numberRules() {
	t := s.template
	extra := s.sortDrafts()
	s.reserveRules(len(extra))
	for p := lit(len(s.added)) - 1; p >= firstPkg; p-- {
		n := 0 // drafts of this group
		for n < len(extra) && s.drafts[extra[n]].first == -p {
			n++
		}
		switch {
		case n > 0:
			s.mergeGroup(p, extra[:n])
			extra = extra[n:]
		case t.flags[p]&hasForeign != 0:
			s.mergeGroup(p, nil)
		case s.added[p]:
			s.copyGroup(p)
		}
	}
	s.drafts = nil
}

// spare is memory of an earlier request, to use again.
type spare struct {
	rules    []rule
	originAt []int32
	origins  []origin
	choices  []ruleID
}

// giveBack leaves the solver's memory for the next request. Nothing may use
// the solver's rules from then on.
func (s *solver) giveBack() { s.u.spare = spare{s.rules, s.originAt, s.origins, s.choices} }

// reserveRules makes room for the rules of the closure.
func (s *solver) reserveRules(extra int) {
	n := extra
	for p := firstPkg; int(p) < len(s.added); p++ {
		if s.added[p] {
			from, to := s.template.group(p)
			n += int(to - from)
		}
	}
	n += n/16 + 64
	s.rules = append(slices.Grow(s.u.spare.rules[:0], n), rule{})
	s.originAt = append(slices.Grow(s.u.spare.originAt[:0], n), 0)
	s.origins = s.u.spare.origins[:0]
	s.choices = s.u.spare.choices[:0]
	s.u.spare = spare{}
}

// copyGroup takes a group of which all rules are the package's own.
func (s *solver) copyGroup(p lit) {
	t := s.template
	for i, to := t.group(p); i < to; i++ {
		b := &t.rules[i]
		r := rule{first: -p, rest: b.rest, w1: -p, w2: b.second}
		if b.rest != noList {
			r.w2 = s.at(b.rest)[0]
			s.choices = append(s.choices, ruleID(len(s.rules)))
		}
		s.rules = append(s.rules, r)
		s.originAt = append(s.originAt, ^i)
	}
}

// mergeGroup takes those rules of a group that come from packages of the
// closure, and drafts in between.
func (s *solver) mergeGroup(p lit, extra []int32) {
	t := s.template
	for i, to := t.group(p); i < to; i++ {
		own := draft{first: -p, second: t.rules[i].second, rest: t.rules[i].rest}
		for len(extra) > 0 && s.compareDrafts(&s.drafts[extra[0]], &own) < 0 {
			extra = s.addDrafts(extra)
		}
		ours := false
		at := len(s.origins)
		for _, b := range t.origins[t.originAt[i]:t.originAt[i+1]] {
			o := b.in(p, own.second)
			if s.added[o.from] && (o.kind != ruleArch || s.excluded[o.from] == notExcluded) {
				s.origins = append(s.origins, o)
				ours = true
			}
		}
		same := len(extra) > 0 && s.compareDrafts(&s.drafts[extra[0]], &own) == 0
		switch {
		case ours:
			s.addRule(own.first, own.second, own.rest)
			s.originAt[len(s.originAt)-1] = int32(at)
			for same {
				s.origins = append(s.origins, s.drafts[extra[0]].origin)
				extra = extra[1:]
				same = len(extra) > 0 && s.compareDrafts(&s.drafts[extra[0]], &own) == 0
			}
		case same:
			extra = s.addDrafts(extra)
		}
	}
	for len(extra) > 0 {
		extra = s.addDrafts(extra)
	}
}

// addDrafts adds the rule of the first draft and of those that are the same,
// and returns the others.
func (s *solver) addDrafts(order []int32) []int32 {
	first := &s.drafts[order[0]]
	s.addRule(first.first, first.second, first.rest)
	n := 0
	for n < len(order) && (n == 0 || s.compareDrafts(first, &s.drafts[order[n]]) == 0) {
		s.origins = append(s.origins, s.drafts[order[n]].origin)
		n++
	}
	return order[n:]
}
