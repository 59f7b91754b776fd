package solve

import "strings"

// Problems is the error of a request that cannot be fulfilled: all independent
// reasons at once.
type Problems struct {
	// Missing are the specs that match no package.
	Missing []Missing
	// List are the contradictions.
	List []Problem
}

// Missing is a spec that matches no package.
type Missing struct {
	Spec string
	Near []string // what comes near, in plain words
}

// Problem is one contradiction: facts that together rule the request out.
type Problem struct {
	Steps []string // from the request to the contradiction
	Near  []string
}

// Error lists everything in plain words.
func (p *Problems) Error() string {
	var b strings.Builder
	if len(p.Missing) > 0 {
		names := make([]string, len(p.Missing))
		for i, m := range p.Missing {
			names[i] = m.Spec
		}
		b.WriteString("Packages not found: " + strings.Join(names, ", "))
		for _, m := range p.Missing {
			for _, n := range m.Near {
				b.WriteString("\n  " + m.Spec + ": " + n)
			}
		}
	}
	for i, pr := range p.List {
		if i > 0 || len(p.Missing) > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("Problem:")
		for _, line := range append(pr.Steps, pr.Near...) {
			b.WriteString("\n  " + line)
		}
	}
	return b.String()
}

func (s *solver) explain(req *Request) *Problems {
	out := &Problems{}
	for _, i := range s.missing {
		out.Missing = append(out.Missing, Missing{Spec: req.Install[i].Text})
	}
	for _, p := range s.problems {
		var steps []string
		for _, id := range p.rules {
			for _, o := range s.originsOf(id) {
				steps = append(steps, s.originString(o, req))
			}
		}
		out.List = append(out.List, Problem{Steps: steps})
	}
	return out
}

func (s *solver) originString(o origin, req *Request) string { return s.u.nevra(max(o.from, system)) }
