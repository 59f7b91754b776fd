package solve

import "slices"

// obsoletesOf calls fn for the packages of other names that p obsoletes.
func (s *solver) obsoletesOf(p lit, fn func(lit)) {
	for _, d := range s.u.list(p, obsoletes) {
		for _, q := range s.u.providers(d) {
			if q != system && s.u.pkgs[q].name != s.u.pkgs[p].name && s.u.matchesName(q, d) {
				fn(q)
			}
		}
	}
}

// notObsoletedByOthers drops the packages that another one of the list
// obsoletes, directly or through others. Packages that obsolete each other stay
// together.
func (s *solver) notObsoletedByOthers(list []lit) []lit {
	if !slices.ContainsFunc(list, func(p lit) bool { return s.u.pkgs[p].has(obsoletes) }) {
		return list
	}
	place := make(map[lit]int, len(list))
	for i, p := range list {
		place[p] = i
	}
	next := make([][]int, len(list))
	for i, p := range list {
		s.obsoletesOf(p, func(q lit) {
			if j, ok := place[q]; ok && j != i {
				next[i] = append(next[i], j)
			}
		})
	}
	group := components(next)
	obsoleted := make([]bool, len(list)) // by group
	for i, targets := range next {
		for _, j := range targets {
			if group[i] != group[j] {
				obsoleted[group[j]] = true
			}
		}
	}
	out := list[:0]
	for i, p := range list {
		if !obsoleted[group[i]] {
			out = append(out, p)
		}
	}
	return out
}

// components numbers the strongly connected components of a graph: by node, the
// component that it is in. (Tarjan, with a stack of our own: the graph comes
// from metadata.)
func components(next [][]int) []int {
	type frame struct{ node, edge int }
	n := len(next)
	group, low, index := make([]int, n), make([]int, n), make([]int, n) // index 0 is not visited
	var stack []int
	onStack := make([]bool, n)
	count, groups := 0, 0
	for root := range next {
		if index[root] != 0 {
			continue
		}
		calls := []frame{{root, 0}}
		for len(calls) > 0 {
			f := &calls[len(calls)-1]
			v := f.node
			if f.edge == 0 {
				count++
				index[v], low[v] = count, count
				stack, onStack[v] = append(stack, v), true
			}
			if f.edge < len(next[v]) {
				w := next[v][f.edge]
				f.edge++
				if index[w] == 0 {
					calls = append(calls, frame{w, 0})
				} else if onStack[w] {
					low[v] = min(low[v], index[w])
				}
				continue
			}
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				up := calls[len(calls)-1].node
				low[up] = min(low[up], low[v])
			}
			if low[v] != index[v] {
				continue
			}
			for done := false; !done; {
				w := stack[len(stack)-1]
				stack, onStack[w] = stack[:len(stack)-1], false
				group[w] = groups
				done = w == v
			}
			groups++
		}
	}
	return group
}
