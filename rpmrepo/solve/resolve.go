package solve

import "slices"

// run searches for an answer: it decides what must be, satisfies the jobs, then
// all dependencies, adds weak ones, and at last looks for a smaller answer
// among the choices that it made. Whenever rules break it goes back to the
// first of these steps that is no longer done. It returns false when there were
// problems.
func (s *solver) run() bool {
	level, systemLevel := 0, 1
	for s.ctx.Err() == nil {
		if level <= 0 {
			if level < 0 {
				break
			}
			if level = s.ground(); level <= 0 {
				continue
			}
			systemLevel = level + 1
		}
		before := level
		if level < systemLevel {
			if level = s.resolveJobs(level); level < before {
				continue
			}
			systemLevel = level + 1
		}
		systemLevel = min(systemLevel, level)
		before = level
		if level = s.resolveDependencies(level); level < before {
			continue
		}
		if s.withWeak {
			again := false
			if level, again = s.resolveWeak(level); again {
				continue
			}
		}
		i, choice := s.minimise()
		if choice < 0 {
			break
		}
		level = s.takeBranch(i, choice)
	}
	return len(s.problems) == 0
}

// ground decides level 1 and propagates it.
func (s *solver) ground() int {
	if s.groundDecisions() < 0 {
		return -1
	}
	if broken := s.propagate(1); broken != 0 {
		return s.unsolvable(broken)
	}
	return 1
}

// undecided returns the packages that could fulfil a rule: none when it is
// fulfilled, or when not all its conditions are.
func (s *solver) undecided(r *rule, buf []lit) []lit {
	buf = buf[:0]
	for _, l := range s.literals(r) {
		switch {
		case l < 0 && s.levels[-l] <= 0, l > 0 && s.levels[l] > 0:
			return buf[:0]
		case l > 0 && s.levels[l] == 0:
			buf = append(buf, l)
		}
	}
	return buf
}

// resolveJobs decides every demand that is not fulfilled yet.
func (s *solver) resolveJobs(level int) int {
	start := level
	for id := s.jobRules; id < s.infarchRules && s.ctx.Err() == nil; id++ {
		if s.rules[id].off {
			continue
		}
		choices := s.undecided(&s.rules[id], nil)
		if len(choices) == 0 {
			continue
		}
		before := level
		level = s.choose(level, choices, id)
		switch {
		case level > before:
		case level == before:
			id-- // what was learned excludes the choice: try the next one
		case level < start:
			return level
		default:
			id = s.jobRules - 1
		}
	}
	return level
}

// resolveDependencies decides every rule that asks for one of several packages,
// going round until nothing is left. In the first pass it only decides where
// policy leaves a single one; the second starts where that was first not so.
func (s *solver) resolveDependencies(level int) int {
	start := level
	postponed, second := -1, false
	var buf []lit
	for at, quiet := 0, 0; ; at, quiet = at+1, quiet+1 {
		if quiet >= len(s.choices) { // once round, nothing decided
			if postponed < 0 || second {
				return level
			}
			at, second, quiet = postponed, true, 0
		}
		if at == len(s.choices) {
			at = 0
		}
		id := s.choices[at]
		buf = s.open(&s.rules[id], buf)
		if len(buf) < 2 {
			continue
		}
		choices := buf
		if !second {
			choices = s.filter(choices, modeChooseNoReorder)
			if len(choices) > 1 {
				if postponed < 0 {
					postponed = at
				}
				continue
			}
		}
		level = s.choose(level, slices.Clone(choices), id)
		if level < start || s.ctx.Err() != nil {
			return level
		}
		quiet = -1
	}
}

// open is undecided for any rule, quick on the many that are not open.
func (s *solver) open(r *rule, buf []lit) []lit {
	switch {
	case r.off:
		return buf[:0]
	case r.first < 0 && s.levels[-r.first] <= 0:
		return buf[:0]
	case r.rest == noList && (s.levels[r.first] != 0 || s.levels[r.w2] != 0):
		return buf[:0]
	}
	return s.undecided(r, buf)
}

// choose installs the best of several packages for a rule, and remembers the
// others.
func (s *solver) choose(level int, choices []lit, id ruleID) int {
	if len(choices) > 1 {
		choices = s.filter(choices, modeChoose)
	}
	s.branch(level, choices)
	return s.install(level, decision{lit: choices[0], why: -id})
}

// branch remembers a choice of which the first is about to be installed.
func (s *solver) branch(level int, choices []lit) {
	if len(choices) < 2 {
		return
	}
	b := branch{choices: slices.Clone(choices), tried: make([]bool, len(choices)), level: level}
	b.tried[0] = true
	s.branches = append(s.branches, b)
}

// minimise looks for a choice to make differently: one whose alternative came
// in later all the same, or is recommended while what was chosen is not. The
// earliest branch wins. choice is below 0 when there is none.
func (s *solver) minimise() (at, choice int) {
	choice = -1
	if len(s.branches) == 0 {
		return 0, choice
	}
	s.updateWeakMaps()
	for i, b := range slices.Backward(s.branches) {
		if c := s.better(&b); c >= 0 {
			at, choice = i, c
		}
	}
	return at, choice
}

// better returns the alternative of a branch to retry with, or a number below 0.
func (s *solver) better(b *branch) int {
	wanted := -1
	for i, p := range b.choices {
		if b.tried[i] {
			continue
		}
		if int(s.levels[p]) > b.level {
			return i
		}
		if wanted < 0 && s.wanted(p) {
			wanted = i
		}
	}
	if wanted < 0 {
		return -1
	}
	for i, p := range b.choices {
		if b.tried[i] && int(s.levels[p]) == b.level+1 && !s.wanted(p) {
			return wanted
		}
	}
	return -1
}

// wanted reports whether installed packages recommend p, or p supplements them.
func (s *solver) wanted(p lit) bool { return s.weak.recommended[p] || s.anyFulfilled(p, supplements) }

// takeBranch goes back to a branch and installs another choice.
func (s *solver) takeBranch(at, choice int) int {
	b := s.branches[at]
	s.revert(b.level)
	b.tried[choice] = true
	s.branches = append(s.branches[:at:at], b)
	d := s.trail[:len(s.trail)+1][len(s.trail)] // what was decided there
	d.lit = b.choices[choice]
	return s.install(b.level, d)
}
