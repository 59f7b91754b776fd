package solve

import (
	"slices"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// addSpec turns one spec into jobs. It reports false when nothing matches.
func (s *solver) addSpec(i int, spec Spec, best bool) bool {
	if spec.Member != nil {
		s.addMember(i, spec, best)
		return true
	}
	text := strings.TrimSpace(spec.Text)
	if strings.HasPrefix(text, "(") {
		return s.addRichSpec(i, text, best)
	}
	consider := func(p lit) bool { return s.considered(p, spec.Repo) }
	list, n := s.u.matchNEVRA(text, s.anyRepo)
	if len(list) == 0 {
		list = s.u.matchProvide(text, s.anyRepo)
	}
	if len(list) == 0 && isFilePattern(text) {
		list = s.u.matchFile(text, s.anyRepo)
	}
	if len(list) == 0 {
		return false
	}
	if n.arch != "" && !isGlob(n.arch) {
		return s.addByArch(i, keepOnly(list, consider), best)
	}
	groups := [][]lit{list}
	if isGlob(text) && !isFilePattern(text) {
		groups = s.groupBy(list, func(p lit) [2]strID { return [2]strID{s.u.pkgs[p].name} })
	}
	found := false
	for _, g := range groups {
		if n.justName() {
			g = s.withObsoleters(g)
		}
		if g = keepOnly(g, consider); len(g) > 0 {
			s.jobs = append(s.jobs, job{spec: i, clauses: [][]lit{g}, anyArch: true, best: best})
			found = true
		}
	}
	return found
}

// addByArch makes a job of every name and architecture, as dnf does for a spec
// that names one. What is installed already needs none.
func (s *solver) addByArch(i int, list []lit, best bool) bool {
	key := func(p lit) [2]strID { return [2]strID{s.u.pkgs[p].name, s.u.pkgs[p].arch} }
	for _, g := range s.groupBy(list, key) {
		if !slices.ContainsFunc(g, s.u.installed) {
			s.jobs = append(s.jobs, job{spec: i, clauses: [][]lit{g}, anyArch: true, best: best})
		}
	}
	return len(list) > 0
}

// addRichSpec demands a rich dependency itself.
func (s *solver) addRichSpec(i int, text string, best bool) bool {
	r, err := rpm.ParseRich(text)
	if err != nil {
		return false
	}
	d := s.u.rich(r, s.u.plain)
	clauses, t, err := s.u.normalForm(d, conjunctive)
	if err != nil || t == never {
		return false
	}
	s.jobs = append(s.jobs, job{spec: i, clauses: clauses, involved: s.u.providers(d), best: best})
	return true
}

// considered reports whether p may stand for a spec.
func (s *solver) considered(p lit, repo string) bool {
	if !s.anyRepo(p) {
		return false
	}
	return repo == "" || s.u.installed(p) || s.u.repoOf(p).opts.ID == repo
}

func (s *solver) anyRepo(p lit) bool { return s.excluded[p] == notExcluded && !s.u.isSource(p) }

// withObsoleters adds the packages that obsolete one of the list, which is all
// of one name: who asks for a package by its old name gets the new one.
func (s *solver) withObsoleters(list []lit) []lit {
	u, out := s.u, slices.Clone(list)
	name := u.pkgs[list[0]].name
	obsoletesOne := func(d depID) bool {
		if d.isRel() && u.relOf(d).op < opAnd && u.nameOf(d) != name {
			return false
		}
		return slices.ContainsFunc(list, func(q lit) bool { return u.matchesName(q, d) })
	}
	for _, p := range u.index.obsoleting {
		if s.anyRepo(p) && slices.ContainsFunc(u.list(p, obsoletes), obsoletesOne) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// groupBy splits a list by a key, in the order of each group's first package.
func (s *solver) groupBy(list []lit, key func(lit) [2]strID) [][]lit {
	place := make(map[[2]strID]int)
	var groups [][]lit
	for _, p := range list {
		k := key(p)
		i, ok := place[k]
		if !ok {
			i = len(groups)
			place[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	return groups
}

func keepOnly(list []lit, keep func(lit) bool) []lit {
	return slices.DeleteFunc(slices.Clone(list), func(p lit) bool { return !keep(p) })
}

func (u *Universe) isSource(p lit) bool {
	switch u.in.str(u.pkgs[p].arch) {
	case "src", "nosrc":
		return true
	}
	return u.pkgs[p].name == 0
}
