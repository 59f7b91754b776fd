package rpmrepo

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"
)

// place is where characters stand: each has its own rules.
type place uint8

const (
	inText place = iota
	inAttribute
	inCDATA
	inMarkup // comments and instructions
)

// declaration reads what starts with <!: a comment, or CDATA.
func (s *xmlScanner) declaration(b []byte) (xmlKind, error) {
	const comment, cdata = "<!--", "<![CDATA["
	switch {
	case bytes.HasPrefix(b, []byte(comment)):
		n := bytes.Index(b[4:], []byte("--"))
		if n < 0 || 4+n+2 >= len(b) {
			return 0, errMore
		}
		if b[4+n+2] != '>' {
			return 0, s.errorf("-- inside of a comment")
		}
		if _, err := s.decode(b[4:4+n], inMarkup); err != nil {
			return 0, err
		}
		s.pos += 4 + n + 3
		return 0, nil
	case bytes.HasPrefix(b, []byte(cdata)):
		n := bytes.Index(b, []byte("]]>"))
		switch {
		case len(s.opens) == 0:
			return 0, s.errorf("text outside of the document's element")
		case n < 0:
			return 0, errMore
		}
		chars, err := s.decode(b[len(cdata):n], inCDATA)
		if err != nil {
			return 0, err
		}
		s.chars = chars
		s.pos += n + 3
		return xmlText, nil
	case strings.HasPrefix(comment, string(b[:min(len(b), len(comment))])),
		strings.HasPrefix(cdata, string(b[:min(len(b), len(cdata))])):
		return 0, errMore
	}
	return 0, s.errorf("a document type or other declaration, which repository metadata never has")
}

// instruction skips <?target …?>; the XML declaration must name UTF-8.
func (s *xmlScanner) instruction(b []byte) error {
	n := bytes.Index(b[2:], []byte("?>")) + 2
	if n < 2 {
		return errMore
	}
	text := b[2:n]
	i := 0
	for i < len(text) && xmlClass[text[i]] >= 'n' {
		i++
	}
	if i == 0 || xmlClass[text[0]] != 's' || i < len(text) && !isSpace(text[i]) {
		return s.errorf("an instruction without a name")
	}
	if _, err := s.decode(text, inMarkup); err != nil {
		return err
	}
	if strings.EqualFold(string(text[:i]), "xml") {
		if s.begun || s.off+int64(s.pos) > 3 || string(text[:i]) != "xml" {
			return s.errorf("an XML declaration that is not at the start")
		}
		if v := pseudoAttr(text[i:], "version"); v != "1.0" {
			return s.errorf("XML version %.20q is not supported", v)
		}
		if e := pseudoAttr(text[i:], "encoding"); e != "" && !strings.EqualFold(e, "utf-8") {
			return s.errorf("encoding %.20q is not supported: repository metadata is UTF-8", e)
		}
	}
	s.pos += n + 2
	return nil
}

// pseudoAttr returns the value of name="value" in an XML declaration.
func pseudoAttr(text []byte, name string) string {
	_, rest, ok := strings.Cut(string(text), name)
	rest = strings.TrimLeft(rest, " \t\r\n")
	if !ok || rest == "" || rest[0] != '=' {
		return ""
	}
	rest = strings.TrimLeft(rest[1:], " \t\r\n")
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return ""
	}
	value, _, _ := strings.Cut(rest[1:], rest[:1])
	return value
}

// decode checks characters and replaces references and line ends. What needs
// no change, nearly everything, is returned as it is.
func (s *xmlScanner) decode(b []byte, where place) ([]byte, error) {
	if where == inText && bytes.Contains(b, []byte("]]>")) {
		return nil, s.errorf("]]> outside of CDATA")
	}
	i := plainPrefix(b)
	if i == len(b) {
		return b, nil
	}
	start := len(s.scratch)
	changed := false
	copied := 0
	for i < len(b) {
		c := b[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && size == 1 {
				return nil, s.errorf("not UTF-8")
			}
			if r == 0xfffe || r == 0xffff {
				return nil, s.errorf("character U+%04X is not allowed", r)
			}
			i += size
		case c == '<' && where == inAttribute:
			return nil, s.errorf("< in the value of an attribute")
		case c == '&' && (where == inText || where == inAttribute):
			r, size, err := s.reference(b[i:])
			if err != nil {
				return nil, err
			}
			s.scratch = append(s.scratch, b[copied:i]...)
			s.scratch = utf8.AppendRune(s.scratch, r)
			i += size
			copied, changed = i, true
		case c == '\r':
			s.scratch = append(s.scratch, b[copied:i]...)
			s.scratch = append(s.scratch, '\n')
			if i++; i < len(b) && b[i] == '\n' {
				i++
			}
			copied, changed = i, true
		case c < ' ' && c != '\t' && c != '\n':
			return nil, s.errorf("control character %#02x", c)
		default:
			i++
			i += plainPrefix(b[i:])
		}
	}
	if !changed {
		return b, nil
	}
	s.scratch = append(s.scratch, b[copied:]...)
	return s.scratch[start:len(s.scratch):len(s.scratch)], nil
}

// reference reads &name; or &#number; at the start of b.
func (s *xmlScanner) reference(b []byte) (r rune, size int, err error) {
	n := bytes.IndexByte(b[:min(len(b), 16)], ';')
	if n < 0 {
		return 0, 0, s.errorf("a & that starts no reference")
	}
	name := b[1:n]
	switch string(name) {
	case "lt":
		r = '<'
	case "gt":
		r = '>'
	case "amp":
		r = '&'
	case "apos":
		r = '\''
	case "quot":
		r = '"'
	default:
		digits, base := strings.TrimPrefix(string(name), "#"), 10
		if strings.HasPrefix(digits, "x") {
			digits, base = digits[1:], 16
		}
		code, err := strconv.ParseUint(digits, base, 32)
		if err != nil || len(name) == 0 || name[0] != '#' || !validChar(rune(code)) || code > utf8.MaxRune {
			return 0, 0, s.errorf("&%s; is not a reference that XML knows", name)
		}
		r = rune(code)
	}
	return r, n + 1, nil
}

// validChar tells the characters that XML 1.0 allows.
func validChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xd7ff ||
		r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= utf8.MaxRune
}

// Words for looking at eight bytes at a time.
const (
	wordOnes  = 0x0101010101010101
	wordHighs = 0x8080808080808080
)

// unplain marks the bytes of a word that are not certainly fine as they are:
// controls, &, < and what is not ASCII. The lowest mark is exact, those above
// it may be wrong.
func unplain(x uint64) uint64 {
	amp, lt := x^(wordOnes*'&'), x^(wordOnes*'<')
	return (x | (x - wordOnes*' ') | (amp-wordOnes)&^amp | (lt-wordOnes)&^lt) & wordHighs
}

// plainPrefix returns how many bytes at the start of b are certainly fine.
func plainPrefix(b []byte) int {
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		if m := unplain(binary.LittleEndian.Uint64(b[n:])); m != 0 {
			return n + bits.TrailingZeros64(m)/8
		}
	}
	for ; n < len(b); n++ {
		if c := b[n]; c < ' ' || c == '&' || c == '<' || c >= utf8.RuneSelf {
			return n
		}
	}
	return n
}

// plainUntil returns where quote stands at or after b[i], when all before it is
// plain; -1 when something else comes first, or the end.
func plainUntil(b []byte, i int, quote byte) int {
	pattern := wordOnes * uint64(quote)
	for ; len(b)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		q := x ^ pattern
		if m := unplain(x) | (q-wordOnes)&^q&wordHighs; m != 0 {
			i += bits.TrailingZeros64(m) / 8
			if b[i] == quote {
				return i
			}
			return -1
		}
	}
	return -1
}

// blankPrefix returns how many blanks and line ends b starts with.
func blankPrefix(b []byte) int {
	n := 0
	for len(b)-n >= 8 {
		x := binary.LittleEndian.Uint64(b[n:]) ^ wordOnes*' '
		if n += bits.TrailingZeros64(x) / 8; x != 0 {
			if !isSpace(b[n]) {
				return n
			}
			n++
		}
	}
	for n < len(b) && isSpace(b[n]) {
		n++
	}
	return n
}
