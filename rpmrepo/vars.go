package rpmrepo

import (
	"fmt"
	"strings"
)

// Vars are the variables of .repo files: releasever, basearch, arch and the
// user's own, by name without the dollar.
type Vars map[string]string

// Substitute replaces $name, ${name}, ${name:-word} (word when name is unset
// or empty) and ${name:+word} (word when it is not). Other dollars stay. It
// returns the names that were used without being set; those stay, too.
func (v Vars) Substitute(s string) (result string, unset []string) {
	e := expander{vars: v}
	result = e.expand(s, 0)
	return result, e.unset
}

// maxVarDepth bounds words within words.
const maxVarDepth = 8

type expander struct {
	vars  Vars
	unset []string
}

func (e *expander) expand(s string, depth int) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 || i == len(s)-1 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		s = s[i:]
		value, used := e.variable(s, depth)
		if used == 0 {
			value, used = "$", 1
		}
		b.WriteString(value)
		s = s[used:]
	}
}

// variable replaces the variable at the start of s and returns how much of s
// it was; zero when there is none.
func (e *expander) variable(s string, depth int) (value string, used int) {
	if s[1] != '{' {
		n := nameLength(s[1:])
		if n == 0 {
			return "", 0
		}
		return e.lookup(s[1:1+n], s[:1+n]), 1 + n
	}
	n := nameLength(s[2:])
	end := closingBrace(s)
	if n == 0 || end < 0 || depth >= maxVarDepth {
		return "", 0
	}
	name, rest := s[2:2+n], s[2+n:end]
	switch {
	case rest == "":
		return e.lookup(name, s[:end+1]), end + 1
	case strings.HasPrefix(rest, ":-"):
		if value := e.vars[name]; value != "" {
			return value, end + 1
		}
		return e.expand(rest[2:], depth+1), end + 1
	case strings.HasPrefix(rest, ":+"):
		if e.vars[name] == "" {
			return "", end + 1
		}
		return e.expand(rest[2:], depth+1), end + 1
	}
	return "", 0
}

func (e *expander) lookup(name, original string) string {
	value, ok := e.vars[name]
	if !ok {
		e.unset = append(e.unset, name)
		return original
	}
	return value
}

// closingBrace returns where the brace that s[1] opens is closed; -1 nowhere.
func closingBrace(s string) int {
	depth := 0
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func nameLength(s string) int {
	n := 0
	for n < len(s) && isWord(s[n]) {
		n++
	}
	return n
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// unsetError says which variables an address lacks.
func unsetError(key string, names []string) error {
	return fmt.Errorf("%s uses $%s, which is not set: set it in the treefile (releasever or repovars)",
		key, strings.Join(names, ", $"))
}
