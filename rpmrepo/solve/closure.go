package solve

import "slices"

// The closure of a request is every package that could take part in its answer:
// what the candidates require, recommend and suggest, and what supplements or
// enhances any of it. Only they get rules.

// checkEvery is how many packages are looked at between two looks at the context.
const checkEvery = 1024

// closeOver adds p and everything that it may bring, and drafts their rules.
func (s *solver) closeOver(p lit) error {
	s.push(p)
	for len(s.work) > 0 {
		n := s.work[len(s.work)-1]
		s.work = s.work[:len(s.work)-1]
		if s.looked++; s.looked%checkEvery == 0 && s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		s.expand(n)
	}
	return nil
}

// expand adds what a package brings and drafts those of its rules that the
// template does not have.
func (s *solver) expand(n lit) {
	flags := s.template.flags[n]
	if flags&isTemplated == 0 {
		s.draftPackage(n)
		return
	}
	if flags&needsPaths != 0 {
		s.latePath = true
	}
	if s.excluded[n] != notExcluded && !s.u.installed(n) {
		s.draft(-n, 0, origin{kind: ruleExcluded, from: n})
	}
	for _, p := range s.template.nextOf(n) {
		s.push(p)
	}
}

func (s *solver) push(p lit) {
	if !s.added[p] {
		s.added[p] = true
		s.work = append(s.work, p)
	}
}

func (s *solver) pushAll(list []lit) {
	for _, p := range list {
		if p > 0 {
			s.push(p)
		}
	}
}

// closeOverWeak adds what supplements or enhances the closure, until nothing
// new does.
func (s *solver) closeOverWeak() error {
	for again := true; again; {
		again = false
		for _, p := range s.u.index.weak {
			if s.added[p] || !s.installable(p) || !s.supplementPossible(p) {
				continue
			}
			if err := s.closeOver(p); err != nil {
				return err
			}
			again = true
		}
	}
	return nil
}

func (s *solver) supplementPossible(p lit) bool {
	for _, kind := range [2]depKind{supplements, enhances} {
		for _, d := range s.u.list(p, kind) {
			if s.possible(d) {
				return true
			}
		}
	}
	return false
}

// possible reports whether packages of the closure could fulfil d.
func (s *solver) possible(d depID) bool {
	if d.isRel() {
		switch r := s.u.relOf(d); r.op {
		case opIf, opUnless:
			return true
		case opAnd:
			return s.possible(r.left) && s.possible(r.right)
		case opOr:
			return s.possible(r.left) || s.possible(r.right)
		}
	}
	for _, p := range s.u.providers(d) {
		if s.added[p] {
			return true
		}
	}
	return false
}

// draftPackage drafts all rules of one package.
func (s *solver) draftPackage(n lit) {
	u := s.u
	switch {
	case u.installed(n):
	case s.excluded[n] != notExcluded:
		s.draft(-n, 0, origin{kind: ruleExcluded, from: n})
	case !u.runs(n):
		s.draft(-n, 0, origin{kind: ruleArch, from: n})
	}
	for _, d := range u.list(n, requires) {
		s.draftRequires(n, d)
	}
	for _, d := range u.list(n, conflicts) {
		s.draftConflicts(n, d)
	}
	if !s.multi[n] {
		for _, d := range u.list(n, obsoletes) {
			s.draftObsoletes(n, d)
		}
	}
	s.draftSameName(n)
	for _, kind := range [2]depKind{recommends, suggests} {
		for _, d := range u.list(n, kind) {
			s.pushWeak(d, false)
		}
	}
}

// pushWeak adds the packages that a weak dependency may install.
func (s *solver) pushWeak(d depID, negated bool) {
	s.notePaths(d)
	if !s.u.isComplex(d) {
		if !negated {
			s.pushAll(s.u.providers(d))
		}
		return
	}
	r := s.u.relOf(d)
	s.pushWeak(r.left, negated)
	if r.op != opIf && r.op != opUnless {
		s.pushWeak(r.right, negated)
		return
	}
	if r.right.isRel() && s.u.relOf(r.right).op == opElse {
		c := s.u.relOf(r.right)
		s.pushWeak(c.left, negated)
		s.pushWeak(c.left, !negated)
		s.pushWeak(c.right, negated)
		return
	}
	s.pushWeak(r.right, !negated)
}

func (s *solver) draftRequires(n lit, d depID) {
	s.notePaths(d)
	if s.u.isComplex(d) {
		s.draftComplex(n, d, ruleRequires)
		return
	}
	id := s.u.providerList(d)
	list := s.at(id)
	o := origin{kind: ruleRequires, from: n, dep: d}
	inst := s.u.installed(n)
	kept := !inst || slices.ContainsFunc(list, s.u.installed)
	self := slices.Contains(list, n) || len(list) > 0 && list[0] == system
	switch {
	case self || !kept: // what an installed package lacks already is not mended
	case len(list) == 0:
		o.kind = ruleNothingProvides
		s.draft(-n, 0, o)
	default:
		s.draftList(-n, id, o)
		s.pushAll(list)
	}
}

func (s *solver) draftConflicts(n lit, d depID) {
	s.notePaths(d)
	if s.u.isComplex(d) {
		s.draftComplex(n, d, ruleConflicts)
		return
	}
	inst := s.u.installed(n)
	for _, p := range s.u.providers(d) {
		switch {
		case p == n || inst && s.u.installed(p):
		case p == system:
			s.draft(-n, 0, origin{kind: ruleConflicts, from: n, other: p, dep: d})
		default:
			s.draft(-n, -p, origin{kind: ruleConflicts, from: n, other: p, dep: d})
		}
	}
}

// draftComplex drafts the rules of a dependency with and, if or unless.
func (s *solver) draftComplex(n lit, d depID, kind ruleKind) {
	f := conjunctive
	if kind == ruleConflicts {
		f = disjunctive
	}
	clauses, t, err := s.u.normalForm(d, f)
	if kind == ruleConflicts && err == nil {
		clauses, t = invert(clauses, t)
	}
	inst := s.u.installed(n)
	switch {
	case inst && (err != nil || t == never):
		return
	case err != nil:
		s.draft(-n, 0, origin{kind: ruleTooComplex, from: n, dep: d})
		return
	case t == never && kind == ruleRequires:
		s.draft(-n, 0, origin{kind: ruleNothingProvides, from: n, dep: d})
		return
	case t == never:
		s.draft(-n, 0, origin{kind: kind, from: n, dep: d})
		return
	}
	for _, c := range clauses {
		if !inst || s.heldByInstalled(c) {
			s.draftClause(n, c, origin{kind: kind, from: n, dep: d})
		}
	}
}

// heldByInstalled reports whether the installed packages alone fulfil a clause.
func (s *solver) heldByInstalled(c []lit) bool {
	for _, l := range c {
		if l > 0 && s.u.installed(l) || l < 0 && !s.u.installed(-l) {
			return true
		}
	}
	return false
}

// draftClause drafts "not n, or the clause".
func (s *solver) draftClause(n lit, c []lit, o origin) {
	if len(c) == 1 && c[0] == -n {
		if o.kind != ruleConflicts { // a package may conflict with what it provides
			s.draft(-n, 0, o)
		}
		return
	}
	c = merge([]lit{-n}, c)
	if hasOpposites(c) {
		return
	}
	for _, l := range c {
		if l < 0 && l != -n {
			o.other = -l
		}
	}
	s.pushAll(c)
	if len(c) == 2 {
		s.draft(c[0], c[1], o)
		return
	}
	s.draftList(c[0], s.keep(c[1:]), o)
}

func (s *solver) draftObsoletes(n lit, d depID) {
	inst := s.u.installed(n)
	for _, p := range s.u.providers(d) {
		if p != n && p != system && s.u.matchesName(p, d) && !(inst && s.u.installed(p)) {
			s.draft(-n, -p, origin{kind: ruleObsoletes, from: n, other: p, dep: d})
		}
	}
}

// draftSameName drafts that packages of one name exclude each other where their
// colors meet, unless both may be installed side by side; and adds the same
// build for better architectures, which a worse one comes in with only.
func (s *solver) draftSameName(n lit) {
	u := s.u
	k := &u.pkgs[n]
	score := u.arch.score(k.arch)
	for _, p := range u.providers(depID(k.name)) {
		o := &u.pkgs[p]
		if p == n || o.name != k.name {
			continue
		}
		if u.arch.meet(k.arch, o.arch) && !s.sideBySide(n, p) && !(u.installed(n) && u.installed(p)) {
			s.draft(-n, -p, origin{kind: ruleSameName, from: n, other: p})
		}
		if o.evr == k.evr && score > scoreNoarch {
			if better := u.arch.score(o.arch); better > scoreNoarch && better < score {
				s.push(p)
			}
		}
	}
}

// sideBySide reports whether two packages of one name may both be installed.
func (s *solver) sideBySide(n, p lit) bool {
	if !s.multi[n] || !s.multi[p] {
		return false
	}
	a, b := &s.u.pkgs[n], &s.u.pkgs[p]
	return a.evr != b.evr || a.arch != b.arch
}
