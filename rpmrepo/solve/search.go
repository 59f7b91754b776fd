package solve

import "slices"

// watchAll links every rule of two or more literals into the lists of the two
// that it watches, the first rule first.
func (s *solver) watchAll() {
	for id := ruleID(len(s.rules)) - 1; id > 0; id-- {
		s.watch(id)
	}
	for id := ruleID(1); int(id) < len(s.rules); id++ {
		if s.rules[id].w2 == 0 {
			s.assertions = append(s.assertions, id)
		}
	}
}

func (s *solver) watch(id ruleID) {
	r := &s.rules[id]
	if r.w2 == 0 {
		return
	}
	a := s.watchers(r.w1)
	r.n1, *a = *a, id
	b := s.watchers(r.w2)
	r.n2, *b = *b, id
}

func (s *solver) watchers(l lit) *ruleID { return &s.watches[int(l)+len(s.u.pkgs)] }

func (s *solver) isTrue(l lit) bool {
	if l > 0 {
		return s.levels[l] > 0
	}
	return s.levels[-l] < 0
}

func (s *solver) isFalse(l lit) bool {
	if l > 0 {
		return s.levels[l] < 0
	}
	return s.levels[-l] > 0
}

// levelOf is the level at which l was decided, 0 when it was not.
func (s *solver) levelOf(l lit) int {
	v := s.levels[max(l, -l)]
	return int(max(v, -v))
}

func (s *solver) decide(d decision, level int) {
	if d.lit > 0 {
		s.levels[d.lit] = int32(level)
	} else {
		s.levels[-d.lit] = int32(-level)
	}
	s.trail = append(s.trail, d)
}

// propagate follows from the decisions made so far whatever rules force. It
// returns the rule that is broken, 0 when none is.
func (s *solver) propagate(level int) ruleID {
	for s.next < len(s.trail) {
		l := -s.trail[s.next].lit
		s.next++
		if broken := s.propagateFalse(l, level); broken != 0 {
			return broken
		}
	}
	return 0
}

// propagateFalse looks at all rules that watch l, which has become false.
func (s *solver) propagateFalse(l lit, level int) ruleID {
	link := s.watchers(l)
	for *link != 0 {
		id := *link
		r := &s.rules[id]
		next, other := &r.n2, r.w1
		if l == r.w1 {
			next, other = &r.n1, r.w2
		}
		if r.off || s.isTrue(other) {
			link = next
			continue
		}
		if r.rest != noList {
			if p := s.unwatched(r, other); p != 0 {
				*link = *next
				w := s.watchers(p)
				if l == r.w1 {
					r.w1, r.n1 = p, *w
				} else {
					r.w2, r.n2 = p, *w
				}
				*w = id
				continue
			}
		}
		if s.isFalse(other) {
			return id
		}
		s.decide(decision{lit: other, why: id}, level)
		link = next
	}
	return 0
}

// unwatched finds a literal to watch beside other that is not false.
func (s *solver) unwatched(r *rule, other lit) lit {
	if r.first != other && !s.isFalse(r.first) {
		return r.first
	}
	for _, p := range s.at(r.rest) {
		if p != other && !s.isFalse(p) {
			return p
		}
	}
	return 0
}

// revert takes back all decisions above a level, and the branches from it on.
func (s *solver) revert(level int) {
	for n := len(s.trail); n > 0 && s.levelOf(s.trail[n-1].lit) > level; n = len(s.trail) {
		l := s.trail[n-1].lit
		s.levels[max(l, -l)] = 0
		s.trail = s.trail[:n-1]
		s.next = n - 1
	}
	for n := len(s.branches); n > 0 && s.branches[n-1].level >= level; n = len(s.branches) {
		s.branches = s.branches[:n-1]
	}
	s.weak.reverted(len(s.trail))
}

// install decides d one level up and propagates. When that breaks rules it
// learns from each what to avoid, and goes back to where that first mattered.
// The new level is 0 when the search must start over because rules were
// switched off, and below 0 when there is no answer.
func (s *solver) install(level int, d decision) int {
	level++
	s.decide(d, level)
	for {
		broken := s.propagate(level)
		if broken == 0 {
			return level
		}
		if level == 1 {
			return s.unsolvable(broken)
		}
		var id ruleID
		level, id = s.learn(level, broken)
		s.decide(decision{lit: s.rules[id].first, why: id}, level)
	}
}

// learn resolves a broken rule back to one literal of the current level, adds
// the result as a rule and reverts to the highest other level in it.
func (s *solver) learn(level int, broken ruleID) (int, ruleID) {
	clause, from := s.resolveConflict(level, broken)
	back := 1
	for _, l := range clause[1:] {
		back = max(back, s.levelOf(l))
	}
	s.revert(back)
	id := s.addClause(clause, origin{kind: ruleLearned})
	s.learnedFrom = append(s.learnedFrom, from)
	r := &s.rules[id]
	if r.w2 == 0 {
		s.assertions = append(s.assertions, id)
		return back, id
	}
	if r.rest != noList { // watch the last of the others to become false
		high := 0
		for _, l := range s.at(r.rest) {
			if v := s.levelOf(l); v > high {
				r.w2, high = l, v
			}
		}
	}
	s.watch(id)
	return back, id
}

// resolveConflict returns the clause to learn, its literal of the current level
// first, and the rules that it follows from. Literals of level 1 always hold:
// they are resolved away, last, so that the proof is complete.
func (s *solver) resolveConflict(level int, id ruleID) (clause []lit, from []ruleID) {
	clause = []lit{0}
	here, ground := 0, 0 // literals of this level and of level 1 still to resolve
	at := len(s.trail)
	for {
		from = append(from, id)
		for _, l := range s.literals(&s.rules[id]) {
			p := max(l, -l)
			if s.isTrue(l) || s.seen[p] {
				continue
			}
			s.seen[p] = true
			switch s.levelOf(l) {
			case 1:
				ground++
			case level:
				here++
			default:
				clause = append(clause, l)
			}
		}
		for id = 0; id <= 0; {
			if here == 0 && ground == 0 {
				s.clearSeen(clause)
				return clause, from
			}
			at--
			l := s.trail[at].lit
			p := max(l, -l)
			if !s.seen[p] || here == 0 && s.levelOf(l) > 1 {
				continue
			}
			s.seen[p] = false
			if here == 0 {
				ground--
			} else if here--; here == 0 {
				clause[0] = -l
				continue
			}
			id = s.trail[at].why
		}
	}
}

func (s *solver) clearSeen(clause []lit) {
	for _, l := range clause {
		s.seen[max(l, -l)] = false
	}
}

// groundDecisions installs the system and decides all rules of one literal. It
// returns level 1, or a level below 0 when there is no answer.
func (s *solver) groundDecisions() int {
	for {
		s.trail, s.next = s.trail[:0], 0
		clear(s.levels)
		s.decide(decision{lit: system}, 1)
		broken := s.assertAll()
		if broken == 0 {
			return 1
		}
		if s.ctx.Err() != nil {
			return -1
		}
		s.recordAssertion(broken)
	}
}

// assertAll decides the rules of one literal in their order, until one
// contradicts what is decided.
func (s *solver) assertAll() ruleID {
	for _, id := range s.assertions {
		r := &s.rules[id]
		switch {
		case r.off || s.isTrue(r.first):
		case !s.isFalse(r.first):
			s.decide(decision{lit: r.first, why: id}, 1)
		case id >= s.learned: // it follows from others that are broken themselves
			r.off = true
		default:
			return id
		}
	}
	return 0
}

// proof collects the rules that break a rule at level 1, itself first.
func (s *solver) proof(broken ruleID) []ruleID {
	rules := []ruleID{broken}
	mark := func(id ruleID) {
		for _, l := range s.literals(&s.rules[id]) {
			s.seen[max(l, -l)] = true
		}
	}
	mark(broken)
	for i, d := range slices.Backward(s.trail) {
		if p := max(d.lit, -d.lit); s.seen[p] && p != system && s.trail[i].why > 0 {
			rules = append(rules, d.why)
			mark(d.why)
		}
	}
	clear(s.seen)
	return rules
}
