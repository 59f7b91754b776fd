package lua

import (
	"math"
	"strconv"
	"strings"
)

// quoted steps over a short string and gives it with decimal escapes alone.
// Line ends inside follow the closing quote, so that later lines keep their
// numbers.
func (s *scanner) quoted(quote byte) (string, error) {
	start := s.line
	s.pos++
	var b strings.Builder
	b.WriteByte('"')
	for {
		if s.pos >= len(s.src) {
			return "", s.fail(s.line, "unfinished string near '<eof>'")
		}
		switch c := s.src[s.pos]; c {
		case quote:
			s.pos++
			b.WriteByte('"')
			b.WriteString(strings.Repeat("\n", s.line-start))
			return b.String(), nil
		case '\n', '\r':
			return "", s.fail(s.line, "unfinished string")
		case '\\':
			s.pos++
			if err := s.escape(&b); err != nil {
				return "", err
			}
		default:
			writeByte(&b, c)
			s.pos++
		}
	}
}

var simpleEscapes = map[byte]byte{
	'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
	'\\': '\\', '"': '"', '\'': '\'',
}

// escape reads what follows a backslash.
func (s *scanner) escape(b *strings.Builder) error {
	if s.pos >= len(s.src) {
		return s.fail(s.line, "unfinished string near '<eof>'")
	}
	c := s.src[s.pos]
	if v, ok := simpleEscapes[c]; ok {
		s.pos++
		writeByte(b, v)
		return nil
	}
	switch {
	case c == '\n' || c == '\r':
		s.newline()
		writeByte(b, '\n')
	case c == 'z':
		s.pos++
		for s.pos < len(s.src) && isSpace(s.src[s.pos]) {
			if c := s.src[s.pos]; c == '\n' || c == '\r' {
				s.newline()
			} else {
				s.pos++
			}
		}
	case c == 'x':
		if !isHex(s.peek(1)) || !isHex(s.peek(2)) {
			return s.fail(s.line, "hexadecimal digit expected near '\\x'")
		}
		v, _ := strconv.ParseUint(s.src[s.pos+1:s.pos+3], 16, 8)
		writeByte(b, byte(v))
		s.pos += 3
	case c == 'u':
		return s.codePoint(b)
	case isDigit(c):
		v := 0
		for i := 0; i < 3 && isDigit(s.peek(0)); i++ {
			v = v*10 + int(s.peek(0)-'0')
			s.pos++
		}
		if v > 255 {
			return s.fail(s.line, "decimal escape too large near '\\%d'", v)
		}
		writeByte(b, byte(v))
	default:
		return s.fail(s.line, "invalid escape sequence '\\%s'", printable(c))
	}
	return nil
}

// codePoint reads {XXX} after \u.
func (s *scanner) codePoint(b *strings.Builder) error {
	rest := s.src[s.pos+1:]
	end := strings.IndexByte(rest, '}')
	if !strings.HasPrefix(rest, "{") || end < 2 || end > 64 {
		return s.fail(s.line, "missing '{' or '}' in \\u{XXX}")
	}
	v, err := strconv.ParseUint(rest[1:end], 16, 31)
	if err != nil || strings.Contains(rest[1:end], "_") {
		return s.fail(s.line, "UTF-8 value too large or not hexadecimal near '\\u%s'", rest[:end+1])
	}
	for _, c := range encodeUTF8(uint32(v)) {
		writeByte(b, c)
	}
	s.pos += 1 + end + 1
	return nil
}

// number steps over a number. Hexadecimal ones and leading zeros are spelled
// in decimal for the interpreter underneath.
func (s *scanner) number() (string, error) {
	start, exponent := s.pos, "eE"
	if s.peek(0) == '0' && s.peek(1)|0x20 == 'x' {
		exponent = "pP"
		s.pos += 2
	}
	for {
		c := s.peek(0)
		switch {
		case c != 0 && strings.IndexByte(exponent, c) >= 0:
			s.pos++
			if n := s.peek(0); n == '+' || n == '-' {
				s.pos++
			}
		case isHex(c) || c == '.' || isLetter(c):
			s.pos++
		default:
			raw := s.src[start:s.pos]
			v, ok := parseNumber(raw)
			if !ok {
				return "", s.fail(s.line, "malformed number near '%s'", raw)
			}
			return formatLiteral(v), nil
		}
	}
}

func formatLiteral(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "(1/0)"
	case v < 0:
		return "(" + strconv.FormatFloat(v, 'g', 17, 64) + ")"
	case v == math.Trunc(v) && v < 1<<53:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// parseNumber reads a number as Lua writes them, without sign and spaces.
func parseNumber(s string) (float64, bool) {
	if strings.ContainsAny(s, "_nNiI") {
		return 0, false
	}
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		return parseHex(s[2:])
	}
	for i := range len(s) {
		if !isDigit(s[i]) && strings.IndexByte("+-.eE", s[i]) < 0 {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil || math.IsInf(v, 0)
}

// parseHex reads hexadecimal digits: an integer wraps around at 64 bits.
func parseHex(s string) (float64, bool) {
	if strings.ContainsAny(s, ".pP") {
		if !strings.ContainsAny(s, "pP") {
			s += "p0"
		}
		v, err := strconv.ParseFloat("0x"+s, 64)
		return v, err == nil || math.IsInf(v, 0)
	}
	var v uint64
	for i := range len(s) {
		d, err := strconv.ParseUint(s[i:i+1], 16, 4)
		if err != nil {
			return 0, false
		}
		v = v<<4 | d
	}
	return float64(int64(v)), true
}

// encodeUTF8 writes a code point of up to 31 bits in up to six bytes.
func encodeUTF8(v uint32) []byte {
	if v < 0x80 {
		return []byte{byte(v)}
	}
	var tail []byte
	first := uint32(0x3f)
	for v > first {
		tail = append([]byte{byte(0x80 | v&0x3f)}, tail...)
		v >>= 6
		first >>= 1
	}
	return append([]byte{byte(^first<<1 | v)}, tail...)
}
