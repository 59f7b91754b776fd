package gvariant

import (
	"strconv"
	"strings"
)

// textParser cuts a text into words and builds the tree of its parts.
type textParser struct {
	text string
	pos  int
}

const textSpace = " \t\n\v\f\r"

// next returns the word at the position, "" at the end.
func (p *textParser) next() string {
	for p.pos < len(p.text) && strings.IndexByte(textSpace, p.text[p.pos]) >= 0 {
		p.pos++
	}
	rest := p.text[p.pos:]
	if rest == "" {
		return ""
	}
	switch c := rest[0]; {
	case strings.IndexByte("+-.0123456789", c) >= 0:
		return rest[:wordEnd(rest, "+-.")]
	case c == '\'' || c == '"':
		return rest[:quoteEnd(rest, 0)]
	case c == 'b' && len(rest) > 1 && (rest[1] == '\'' || rest[1] == '"'):
		return rest[:quoteEnd(rest, 1)]
	case c >= 'a' && c <= 'z':
		return rest[:wordEnd(rest, "")]
	case c == '@':
		return rest[:typeEnd(rest)]
	}
	return rest[:1]
}

// wordEnd is where letters, digits and the characters of more end.
func wordEnd(s, more string) int {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z' || strings.IndexByte(more, s[i]) >= 0) {
		i++
	}
	return i
}

// quoteEnd is behind the quote that closes the one at a position.
func quoteEnd(s string, at int) int {
	for i := at + 1; i < len(s); i++ {
		if s[i] == '\\' {
			i++
		} else if s[i] == s[at] {
			return i + 1
		}
	}
	return len(s)
}

// typeEnd is where a type ends: at a space, or what belongs to the text around.
func typeEnd(s string) int {
	depth := 0
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case strings.IndexByte(textSpace+",:>]", c) >= 0:
			return i
		case c == '(' || c == '{':
			depth++
		case c == ')' || c == '}':
			if depth--; depth < 0 {
				return i
			}
		}
	}
	return len(s)
}

// take passes over a word, if it is the next one.
func (p *textParser) take(word string) bool {
	if p.next() != word {
		return false
	}
	p.pos += len(word)
	return true
}

func (p *textParser) want(word, why string) error {
	if p.take(word) {
		return nil
	}
	return p.fail("expected '" + word + "'" + why)
}

func (p *textParser) fail(reason string) error {
	return &TextError{From: p.pos, Reason: reason}
}

// textTypes are the words that stand for "@" and a type.
var textTypes = map[string]*typ{
	"boolean": typBool, "byte": typByte, "int16": typInt16, "uint16": typUint16, "int32": typInt32, "uint32": typUint32, "handle": typHandle,
	"int64": typInt64, "uint64": typUint64, "double": typDouble, "string": typString, "objectpath": typPath, "signature": typSig,
}

func (p *textParser) value(depth int) (n *textNode, err error) {
	word := p.next()
	n = &textNode{from: p.pos, to: p.pos + len(word), text: word}
	if depth > maxDepth {
		return n, n.fail("variant nested too deeply")
	}
	if word == "" {
		return n, p.fail("expected value")
	}
	p.pos += len(word)
	switch c := word[0]; {
	case word == "[":
		err = p.array(n, depth)
	case word == "(":
		err = p.tuple(n, depth)
	case word == "{":
		err = p.dictionary(n, depth)
	case word == "<":
		n.kind = 'v'
		if err = p.kid(n, depth); err == nil {
			err = p.want(">", " to follow variant value")
		}
	case c == '@' || textTypes[word] != nil:
		n.kind = '@'
		if n.typ = textTypes[word]; n.typ == nil {
			if n.typ, err = parseTypeString(word[1:]); err != nil {
				return n, n.fail("invalid type declaration")
			}
		}
		err = p.kid(n, depth)
	case word == "just":
		n.kind = 'm'
		err = p.kid(n, depth)
	case word == "nothing":
		n.kind = 'm'
	case word == "true" || word == "false":
		n.kind = 'b'
	case word == "inf" || word == "nan":
		n.kind = 'd'
	case c == '\'' || c == '"' || strings.HasPrefix(word, "b'") || strings.HasPrefix(word, `b"`):
		err = n.unquote()
	case strings.IndexByte("+-.0123456789", c) >= 0:
		if n.kind = 'N'; strings.ContainsAny(word, ".") || !strings.HasPrefix(word, "0x") && strings.Contains(word, "e") ||
			strings.Contains(word, "inf") || strings.Contains(word, "nan") {
			n.kind = 'd'
		}
	case c >= 'a' && c <= 'z':
		return n, n.fail("unknown keyword")
	default:
		p.pos = n.from
		return n, p.fail("expected value")
	}
	n.to = p.pos
	return n, err
}

// kid reads a value that is a part of n.
func (p *textParser) kid(n *textNode, depth int) error {
	k, err := p.value(depth + 1)
	n.kids = append(n.kids, k)
	return err
}

func (p *textParser) array(n *textNode, depth int) error {
	n.kind = 'a'
	for first := true; !p.take("]"); first = false {
		if !first {
			if err := p.want(",", " or ']' to follow array element"); err != nil {
				return err
			}
		}
		if err := p.kid(n, depth); err != nil {
			return err
		}
	}
	return nil
}

func (p *textParser) tuple(n *textNode, depth int) error {
	n.kind = '('
	for comma := false; !p.take(")"); comma = true {
		if comma && len(n.kids) > 1 {
			if err := p.want(",", " or ')' to follow tuple element"); err != nil {
				return err
			}
		}
		if err := p.kid(n, depth); err != nil {
			return err
		}
		if len(n.kids) == 1 {
			if err := p.want(",", " after first tuple element"); err != nil {
				return err
			}
		}
	}
	return nil
}

// dictionary reads "{KEY: VALUE, …}", or one entry: "{KEY, VALUE}".
func (p *textParser) dictionary(n *textNode, depth int) error {
	n.kind = '{'
	for first := true; !p.take("}"); first = false {
		if !first {
			if err := p.want(",", " or '}' to follow dictionary entry"); err != nil {
				return err
			}
		}
		if err := p.kid(n, depth); err != nil {
			return err
		}
		if first && p.take(",") {
			n.kind = ':'
			if err := p.kid(n, depth); err != nil {
				return err
			}
			return p.want("}", " at end of dictionary entry")
		}
		why := " to follow dictionary entry key"
		if first {
			why = " or ',' to follow dictionary entry key"
		}
		if err := p.want(":", why); err != nil {
			return err
		}
		if err := p.kid(n, depth); err != nil {
			return err
		}
	}
	return nil
}

// unquote reads a string, or with a b before it bytes, to which a NUL belongs.
func (n *textNode) unquote() error {
	n.kind = 'S'
	word := n.text
	if word[0] == 'b' {
		n.kind, word = 'y', word[1:]
	}
	quote := word[0]
	var out []byte
	i := 1
	for i < len(word) && word[i] != quote {
		if word[i] != '\\' {
			out = append(out, word[i])
			i++
			continue
		}
		if i++; i == len(word) {
			break
		}
		added, used := unescape(word[i:], n.kind == 'y')
		if used == 0 {
			digits := map[byte]string{'u': "4", 'U': "8"}[word[i]]
			return &TextError{From: n.from + len(n.text) - len(word) + i + 1, Reason: "invalid " + digits + "-character unicode escape"}
		}
		out = append(out, added...)
		i += used
	}
	if i >= len(word) {
		return n.fail("unterminated string constant")
	}
	if n.text = string(out); n.kind == 'y' {
		n.text += "\x00"
	}
	return nil
}

// unescape reads what stands behind a backslash. Zero used means that it is none.
func unescape(s string, bytes bool) (out string, used int) {
	c := s[0]
	if i := strings.IndexByte("abfnrtv", c); i >= 0 {
		return "\a\b\f\n\r\t\v"[i : i+1], 1
	}
	switch {
	case c == '\n':
		return "", 1
	case bytes && c >= '0' && c <= '7':
		x := 0
		for used < 3 && used < len(s) && s[used] >= '0' && s[used] <= '7' {
			x = x*8 + int(s[used]-'0')
			used++
		}
		return string([]byte{byte(x)}), used
	case !bytes && (c == 'u' || c == 'U'):
		digits := map[byte]int{'u': 4, 'U': 8}[c]
		if len(s) < 1+digits {
			return "", 0
		}
		x, err := strconv.ParseUint(s[1:1+digits], 16, 32)
		if err != nil || x == 0 || x > 0x10ffff || x >= 0xd800 && x < 0xe000 {
			return "", 0
		}
		return string(rune(x)), 1 + digits
	}
	return s[:1], 1
}
