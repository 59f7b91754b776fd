package lua

import "strconv"

func itoa(n int) string { return strconv.Itoa(n) }

// priority is how strongly an operator binds on its left and right.
type priority struct{ left, right int }

var binary = map[kind]priority{
	"or": {1, 1}, "and": {2, 2},
	"<": {3, 3}, ">": {3, 3}, "<=": {3, 3}, ">=": {3, 3}, "~=": {3, 3}, "==": {3, 3},
	"|": {4, 4}, "~": {5, 5}, "&": {6, 6}, "<<": {7, 7}, ">>": {7, 7},
	"..": {9, 8}, "+": {10, 10}, "-": {10, 10},
	"*": {11, 11}, "/": {11, 11}, "//": {11, 11}, "%": {11, 11},
	"^": {14, 13},
}

const unaryPriority = 12

// operatorCalls names the hidden functions (operators.go) that stand for the
// operators which 5.1 does not have. Strings carry them: no variable of the
// script can hide them.
var operatorCalls = map[kind]string{
	"//": `("").` + hiddenIdiv + `(`,
	"&":  `("").` + hiddenBand + `(`,
	"|":  `("").` + hiddenBor + `(`,
	"~":  `("").` + hiddenBxor + `(`,
	"<<": `("").` + hiddenShl + `(`,
	">>": `("").` + hiddenShr + `(`,
}

func (r *rewriter) exprList() error {
	for {
		if err := r.expr(); err != nil {
			return err
		}
		if !r.accept(",") {
			return nil
		}
	}
}

func (r *rewriter) expr() error { return r.subexpr(0) }

// subexpr parses operators that bind stronger than limit.
func (r *rewriter) subexpr(limit int) error {
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	first := r.at
	if err := r.operand(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		op := r.tok()
		prio, ok := binary[op.kind]
		if !ok || prio.left <= limit {
			return nil
		}
		if n > maxChain {
			return r.fail(op.line, "expression has too many operators")
		}
		r.next()
		if err := r.subexpr(prio.right); err != nil {
			return err
		}
		if call, ok := operatorCalls[op.kind]; ok {
			op.text = ","
			r.wrap(first, r.at-1, call, ")")
		}
	}
}

// operand parses an operand with the unary operators before it.
func (r *rewriter) operand() error {
	op := r.tok()
	switch op.kind {
	case "not", "-", "#":
		r.next()
		return r.subexpr(unaryPriority)
	case "~":
		r.next()
		if err := r.subexpr(unaryPriority); err != nil {
			return err
		}
		op.text = `("").` + hiddenBnot + `(`
		r.after[r.at-1] += ")"
		return nil
	}
	return r.simple()
}

func (r *rewriter) simple() error {
	line := r.tok().line
	switch r.tok().kind {
	case kindNumber, kindString, "nil", "true", "false", "...":
		r.next()
		return nil
	case "{":
		return r.table(line)
	case "function":
		r.next()
		return r.functionBody(line)
	}
	_, err := r.suffixed()
	return err
}

// What a suffixed expression is, seen from outside.
type shape int

const (
	shapeValue shape = iota
	shapeName
	shapeIndex
	shapeCall
)

// suffixed parses a name or parenthesis with the indexes and calls after it.
func (r *rewriter) suffixed() (shape, error) {
	line := r.tok().line
	got := shapeName
	switch r.tok().kind {
	case kindName:
		r.next()
	case "(":
		r.next()
		if err := r.expr(); err != nil {
			return 0, err
		}
		if err := r.expectClose(")", "(", line); err != nil {
			return 0, err
		}
		got = shapeValue
	default:
		return 0, r.unexpected("unexpected symbol")
	}
	for n := 0; ; n++ {
		if n > maxChain {
			return 0, r.fail(r.tok().line, "expression has too many parts")
		}
		more, err := r.suffix(&got)
		if err != nil || !more {
			return got, err
		}
	}
}

func (r *rewriter) suffix(got *shape) (more bool, err error) {
	switch r.tok().kind {
	case ".":
		r.next()
		*got = shapeIndex
		_, err = r.name()
	case "[":
		r.next()
		if err := r.expr(); err != nil {
			return false, err
		}
		*got = shapeIndex
		err = r.expect("]")
	case ":":
		r.next()
		if _, err := r.name(); err != nil {
			return false, err
		}
		*got = shapeCall
		err = r.arguments()
	case "(", kindString, "{":
		*got = shapeCall
		err = r.arguments()
	default:
		return false, nil
	}
	return true, err
}

func (r *rewriter) arguments() error {
	line := r.tok().line
	switch r.tok().kind {
	case kindString:
		r.next()
		return nil
	case "{":
		return r.table(line)
	case "(":
		r.next()
		if r.accept(")") {
			return nil
		}
		if err := r.exprList(); err != nil {
			return err
		}
		return r.expectClose(")", "(", line)
	}
	return r.unexpected("function arguments expected")
}

func (r *rewriter) table(line int) error {
	r.next()
	for r.tok().kind != "}" {
		switch {
		case r.accept("["):
			if err := r.expr(); err != nil {
				return err
			}
			if err := r.expect("]"); err != nil {
				return err
			}
			if err := r.expect("="); err != nil {
				return err
			}
		case r.tok().kind == kindName && r.tokens[r.at+1].kind == "=":
			r.at += 2
		}
		if err := r.expr(); err != nil {
			return err
		}
		if !r.accept(",") && !r.accept(";") {
			break
		}
	}
	return r.expectClose("}", "{", line)
}

func (r *rewriter) functionBody(line int) error {
	if err := r.expect("("); err != nil {
		return err
	}
	r.openScope()
	defer r.closeScope()
	for r.tok().kind != ")" {
		if r.accept("...") {
			break
		}
		name, err := r.name()
		if err != nil {
			return err
		}
		r.declare(name, false)
		if !r.accept(",") {
			break
		}
		if r.tok().kind == ")" {
			return r.unexpected("<name> expected")
		}
	}
	if err := r.expect(")"); err != nil {
		return err
	}
	return r.blockUntilEnd("function", line)
}

// exprStatement parses a call or an assignment.
func (r *rewriter) exprStatement() error {
	for n := 0; ; n++ {
		first := r.at
		got, err := r.suffixed()
		if err != nil {
			return err
		}
		if n == 0 && got == shapeCall && r.tok().kind != "=" && r.tok().kind != "," {
			return nil
		}
		if got != shapeName && got != shapeIndex {
			return r.unexpected("syntax error")
		}
		name := r.tokens[first]
		if got == shapeName && r.isConst(r.src[name.start:name.end]) {
			return r.fail(name.line, "attempt to assign to const variable '%s'", r.src[name.start:name.end])
		}
		if !r.accept(",") {
			break
		}
	}
	if r.tok().kind != "=" {
		return r.unexpected("syntax error")
	}
	r.next()
	return r.exprList()
}
