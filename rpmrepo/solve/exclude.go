package solve

import "fmt"

// exclusion is why a package must not be chosen: a place in the solver's list
// of reasons.
type exclusion int32

const notExcluded exclusion = 0

// exclude takes packages out of consideration; the first reason counts.
func (s *solver) exclude(list []lit, why string) {
	if n := len(s.exclusions); n == 0 || s.exclusions[n-1] != why {
		s.exclusions = append(s.exclusions, why)
	}
	for _, p := range list {
		if s.excluded[p] == notExcluded && !s.u.installed(p) {
			s.excluded[p] = exclusion(len(s.exclusions))
		}
	}
}

func (s *solver) whyExcluded(p lit) string {
	if e := s.excluded[p]; e != notExcluded {
		return s.exclusions[e-1]
	}
	return ""
}

// excludeAll applies the repositories' and the request's excludes.
func (s *solver) excludeAll(req *Request) {
	u := s.u
	for _, r := range u.repos {
		if r.opts.Installed || r.opts.Disabled {
			continue
		}
		inRepo := func(p lit) bool { return u.repoOf(p) == r }
		if len(r.opts.Includes) > 0 {
			s.excludeOthers(r)
		}
		for _, pattern := range r.opts.Excludes {
			list, _ := u.matchNEVRA(pattern, inRepo)
			s.exclude(list, fmt.Sprintf("excludepkgs=%s of repository %s", pattern, r.opts.ID))
		}
	}
	for _, pattern := range req.Excludes {
		list, _ := u.matchNEVRA(pattern, func(lit) bool { return true })
		s.exclude(list, "the request's exclude "+pattern)
	}
	for _, pattern := range req.ExcludeFromWeak {
		list, _ := u.matchNEVRA(pattern, func(lit) bool { return true })
		for _, p := range list {
			s.notWeak[p] = true
		}
	}
	if req.Exclude == nil {
		return
	}
	for p := firstPkg; int(p) < len(u.pkgs); p++ {
		if s.excluded[p] == notExcluded && !u.installed(p) {
			if why := req.Exclude(Candidate{u, p}); why != "" {
				s.exclude([]lit{p}, why)
			}
		}
	}
}

// excludeOthers excludes what no includepkgs pattern of a repository names.
func (s *solver) excludeOthers(r *Repo) {
	included := make(map[lit]bool)
	for _, pattern := range r.opts.Includes {
		list, _ := s.u.matchNEVRA(pattern, func(p lit) bool { return s.u.repoOf(p) == r })
		for _, p := range list {
			included[p] = true
		}
	}
	var others []lit
	for i := range r.pkgs {
		if p := r.first + lit(i); !included[p] {
			others = append(others, p)
		}
	}
	s.exclude(others, "includepkgs of repository "+r.opts.ID)
}
