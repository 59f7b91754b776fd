package solve

import "context"

// solver answers one request.
type solver struct {
	ctx context.Context
	u   *Universe

	// What the request says of packages, by package.
	excluded   []exclusion
	exclusions []string // reasons
	multi      []bool   // may be installed in several versions
	notWeak    []bool   // no weak dependency brings it
	withWeak   bool     // install recommended and supplementing packages
	latePath   bool     // the closure met a path that only file lists know
	needFiles  bool     // and they were not asked for yet
	missing    []int    // specs that nothing matches
	skipped    []int    // members of groups that nothing matches
	more       []lit    // packages that belong to the closure whatever the jobs say

	// Rules. Package rules come first, sorted; then jobs, infarch, best and
	// learned ones.
	template                         *template
	drafts                           []draft
	work                             []lit
	added                            []bool // by package: it has rules
	looked                           int
	rules                            []rule
	origins                          []origin
	originAt                         []int32 // by rule: its first origin; below 0 it is one of the template, inverted
	lists                            listTable
	jobs                             []job
	jobRules                         ruleID // the first rule that is no package rule
	infarchRules, bestRules, learned ruleID
	learnedFrom                      [][]ruleID // by learned rule: what it follows from
	assertions                       []ruleID   // rules of one literal
	choices                          []ruleID   // rules that may ask for one of several packages

	// The search.
	watches  []ruleID // by literal, offset by the number of packages
	levels   []int32  // by package: +level installed, -level not installed
	trail    []decision
	next     int // first decision that is not propagated yet
	branches []branch
	weak     weakMaps
	problems []problem
	seen     []bool
	litBuf   []lit
}

// job is one spec's demand: one of its candidates, or for a rich dependency all
// of its clauses.
type job struct {
	spec     int
	clauses  [][]lit
	involved []lit // packages that belong to the closure beside those of the clauses
	anyArch  bool  // candidates were chosen by architecture: allow a worse one
	best     bool
}

// decision is a literal that was made true.
type decision struct {
	lit lit
	why ruleID // the rule that forced it; negative when the rule only asked for a choice; 0 for weak dependencies
}

// branch is a choice between several packages. tried holds those that were
// chosen already.
type branch struct {
	choices []lit
	tried   []bool
	level   int
}

func newSolver(ctx context.Context, u *Universe) *solver {
	n := len(u.pkgs)
	return &solver{
		ctx: ctx, u: u,
		excluded: make([]exclusion, n), multi: make([]bool, n), notWeak: make([]bool, n), withWeak: true,
		added: make([]bool, n), lists: newListTable(),
		watches: make([]ruleID, 2*n), levels: make([]int32, n), seen: make([]bool, n),
		weak: newWeakMaps(n),
	}
}

// installable reports whether p may be chosen.
func (s *solver) installable(p lit) bool { return s.excluded[p] == notExcluded && s.u.runs(p) }

// solve searches for an answer, and returns the solver that ended with it or
// with problems. It does not search when file lists are needed first.
func (s *solver) solve() (last *solver, solved bool, err error) {
	for {
		if err := s.buildRules(); err != nil || s.needFiles {
			return s, false, err
		}
		solved := s.run()
		strangers := s.strangers()
		if err := s.ctx.Err(); err != nil || !solved || len(strangers) == 0 {
			return s, solved, err
		}
		s = s.again(strangers)
	}
}

// strangers returns the packages of an answer that have no rules. A noarch
// build gets in so, as the one to keep in step with: only several versions side
// by side allow it.
func (s *solver) strangers() []lit {
	var list []lit
	for p := firstPkg; int(p) < len(s.u.pkgs); p++ {
		if s.levels[p] > 0 && !s.added[p] {
			list = append(list, p)
		}
	}
	return list
}

// again returns a solver for the same request with more packages in its closure.
func (s *solver) again(more []lit) *solver {
	n := newSolver(s.ctx, s.u)
	n.excluded, n.exclusions, n.multi, n.notWeak, n.withWeak = s.excluded, s.exclusions, s.multi, s.notWeak, s.withWeak
	n.jobs, n.missing, n.skipped, n.more = s.jobs, s.missing, s.skipped, append(s.more, more...)
	return n
}

// buildRules turns the jobs into all rules of the search.
func (s *solver) buildRules() error {
	s.template = s.u.templated(s.multi)
	s.added[system] = true
	s.pushAll(s.u.index.installed)
	s.pushAll(s.more)
	for _, j := range s.jobs {
		s.pushAll(j.involved)
		for _, c := range j.clauses {
			s.pushAll(c)
		}
	}
	if err := s.closeOver(system); err != nil {
		return err
	}
	if err := s.closeOverWeak(); err != nil {
		return err
	}
	s.needFiles = s.latePath && !s.u.asked && s.u.opts.LoadFiles != nil
	if s.needFiles {
		return nil
	}
	s.numberRules()
	s.addInstalledRules()
	s.addJobRules()
	s.addInfarchRules()
	s.addBestRules()
	s.learned = ruleID(len(s.rules))
	s.watchAll()
	s.allowArchs()
	return s.ctx.Err()
}

// addInstalledRules makes installed packages stay.
func (s *solver) addInstalledRules() {
	s.jobRules = ruleID(len(s.rules))
	for _, p := range s.u.index.installed {
		s.addClause([]lit{p}, origin{kind: ruleInstalled, from: p})
	}
}

func (s *solver) addJobRules() {
	for i, j := range s.jobs {
		for _, c := range j.clauses {
			s.addClause(c, origin{kind: ruleJob, from: lit(i)})
		}
	}
	s.infarchRules = ruleID(len(s.rules))
}

// addInfarchRules forbids packages of a worse architecture than the best that
// their name comes in, but for the same build beside the better one.
func (s *solver) addInfarchRules() {
	u := s.u
	for p := firstPkg; int(p) < len(u.pkgs); p++ {
		if !s.added[p] || s.template.flags[p]&otherArchs == 0 {
			continue
		}
		group := s.sameName(p)
		if len(group) < 2 || group[0] != p {
			continue
		}
		best := scoreNone
		for _, q := range group {
			if a := u.arch.score(u.pkgs[q].arch); a > scoreNoarch && !u.installed(q) && (best == scoreNone || a < best) {
				best = a
			}
		}
		for _, q := range group {
			if a := u.arch.score(u.pkgs[q].arch); best != scoreNone && a > scoreNoarch && a != best && !u.installed(q) {
				s.addClause(s.lockStep(q, best), origin{kind: ruleInfarch, from: q})
			}
		}
	}
	s.bestRules = ruleID(len(s.rules))
}

// sameName returns the packages of the closure with p's name.
func (s *solver) sameName(p lit) []lit {
	name := s.u.pkgs[p].name
	s.litBuf = s.litBuf[:0]
	for _, q := range s.u.providers(depID(name)) {
		if s.u.pkgs[q].name == name && s.added[q] {
			s.litBuf = append(s.litBuf, q)
		}
	}
	return s.litBuf
}

// lockStep is the clause that lets q in only with its own build of the best
// architecture, or of noarch.
func (s *solver) lockStep(q lit, best archScore) []lit {
	k := &s.u.pkgs[q]
	clause := []lit{-q}
	for _, p := range s.u.providers(depID(k.name)) {
		o := &s.u.pkgs[p]
		if p == q || o.name != k.name || o.evr != k.evr || o.arch == k.arch {
			continue
		}
		if a := s.u.arch.score(o.arch); a == scoreNoarch || a == best {
			clause = append(clause, p)
		}
	}
	return clause
}

// addBestRules demands the best candidates of the jobs that want them.
func (s *solver) addBestRules() {
	for i, j := range s.jobs {
		for _, c := range j.clauses {
			if !j.best {
				continue
			}
			var not, all []lit
			held := false
			for _, l := range c {
				switch {
				case l < 0:
					not = append(not, l)
				case s.u.installed(l):
					held = true
				case s.excluded[l] == notExcluded:
					all = append(all, l)
				}
			}
			if held || len(all) == 0 {
				continue
			}
			n := len(all)
			if all = s.filter(all, modeRecommend); len(all) < n {
				s.addClause(append(not, all...), origin{kind: ruleBest, from: lit(i)})
			}
		}
	}
}

// allowArchs takes the infarch rules of a name out of force when a job chose
// among its packages by architecture.
func (s *solver) allowArchs() {
	for _, j := range s.jobs {
		if !j.anyArch {
			continue
		}
		for _, c := range j.clauses {
			for _, p := range c {
				if s.hasInfarchRule(p) {
					s.switchInfarch(s.u.pkgs[p].name, true)
				}
			}
		}
	}
}

func (s *solver) hasInfarchRule(p lit) bool {
	for id := s.infarchRules; id < s.bestRules; id++ {
		if s.rules[id].first == -p {
			return true
		}
	}
	return false
}

// switchInfarch takes the infarch rules of a name out of force or puts them back.
func (s *solver) switchInfarch(name strID, off bool) {
	for id := s.infarchRules; id < s.bestRules; id++ {
		if r := &s.rules[id]; s.u.pkgs[-r.first].name == name {
			r.off = off
		}
	}
}
