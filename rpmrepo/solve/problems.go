package solve

import "slices"

// problem is a set of rules that cannot all hold: package rules, which state
// facts, and demands, which are switched off to look for further problems.
type problem struct {
	rules []ruleID // from the broken one back to the request
}

// unsolvable records why level 1 is broken and switches the demands behind it
// off. It returns level 0, to start over, or a level below 0 when there is
// nothing to switch off.
func (s *solver) unsolvable(broken ruleID) int {
	if s.ctx.Err() != nil {
		return -1
	}
	return s.record(s.proof(broken))
}

// recordAssertion records that a demand of one literal contradicts what is
// decided.
func (s *solver) recordAssertion(id ruleID) {
	l := s.rules[id].first
	proof := []ruleID{id}
	for _, d := range s.trail {
		if d.lit == -l && d.why > 0 {
			proof = append(proof, d.why)
		}
	}
	s.record(proof)
}

func (s *solver) record(proof []ruleID) int {
	rules := s.unlearn(proof)
	s.problems = append(s.problems, problem{rules})
	if !s.switchOff(rules) {
		return -1
	}
	s.restart()
	return 0
}

// unlearn replaces learned rules by those that they follow from.
func (s *solver) unlearn(proof []ruleID) []ruleID {
	known := make([]bool, len(s.rules))
	var out []ruleID
	todo := slices.Clone(proof)
	slices.Reverse(todo)
	for len(todo) > 0 {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if known[id] {
			continue
		}
		known[id] = true
		if id < s.learned {
			out = append(out, id)
			continue
		}
		for _, from := range slices.Backward(s.learnedFrom[id-s.learned]) {
			todo = append(todo, from)
		}
	}
	return out
}

// switchOff takes the demands among the rules out of force: whole jobs with
// their best rules, and what the architectures of a name ask for. Installed
// packages only go when nothing else can.
func (s *solver) switchOff(rules []ruleID) bool {
	done := false
	for _, id := range rules {
		switch o := s.originsOf(id)[0]; o.kind {
		case ruleJob, ruleBest:
			s.switchOffJob(o.from)
			done = true
		case ruleInfarch:
			s.switchInfarch(s.u.pkgs[o.from].name, true)
			done = true
		}
	}
	for i := 0; !done && i < len(rules); i++ {
		if s.originsOf(rules[i])[0].kind == ruleInstalled {
			s.rules[rules[i]].off = true
			done = true
		}
	}
	return done
}

func (s *solver) switchOffJob(i lit) {
	for id := s.jobRules; id < s.learned; id++ {
		if o := s.originsOf(id)[0]; (o.kind == ruleJob || o.kind == ruleBest) && o.from == i {
			s.rules[id].off = true
		}
	}
}

// restart takes everything back. Learned rules hold if all that they follow
// from does.
func (s *solver) restart() {
	s.trail, s.next, s.branches = s.trail[:0], 0, nil
	clear(s.levels)
	s.weak.next = -1
	for id := s.learned; int(id) < len(s.rules); id++ {
		s.rules[id].off = slices.ContainsFunc(s.learnedFrom[id-s.learned], func(from ruleID) bool { return s.rules[from].off })
	}
}
