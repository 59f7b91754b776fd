package rpm

import (
	"errors"
	"fmt"
	"strings"
)

// RichOp is the operator of a node of a rich dependency.
type RichOp uint8

// The operators. RichDep marks a leaf. RichIf and RichUnless have two operands,
// or three with else; RichWithout has two; the others two or more.
const (
	RichDep RichOp = iota
	RichAnd
	RichOr
	RichIf
	RichUnless
	RichWith
	RichWithout
	richElse // only while parsing
)

// String is the operator's keyword.
func (o RichOp) String() string {
	switch o {
	case RichAnd:
		return "and"
	case RichOr:
		return "or"
	case RichIf:
		return "if"
	case RichUnless:
		return "unless"
	case RichWith:
		return "with"
	case RichWithout:
		return "without"
	case richElse:
		return "else"
	}
	return "dependency"
}

// Rich is a parsed rich (boolean) dependency. A leaf has Op RichDep and Dep; any
// other node has Args.
type Rich struct {
	Op   RichOp
	Dep  Dep
	Args []*Rich
}

// Limits of a rich dependency: hostile metadata must not exhaust the stack.
const (
	maxRichLength = 64 << 10
	maxRichDepth  = 64
)

// ParseRich reads a rich dependency such as "(a >= 1 if (b or c) else d)", with
// its outer parentheses.
func ParseRich(s string) (*Rich, error) {
	p := richParser{s: s}
	if len(s) > maxRichLength {
		return nil, fmt.Errorf("rich dependency of %d bytes: the limit is %d", len(s), maxRichLength)
	}
	r, err := p.expr(0)
	if err == nil && p.i != len(s) {
		err = fmt.Errorf("%q follows its end", s[p.i:])
	}
	if err != nil {
		return nil, fmt.Errorf("rich dependency %q: %w", s, err)
	}
	return r, nil
}

// String writes the dependency in canonical form.
func (r *Rich) String() string {
	var b strings.Builder
	r.write(&b)
	return b.String()
}

func (r *Rich) write(b *strings.Builder) {
	if r.Op == RichDep {
		b.WriteString(r.Dep.String())
		return
	}
	b.WriteByte('(')
	for i, a := range r.Args {
		if i > 0 {
			op := r.Op
			if i == 2 && (op == RichIf || op == RichUnless) {
				op = richElse
			}
			b.WriteString(" " + op.String() + " ")
		}
		a.write(b)
	}
	b.WriteByte(')')
}

type richParser struct {
	s string
	i int
}

// expr reads one parenthesized expression.
func (p *richParser) expr(depth int) (*Rich, error) {
	if p.peek() != '(' {
		return nil, errors.New("it does not start with '('")
	}
	if depth >= maxRichDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxRichDepth)
	}
	p.i++
	first, err := p.operand(depth)
	if err != nil {
		return nil, err
	}
	r := &Rich{Args: []*Rich{first}}
	for {
		p.blanks()
		if p.peek() == ')' {
			p.i++
			if len(r.Args) == 1 {
				return first, nil
			}
			return r, nil
		}
		if err := p.operator(r); err != nil {
			return nil, err
		}
		arg, err := p.operand(depth)
		if err != nil {
			return nil, err
		}
		r.Args = append(r.Args, arg)
	}
}

// operator reads an operator and checks that it may follow those of r.
func (p *richParser) operator(r *Rich) error {
	word := p.word()
	if word == "" {
		return errors.New("the closing parenthesis is missing")
	}
	op, ok := richOp(word)
	if !ok {
		return fmt.Errorf("%q is no operator", word)
	}
	n := len(r.Args)
	switch {
	case op == richElse:
		if n != 2 || r.Op != RichIf && r.Op != RichUnless {
			return errors.New("else without if or unless")
		}
		return nil
	case n == 1:
		r.Op = op
	case op != r.Op:
		return fmt.Errorf("%s after %s: put parentheses around one of them", op, r.Op)
	case op != RichAnd && op != RichOr && op != RichWith:
		return fmt.Errorf("%s cannot follow another %s", op, op)
	}
	return nil
}

func richOp(word string) (RichOp, bool) {
	for op := RichAnd; op <= richElse; op++ {
		if op.String() == word {
			return op, true
		}
	}
	return 0, false
}

func (p *richParser) operand(depth int) (*Rich, error) {
	p.blanks()
	if p.peek() == '(' {
		return p.expr(depth + 1)
	}
	name := p.name()
	if name == "" {
		return nil, errors.New("an operand is missing")
	}
	d := Dep{Name: name}
	p.blanks()
	flags, n := parseFlags(p.s[p.i:])
	if n > 0 {
		p.i += n
		p.blanks()
		d.Flags, d.EVR = flags, p.word()
		if d.EVR == "" {
			return nil, fmt.Errorf("%s %s: the version is missing", name, flags)
		}
	}
	return &Rich{Dep: d}, nil
}

// name reads a dependency's name, which may hold balanced parentheses.
func (p *richParser) name() string {
	start, open := p.i, 0
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '(':
			open++
		case c == ')':
			if open--; open < 0 {
				return p.s[start:p.i]
			}
		case isBlank(c) || c == ',':
			return p.s[start:p.i]
		}
	}
	return p.s[start:p.i]
}

// word reads up to a blank, a comma or a closing parenthesis.
func (p *richParser) word() string {
	start := p.i
	for p.i < len(p.s) && !isBlank(p.s[p.i]) && p.s[p.i] != ',' && p.s[p.i] != ')' {
		p.i++
	}
	return p.s[start:p.i]
}

func (p *richParser) blanks() {
	for p.i < len(p.s) && isBlank(p.s[p.i]) {
		p.i++
	}
}

func (p *richParser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
