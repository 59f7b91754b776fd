package solve

// weakMaps hold what the installed packages recommend and suggest. They follow
// the trail and are built anew after it was cut below what they know.
type weakMaps struct {
	recommended, suggested []bool // by package
	next                   int    // first decision not looked at; below 0 to start anew
	waiting                [2][]waitingDep
}

// waitingDep is a complex dependency with a condition on p, undecided so far.
type waitingDep struct {
	p   lit
	dep depID
}

func newWeakMaps(n int) weakMaps {
	return weakMaps{recommended: make([]bool, n), suggested: make([]bool, n)}
}

// reverted says that only n decisions are left.
func (w *weakMaps) reverted(n int) {
	if w.next > n {
		w.next = -1
	}
}

func (s *solver) updateWeakMaps() {
	w := &s.weak
	if w.next < 0 {
		clear(w.recommended)
		clear(w.suggested)
		w.waiting = [2][]waitingDep{}
		w.next = 0
	}
	maps := [2][]bool{w.recommended, w.suggested}
	for ; w.next < len(s.trail); w.next++ {
		p := s.trail[w.next].lit
		if p < firstPkg {
			continue
		}
		for i, kind := range [2]depKind{recommends, suggests} {
			s.recheckWaiting(p, i, maps[i])
			for _, d := range s.u.list(p, kind) {
				if s.u.isComplex(d) {
					s.markComplex(d, i, maps[i])
					continue
				}
				for _, x := range s.u.providers(d) {
					maps[i][x] = true
				}
			}
		}
	}
}

// recheckWaiting looks again at dependencies that waited for p.
func (s *solver) recheckWaiting(p lit, i int, m []bool) {
	var again []depID
	left := s.weak.waiting[i][:0]
	for _, w := range s.weak.waiting[i] {
		if w.p == p {
			again = append(again, w.dep)
		} else {
			left = append(left, w)
		}
	}
	s.weak.waiting[i] = left
	for _, d := range again {
		s.markComplex(d, i, m)
	}
}

// markComplex marks the packages of each clause whose conditions hold, and
// notes those that are still open.
func (s *solver) markComplex(d depID, i int, m []bool) {
	clauses, t, err := s.u.normalForm(d, conjunctive)
	if t != depends || err != nil {
		return
	}
	for _, c := range clauses {
		var open []lit
		possible := c[len(c)-1] > 0
		for _, l := range c {
			if l < 0 && s.levels[-l] < 0 {
				possible = false
			}
			if l < 0 && s.levels[-l] == 0 {
				open = append(open, -l)
			}
		}
		switch {
		case !possible:
		case len(open) > 0:
			for _, p := range open {
				s.waitFor(p, d, i)
			}
		default:
			for _, l := range c {
				if l > 0 {
					m[l] = true
				}
			}
		}
	}
}

func (s *solver) waitFor(p lit, d depID, i int) {
	for _, w := range s.weak.waiting[i] {
		if w == (waitingDep{p, d}) {
			return
		}
	}
	s.weak.waiting[i] = append(s.weak.waiting[i], waitingDep{p, d})
}

// fulfilled reports whether the installed packages fulfil d.
func (s *solver) fulfilled(d depID) bool {
	if s.u.isComplex(d) {
		r := s.u.relOf(d)
		var c relation
		if r.right.isRel() {
			c = s.u.relOf(r.right)
		}
		switch {
		case r.op == opAnd:
			return s.fulfilled(r.left) && s.fulfilled(r.right)
		case r.op == opOr:
			return s.fulfilled(r.left) || s.fulfilled(r.right)
		case r.op == opIf && c.op == opElse:
			if s.fulfilled(c.left) {
				return s.fulfilled(r.left)
			}
			return s.fulfilled(c.right)
		case r.op == opIf:
			return s.fulfilled(r.left) || !s.fulfilled(r.right)
		case c.op == opElse:
			if !s.fulfilled(c.left) {
				return s.fulfilled(r.left)
			}
			return s.fulfilled(c.right)
		}
		return s.fulfilled(r.left) && !s.fulfilled(r.right)
	}
	for _, p := range s.u.providers(d) {
		if s.levels[p] > 0 {
			return true
		}
	}
	return false
}

// anyFulfilled reports whether one of p's Supplements or Enhances is fulfilled.
func (s *solver) anyFulfilled(p lit, kind depKind) bool {
	for _, d := range s.u.list(p, kind) {
		if s.fulfilled(d) {
			return true
		}
	}
	return false
}

// resolveWeak installs what is recommended or supplements. again is set when it
// changed anything.
func (s *solver) resolveWeak(level int) (newLevel int, again bool) {
	sup := s.supplementing()
	all := s.recommendedNow()
	all = s.notObsoleted(all)
	sup = s.notObsoleted(sup)
	for _, p := range sup {
		all = appendNew(all, p)
	}
	switch len(all) {
	case 0:
		return level, false
	case 1:
		return s.install(level, decision{lit: all[0]}), true
	}
	all = s.filter(all, modeRecommend)
	best := make(map[lit]bool, len(all))
	for _, p := range all {
		best[p] = true
	}
	kept := sup[:0]
	for _, p := range sup {
		if best[p] {
			kept = append(kept, p)
		}
	}
	if len(kept) > 1 {
		kept = s.filter(kept, modeSupplement)
	}
	decided := len(s.trail)
	for _, p := range kept {
		if s.levels[p] != 0 {
			continue
		}
		before := level
		if level = s.install(level, decision{lit: p}); level <= before {
			return level, true
		}
	}
	if len(s.trail) < decided {
		return level, true
	}
	return s.installRecommended(level, decided, best), true
}

// installRecommended goes over the first decisions in their order and installs
// the best of what each recommends.
func (s *solver) installRecommended(level, decided int, best map[lit]bool) int {
	for i := 0; i < decided; i++ {
		p := s.trail[i].lit
		if p < firstPkg || s.u.installed(p) {
			continue
		}
		for _, d := range s.u.list(p, recommends) {
			choices := s.undecidedWeak(d)
			kept := choices[:0]
			for _, q := range choices {
				if best[q] {
					kept = append(kept, q)
				}
			}
			if len(kept) == 0 {
				continue
			}
			if len(kept) > 1 {
				kept = s.filter(kept, modeChoose)
			}
			s.branch(level, kept)
			before := level
			level = s.install(level, decision{lit: kept[0]})
			if level <= before || len(s.trail) < decided {
				return level
			}
		}
	}
	return level
}

// supplementing returns the packages whose Supplements are fulfilled.
func (s *solver) supplementing() []lit {
	var list []lit
	for _, p := range s.u.index.weak {
		if s.levels[p] == 0 && s.installable(p) && !s.notWeak[p] && s.newlySupplements(p) && !s.otherIsIn(p) {
			list = append(list, p)
		}
	}
	return list
}

// newlySupplements reports whether p supplements something that was not
// installed before.
func (s *solver) newlySupplements(p lit) bool {
	for _, d := range s.u.list(p, supplements) {
		if s.fulfilled(d) && s.fulfilledByNew(d) {
			return true
		}
	}
	return false
}

// otherIsIn reports whether p comes too late: a different architecture of it,
// or of what may be installed side by side a different version, was chosen.
func (s *solver) otherIsIn(p lit) bool {
	k := &s.u.pkgs[p]
	for _, q := range s.u.providers(depID(k.name)) {
		o := &s.u.pkgs[q]
		if s.levels[q] > 0 && o.name == k.name && (o.arch != k.arch || s.multi[p]) {
			return true
		}
	}
	return false
}

// recommendedNow returns the undecided packages that new packages recommend.
func (s *solver) recommendedNow() []lit {
	var list []lit
	for _, dec := range s.trail {
		if dec.lit < firstPkg || s.u.installed(dec.lit) {
			continue
		}
		for _, d := range s.u.list(dec.lit, recommends) {
			for _, p := range s.undecidedWeak(d) {
				if !s.seen[p] {
					s.seen[p] = true
					list = append(list, p)
				}
			}
		}
	}
	for _, p := range list {
		s.seen[p] = false
	}
	return list
}

// undecidedWeak returns the packages that could fulfil a weak dependency, none
// when it is fulfilled.
func (s *solver) undecidedWeak(d depID) []lit {
	if s.u.isComplex(d) {
		return s.undecidedComplex(d)
	}
	var list []lit
	for _, p := range s.u.providers(d) {
		switch {
		case s.levels[p] > 0:
			return nil
		case s.levels[p] == 0 && !s.notWeak[p]:
			list = append(list, p)
		}
	}
	return list
}

// undecidedComplex does so for each clause whose conditions are installed.
func (s *solver) undecidedComplex(d depID) []lit {
	clauses, t, err := s.u.normalForm(d, conjunctive)
	if t != depends || err != nil {
		return nil
	}
	var all []lit
	for _, c := range clauses {
		var list []lit
		open := true
		for _, l := range c {
			switch {
			case l < 0 && s.levels[-l] <= 0, l > 0 && s.levels[l] > 0:
				open = false
			case l > 0 && s.levels[l] == 0 && !s.notWeak[l]:
				list = append(list, l)
			}
		}
		if open {
			for _, p := range list {
				all = appendNew(all, p)
			}
		}
	}
	return all
}

func appendNew(list []lit, p lit) []lit {
	for _, q := range list {
		if q == p {
			return list
		}
	}
	return append(list, p)
}
