package solve

import (
	"cmp"
	"slices"
	"strings"
)

// mode is how much of the policy a choice asks for.
type mode uint8

const (
	modeChoose          mode = iota // all of it; the first of what is left wins
	modeChooseNoReorder             // only what rules packages out
	modeRecommend                   // only priority, architecture and version
	modeSupplement                  // only the order
)

// filter cuts a list of candidates down to the best ones, in place. It keeps at
// least one.
func (s *solver) filter(list []lit, m mode) []lit {
	if m == modeSupplement {
		return s.reorder(list, m)
	}
	for _, prune := range []func([]lit) []lit{s.bestPriority, s.bestArch, s.bestVersion} {
		if len(list) > 1 {
			list = prune(list)
		}
	}
	if len(list) > 1 && m != modeRecommend {
		list = s.onlyWanted(list)
		if len(list) > 1 && m == modeChoose {
			list = s.reorder(list, m)
		}
	}
	return list
}

// keepIf keeps the packages that pass, in place; all when none does.
func keepIf(list []lit, pass func(lit) bool) []lit {
	kept := list[:0]
	for _, p := range list {
		if pass(p) {
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 {
		return list
	}
	return kept
}

// bestPriority keeps the packages of the repositories with the best priority.
func (s *solver) bestPriority(list []lit) []lit {
	best := s.u.repoOf(list[0]).opts.Priority
	for _, p := range list {
		best = min(best, s.u.repoOf(p).opts.Priority)
	}
	return keepIf(list, func(p lit) bool { return s.u.repoOf(p).opts.Priority == best })
}

// bestArch keeps noarch and the best other architecture.
func (s *solver) bestArch(list []lit) []lit {
	best := scoreNone
	for _, p := range list {
		if a := s.u.arch.score(s.u.pkgs[p].arch); a > scoreNoarch && (best == scoreNone || a < best) {
			best = a
		}
	}
	if best == scoreNone {
		return list
	}
	return keepIf(list, func(p lit) bool {
		a := s.u.arch.score(s.u.pkgs[p].arch)
		return a == scoreNoarch || a == best
	})
}

// bestVersion keeps the newest package of each name, and of those only the ones
// that no other one obsoletes. The result is sorted by name.
func (s *solver) bestVersion(list []lit) []lit {
	slices.SortFunc(list, s.compareBuilds)
	out := list[:1]
	for _, p := range list[1:] {
		last := &out[len(out)-1]
		a, b := &s.u.pkgs[*last], &s.u.pkgs[p]
		switch {
		case a.name != b.name:
			out = append(out, p)
		case s.u.compareEVR(a.evr, b.evr) < 0:
			*last = p
		}
	}
	if len(out) > 1 {
		out = s.notObsoletedByOthers(out)
	}
	return out
}

// compareBuilds orders by name, architecture, cost and number.
func (s *solver) compareBuilds(x, y lit) int {
	a, b := &s.u.pkgs[x], &s.u.pkgs[y]
	if a.name != b.name {
		return strings.Compare(s.u.in.str(a.name), s.u.in.str(b.name))
	}
	if sa, sb := s.u.arch.score(a.arch), s.u.arch.score(b.arch); sa != sb && sa > scoreNoarch && sb > scoreNoarch {
		return cmp.Compare(sa, sb)
	}
	if c := cmp.Compare(s.u.repoOf(x).opts.Cost, s.u.repoOf(y).opts.Cost); c != 0 {
		return c
	}
	return cmp.Compare(x, y)
}

// onlyWanted keeps what is recommended or supplements, if anything is.
func (s *solver) onlyWanted(list []lit) []lit {
	s.updateWeakMaps()
	return keepIf(list, s.wanted)
}

// reorder brings the better packages of equals to the front.
func (s *solver) reorder(list []lit, m mode) []lit {
	toBack(list, s.isOld)
	s.sortByCommonProvides(list)
	if m == modeChoose && len(s.u.index.installed) > 0 {
		toBack(list, func(p lit) bool { return !s.nameInstalled(p) })
	}
	s.updateWeakMaps()
	toBack(list, func(p lit) bool { return !s.weak.suggested[p] && !s.anyFulfilled(p, enhances) })
	return list
}

// nameInstalled reports whether a package of p's name is installed already: of
// another architecture, say.
func (s *solver) nameInstalled(p lit) bool {
	name := s.u.pkgs[p].name
	return slices.ContainsFunc(s.u.providers(depID(name)), func(q lit) bool {
		return s.u.installed(q) && s.u.pkgs[q].name == name
	})
}

// toBack moves the bad packages behind the others; both keep their order.
func toBack(list []lit, bad func(lit) bool) {
	var back []lit
	front := list[:0]
	for _, p := range list {
		if bad(p) {
			back = append(back, p)
		} else {
			front = append(front, p)
		}
	}
	copy(list[len(front):], back)
}

// isOld reports whether there is a newer build of p, or one in a repository of
// better priority.
func (s *solver) isOld(p lit) bool {
	k := &s.u.pkgs[p]
	priority := s.u.repoOf(p).opts.Priority
	for _, q := range s.u.providers(depID(k.name)) {
		o := &s.u.pkgs[q]
		if q == p || o.name != k.name || o.arch != k.arch {
			continue
		}
		switch other := s.u.repoOf(q).opts.Priority; {
		case other < priority:
			return true
		case other == priority && s.u.compareEVR(o.evr, k.evr) > 0:
			return true
		}
	}
	return false
}

// commonProvide is a versioned provide of one candidate.
type commonProvide struct {
	candidate int
	name, evr strID
	below     bool // provides versions below evr only
}

// sortByCommonProvides moves a candidate back for every name that it provides
// in an older version than another candidate does.
func (s *solver) sortByCommonProvides(list []lit) {
	var all []commonProvide
	for i, p := range list {
		for _, d := range s.u.list(p, provides) {
			if !d.isRel() {
				continue
			}
			r := s.u.relOf(d)
			switch {
			case r.op == opEqual && looksLikeHash(s.u.in.str(strID(r.right))):
			case r.op == opEqual || r.op == opEqual|opLess || r.op == opLess:
				all = append(all, commonProvide{i, strID(r.left), strID(r.right), r.op == opLess})
			}
		}
	}
	if len(all) < 2 {
		return
	}
	slices.SortStableFunc(all, s.compareProvides)
	badness := make([]int, len(list))
	bad, worst := 0, 0
	for i := range all {
		if i == 0 || all[i-1].name != all[i].name {
			bad = 0
		} else if all[i-1].candidate != all[i].candidate && s.compareProvides(all[i-1], all[i]) == -1 {
			bad++
		}
		badness[all[i].candidate] += bad
		worst = max(worst, bad)
	}
	if worst == 0 {
		return
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(badness[a], badness[b]) })
	old := slices.Clone(list)
	for i, o := range order {
		list[i] = old[o]
	}
}

// compareProvides orders by name, the newest version first. It is -2 or 2 where
// only a missing release tells two versions apart.
func (s *solver) compareProvides(a, b commonProvide) int {
	switch {
	case a.name != b.name:
		return cmp.Compare(a.name, b.name)
	case a.evr == b.evr && a.below == b.below:
		return 0
	}
	c := s.u.compareProvided(b.evr, a.evr)
	if c == 0 && a.below != b.below {
		if b.below {
			return -1
		}
		return 1
	}
	return c
}

// looksLikeHash reports whether a version is rather a digest or a build ID.
func looksLikeHash(s string) bool {
	return len(s) >= 4 && strings.Trim(s, "0123456789abcdef") == ""
}
