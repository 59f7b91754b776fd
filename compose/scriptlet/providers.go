package scriptlet

import "github.com/treewright/treewright/rpmrepo/rpm"

// providers finds who in the transaction has what another needs.
type providers struct {
	elements []element
	opts     OrderOptions
	byName   map[string][]provided // in the order of the packages
	byPath   map[string][]int
}

type provided struct{ pkg, index int }

func newProviders(elements []element, opts OrderOptions) *providers {
	p := &providers{elements: elements, opts: opts, byName: map[string][]provided{}, byPath: map[string][]int{}}
	for i := range elements {
		for j := range elements[i].provides {
			if n := &elements[i].provides[j]; !p.foreign(n.color) {
				p.byName[n.Name] = append(p.byName[n.Name], provided{i, j})
			}
		}
	}
	p.indexPaths()
	return p
}

// foreign tells whether a colour is of an architecture that the tree does not have.
func (p *providers) foreign(color uint32) bool {
	return p.opts.Colors != 0 && color != 0 && color&p.opts.Colors == 0
}

// indexPaths finds the packages of all files that any package needs.
func (p *providers) indexPaths() {
	for i := range p.elements {
		for j := range p.elements[i].order {
			n := &p.elements[i].order[j]
			for _, d := range parts(n.Dep) {
				if d.Name != "" && d.Name[0] == '/' {
					p.byPath[d.Name] = nil
				}
			}
		}
	}
	for i := range p.elements {
		for _, f := range p.elements[i].files {
			if list, ok := p.byPath[f.path]; ok && !p.foreign(f.color) {
				p.byPath[f.path] = append(list, i)
			}
		}
	}
}

// all returns the packages that satisfy d. Who has the file itself comes before
// who only says so.
func (p *providers) all(d rpm.Dep) []int {
	if files := p.byPath[d.Name]; len(files) > 0 {
		return files
	}
	var list []int
	for _, at := range p.byName[d.Name] {
		if rpm.Matches(p.elements[at.pkg].provides[at.index].Dep, d) {
			list = append(list, at.pkg)
		}
	}
	return list
}

// best returns the package that satisfies d for package self, or -1. A colour
// that fits decides before a package that satisfies itself, and that before the
// order of the packages.
func (p *providers) best(d rpm.Dep, color uint32, self int) int {
	best, bestScore := -1, 0
	for i, pkg := range p.all(d) {
		if i == 0 {
			best = pkg
		}
		score := 0
		if p.opts.Colors != 0 {
			want := color
			if want == 0 {
				want = p.opts.Prefer
			}
			if want != 0 && want == p.elements[pkg].color {
				score = 2
			}
		}
		if pkg == self {
			score++
		}
		if score > bestScore {
			best, bestScore = pkg, score
		}
	}
	return best
}

// parts are the plain dependencies that count for the order: of a condition,
// what it asks for, but not what it depends on, nor what it asks for otherwise.
func parts(d rpm.Dep) []rpm.Dep {
	if !d.IsRich() {
		return []rpm.Dep{d}
	}
	r, err := rpm.ParseRich(d.Name)
	if err != nil {
		return nil
	}
	return richParts(nil, r)
}

func richParts(list []rpm.Dep, r *rpm.Rich) []rpm.Dep {
	switch r.Op {
	case rpm.RichDep:
		return append(list, r.Dep)
	case rpm.RichAnd, rpm.RichOr:
		for _, a := range r.Args {
			list = richParts(list, a)
		}
		return list
	}
	if len(r.Args) > 0 {
		list = richParts(list, r.Args[0])
	}
	return list
}
