package solve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// answer returns the packages that the search decided to install.
func (s *solver) answer() []lit {
	var in []lit
	for p := firstPkg; int(p) < len(s.u.pkgs); p++ {
		if s.levels[p] > 0 {
			in = append(in, p)
		}
	}
	return in
}

// packages returns those that the lines of a result install.
func (s *solver) packages(lines []string) []lit {
	var in []lit
	for p := firstPkg; int(p) < len(s.u.pkgs); p++ {
		if s.u.installed(p) || slices.Contains(lines, "install "+s.u.nevra(p)+"@"+s.u.repoOf(p).opts.ID) {
			in = append(in, p)
		}
	}
	return in
}

// check looks at an answer without any rule or index of the solver, straight
// from the packages' dependencies, and says what is wrong with it.
func (s *solver) check(in []lit) string {
	u := s.u
	c := checker{s, in}
	before := checker{s, slices.DeleteFunc(slices.Clone(in), func(p lit) bool { return !u.installed(p) })}
	for _, p := range in {
		if s.excluded[p] != notExcluded && !u.installed(p) {
			return u.nevra(p) + " is excluded"
		}
		for _, d := range u.list(p, requires) {
			if !u.installed(p) && !c.holds(d, noPkg) {
				return fmt.Sprintf("%s requires %s", u.nevra(p), u.depString(d))
			}
		}
		for _, d := range u.list(p, conflicts) {
			// What a package says of itself does not count, nor what was
			// broken before.
			if u.installed(p) && before.holds(d, p) {
				continue
			}
			if c.holds(d, p) && !(u.isComplex(d) && slices.Contains(u.providers(u.anyOf(d)), p)) {
				return fmt.Sprintf("%s conflicts with %s", u.nevra(p), u.depString(d))
			}
		}
		for _, q := range in {
			if msg := c.pair(p, q); msg != "" && !(u.installed(p) && u.installed(q)) {
				return u.nevra(p) + " " + msg + " " + u.nevra(q)
			}
		}
	}
	for i, j := range s.jobs {
		for _, clause := range j.clauses {
			if !slices.ContainsFunc(clause, func(l lit) bool { return slices.Contains(in, max(l, -l)) == (l > 0) }) {
				return fmt.Sprintf("job %d is not fulfilled", i+1)
			}
		}
	}
	return ""
}

// anyOf is "one of all names in d".
func (u *Universe) anyOf(d depID) depID {
	if !d.isRel() {
		return d
	}
	r := u.relOf(d)
	if r.op < opAnd {
		return r.left
	}
	return u.rel(u.anyOf(r.left), opOr, u.anyOf(r.right))
}

type checker struct {
	s  *solver
	in []lit
}

// holds reports whether the answer fulfils d; a simple dependency by another
// package than not.
func (c checker) holds(d depID, not lit) bool {
	u := c.s.u
	if d.isRel() {
		r := u.relOf(d)
		cond := relation{}
		if r.right.isRel() {
			cond = u.relOf(r.right)
		}
		a := func() bool { return c.holds(r.left, not) }
		switch r.op {
		case opAnd:
			return a() && c.holds(r.right, not)
		case opOr:
			return a() || c.holds(r.right, not)
		case opIf:
			if cond.op == opElse {
				return c.ifElse(cond.left, r.left, cond.right, not)
			}
			return a() || !c.holds(r.right, not)
		case opUnless:
			if cond.op == opElse {
				return c.ifElse(cond.left, cond.right, r.left, not)
			}
			return a() && !c.holds(r.right, not)
		}
	}
	return slices.ContainsFunc(c.in, func(p lit) bool { return p != not && c.provides(p, d) })
}

func (c checker) ifElse(cond, then, other depID, not lit) bool {
	if c.holds(cond, not) {
		return c.holds(then, not)
	}
	return c.holds(other, not)
}

func (c checker) provides(p lit, d depID) bool {
	u := c.s.u
	if d.isRel() {
		switch r := u.relOf(d); r.op {
		case opWith:
			return c.provides(p, r.left) && c.provides(p, r.right)
		case opWithout:
			return c.provides(p, r.left) && !c.provides(p, r.right)
		}
	}
	want, err := rpm.ParseDep(u.depString(d))
	if err != nil {
		panic(err)
	}
	if slices.ContainsFunc(u.filesOf(&u.pkgs[p]), func(f strID) bool { return u.in.str(f) == want.Name }) {
		return true
	}
	return slices.ContainsFunc(u.list(p, provides), func(by depID) bool {
		have, err := rpm.ParseDep(u.depString(by))
		return err == nil && rpm.Matches(have, want)
	})
}

// pair says why p and q exclude each other.
func (c checker) pair(p, q lit) string {
	u := c.s.u
	a, b := &u.pkgs[p], &u.pkgs[q]
	if p == q {
		return ""
	}
	if !c.s.multi[p] && slices.ContainsFunc(u.list(p, obsoletes), func(d depID) bool { return u.matchesName(q, d) }) {
		return "obsoletes"
	}
	bits := func(arch string) int {
		switch {
		case arch == "noarch":
			return 3
		case strings.Contains(arch, "64"):
			return 2
		}
		return 1
	}
	if a.name == b.name && bits(u.in.str(a.arch))&bits(u.in.str(b.arch)) != 0 && !(c.s.multi[p] && c.s.multi[q]) {
		return "cannot be installed beside"
	}
	return ""
}
