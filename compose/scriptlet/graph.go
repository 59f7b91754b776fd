package scriptlet

import "math"

// A vertex is a package of the transaction.
type vertex struct {
	index   int
	color   uint32
	waits   int // relations to packages that it needs, less those that are placed
	wanted  int // relations from packages that need it
	needers []relation
	needs   []relation
	next    *vertex // in the queue

	// component is 0 while the vertex is not yet seen, negative while it is on
	// the stack of the search, 1 when it is in no cycle, then the number of its
	// cycle; and 0 again once it is placed.
	component int
	low       int // of the search, then the distance from what a scriptlet needs
}

// A relation is one need; flags are not zero when a scriptlet has it.
type relation struct {
	to    *vertex
	flags uint32
}

// A component is a set of packages that need each other.
type component struct {
	waits   int // relations to packages outside that are not placed
	members []*vertex
}

type graph struct {
	prefer     uint32
	vertices   []vertex
	components []component // from 2 on
	placed     []int
}

func newGraph(elements []element, opts OrderOptions) *graph {
	g := &graph{prefer: opts.Prefer, vertices: make([]vertex, len(elements)), components: make([]component, 2)}
	for i := range elements {
		g.vertices[i].index, g.vertices[i].color = i, elements[i].color
	}
	who := newProviders(elements, opts)
	for i := range elements {
		for j := range elements[i].order {
			n := &elements[i].order[j]
			if n.unordered() {
				continue
			}
			for _, d := range parts(n.Dep) {
				if q := who.best(d, n.color, i); q >= 0 && q != i {
					g.relate(&g.vertices[i], &g.vertices[q], n)
				}
			}
		}
	}
	return g
}

// relate records that p needs q, or q needs p when the need is a reverse one.
// The latest relation comes first; several in a row become one.
func (g *graph) relate(p, q *vertex, n *need) {
	flags := n.hard()
	last := q.needers
	if n.reverse {
		p, q = q, p
		last = q.needs
	}
	if k := len(last); k > 0 && last[k-1].to == p {
		last[k-1].flags |= flags
		other := p.needs
		if n.reverse {
			other = p.needers
		}
		for i := len(other) - 1; i >= 0; i-- {
			if other[i].to == q {
				other[i].flags |= flags
				break
			}
		}
		return
	}
	p.waits++
	q.wanted++
	q.needers = append(q.needers, relation{p, flags})
	p.needs = append(p.needs, relation{q, flags})
}

// enqueue puts p into the queue that starts at head: packages that more others
// need come first, and among equals the last added. Packages of a colour that is
// not preferred stay behind the others.
func (g *graph) enqueue(p *vertex, head **vertex) {
	behind := p.color != 0 && p.color != g.prefer
	at := head
	for ; *at != nil; at = &(*at).next {
		if behind && p.color != (*at).color {
			continue
		}
		if (*at).wanted <= p.wanted {
			break
		}
	}
	p.next = *at
	*at = p
}

// sort places all packages.
func (g *graph) sort() []int {
	g.findCycles()
	var queue *vertex
	for i := range g.vertices {
		if v := &g.vertices[i]; v.waits == 0 {
			g.enqueue(v, &queue)
		}
	}
	for _, c := range g.components[2:] {
		if c.waits == 0 {
			g.enqueue(c.members[0], &queue)
		}
	}
	for v := queue; v != nil; v = v.next {
		if v.component > 1 {
			g.placeCycle(v)
		} else {
			g.place(v, nil)
		}
	}
	return g.placed
}

// place places v and enqueues what waited only for it: behind v, or when that
// is in another cycle than v, into the queue outer.
func (g *graph) place(v *vertex, outer **vertex) {
	g.placed = append(g.placed, v.index)
	for i := len(v.needers) - 1; i >= 0; i-- {
		p := v.needers[i].to
		if p.component == 0 || p == v {
			continue
		}
		if p.waits--; p.waits == 0 {
			if v.component > 1 && v.component != p.component {
				g.enqueue(p, outer)
			} else {
				g.enqueue(p, &v.next)
			}
		}
		if p.component > 1 && p.component != v.component {
			c := &g.components[p.component]
			if c.waits--; c.waits == 0 {
				if outer != nil {
					g.enqueue(p, outer)
				} else {
					g.enqueue(p, &v.next)
				}
			}
		}
	}
	v.component = 0
}

// placeCycle places all members of the cycle that v stands for in the queue:
// first the one that is farthest from what a scriptlet needs, what that frees,
// and so on.
func (g *graph) placeCycle(v *vertex) {
	number := v.component
	members := g.components[number].members
	outer := v.next
	v.next = nil
	distances(members, number)
	for {
		var best *vertex
		score := 0
		for _, m := range members {
			if m.component != 0 && m.low >= score {
				best, score = m, m.low
			}
		}
		if best == nil {
			break
		}
		var inner *vertex
		g.enqueue(best, &inner)
		for m := inner; m != nil; m = m.next {
			g.place(m, &outer)
		}
	}
	v.next = outer
}

// distances sets low to the number of needs between a member that has a
// scriptlet which needs another member, and this one.
func distances(members []*vertex, number int) {
	var queue []*vertex
	for _, m := range members {
		m.low = math.MaxInt32
		for i := len(m.needs) - 1; i >= 0; i-- {
			r := m.needs[i]
			if r.flags == 0 || r.to.component != number {
				continue
			}
			if r.to != m {
				m.low = 0
				queue = append(queue, m)
			} else {
				m.low = math.MaxInt32 / 2
			}
			break
		}
	}
	if len(queue) == 0 {
		for _, m := range members {
			if m.low != math.MaxInt32 {
				queue = append(queue, m)
			}
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		m := queue[0]
		for i := len(m.needs) - 1; i >= 0; i-- {
			if to := m.needs[i].to; to.component == number && to.low > m.low+1 {
				to.low = m.low + 1
				queue = append(queue, to)
			}
		}
	}
}
