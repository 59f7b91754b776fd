package solve

import (
	"slices"
	"strings"
)

// Member says that a spec's package is a member of a group. Text is then a
// plain name. A member that no package answers to, or none that may be chosen,
// is left out and noted in Transaction.Skipped; one that is there must be
// installed like anything else that is asked for.
type Member struct {
	Group    string // what asked for it, for explanations
	Arch     string // packages of this architecture only; empty means any
	Requires string // installed only together with this
}

// String is the spec as explanations name it.
func (s Spec) String() string {
	if s.Member != nil {
		return s.Text + " of " + s.Member.Group
	}
	return s.Text
}

// addMember turns a member of a group into a job, or notes that it is left out.
func (s *solver) addMember(i int, spec Spec, best bool) {
	u, m := s.u, spec.Member
	list := keepOnly(u.named(spec.Text), func(p lit) bool {
		return s.considered(p, spec.Repo) && (m.Arch == "" || u.in.str(u.pkgs[p].arch) == m.Arch)
	})
	switch {
	case len(list) == 0:
	case m.Requires == "":
		list = keepOnly(s.withObsoleters(list), func(p lit) bool { return s.considered(p, spec.Repo) })
		s.jobs = append(s.jobs, job{spec: i, clauses: [][]lit{list}, anyArch: true, best: best})
		return
	case plainName(spec.Text) && plainName(m.Requires) && s.addRichSpec(i, "("+spec.Text+" if "+m.Requires+")", best):
		return
	}
	s.skipped = append(s.skipped, i)
}

// plainName reports whether a name can stand in a rich dependency.
func plainName(name string) bool { return name != "" && !strings.ContainsAny(name, " \t\n()<>=") }

// skippedSpecs are the members that were left out.
func (s *solver) skippedSpecs(req *Request) []Spec {
	var list []Spec
	for _, i := range s.skipped {
		list = append(list, req.Install[i])
	}
	return slices.Clip(list)
}
