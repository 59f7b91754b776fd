package solve

import (
	"errors"
	"slices"
)

// truth says whether a normal form has clauses at all.
type truth uint8

const (
	never  truth = iota // nothing fulfils it
	always              // it is fulfilled whatever is installed
	depends
)

// form chooses a normal form: an "and" of "or"s, or an "or" of "and"s.
type form uint8

const (
	conjunctive form = iota
	disjunctive
)

func (f form) other() form { return 1 - f }

// maxNormalLits bounds a normal form: it can grow exponentially with the
// dependency, which comes from hostile hands.
const maxNormalLits = 1 << 20

var errTooComplex = errors.New("dependency too complex")

// normalizer brings complex dependencies into a normal form over packages. Each
// clause is sorted.
type normalizer struct {
	u    *Universe
	lits int
}

// normalForm returns the clauses of d. It fails with errTooComplex only.
func (u *Universe) normalForm(d depID, f form) (clauses [][]lit, t truth, err error) {
	n := normalizer{u: u}
	clauses, t = n.dep(d, f)
	if n.lits > maxNormalLits {
		return nil, never, errTooComplex
	}
	return clauses, t, nil
}

func (n *normalizer) dep(d depID, f form) ([][]lit, truth) {
	if n.lits > maxNormalLits {
		return nil, never
	}
	if !n.u.isComplex(d) {
		return n.leaf(d, f)
	}
	r := n.u.relOf(d)
	isElse := r.right.isRel() && n.u.relOf(r.right).op == opElse
	switch {
	case r.op == opOr || r.op == opAnd:
		a, ta := n.dep(r.left, f)
		b, tb := n.dep(r.right, f)
		return n.join(r.op, a, ta, b, tb, f)
	case r.op == opIf && isElse: // (a or not c) and (e or c)
		c := n.u.relOf(r.right)
		x, tx := n.withNot(opOr, r.left, c.left, f)
		y, ty := n.both(opOr, c.left, c.right, f)
		return n.join(opAnd, x, tx, y, ty, f)
	case r.op == opIf: // a or not c
		return n.withNot(opOr, r.left, r.right, f)
	case isElse: // (a and not c) or (e and c)
		c := n.u.relOf(r.right)
		x, tx := n.withNot(opAnd, r.left, c.left, f)
		y, ty := n.both(opAnd, c.left, c.right, f)
		return n.join(opOr, x, tx, y, ty, f)
	}
	return n.withNot(opAnd, r.left, r.right, f) // a and not c
}

func (n *normalizer) both(op depOp, a, b depID, f form) ([][]lit, truth) {
	x, tx := n.dep(a, f)
	y, ty := n.dep(b, f)
	return n.join(op, x, tx, y, ty, f)
}

// withNot is "a op not b". Inverting the other form of b gives the form of not b.
func (n *normalizer) withNot(op depOp, a, b depID, f form) ([][]lit, truth) {
	x, tx := n.dep(a, f)
	y, ty := n.dep(b, f.other())
	y, ty = invert(y, ty)
	return n.join(op, x, tx, y, ty, f)
}

// leaf is the providers of a simple dependency.
func (n *normalizer) leaf(d depID, f form) ([][]lit, truth) {
	list := n.u.providers(d)
	switch {
	case len(list) == 0:
		return nil, never
	case list[0] == system:
		return nil, always
	}
	n.lits += len(list)
	if f == conjunctive {
		return [][]lit{slices.Clone(list)}, depends
	}
	clauses := make([][]lit, len(list))
	for i, p := range list {
		clauses[i] = []lit{p}
	}
	return clauses, depends
}

// invert negates every literal, which also turns one form into the other.
func invert(clauses [][]lit, t truth) ([][]lit, truth) {
	switch t {
	case never:
		return nil, always
	case always:
		return nil, never
	}
	for _, c := range clauses {
		slices.Reverse(c)
		for i := range c {
			c[i] = -c[i]
		}
	}
	return clauses, depends
}

func (n *normalizer) join(op depOp, a [][]lit, ta truth, b [][]lit, tb truth, f form) ([][]lit, truth) {
	decides, neutral, concat := always, never, disjunctive // of an "or"
	if op == opAnd {
		decides, neutral, concat = never, always, conjunctive
	}
	switch {
	case ta == decides || tb == decides:
		return nil, decides
	case ta == neutral:
		return b, tb
	case tb == neutral:
		return a, ta
	case f == concat:
		return append(a, b...), depends
	}
	out := n.distribute(a, b)
	if len(out) == 0 { // every clause held some x and its opposite
		if f == conjunctive {
			return nil, always
		}
		return nil, never
	}
	return out, depends
}

// distribute joins every clause of a with every clause of b, leaving out those
// that hold a literal and its opposite.
func (n *normalizer) distribute(a, b [][]lit) [][]lit {
	var out [][]lit
	for _, x := range a {
		for _, y := range b {
			if n.lits += len(x) + len(y); n.lits > maxNormalLits {
				return out
			}
			c := merge(x, y)
			if !hasOpposites(c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// hasOpposites reports whether a sorted clause holds some x and its opposite.
func hasOpposites(c []lit) bool {
	for i, j := 0, len(c)-1; i < j; {
		switch sum := c[i] + c[j]; {
		case sum == 0:
			return true
		case sum < 0:
			i++
		default:
			j--
		}
	}
	return false
}
