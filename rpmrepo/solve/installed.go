package solve

// fulfilledByNew reports whether a package that was not installed before takes
// part in fulfilling d. The caller knows that d is fulfilled.
func (s *solver) fulfilledByNew(d depID) bool { return s.fulfilment(d) == byNew }

// fulfilment is whether a dependency is fulfilled, and by what.
type fulfilment uint8

const (
	byNothing fulfilment = iota
	byInstalled
	byNew
)

func (s *solver) fulfilment(d depID) fulfilment {
	if !s.u.isComplex(d) {
		found := byNothing
		for _, p := range s.u.providers(d) {
			if s.levels[p] <= 0 {
				continue
			}
			if p != system && !s.u.installed(p) {
				return byNew
			}
			found = byInstalled
		}
		return found
	}
	r := s.u.relOf(d)
	if r.right.isRel() {
		if c := s.u.relOf(r.right); c.op == opElse {
			return s.conditional(r, c)
		}
	}
	a, b := s.fulfilment(r.left), s.fulfilment(r.right)
	switch r.op {
	case opAnd:
		if a == byNothing || b == byNothing {
			return byNothing
		}
		return max(a, b)
	case opOr:
		return max(a, b)
	case opIf: // an unfulfilled condition is nothing new
		if b == byNothing {
			return max(a, byInstalled)
		}
		return a
	}
	if b != byNothing {
		return byNothing
	}
	return a
}

// conditional is "r.left op c.left else c.right".
func (s *solver) conditional(r, c relation) fulfilment {
	cond := s.fulfilment(c.left)
	taken := c.right
	if (cond != byNothing) == (r.op == opIf) {
		taken = r.left
	}
	f := s.fulfilment(taken)
	if f != byNothing && cond == byNew {
		return byNew
	}
	return f
}

// notObsoleted drops the packages that an installed package obsoletes.
func (s *solver) notObsoleted(list []lit) []lit {
	if len(list) == 0 || len(s.u.index.installed) == 0 {
		return list
	}
	bad := make(map[lit]bool)
	for _, p := range s.u.index.installed {
		if !s.multi[p] {
			for _, d := range s.u.list(p, obsoletes) {
				for _, q := range s.u.providers(d) {
					bad[q] = bad[q] || q != system && s.u.matchesName(q, d)
				}
			}
		}
	}
	out := list[:0]
	for _, p := range list {
		if !bad[p] {
			out = append(out, p)
		}
	}
	return out
}
