package lua

import (
	"errors"
	"strings"
)

// Patterns of Lua, matched by backtracking as section 6.4.1 of the manual
// describes them.

const (
	maxCaptures  = 32
	maxMatching  = 200
	openCapture  = -1
	placeCapture = -2
)

type capture struct{ start, length int }

// matcher matches one pattern against one subject.
type matcher struct {
	src, pat string
	captures []capture
	depth    int
}

// patternError is what a malformed pattern raises.
type patternError struct{ error }

func (m *matcher) fail(msg string) { panic(patternError{errors.New(msg)}) }

// matchAt tries the pattern from p on at s; the result is the end, or -1.
func (m *matcher) matchAt(s, p int) int {
	if m.depth++; m.depth > maxMatching {
		m.fail("pattern too complex")
	}
	defer func() { m.depth-- }()
	for p < len(m.pat) {
		switch c := m.pat[p]; {
		case c == '(':
			return m.open(s, p)
		case c == ')':
			return m.close(s, p)
		case c == '$' && p+1 == len(m.pat):
			if s == len(m.src) {
				return s
			}
			return -1
		case c == '%' && p+1 < len(m.pat) && (m.pat[p+1] == 'b' || m.pat[p+1] == 'f' || isDigit(m.pat[p+1])):
			if s, p = m.special(s, p); s < 0 {
				return -1
			}
			continue
		}
		end := m.classEnd(p)
		suffix := byte(0)
		if end < len(m.pat) {
			suffix = m.pat[end]
		}
		switch suffix {
		case '?':
			if m.single(s, p, end) {
				if r := m.matchAt(s+1, end+1); r >= 0 {
					return r
				}
			}
			p = end + 1
		case '*', '+', '-':
			return m.repeat(s, p, end, suffix)
		default:
			if !m.single(s, p, end) {
				return -1
			}
			s, p = s+1, end
		}
	}
	return s
}

func (m *matcher) open(s, p int) int {
	length, next := openCapture, p+1
	if next < len(m.pat) && m.pat[next] == ')' {
		length, next = placeCapture, next+1
	}
	if len(m.captures) >= maxCaptures {
		m.fail("too many captures")
	}
	m.captures = append(m.captures, capture{s, length})
	n := len(m.captures)
	r := m.matchAt(s, next)
	if r < 0 {
		m.captures = m.captures[:n-1]
	}
	return r
}

func (m *matcher) close(s, p int) int {
	for i := len(m.captures) - 1; i >= 0; i-- {
		if m.captures[i].length == openCapture {
			m.captures[i].length = s - m.captures[i].start
			r := m.matchAt(s, p+1)
			if r < 0 {
				m.captures[i].length = openCapture
			}
			return r
		}
	}
	m.fail("invalid pattern capture")
	return -1
}

// special matches %b, %f and %1; the results are the places to go on from.
func (m *matcher) special(s, p int) (int, int) {
	switch c := m.pat[p+1]; c {
	case 'b':
		if p+3 >= len(m.pat) {
			m.fail("missing arguments to '%b'")
		}
		return m.balance(s, m.pat[p+2], m.pat[p+3]), p + 4
	case 'f':
		p += 2
		if p >= len(m.pat) || m.pat[p] != '[' {
			m.fail("missing '[' after '%f' in pattern")
		}
		end := m.classEnd(p)
		before, at := byte(0), byte(0)
		if s > 0 {
			before = m.src[s-1]
		}
		if s < len(m.src) {
			at = m.src[s]
		}
		if !m.inSet(before, p, end-1) && m.inSet(at, p, end-1) {
			return s, end
		}
		return -1, end
	default:
		i := int(c - '1')
		if i < 0 || i >= len(m.captures) || m.captures[i].length == openCapture {
			m.fail("invalid capture index %" + string(rune(c)))
		}
		var text string
		if got := m.captures[i]; got.length >= 0 {
			text = m.src[got.start : got.start+got.length]
		}
		if strings.HasPrefix(m.src[s:], text) {
			return s + len(text), p + 2
		}
		return -1, p
	}
}

func (m *matcher) balance(s int, open, closing byte) int {
	if s >= len(m.src) || m.src[s] != open {
		return -1
	}
	level := 1
	for i := s + 1; i < len(m.src); i++ {
		switch m.src[i] {
		case closing:
			if level--; level == 0 {
				return i + 1
			}
		case open:
			level++
		}
	}
	return -1
}

// classEnd gives the end of the single character class at p.
func (m *matcher) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pat) {
			m.fail("malformed pattern (ends with '%')")
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.pat) || m.pat[p] != ']'; first = false {
			if p >= len(m.pat) {
				m.fail("malformed pattern (missing ']')")
			}
			if m.pat[p] == '%' {
				p++
			}
			p++
		}
		return p + 1
	}
	return p
}

func (m *matcher) single(s, p, end int) bool {
	if s >= len(m.src) {
		return false
	}
	switch c := m.src[s]; m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	default:
		return m.pat[p] == c
	}
}

// inSet tells whether c is in the set between the brackets at p and end.
func (m *matcher) inSet(c byte, p, end int) bool {
	want := true
	p++
	if p < end && m.pat[p] == '^' {
		want = false
		p++
	}
	for ; p < end; p++ {
		switch {
		case m.pat[p] == '%':
			p++
			if inClass(c, m.pat[p]) {
				return want
			}
		case p+2 < end && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return want
			}
			p += 2
		case m.pat[p] == c:
			return want
		}
	}
	return !want
}

func inClass(c, class byte) bool {
	alpha := c|0x20 >= 'a' && c|0x20 <= 'z'
	var in bool
	switch class | 0x20 {
	case 'a':
		in = alpha
	case 'c':
		in = c < ' ' || c == 0x7f
	case 'd':
		in = isDigit(c)
	case 'g':
		in = c > ' ' && c < 0x7f
	case 'l':
		in = c >= 'a' && c <= 'z'
	case 'p':
		in = c > ' ' && c < 0x7f && !alpha && !isDigit(c)
	case 's':
		in = isSpace(c)
	case 'u':
		in = c >= 'A' && c <= 'Z'
	case 'w':
		in = alpha || isDigit(c)
	case 'x':
		in = isHex(c)
	default:
		return class == c
	}
	if class >= 'A' && class <= 'Z' {
		return !in
	}
	return in
}

// repeat matches a class with one of the suffixes *, + and -.
func (m *matcher) repeat(s, p, end int, suffix byte) int {
	if suffix == '-' {
		for {
			if r := m.matchAt(s, end+1); r >= 0 {
				return r
			}
			if !m.single(s, p, end) {
				return -1
			}
			s++
		}
	}
	least := 0
	if suffix == '+' {
		least = 1
	}
	n := 0
	for m.single(s+n, p, end) {
		n++
	}
	for ; n >= least; n-- {
		if r := m.matchAt(s+n, end+1); r >= 0 {
			return r
		}
	}
	return -1
}
