package rpm

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// EVR is epoch, version and release: what orders the builds of one package.
// A missing epoch is zero; a missing release is empty.
type EVR struct {
	Epoch   uint32
	Version string
	Release string
}

// ParseEVR splits [epoch:]version[-release]. Every string is some EVR: what is
// not a number before a colon belongs to the version, as rpm reads it. An epoch
// too large for its 32 bits becomes the largest one.
func ParseEVR(s string) EVR {
	var e EVR
	if i := epochEnd(s); i >= 0 {
		e.Epoch = parseEpoch(s[:i])
		s = s[i+1:]
	}
	e.Version = s
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		e.Version, e.Release = s[:i], s[i+1:]
	}
	return e
}

// epochEnd returns the index of the colon that ends a leading epoch, or -1.
func epochEnd(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] == ':' && i > 0 {
			return i
		}
		if !isDigit(s[i]) {
			break
		}
	}
	return -1
}

func parseEpoch(s string) uint32 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return math.MaxUint32
	}
	return uint32(n)
}

// String is the form that ParseEVR reads; a zero epoch is left out.
func (e EVR) String() string {
	s := e.Version
	if e.Epoch != 0 {
		s = strconv.FormatUint(uint64(e.Epoch), 10) + ":" + s
	}
	if e.Release != "" {
		s += "-" + e.Release
	}
	return s
}

// Compare is negative when e is older than o, positive when it is newer. An EVR
// without a release is older than the same version with one.
func (e EVR) Compare(o EVR) int {
	if c := cmp.Compare(e.Epoch, o.Epoch); c != 0 {
		return c
	}
	if c := Vercmp(e.Version, o.Version); c != 0 {
		return c
	}
	return Vercmp(e.Release, o.Release)
}

// Vercmp orders two versions or two releases as rpm does and returns -1, 0 or
// 1. Strings are compared segment by segment: runs of digits as numbers, runs of
// ASCII letters as text, a number being newer than text; all other characters
// only separate. A tilde sorts before everything, the end of the string
// included: 1.0~rc1 < 1.0. A caret sorts after the end and before any other
// continuation: 1.0 < 1.0^git1 < 1.0.1.
func Vercmp(a, b string) int {
	if a == b {
		return 0
	}
	for len(a) > 0 || len(b) > 0 {
		a, b = skipSeparators(a), skipSeparators(b)
		if c, decided, special := compareMarks(a, b); decided {
			return c
		} else if special {
			a, b = a[1:], b[1:]
			continue
		}
		if a == "" || b == "" {
			break
		}
		class := isAlpha
		if isDigit(a[0]) {
			class = isDigit
		}
		sa, sb := span(a, class), span(b, class)
		if sb == 0 { // different kinds: the number is newer
			if isDigit(a[0]) {
				return 1
			}
			return -1
		}
		if c := compareSegments(a[:sa], b[:sb]); c != 0 {
			return c
		}
		a, b = a[sa:], b[sb:]
	}
	return cmp.Compare(min(len(a), 1), min(len(b), 1))
}

// compareMarks deals with a tilde or caret at the start of a or b. When both
// start with the same mark nothing is decided and the mark is to be skipped.
func compareMarks(a, b string) (c int, decided, skip bool) {
	ta, tb := startsWith(a, '~'), startsWith(b, '~')
	switch {
	case ta && tb:
		return 0, false, true
	case ta:
		return -1, true, false
	case tb:
		return 1, true, false
	}
	ca, cb := startsWith(a, '^'), startsWith(b, '^')
	switch {
	case ca && cb:
		return 0, false, true
	case ca && b == "", cb && a != "":
		return 1, true, false
	case ca, cb:
		return -1, true, false
	}
	return 0, false, false
}

func compareSegments(a, b string) int {
	if isDigit(a[0]) {
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		if c := cmp.Compare(len(a), len(b)); c != 0 {
			return c
		}
	}
	return strings.Compare(a, b)
}

func skipSeparators(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; isDigit(c) || isAlpha(c) || c == '~' || c == '^' {
			return s[i:]
		}
	}
	return ""
}

func span(s string, class func(byte) bool) int {
	n := 0
	for n < len(s) && class(s[n]) {
		n++
	}
	return n
}

func startsWith(s string, c byte) bool { return len(s) > 0 && s[0] == c }
func isDigit(c byte) bool              { return c >= '0' && c <= '9' }
func isAlpha(c byte) bool              { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
