package selinux

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// translation is a regular expression of PCRE2 as Go's regexp writes it.
type translation struct {
	prefix string // what each match begins with, literally
	rest   string // the expression for what follows
	// alone says that a match is not just the prefix and then the rest, from the
	// begin of a path to its end: the expression as a whole is for regexp alone.
	alone  bool
	unsure bool // Go may refuse it
	weight int  // bounds its instructions
}

// whole is the expression for whole paths.
func (t translation) whole() string {
	return "(?s)^" + regexp.QuoteMeta(t.prefix) + t.rest + "$"
}

// parse checks and reads the rest.
func (t translation) parse() (*syntax.Regexp, error) {
	return syntax.Parse("(?s)"+t.rest, syntax.Perl)
}

// The kinds of what a quantifier can follow.
const (
	atomNone = iota // nothing that can be repeated
	atomOther
	atomLiteral
)

type translator struct {
	src      string
	pos      int
	out      strings.Builder
	depth    int
	last     int // kind of the last atom
	variable bool
	either   bool // an alternation at depth 0, which the anchors bind to one side
	asserts  bool
	unsure   bool
	prefix   []byte
	cut      int // bytes of out that are the prefix
	before   int // the same without its last character
	repeats  int
}

// maxDepth is less than the depth of groups that Go refuses.
const maxDepth = 100

// maxRepeats is the largest number of repetitions that Go accepts, all the
// quantifiers around an item multiplied.
const maxRepeats = 1000

// translate turns a regular expression without anchors into Go's.
func translate(re string) (translation, error) {
	t := &translator{src: re, repeats: 1}
	t.out.Grow(len(re) + len(re)/4)
	for t.pos < len(t.src) {
		if err := t.next(); err != nil {
			return translation{}, fmt.Errorf("at %d: %w", t.pos+1, err)
		}
	}
	if t.depth > 0 {
		return translation{}, errors.New("a ( is not closed")
	}
	r := translation{rest: t.out.String(), alone: t.either || t.asserts, unsure: t.unsure, weight: t.repeats * len(re)}
	if !t.either {
		r.prefix, r.rest = string(t.prefix), r.rest[t.cut:]
	}
	if r.unsure {
		if _, err := r.parse(); err != nil {
			return translation{}, err
		}
	}
	return r, nil
}

// next translates one item.
func (t *translator) next() error {
	c := t.src[t.pos]
	switch c {
	case '\\':
		return t.escape()
	case '[':
		return t.class()
	case '(':
		return t.group()
	case '*', '+', '?':
		return t.quantifier(1)
	case '{':
		if n := len(counted.FindString(t.src[t.pos:])); n > 0 {
			return t.quantifier(n)
		}
	case ')':
		if t.depth == 0 {
			return errors.New("a ) closes nothing")
		}
		t.depth--
		t.other(")", atomOther)
		t.pos++
		return nil
	case '|':
		t.either = t.either || t.depth == 0
		t.other("|", atomNone)
		t.pos++
		return nil
	case '$':
		if rest := t.src[t.pos+1:]; rest != "" && rest[0] != ')' && rest[0] != '|' {
			return errors.New("$ is supported at the end only")
		}
		t.asserts = true
		t.other("$", atomNone)
		t.pos++
		return nil
	case '^':
		t.asserts = true
		t.other("^", atomNone)
		t.pos++
		return nil
	case '.':
		t.other(".", atomOther)
		t.pos++
		return nil
	}
	t.plain(c)
	t.pos++
	return nil
}

// counted is a quantifier in braces; other braces stand for themselves.
var counted = regexp.MustCompile(`^\{[0-9]+(,[0-9]*)?\}`)

// other writes an item that is not one fixed character.
func (t *translator) other(s string, kind int) {
	t.out.WriteString(s)
	t.last = kind
	t.variable = true
}

// plain writes a character that stands for itself.
func (t *translator) plain(c byte) {
	t.last = atomOther
	if !t.variable {
		t.last = atomLiteral
		t.prefix = append(t.prefix, c)
		t.before, t.cut = t.cut, t.out.Len()+len(quote(c))
	}
	t.out.WriteString(quote(c))
}

// quote writes a byte so that it means itself everywhere.
func quote(c byte) string {
	switch {
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '/' || c == '_':
		return string(rune(c))
	case c > ' ' && c < 0x7f:
		return `\` + string(rune(c))
	}
	return fmt.Sprintf(`\x{%02x}`, c)
}

func (t *translator) group() error {
	rest := t.src[t.pos:]
	open := "("
	switch {
	case strings.HasPrefix(rest, "(?:"):
		open = "(?:"
	case strings.HasPrefix(rest, "(?"), strings.HasPrefix(rest, "(*"):
		return fmt.Errorf("%q is not supported; of groups, ( and (?: are", rest[:min(3, len(rest))])
	}
	t.other(open, atomNone)
	t.depth++
	t.unsure = t.unsure || t.depth > maxDepth
	t.pos += len(open)
	return nil
}

// quantifier translates the n bytes of one, with a ? that makes it lazy.
func (t *translator) quantifier(n int) error {
	q := t.src[t.pos : t.pos+n]
	t.pos += n
	if rest := t.src[t.pos:]; rest != "" {
		switch rest[0] {
		case '+':
			return fmt.Errorf("the possessive quantifier %q is not supported", q+"+")
		case '?':
			q += "?"
			t.pos++
		}
	}
	if t.last == atomLiteral {
		t.prefix = t.prefix[:len(t.prefix)-1]
		t.cut = t.before
	}
	if q[0] == '{' {
		t.repeat(q)
	}
	t.unsure = t.unsure || t.last == atomNone || q[0] == '{'
	t.other(q, atomNone)
	return nil
}

// repeat takes note of how often a counted quantifier repeats.
func (t *translator) repeat(q string) {
	for number := range strings.FieldsFuncSeq(q, func(r rune) bool { return r < '0' || r > '9' }) {
		n, err := strconv.Atoi(number)
		if err != nil {
			n = maxRepeats
		}
		t.repeats = min(t.repeats*min(max(n, 1), maxRepeats), maxRepeats)
	}
}

// controls are the escapes of single control characters.
const controls = "a\ae\x1bf\fn\nr\rt\t"

// single returns the character that an escape stands for.
func single(c byte) (byte, bool) {
	for i := 0; i < len(controls); i += 2 {
		if controls[i] == c {
			return controls[i+1], true
		}
	}
	letter := c|0x20 >= 'a' && c|0x20 <= 'z'
	return c, !letter && (c < '0' || c > '9')
}

func (t *translator) escape() error {
	if t.pos+1 == len(t.src) {
		return errors.New(`a \ escapes nothing`)
	}
	c := t.src[t.pos+1]
	if plain, ok := single(c); ok {
		t.plain(plain)
		t.pos += 2
		return nil
	}
	switch c {
	case 'b', 'B', 'A', 'z':
		t.asserts = true
		t.other(`\`+string(c), atomNone)
	case 'd', 'D', 'w', 'W':
		t.other(`\`+string(c), atomOther)
	case 's':
		t.other(`[\t-\r ]`, atomOther) // PCRE counts the vertical tab, Go does not
	case 'S':
		t.other(`[^\t-\r ]`, atomOther)
	default:
		return fmt.Errorf(`the escape \%c is not supported`, c)
	}
	t.pos += 2
	return nil
}

// class translates a bracket expression.
func (t *translator) class() error {
	var out strings.Builder
	out.WriteByte('[')
	i := t.pos + 1
	if strings.HasPrefix(t.src[i:], "^") {
		out.WriteByte('^')
		i++
	}
	for first := true; ; first = false {
		if i >= len(t.src) {
			return errors.New("a [ is not closed")
		}
		if t.src[i] == ']' && !first {
			break
		}
		text, n, err := member(t.src[i:])
		if err != nil {
			return err
		}
		out.WriteString(text)
		i += n
	}
	out.WriteByte(']')
	t.other(out.String(), atomOther)
	t.pos = i + 1
	return nil
}

// posixClasses are the named classes that mean the same to both.
func posixClasses() []string {
	return []string{"alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower",
		"print", "punct", "space", "upper", "word", "xdigit"}
}

// member translates one member of a bracket expression, a range as a whole.
func member(s string) (text string, n int, err error) {
	if len(s) > 1 && s[0] == '[' && strings.IndexByte(":.=", s[1]) >= 0 {
		if end := strings.Index(s[2:], s[1:2]+"]"); end >= 0 {
			name := strings.TrimPrefix(s[2:2+end], "^")
			if s[1] != ':' || !slices.Contains(posixClasses(), name) {
				return "", 0, fmt.Errorf("the class %s is not supported", s[:end+4])
			}
			return s[:end+4], end + 4, nil
		}
	}
	if len(s) > 1 && s[0] == '\\' {
		switch s[1] {
		case 'd', 'D', 'w', 'W':
			return s[:2], 2, nil
		case 's':
			return `\t-\r `, 2, nil
		}
	}
	low, n, err := character(s)
	if err != nil {
		return "", 0, err
	}
	if len(s) < n+2 || s[n] != '-' || s[n+1] == ']' {
		return quote(low), n, nil
	}
	high, m, err := character(s[n+1:])
	if err != nil {
		return "", 0, err
	}
	if high < low {
		return "", 0, fmt.Errorf("the range %s is empty", s[:n+1+m])
	}
	return quote(low) + "-" + quote(high), n + 1 + m, nil
}

// character reads one character of a bracket expression.
func character(s string) (c byte, n int, err error) {
	if s[0] == '[' && len(s) > 1 && s[1] == ':' && strings.Contains(s[2:], ":]") {
		return 0, 0, errors.New("a range cannot end with a class")
	}
	if s[0] != '\\' {
		return s[0], 1, nil
	}
	if len(s) < 2 {
		return 0, 0, errors.New(`a \ escapes nothing`)
	}
	if s[1] == 'b' {
		return '\b', 2, nil
	}
	if c, ok := single(s[1]); ok {
		return c, 2, nil
	}
	return 0, 0, fmt.Errorf(`the escape \%c in brackets is not supported`, s[1])
}
