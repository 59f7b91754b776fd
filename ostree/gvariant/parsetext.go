package gvariant

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// TextError says where a text is no value. From and To are positions in bytes.
type TextError struct {
	From, To int
	Other    [2]int // a second place, that the first does not agree with; zero: none
	Reason   string
}

// Error tells place and reason as GLib does.
func (e *TextError) Error() string {
	place := strconv.Itoa(e.From)
	if e.To > e.From {
		place += fmt.Sprintf("-%d", e.To)
	}
	if e.Other != [2]int{} {
		place += fmt.Sprintf(",%d-%d", e.Other[0], e.Other[1])
	}
	return place + ":" + e.Reason
}

// ParseText reads a value in GVariant's text form, such as "uint64 42",
// "[<1>, <'a'>]" or "@a{sv} {}". Numbers without a type are int32. The text form
// is that of https://docs.gtk.org/glib/gvariant-text-format.html. The error is a
// *TextError.
func ParseText(text string) (Value, error) {
	p := textParser{text: text}
	n, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	if p.next() != "" {
		return Value{}, p.fail("expected end of input")
	}
	pattern, err := n.pattern()
	if err != nil {
		return Value{}, err
	}
	t, err := parseTypeString(patternType(pattern))
	if err != nil {
		return Value{}, n.fail("unable to infer type")
	}
	return n.as(t)
}

// textNode is a part of a text. Kind is that of the value without its type:
// 'N' number, 'd' float, 'S' string, 'y' bytes, 'b', 'v', '(', 'a', '{' a
// dictionary, ':' one entry, 'm' and '@', which has a type before it.
type textNode struct {
	kind     byte
	from, to int
	text     string
	typ      *typ
	kids     []*textNode
}

func (n *textNode) fail(format string, args ...any) error {
	return &TextError{From: n.from, To: n.to, Reason: fmt.Sprintf(format, args...)}
}

// pattern is the type as far as the text tells it: "*" is any type, N any
// number, S any string, and M stands where a maybe may be around it.
func (n *textNode) pattern() (string, error) {
	switch n.kind {
	case '@':
		return n.typ.str, nil
	case 'y':
		return "May", nil
	case 'a':
		elem, err := common(n.kids, 0, 1)
		return "Ma" + elem, err
	case '{', ':':
		key, err := common(n.kids, 0, 2)
		if err != nil {
			return "", err
		}
		if strings.IndexByte("bynqiuxthdsogNS*", strings.TrimLeft(key, "M")[0]) < 0 {
			return "", n.fail("dictionary keys must have basic types")
		}
		elem, err := common(n.kids, 1, 2)
		entry := "{" + strings.TrimLeft(key, "M") + elem + "}"
		if n.kind == '{' {
			entry = "a" + entry
		}
		return "M" + entry, err
	case '(':
		all := "M("
		for _, k := range n.kids {
			p, err := k.pattern()
			if err != nil {
				return "", err
			}
			all += p
		}
		return all + ")", nil
	case 'm':
		if len(n.kids) == 0 {
			return "m*", nil
		}
		p, err := n.kids[0].pattern()
		return "m" + p, err
	}
	return "M" + string(n.kind), nil
}

// common is the pattern of every step-th node; of none that of any.
func common(nodes []*textNode, first, step int) (string, error) {
	all := "*"
	var patterns []string
	for i := first; i < len(nodes); i += step {
		p, err := nodes[i].pattern()
		if err != nil {
			return "", err
		}
		merged, ok := coalesce(all, p)
		for j := range patterns {
			if _, agree := coalesce(patterns[j], p); !ok && !agree {
				one, other := nodes[first+j*step], nodes[i]
				return "", &TextError{one.from, one.to, [2]int{other.from, other.to}, "unable to find a common type"}
			}
		}
		if !ok {
			return "", nodes[i].fail("unable to find a common type")
		}
		all, patterns = merged, append(patterns, p)
	}
	return all, nil
}

// coalesce finds the pattern of all types that two patterns allow.
func coalesce(l, r string) (string, bool) {
	var out strings.Builder
	for l != "" && r != "" {
		if l[0] == r[0] {
			out.WriteByte(l[0])
			l, r = l[1:], r[1:]
			continue
		}
		taken, ok := "", false
		if taken, l, r, ok = coalesceOne(l, r); !ok {
			if taken, r, l, ok = coalesceOne(r, l); !ok {
				return "", false
			}
		}
		out.WriteString(taken)
	}
	return out.String(), l == "" && r == ""
}

// coalesceOne takes the start of two patterns, if the first is the wider one.
func coalesceOne(wide, narrow string) (taken, restWide, restNarrow string, ok bool) {
	w, n := wide[0], narrow[0]
	switch {
	case w == '*' && n != ')':
		end := patternEnd(narrow)
		return narrow[:end], wide[1:], narrow[end:], true
	case w == 'M' && n == 'm':
		return "m", wide, narrow[1:], true
	case w == 'M' && n != '*':
		return "", wide[1:], narrow, true
	case w == 'N' && strings.IndexByte("ynqiuxthd", n) >= 0, w == 'S' && strings.IndexByte("sog", n) >= 0:
		return narrow[:1], wide[1:], narrow[1:], true
	}
	return "", wide, narrow, false
}

// patternEnd is where the first type of a pattern ends.
func patternEnd(p string) int {
	i := 0
	for i < len(p) && (p[i] == 'm' || p[i] == 'M' || p[i] == 'a') {
		i++
	}
	for depth := 0; i < len(p); {
		c := p[i]
		i++
		if c == '(' || c == '{' {
			depth++
		}
		if c == ')' || c == '}' {
			depth--
		}
		if depth <= 0 {
			break
		}
	}
	return i
}

// patternType is the type that a pattern means where nothing else is said.
func patternType(p string) string {
	return strings.NewReplacer("M", "", "N", "i", "S", "s").Replace(p)
}

// as makes the value of a type.
func (n *textNode) as(t *typ) (Value, error) {
	if n.kind == '@' {
		if t.str != n.typ.str {
			return n.maybe(t)
		}
		return n.kids[0].as(t)
	}
	if t.kind == 'm' {
		return n.maybe(t)
	}
	switch {
	case (n.kind == 'N' || n.kind == 'd') && strings.IndexByte("ynqiuxthd", t.kind) >= 0:
		return n.number(t)
	case n.kind == 'S' && strings.IndexByte("sog", t.kind) >= 0:
		return n.str(t)
	case n.kind == 'y' && t.str == "ay":
		return Bytes([]byte(n.text)), nil
	case n.kind == 'b' && t.kind == 'b':
		return Bool(n.text == "true"), nil
	case n.kind == 'v' && t.kind == 'v':
		p, err := n.kids[0].pattern()
		if err != nil {
			return Value{}, err
		}
		inner, err := parseTypeString(patternType(p))
		if err != nil {
			return Value{}, n.kids[0].fail("unable to infer type")
		}
		v, err := n.kids[0].as(inner)
		if err != nil {
			return Value{}, err
		}
		return Variant(v), nil
	case n.kind == '(' && t.kind == '(' && len(n.kids) == len(t.members),
		n.kind == 'a' && t.kind == 'a', n.kind == '{' && t.kind == 'a' && t.elem.kind == '{', n.kind == ':' && t.kind == '{':
		return n.container(t)
	}
	return Value{}, n.fail("can not parse as value of type '%s'", t.str)
}

func (n *textNode) container(t *typ) (Value, error) {
	vs := make([]Value, len(n.kids))
	for i, k := range n.kids {
		var member *typ
		switch n.kind {
		case 'a':
			member = t.elem
		case '{':
			member = t.elem.members[i%2]
		default:
			member = t.members[i]
		}
		var err error
		if vs[i], err = k.as(member); err != nil {
			return Value{}, err
		}
	}
	switch n.kind {
	case '(':
		return Tuple(vs...), nil
	case ':':
		return DictEntry(vs[0], vs[1]), nil
	case '{':
		var entries []Value
		for i := 0; i < len(vs); i += 2 {
			entries = append(entries, DictEntry(vs[i], vs[i+1]))
		}
		vs = entries
	}
	return Array(t.elem.str, vs...), nil
}

// maybe wraps what the text has into as many maybes as the type wants.
func (n *textNode) maybe(t *typ) (Value, error) {
	switch {
	case t.kind != 'm':
		return Value{}, n.fail("can not parse as value of type '%s'", t.str)
	case n.kind == 'm' && len(n.kids) == 0:
		return Nothing(t.elem.str), nil
	case n.kind == 'm':
		n = n.kids[0]
	}
	v, err := n.as(t.elem)
	if err != nil {
		return v, err
	}
	return Just(v), nil
}

func (n *textNode) number(t *typ) (Value, error) {
	if t.kind == 'd' {
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil && !math.IsInf(f, 0) {
			return Value{}, n.badDigit(strings.IndexFunc(n.text, func(r rune) bool { return !strings.ContainsRune("+-.0123456789eE", r) }))
		}
		return Double(f), nil
	}
	digits := strings.TrimPrefix(n.text, "-")
	negative := digits != n.text
	end, base := len(digits), 10
	switch digits = strings.TrimPrefix(digits, "+"); {
	case len(digits) > 2 && strings.EqualFold(digits[:2], "0x"):
		digits, base = digits[2:], 16
	case len(digits) > 1 && digits[0] == '0':
		digits, base = digits[1:], 8
	}
	for i := range len(digits) {
		if _, err := strconv.ParseUint(digits[i:i+1], base, 8); err != nil {
			return Value{}, n.badDigit(len(n.text) - len(digits) + i)
		}
	}
	if end == 0 || digits == "" {
		return Value{}, n.badDigit(len(n.text) - 1)
	}
	x, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return Value{}, n.fail("integer too big for any type")
	}
	bits := map[byte]int{'y': 8, 'n': 16, 'q': 16, 'i': 32, 'u': 32, 'h': 32, 'x': 64, 't': 64}[t.kind]
	most := uint64(math.MaxUint64) >> (64 - bits)
	if strings.IndexByte("nihx", t.kind) >= 0 {
		if most /= 2; negative {
			most++
		}
	} else if negative {
		most = 0
	}
	if x > most {
		return Value{}, n.fail("number out of range for type '%s'", t.str)
	}
	if negative {
		x = -x
	}
	return Value{t, binary.LittleEndian.AppendUint64(nil, x)[:bits/8]}, nil
}

func (n *textNode) badDigit(at int) error {
	at = n.from + max(at, 0)
	return &TextError{From: at, To: at + 1, Reason: "invalid character in number"}
}

func (n *textNode) str(t *typ) (Value, error) {
	v := Value{t, append([]byte(n.text), 0)}
	if err := v.Check(); err != nil || !utf8.ValidString(n.text) {
		return Value{}, n.fail("not a valid %s", map[byte]string{'o': "object path", 'g': "signature", 's': "string"}[t.kind])
	}
	return v, nil
}
