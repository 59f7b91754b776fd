package scriptlet

import "strings"

// macroEnd returns where the use of a macro ends that text starts with, its
// percent sign left out, or -1.
func macroEnd(text string) int {
	if text == "" {
		return -1
	}
	switch text[0] {
	case '{':
		return closing(text, '{', '}')
	case '(':
		return closing(text, '(', ')')
	case '[':
		return closing(text, '[', ']')
	}
	i := 0
	for i < len(text) && (text[i] == '!' || text[i] == '?') {
		i++
	}
	if i < len(text) && text[i] == '-' {
		i++
	}
	start := i
	for i < len(text) && isName(text[i]) {
		i++
	}
	if i == start { // %*, %** and %#
		switch {
		case strings.HasPrefix(text[i:], "**"):
			i += 2
		case i < len(text) && (text[i] == '*' || text[i] == '#'):
			i++
		}
	} else if i < len(text) && text[i] == '*' && start > 0 && text[start-1] == '-' {
		i++
	}
	return i
}

// closing returns the end of a text in brackets. A backslash hides one.
func closing(text string, left, right byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case left:
			depth++
		case right:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

func parseUse(text string, end int) (u use) {
	text = text[:end]
	braces := text != "" && text[0] == '{'
	if braces {
		text = text[1 : end-1]
	}
	for ; text != "" && (text[0] == '!' || text[0] == '?'); text = text[1:] {
		if text[0] == '!' {
			u.negate = !u.negate
		} else {
			u.exists = true
		}
	}
	if !braces {
		u.name = text
		return u
	}
	i := strings.IndexAny(text, " :}")
	if i < 0 {
		u.name = text
		return u
	}
	u.name = text[:i]
	if text[i] == ':' {
		u.arg, u.hasArg = text[i+1:], true
	} else {
		u.words = text[i:]
	}
	return u
}

func isName(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
