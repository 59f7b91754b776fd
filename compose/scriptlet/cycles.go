package scriptlet

// search is Tarjan's search for strongly connected components. Its numbers run
// from -1 downwards, so that "earlier" is "greater".
type search struct {
	g     *graph
	stack []*vertex
	index int
}

// findCycles sets the component of each vertex, and lists those that have more
// than one member.
func (g *graph) findCycles() {
	s := search{g: g}
	for i := range g.vertices {
		if v := &g.vertices[i]; v.component == 0 {
			s.visit(v)
		}
	}
}

func (s *search) visit(v *vertex) {
	s.index--
	v.component, v.low = s.index, s.index
	s.stack = append(s.stack, v)
	for i := len(v.needers) - 1; i >= 0; i-- {
		p := v.needers[i].to
		switch {
		case p.component > 0: // of a component found before
		case p.component == 0:
			s.visit(p)
			v.low = max(v.low, p.low)
		default:
			v.low = max(v.low, p.component)
		}
	}
	if v.low != v.component {
		return
	}
	last := len(s.stack) - 1
	if s.stack[last] == v {
		v.component = 1
		s.stack = s.stack[:last]
		return
	}
	s.close(v)
}

// close makes a component of everything on the stack down to v.
func (s *search) close(v *vertex) {
	number := len(s.g.components)
	var c component
	from := len(s.stack)
	for {
		from--
		s.stack[from].component = number
		if s.stack[from] == v {
			break
		}
	}
	for _, m := range s.stack[from:] {
		c.waits += m.waits
		for _, r := range m.needers {
			if r.to != m && r.to.component == number {
				c.waits--
			}
		}
	}
	c.members = append(c.members, s.stack[from:]...)
	s.stack = s.stack[:from]
	s.g.components = append(s.g.components, c)
}
