package solve

import (
	"fmt"
	"strings"
)

// Problems is the error of a request that cannot be fulfilled: all independent
// reasons at once, in plain words.
type Problems struct {
	Missing []Missing // specs that match no package
	List    []Problem // contradictions
}

// Missing is a spec that matches no package.
type Missing struct {
	Spec string
	Near []string // what comes near, as sentences
}

// Problem is one contradiction: facts that together rule the request out.
type Problem struct {
	Specs []string // the specs that cannot be fulfilled together
	Steps []Step   // from the request to what contradicts it
	Near  []string // what comes near, as sentences
}

// Step is one fact of a problem.
type Step struct {
	Depth int    // how many dependencies it is away from the request
	Text  string // a sentence that names the package and the dependency
}

// maxSteps is how many facts of a problem Error shows.
const maxSteps = 40

// Error lists everything. Its first line names what is missing or impossible.
func (p *Problems) Error() string {
	var b strings.Builder
	if len(p.Missing) > 0 {
		names := make([]string, len(p.Missing))
		for i, m := range p.Missing {
			names[i] = m.Spec
		}
		b.WriteString("Packages not found: " + strings.Join(names, ", ") + "\n")
		for _, m := range p.Missing {
			for _, n := range m.Near {
				fmt.Fprintf(&b, "  %s: %s\n", m.Spec, n)
			}
		}
	}
	for _, pr := range p.List {
		b.WriteString(pr.title() + "\n")
		for i, step := range pr.Steps {
			if i == maxSteps {
				fmt.Fprintf(&b, "  and %d more facts of this kind\n", len(pr.Steps)-i)
				break
			}
			fmt.Fprintf(&b, "%s- %s\n", strings.Repeat("  ", min(step.Depth, 8)+1), step.Text)
		}
		for _, n := range pr.Near {
			b.WriteString("  " + n + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (p *Problem) title() string {
	switch len(p.Specs) {
	case 0:
		return "The installed packages contradict each other:"
	case 1:
		return p.Specs[0] + " cannot be installed:"
	}
	return strings.Join(p.Specs, ", ") + " cannot be installed together:"
}
