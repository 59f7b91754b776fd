package compose

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/treewright/treewright/rpmrepo/solve"
)

// WriteText lists the packages for people.
func (r *Resolution) WriteText(w io.Writer) error {
	var b strings.Builder
	listPackages(&b, r.Packages)
	_, err := io.WriteString(w, b.String())
	return err
}

// TreeOptions say what a tree shows beside names and reasons.
type TreeOptions struct {
	Sizes bool // installed, with all below
}

// WriteTree draws who brought whom: every package once, below the package that
// the shortest chain from the request reaches it by.
func (r *Resolution) WriteTree(w io.Writer, opts TreeOptions) error {
	d := drawing{r: r, children: make([][]int, len(r.Packages))}
	if opts.Sizes {
		d.sums = r.sums()
	}
	var roots []int
	for i, s := range r.answer.Packages {
		if by := s.Reason.By; by >= 0 {
			d.children[by] = append(d.children[by], i)
		} else {
			roots = append(roots, i)
		}
	}
	for _, i := range roots {
		d.draw(i, "", "")
	}
	sumPackages(&d.b, r.Packages)
	_, err := io.WriteString(w, d.b.String())
	return err
}

// A drawing is a tree being written.
type drawing struct {
	r        *Resolution
	b        strings.Builder
	children [][]int
	sums     []int64
}

// draw writes package i after the prefix first, and what it brought after rest.
func (d *drawing) draw(i int, first, rest string) {
	why := d.r.answer.Packages[i].Reason
	d.b.WriteString(first + d.r.Packages[i].NEVRA.String())
	if d.sums != nil {
		fmt.Fprintf(&d.b, "  %s", byteSize(d.sums[i]))
	}
	switch why.Kind {
	case solve.ReasonRequested:
		fmt.Fprintf(&d.b, "  requested as %q\n", why.Spec)
	default:
		fmt.Fprintf(&d.b, "  %s\n", strings.TrimSuffix(why.Kind.String()+": "+why.Dep, ": "))
	}
	below := d.children[i]
	for n, c := range below {
		if n == len(below)-1 {
			d.draw(c, rest+"└─ ", rest+"   ")
		} else {
			d.draw(c, rest+"├─ ", rest+"│  ")
		}
	}
}

// sums returns, for every package, the installed size of it and of all that is
// below it in the tree.
func (r *Resolution) sums() []int64 {
	sums, depth, order := make([]int64, len(r.Packages)), make([]int, len(r.Packages)), make([]int, len(r.Packages))
	for i := range r.Packages {
		sums[i], order[i] = r.Packages[i].InstalledSize, i
		for by := r.answer.Packages[i].Reason.By; by >= 0; by = r.answer.Packages[by].Reason.By {
			depth[i]++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(depth[b], depth[a]) })
	for _, i := range order {
		if by := r.answer.Packages[i].Reason.By; by >= 0 {
			sums[by] += sums[i]
		}
	}
	return sums
}

// WriteSizes lists the packages by what they install, the largest first.
func (r *Resolution) WriteSizes(w io.Writer) error {
	sums, order := r.sums(), make([]int, len(r.Packages))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(r.Packages[b].InstalledSize, r.Packages[a].InstalledSize)
	})
	var b strings.Builder
	fmt.Fprintf(&b, "%9s  %9s  %9s  %s\n", "installed", "and below", "package", "name")
	for _, i := range order {
		p := &r.Packages[i]
		fmt.Fprintf(&b, "%9s  %9s  %9s  %s\n", byteSize(p.InstalledSize), byteSize(sums[i]), byteSize(p.Size), p.NEVRA)
	}
	sumPackages(&b, r.Packages)
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteText writes the explanation for people: a step a line, each further from
// the request than the one before.
func (e *Explanation) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, chain := range e.Chains {
		last := chain[len(chain)-1]
		fmt.Fprintf(&b, "%s, from repository %s:\n", last.NEVRA, last.Repo)
		for depth, l := range chain {
			fmt.Fprintf(&b, "%s- %s\n", strings.Repeat("  ", min(depth, 20)+1), l.text())
		}
	}
	for _, text := range e.Absent {
		b.WriteString("  " + strings.ReplaceAll(text, "\n", "\n  ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// text is the step as a sentence.
func (l *Link) text() string {
	by := cmp.Or(l.By, "what is installed")
	var text string
	switch l.Kind {
	case solve.ReasonRequested.String():
		text = fmt.Sprintf("%s is requested: %s", l.Spec, l.NEVRA)
	case solve.ReasonRequired.String():
		text = fmt.Sprintf("%s requires %s: %s", by, l.Dependency, l.NEVRA)
	case solve.ReasonRecommended.String():
		text = fmt.Sprintf("%s recommends %s: %s", by, l.Dependency, l.NEVRA)
	case solve.ReasonSupplements.String():
		text = fmt.Sprintf("%s supplements %s", l.NEVRA, l.Dependency)
	default:
		text = fmt.Sprintf("the search chose %s and found no better answer without it", l.NEVRA)
	}
	if len(l.Alternatives) > 0 {
		text += "; possible instead: " + strings.Join(l.Alternatives, ", ")
	}
	return text
}
