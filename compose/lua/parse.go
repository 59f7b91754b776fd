package lua

import "strings"

// rewriter parses a chunk with the grammar of Lua 5.4 and collects what must
// be written differently for the interpreter underneath.
type rewriter struct {
	scanner
	tokens []token
	at     int
	depth  int
	// before and after hold what is written before and after a token.
	before, after map[int]string
	scopes        []map[string]bool
}

// Limits of nesting and of the length of chains (a + b + c …), which the
// compiler underneath walks recursively.
const (
	maxDepth = 190
	maxChain = 4000
)

// rewrite gives src, a chunk of Lua 5.4, as a chunk of Lua 5.1 with goto. All
// tokens stay on their lines.
func rewrite(src, chunk string) (string, error) {
	r := &rewriter{scanner: scanner{src: src, chunk: chunk}, before: map[int]string{}, after: map[int]string{}}
	var err error
	if r.tokens, err = r.scan(); err != nil {
		return "", err
	}
	if err := r.block(); err != nil {
		return "", err
	}
	if r.tok().kind != kindEOF {
		return "", r.unexpected("'<eof>' expected")
	}
	return r.emit(), nil
}

func (r *rewriter) emit() string {
	var b strings.Builder
	b.Grow(len(r.src) + 64)
	pos := 0
	for i, tok := range r.tokens {
		// Space and comments between tokens: line ends alone matter.
		b.WriteString(spacing(r.src[pos:tok.start]))
		b.WriteString(r.before[i])
		if tok.text != "" {
			b.WriteString(tok.text)
		} else {
			b.WriteString(r.src[tok.start:tok.end])
		}
		b.WriteString(r.after[i])
		pos = tok.end
	}
	return b.String()
}

// spacing reduces white space and comments to a space and their line ends.
func spacing(s string) string {
	if s == "" || s == " " {
		return s
	}
	n := strings.Count(s, "\n") + strings.Count(s, "\r") - strings.Count(s, "\r\n") - strings.Count(strings.ReplaceAll(s, "\r\n", ""), "\n\r")
	return " " + strings.Repeat("\n", n)
}

func (r *rewriter) tok() *token { return &r.tokens[r.at] }
func (r *rewriter) next()       { r.at++ }

func (r *rewriter) shown(tok *token) string {
	if tok.kind == kindEOF {
		return "<eof>"
	}
	return r.src[tok.start:tok.end]
}

func (r *rewriter) unexpected(what string) error {
	return r.fail(r.tok().line, "%s near '%s'", what, r.shown(r.tok()))
}

func (r *rewriter) accept(k kind) bool {
	if r.tok().kind == k {
		r.next()
		return true
	}
	return false
}

func (r *rewriter) expect(k kind) error {
	if !r.accept(k) {
		if k == kindName {
			return r.unexpected(string(k) + " expected")
		}
		return r.unexpected("'" + string(k) + "' expected")
	}
	return nil
}

// expectClose expects the token that ends what open began at line.
func (r *rewriter) expectClose(k, open kind, line int) error {
	if r.tok().kind != k && r.tok().line != line {
		return r.unexpected("'" + string(k) + "' expected (to close '" + string(open) + "' at line " + itoa(line) + ")")
	}
	return r.expect(k)
}

func (r *rewriter) name() (string, error) {
	tok := r.tok()
	return r.src[tok.start:tok.end], r.expect(kindName)
}

// enter counts nesting; leave undoes it.
func (r *rewriter) enter() error {
	if r.depth++; r.depth > maxDepth {
		return r.fail(r.tok().line, "chunk has too many syntax levels")
	}
	return nil
}

func (r *rewriter) leave() { r.depth-- }

func (r *rewriter) wrap(first, last int, before, after string) {
	r.before[first] = before + r.before[first]
	r.after[last] += after
}

// declare notes a local name of the current block; readOnly ones cannot be
// assigned to.
func (r *rewriter) declare(name string, readOnly bool) {
	r.scopes[len(r.scopes)-1][name] = readOnly
}

func (r *rewriter) isConst(name string) bool {
	for i := len(r.scopes) - 1; i >= 0; i-- {
		if readOnly, ok := r.scopes[i][name]; ok {
			return readOnly
		}
	}
	return false
}

// block parses statements up to a token that ends a block.
func (r *rewriter) block() error {
	r.openScope()
	defer r.closeScope()
	return r.statements()
}

func (r *rewriter) openScope()  { r.scopes = append(r.scopes, map[string]bool{}) }
func (r *rewriter) closeScope() { r.scopes = r.scopes[:len(r.scopes)-1] }

func (r *rewriter) blockEnds() bool {
	switch r.tok().kind {
	case "else", "elseif", "end", "until", kindEOF:
		return true
	}
	return false
}

func (r *rewriter) statements() error {
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	for !r.blockEnds() {
		if r.accept("return") {
			return r.returned()
		}
		if err := r.statement(); err != nil {
			return err
		}
	}
	return nil
}

func (r *rewriter) returned() error {
	if !r.blockEnds() && r.tok().kind != ";" {
		if err := r.exprList(); err != nil {
			return err
		}
	}
	r.accept(";")
	if !r.blockEnds() {
		return r.unexpected("'<eof>' expected")
	}
	return nil
}

func (r *rewriter) statement() error {
	line := r.tok().line
	switch k := r.tok().kind; k {
	case ";":
		r.next()
	case "if":
		return r.ifStatement(line)
	case "while":
		r.next()
		if err := r.expr(); err != nil {
			return err
		}
		if err := r.expect("do"); err != nil {
			return err
		}
		return r.blockUntilEnd("while", line)
	case "do":
		r.next()
		return r.blockUntilEnd("do", line)
	case "for":
		return r.forStatement(line)
	case "repeat":
		return r.repeatStatement(line)
	case "function":
		return r.functionStatement(line)
	case "local":
		return r.localStatement(line)
	case "::":
		r.next()
		if _, err := r.name(); err != nil {
			return err
		}
		return r.expect("::")
	case "break":
		// 5.1 wants it last in its block.
		r.wrap(r.at, r.at, "do ", " end")
		r.next()
	case "goto":
		r.next()
		_, err := r.name()
		return err
	default:
		return r.exprStatement()
	}
	return nil
}

func (r *rewriter) blockUntilEnd(open kind, line int) error {
	if err := r.block(); err != nil {
		return err
	}
	return r.expectClose("end", open, line)
}

func (r *rewriter) ifStatement(line int) error {
	for n := 0; ; n++ {
		r.next()
		if n > maxChain {
			return r.fail(r.tok().line, "too many elseif")
		}
		if err := r.expr(); err != nil {
			return err
		}
		if err := r.expect("then"); err != nil {
			return err
		}
		if err := r.block(); err != nil {
			return err
		}
		if r.tok().kind != "elseif" {
			break
		}
	}
	if r.accept("else") {
		if err := r.block(); err != nil {
			return err
		}
	}
	return r.expectClose("end", "if", line)
}

func (r *rewriter) repeatStatement(line int) error {
	r.next()
	r.openScope()
	defer r.closeScope()
	if err := r.statements(); err != nil {
		return err
	}
	if err := r.expectClose("until", "repeat", line); err != nil {
		return err
	}
	return r.expr()
}

func (r *rewriter) forStatement(line int) error {
	r.next()
	r.openScope()
	defer r.closeScope()
	for {
		name, err := r.name()
		if err != nil {
			return err
		}
		r.declare(name, false)
		if !r.accept(",") {
			break
		}
	}
	if r.tok().kind != "=" && r.tok().kind != "in" {
		return r.unexpected("'=' or 'in' expected")
	}
	r.next()
	if err := r.exprList(); err != nil {
		return err
	}
	if err := r.expect("do"); err != nil {
		return err
	}
	return r.blockUntilEnd("for", line)
}

func (r *rewriter) functionStatement(line int) error {
	r.next()
	if _, err := r.name(); err != nil {
		return err
	}
	for r.accept(".") {
		if _, err := r.name(); err != nil {
			return err
		}
	}
	method := r.accept(":")
	if method {
		if _, err := r.name(); err != nil {
			return err
		}
	}
	return r.functionBody(line)
}

func (r *rewriter) localStatement(line int) error {
	r.next()
	if r.accept("function") {
		name, err := r.name()
		if err != nil {
			return err
		}
		r.declare(name, false)
		return r.functionBody(line)
	}
	type local struct {
		name     string
		readOnly bool
	}
	var locals []local
	for {
		name, err := r.name()
		if err != nil {
			return err
		}
		readOnly, err := r.attribute()
		if err != nil {
			return err
		}
		locals = append(locals, local{name, readOnly})
		if !r.accept(",") {
			break
		}
	}
	if r.accept("=") {
		if err := r.exprList(); err != nil {
			return err
		}
	}
	for _, l := range locals {
		r.declare(l.name, l.readOnly)
	}
	return nil
}

// attribute drops <const>. A value to be closed at the end of its block has no
// counterpart underneath.
func (r *rewriter) attribute() (readOnly bool, err error) {
	first := r.at
	if !r.accept("<") {
		return false, nil
	}
	line := r.tok().line
	name, err := r.name()
	if err != nil {
		return false, err
	}
	if err := r.expect(">"); err != nil {
		return false, err
	}
	switch name {
	case "const":
	case "close":
		return false, r.fail(line, "the attribute <close> is not supported: close the value at the end of its block")
	default:
		return false, r.fail(line, "unknown attribute '%s'", name)
	}
	for i := first; i < r.at; i++ {
		r.tokens[i].text = " "
	}
	return true, nil
}
