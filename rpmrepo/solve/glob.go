package solve

import "strings"

// isGlob reports whether a pattern has wildcards.
func isGlob(s string) bool { return strings.ContainsAny(s, "*?[") }

// globMatch reports whether s matches a shell pattern; * and ? match any
// character, a slash too. It takes time in the product of the lengths at most.
func globMatch(pattern, s string) bool {
	p, i := 0, 0
	starP, starI := -1, 0
	for i < len(s) || p < len(pattern) {
		if p < len(pattern) && pattern[p] == '*' {
			starP, starI = p, i
			p++
			continue
		}
		if i < len(s) && p < len(pattern) {
			if n, ok := matchOne(pattern[p:], s[i]); ok {
				p += n
				i++
				continue
			}
		}
		if starP < 0 || starI >= len(s) {
			return false
		}
		starI++
		p, i = starP+1, starI
	}
	return true
}

// matchOne matches the first element of a pattern against one byte and returns
// the element's length.
func matchOne(pattern string, c byte) (n int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == c
		}
	case '[':
		if n, ok, set := matchSet(pattern, c); set {
			return n, ok
		}
	}
	return 1, pattern[0] == c
}

// matchSet matches [...] against one byte. set is false when the bracket is
// never closed, and stands for itself.
func matchSet(pattern string, c byte) (n int, ok, set bool) {
	i := 1
	negate := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negate {
		i++
	}
	for first := true; i < len(pattern); first = false {
		lo := pattern[i]
		if lo == ']' && !first {
			return i + 1, ok != negate, true
		}
		i++
		hi := lo
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			hi = pattern[i+1]
			i += 2
		}
		ok = ok || lo <= c && c <= hi
	}
	return 0, false, false
}
