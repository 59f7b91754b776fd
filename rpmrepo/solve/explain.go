package solve

import (
	"fmt"
	"slices"
	"strings"
)

// explain puts the problems of a failed search into words.
func (s *solver) explain(req *Request) *Problems {
	out := &Problems{}
	for _, i := range s.missing {
		out.Missing = append(out.Missing, Missing{Spec: req.Install[i].Text, Near: s.nearSpec(req.Install[i])})
	}
	for _, p := range s.problems {
		t := teller{s: s, req: req, told: make(map[ruleID]bool), reached: make(map[lit]bool)}
		out.List = append(out.List, t.tell(p.rules))
	}
	return out
}

// teller orders the rules of one problem into a story: requests first, then
// what each package of it needs or excludes, the nearest first.
type teller struct {
	s       *solver
	req     *Request
	rules   []ruleID
	told    map[ruleID]bool
	reached map[lit]bool
	queue   []reachedPackage
	out     Problem
}

type reachedPackage struct {
	p     lit
	depth int
}

func (t *teller) tell(rules []ruleID) Problem {
	t.rules = rules
	demands := slices.Clone(rules)
	slices.Sort(demands)
	for _, kind := range []ruleKind{ruleJob, ruleBest, ruleInstalled} {
		for _, id := range demands {
			if t.origin(id).kind == kind {
				t.state(id, 0)
			}
		}
	}
	for len(t.queue) > 0 {
		next := t.queue[0]
		t.queue = t.queue[1:]
		for _, id := range t.rules {
			if o := t.origin(id); o.from == next.p || o.other == next.p {
				t.state(id, next.depth)
			}
		}
	}
	for _, id := range rules {
		t.state(id, 0)
	}
	return t.out
}

func (t *teller) origin(id ruleID) origin { return t.s.originsOf(id)[0] }

// state tells one fact, and reaches the packages that it speaks of.
func (t *teller) state(id ruleID, depth int) {
	o := t.origin(id)
	if t.told[id] {
		return
	}
	t.told[id] = true
	text, near := t.s.fact(o, t.req, t.candidates(id))
	if o.kind == ruleJob || o.kind == ruleBest {
		spec := t.req.Install[t.s.jobs[o.from].spec].String()
		if !slices.Contains(t.out.Specs, spec) {
			t.out.Specs = append(t.out.Specs, spec)
		}
	}
	if text != "" && !slices.ContainsFunc(t.out.Steps, func(s Step) bool { return s.Text == text }) {
		t.out.Steps = append(t.out.Steps, Step{Depth: depth, Text: text})
		t.out.Near = append(t.out.Near, near...)
	}
	if o.kind == ruleInstalled {
		t.reach(o.from, depth+1)
	}
	for _, p := range t.candidates(id) {
		t.reach(p, depth+1)
	}
}

func (t *teller) reach(p lit, depth int) {
	if !t.reached[p] {
		t.reached[p] = true
		t.queue = append(t.queue, reachedPackage{p, depth})
	}
}

// candidates are the packages that would fulfil a rule.
func (t *teller) candidates(id ruleID) []lit {
	return slices.DeleteFunc(slices.Clone(t.s.literals(&t.s.rules[id])), func(l lit) bool { return l <= 0 })
}

// fact is a rule's origin as a sentence, with what comes near when something is
// missing.
func (s *solver) fact(o origin, req *Request, candidates []lit) (text string, near []string) {
	u := s.u
	switch o.kind {
	case ruleJob:
		return s.jobFact(o, req, candidates), nil
	case ruleBest:
		return fmt.Sprintf("the best candidate for %s is %s", req.Install[s.jobs[o.from].spec], s.names(candidates)), nil
	}
	name := s.label(o.from)
	switch o.kind {
	case ruleExcluded:
		return fmt.Sprintf("%s is excluded by %s", name, s.whyExcluded(o.from)), nil
	case ruleArch:
		return fmt.Sprintf("%s is built for another architecture than %s", name, u.opts.Arch), nil
	case ruleNothingProvides:
		return fmt.Sprintf("%s requires %s, which nothing provides", name, u.depString(o.dep)), s.nearDep(o.dep)
	case ruleTooComplex:
		return fmt.Sprintf("%s has the dependency %s, which is too complex to resolve", name, u.depString(o.dep)), nil
	case ruleRequires:
		if len(candidates) == 0 {
			return fmt.Sprintf("%s requires %s, which excludes itself", name, u.depString(o.dep)), nil
		}
		return fmt.Sprintf("%s requires %s, provided by %s", name, u.depString(o.dep), s.names(candidates)), nil
	case ruleConflicts:
		if o.other == noPkg {
			return fmt.Sprintf("%s conflicts with %s", name, u.depString(o.dep)), nil
		}
		return fmt.Sprintf("%s conflicts with %s, provided by %s", name, u.depString(o.dep), s.label(o.other)), nil
	case ruleObsoletes:
		return fmt.Sprintf("%s obsoletes %s, which is %s", name, u.depString(o.dep), s.label(o.other)), nil
	case ruleSameName:
		return fmt.Sprintf("%s and %s cannot be installed together", name, s.label(o.other)), nil
	case ruleInstalled:
		return name + " is installed and stays", nil
	case ruleInfarch:
		return fmt.Sprintf("%s has a worse architecture than another build of %s", name, u.in.str(u.pkgs[o.from].name)), nil
	}
	return "", nil
}

func (s *solver) jobFact(o origin, req *Request, candidates []lit) string {
	spec := req.Install[s.jobs[o.from].spec]
	text := spec.String() + " is requested"
	if spec.Repo != "" {
		text += " from repository " + spec.Repo
	}
	if len(candidates) == 1 && s.u.nevra(candidates[0]) == spec.Text {
		return text
	}
	return text + ": " + s.names(candidates)
}

// label names a package in messages, with its repository where there are several.
func (s *solver) label(p lit) string {
	enabled := 0
	for _, r := range s.u.repos {
		if !r.opts.Disabled {
			enabled++
		}
	}
	if p == system || enabled < 2 {
		return s.u.nevra(p)
	}
	return s.u.nevra(p) + " (" + s.u.repoOf(p).opts.ID + ")"
}

// maxNames is how many packages one sentence names.
const maxNames = 5

// names lists packages, the newest builds of each name first.
func (s *solver) names(list []lit) string {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b lit) int {
		x, y := &s.u.pkgs[a], &s.u.pkgs[b]
		if x.name != y.name {
			return strings.Compare(s.u.in.str(x.name), s.u.in.str(y.name))
		}
		return s.u.compareEVR(y.evr, x.evr)
	})
	var names []string
	for _, p := range list {
		if n := s.label(p); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	if len(names) > maxNames {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
	}
	return strings.Join(names, ", ")
}
