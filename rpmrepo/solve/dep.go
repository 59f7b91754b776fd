package solve

import (
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// depID numbers a dependency: a plain name is its strID, anything else is
// relBit plus its index in the universe's relations. noDep is no dependency.
type depID int32

const (
	relBit depID = 1 << 30
	noDep  depID = 0
)

func (d depID) isRel() bool { return d&relBit != 0 }

// depOp joins the two sides of a relation: a comparison below opAnd, an
// operator of rich dependencies from there on.
type depOp uint32

const (
	opLess    = depOp(rpm.LT)
	opEqual   = depOp(rpm.EQ)
	opGreater = depOp(rpm.GT)

	opAnd depOp = 8 + iota
	opOr
	opWith
	opWithout
	opIf
	opUnless
	opElse  // only on the right of opIf and opUnless
	opNever // a namespace of the host, such as its hardware: nothing provides it
)

// relation is "left op right". The right side of a comparison is the strID of
// an EVR.
type relation struct {
	left, right depID
	op          depOp
}

// rel numbers a relation.
func (u *Universe) rel(left depID, op depOp, right depID) depID {
	return u.rels.id(relation{left, right, op})
}

func (u *Universe) relOf(d depID) relation { return u.rels.rels[d&^relBit] }

// nameOf is the leftmost name of a dependency: what a provider provides.
func (u *Universe) nameOf(d depID) strID {
	for d.isRel() {
		d = u.relOf(d).left
	}
	return strID(d)
}

// dep numbers a dependency as the metadata states it. A rich dependency that
// cannot be parsed does not count, as with rpm's own resolvers: it is noDep.
func (u *Universe) dep(d rpm.Dep) depID { return u.parse(d, u.plain) }

func (u *Universe) parse(d rpm.Dep, leaf func(rpm.Dep) depID) depID {
	if d.Flags != 0 || !d.IsRich() {
		return leaf(d)
	}
	r, err := rpm.ParseRich(d.Name)
	if err != nil {
		return noDep
	}
	return u.rich(r, leaf)
}

// plain numbers a dependency that is not rich.
func (u *Universe) plain(d rpm.Dep) depID {
	id := depID(u.in.id(d.Name))
	if id != noDep && d.Flags != 0 {
		id = u.rel(id, depOp(d.Flags), depID(u.in.id(normalEVR(d.EVR))))
	}
	return id
}

// normalEVR drops an epoch of zero, unless the version would then read as one.
func normalEVR(s string) string {
	rest, zero := strings.CutPrefix(s, "0:")
	if !zero || rest == "" || rpm.ParseEVR(rest).Epoch != 0 {
		return s
	}
	return rest
}

// rich numbers a rich dependency, leaf its operands. Chains nest to the right:
// a and (b and c).
func (u *Universe) rich(r *rpm.Rich, leaf func(rpm.Dep) depID) depID {
	if r.Op == rpm.RichDep {
		return leaf(r.Dep)
	}
	args := make([]depID, len(r.Args))
	for i, a := range r.Args {
		args[i] = u.rich(a, leaf)
	}
	op := richOp(r.Op)
	if (op == opIf || op == opUnless) && len(args) == 3 {
		return u.rel(args[0], op, u.rel(args[1], opElse, args[2]))
	}
	id := args[len(args)-1]
	for i := len(args) - 2; i >= 0; i-- {
		id = u.rel(args[i], op, id)
	}
	return id
}

func richOp(op rpm.RichOp) depOp {
	switch op {
	case rpm.RichAnd:
		return opAnd
	case rpm.RichOr:
		return opOr
	case rpm.RichWith:
		return opWith
	case rpm.RichWithout:
		return opWithout
	case rpm.RichIf:
		return opIf
	}
	return opUnless
}

// supplement numbers a dependency of Supplements. SUSE's spellings mean rich
// dependencies: packageand(a:b) is a and b; modalias(), filesystem() and
// language() ask about the host, of which a resolver knows nothing.
func (u *Universe) supplement(d rpm.Dep) depID {
	list, both := strings.CutPrefix(d.Name, "packageand(")
	if d.Flags != 0 || !both {
		return u.parse(d, u.hostOrPlain)
	}
	id := noDep
	for name := range strings.SplitSeq(strings.TrimSuffix(list, ")"), ":") {
		switch part := depID(u.in.id(name)); {
		case name == "":
		case id == noDep:
			id = part
		default:
			id = u.rel(id, opAnd, part)
		}
	}
	return id
}

// hostOrPlain numbers an operand of Supplements.
func (u *Universe) hostOrPlain(d rpm.Dep) depID {
	if d.Flags == 0 && strings.HasSuffix(d.Name, ")") {
		for _, host := range []string{"modalias(", "filesystem(", "language("} {
			if strings.HasPrefix(d.Name, host) {
				return u.rel(depID(u.in.id(d.Name)), opNever, noDep)
			}
		}
	}
	return u.plain(d)
}

// isComplex reports whether a dependency needs rules of its own instead of a
// list of providers.
func (u *Universe) isComplex(d depID) bool {
	for d.isRel() {
		r := u.relOf(d)
		switch r.op {
		case opAnd, opIf, opUnless:
			return true
		case opOr:
			if u.isComplex(r.left) {
				return true
			}
			d = r.right
		default:
			return false
		}
	}
	return false
}

// depString writes a dependency as a spec file does.
func (u *Universe) depString(d depID) string {
	var b strings.Builder
	u.writeDep(&b, d, false)
	return b.String()
}

func (u *Universe) writeDep(b *strings.Builder, d depID, chained bool) {
	if !d.isRel() {
		b.WriteString(u.in.str(strID(d)))
		return
	}
	r := u.relOf(d)
	if r.op < opAnd {
		u.writeDep(b, r.left, false)
		b.WriteString(" " + rpm.Flags(r.op).String() + " " + u.in.str(strID(r.right)))
		return
	}
	if r.op == opNever {
		u.writeDep(b, r.left, false)
		return
	}
	if !chained {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	u.writeDep(b, r.left, false)
	b.WriteString(" " + r.op.String() + " ")
	same := r.right.isRel() && u.relOf(r.right).op == r.op || r.right.isRel() && u.relOf(r.right).op == opElse
	u.writeDep(b, r.right, same)
}

// String is the operator's word in a rich dependency.
func (op depOp) String() string {
	switch op {
	case opAnd:
		return "and"
	case opOr:
		return "or"
	case opWith:
		return "with"
	case opWithout:
		return "without"
	case opIf:
		return "if"
	case opUnless:
		return "unless"
	case opElse:
		return "else"
	}
	return rpm.Flags(op).String()
}
