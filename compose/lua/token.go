package lua

import (
	"fmt"
	"strings"
)

// kind is the kind of a token: a name, a literal, or the token's own text for
// keywords and symbols.
type kind string

const (
	kindName   kind = "<name>"
	kindString kind = "<string>"
	kindNumber kind = "<number>"
	kindEOF    kind = "<eof>"
)

// token is one token of the source, src[start:end].
type token struct {
	kind       kind
	start, end int
	line       int
	// text replaces the token in the rewritten source when set.
	text string
}

// syntaxError is what is wrong at a line of a chunk.
type syntaxError struct {
	chunk   string
	line    int
	message string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("%s:%d: %s", e.chunk, e.line, e.message)
}

var keywords = map[string]bool{
	"and": true, "break": true, "do": true, "else": true, "elseif": true, "end": true,
	"false": true, "for": true, "function": true, "goto": true, "if": true, "in": true,
	"local": true, "nil": true, "not": true, "or": true, "repeat": true, "return": true,
	"then": true, "true": true, "until": true, "while": true,
}

// symbols of three, two and one bytes; the longest that fits is taken.
var symbols = [3]string{
	"+-*/%^#&~|<>=(){}[];:,.",
	"// :: << >> == ~= <= >= ..",
	"...",
}

// scanner cuts a source into tokens.
type scanner struct {
	src   string
	chunk string
	pos   int
	line  int
}

func (s *scanner) fail(line int, format string, args ...any) error {
	return &syntaxError{chunk: s.chunk, line: line, message: fmt.Sprintf(format, args...)}
}

// scan gives all tokens, kindEOF last.
func (s *scanner) scan() ([]token, error) {
	s.line = 1
	var tokens []token
	for {
		if err := s.skipSpace(); err != nil {
			return nil, err
		}
		tok, err := s.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, tok)
		if tok.kind == kindEOF {
			return tokens, nil
		}
	}
}

func (s *scanner) peek(n int) byte {
	if s.pos+n < len(s.src) {
		return s.src[s.pos+n]
	}
	return 0
}

// newline steps over one line end of one or two bytes.
func (s *scanner) newline() {
	c := s.src[s.pos]
	s.pos++
	if n := s.peek(0); (n == '\n' || n == '\r') && n != c {
		s.pos++
	}
	s.line++
}

func isSpace(c byte) bool  { return c == ' ' || c >= '\t' && c <= '\r' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isHex(c byte) bool    { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// skipSpace steps over white space and comments.
func (s *scanner) skipSpace() error {
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; {
		case c == '\n' || c == '\r':
			s.newline()
		case isSpace(c):
			s.pos++
		case c == '-' && s.peek(1) == '-':
			s.pos += 2
			if level, ok := s.longOpen(); ok {
				if err := s.longBody(level, "comment"); err != nil {
					return err
				}
				continue
			}
			if i := strings.IndexAny(s.src[s.pos:], "\r\n"); i >= 0 {
				s.pos += i
			} else {
				s.pos = len(s.src)
			}
		default:
			return nil
		}
	}
	return nil
}

// longOpen tells whether a long bracket opens here, and its level.
func (s *scanner) longOpen() (level int, ok bool) {
	if s.peek(0) != '[' {
		return 0, false
	}
	for s.peek(1+level) == '=' {
		level++
	}
	return level, s.peek(1+level) == '['
}

// longBody steps over a long bracket that opens here.
func (s *scanner) longBody(level int, what string) error {
	line := s.line
	closing := "]" + strings.Repeat("=", level) + "]"
	s.pos += level + 2
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; {
		case c == '\n' || c == '\r':
			s.newline()
		case c == ']' && strings.HasPrefix(s.src[s.pos:], closing):
			s.pos += len(closing)
			return nil
		default:
			s.pos++
		}
	}
	return s.fail(s.line, "unfinished long %s (starting at line %d) near '<eof>'", what, line)
}

func (s *scanner) next() (token, error) {
	tok := token{kind: kindEOF, start: s.pos, end: s.pos, line: s.line}
	if s.pos >= len(s.src) {
		return tok, nil
	}
	var err error
	switch c := s.src[s.pos]; {
	case isLetter(c):
		for isLetter(s.peek(0)) || isDigit(s.peek(0)) {
			s.pos++
		}
		tok.kind = kindName
		if word := s.src[tok.start:s.pos]; keywords[word] {
			tok.kind = kind(word)
		}
	case isDigit(c) || c == '.' && isDigit(s.peek(1)):
		tok.kind = kindNumber
		tok.text, err = s.number()
	case c == '"' || c == '\'':
		tok.kind = kindString
		tok.text, err = s.quoted(c)
	case c == '[':
		if level, ok := s.longOpen(); ok {
			tok.kind = kindString
			if err = s.longBody(level, "string"); err != nil {
				break
			}
			tok.text = portableLong(s.src[tok.start:s.pos], level)
			break
		}
		if s.peek(1) == '=' {
			return tok, s.fail(s.line, "invalid long string delimiter near '['")
		}
		tok.kind = s.symbol()
	default:
		if tok.kind = s.symbol(); tok.kind == "" {
			return tok, s.fail(s.line, "unexpected symbol near '%s'", printable(c))
		}
	}
	tok.end = s.pos
	return tok, err
}

func (s *scanner) symbol() kind {
	rest := s.src[s.pos:]
	for n := 3; n >= 1; n-- {
		if len(rest) < n {
			continue
		}
		sym := rest[:n]
		if n == 1 && strings.Contains(symbols[0], sym) ||
			n == 2 && strings.Contains(" "+symbols[1]+" ", " "+sym+" ") ||
			n == 3 && sym == symbols[2] {
			s.pos += n
			return kind(sym)
		}
	}
	return ""
}

func printable(c byte) string {
	if c >= ' ' && c < 0x7f {
		return string(rune(c))
	}
	return fmt.Sprintf("<\\%d>", c)
}

// portableLong gives another spelling of a long string of which the
// interpreter underneath would lose a part: "" when it reads it right.
func portableLong(raw string, level int) string {
	body := raw[level+2 : len(raw)-level-2]
	if !strings.ContainsAny(body, "]\r") {
		return ""
	}
	body = strings.NewReplacer("\r\n", "\n", "\n\r", "\n", "\r", "\n").Replace(body)
	lines := strings.Count(body, "\n")
	body = strings.TrimPrefix(body, "\n")
	return quote(body) + strings.Repeat("\n", lines)
}

// quote gives a short string literal on one line.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		writeByte(&b, s[i])
	}
	b.WriteByte('"')
	return b.String()
}

// writeByte writes one byte of a short string literal.
func writeByte(b *strings.Builder, c byte) {
	if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
		fmt.Fprintf(b, "\\%03d", c)
		return
	}
	b.WriteByte(c)
}
