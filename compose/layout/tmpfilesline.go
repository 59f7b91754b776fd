package layout

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"
)

// creators are the types of tmpfiles.d that make something where nothing is.
// Others change what is there, or take it away.
const creators = "fFdDvqQpLcbC"

// createdPath returns the path that a line of tmpfiles.d creates.
func createdPath(line string) (created string, ok bool) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return "", false
	}
	kind, rest, ok := word(line)
	if !ok || kind == "" || !strings.ContainsRune(creators, rune(kind[0])) {
		return "", false
	}
	name, _, ok := word(rest)
	if !ok || !strings.HasPrefix(name, "/") {
		return "", false
	}
	return path.Clean(strings.ReplaceAll(name, "%%", "%")), true
}

// word cuts the first word off a line: parts of it can be quoted, and a
// backslash escapes a character, as in C.
func word(line string) (text, rest string, ok bool) {
	line = strings.TrimLeft(line, " \t")
	var b strings.Builder
	var quote byte
	i := 0
	for ; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\':
			value, size := unescape(line[i:])
			if size == 0 {
				return "", "", false
			}
			b.WriteString(value)
			i += size - 1
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && (c == ' ' || c == '\t'):
			return b.String(), line[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", quote == 0
}

// unescape reads one escape sequence and returns its length, 0 for none that
// is known.
func unescape(text string) (value string, size int) {
	if len(text) < 2 {
		return "", 0
	}
	if i := strings.IndexByte(`abfnrtv\"'s`, text[1]); i >= 0 {
		return "\a\b\f\n\r\t\v\\\"' "[i : i+1], 2
	}
	digits, base, from := 3, 8, 1
	if text[1] == 'x' {
		digits, base, from = 2, 16, 2
	}
	if len(text) < from+digits {
		return "", 0
	}
	value = text[from : from+digits]
	code := 0
	for i := range len(value) {
		d := strings.IndexByte("0123456789abcdef", value[i]|0x20)
		if value[i] >= '0' && value[i] <= '9' {
			d = int(value[i] - '0')
		}
		if d < 0 || d >= base {
			return "", 0
		}
		code = code*base + d
	}
	if code == 0 || code > 255 {
		return "", 0
	}
	return string([]byte{byte(code)}), from + digits
}

// nameable tells whether a line of tmpfiles.d can give the name of an entry.
func nameable(name string) bool { return !strings.ContainsAny(name, "\n\r\x00") }

// quotePath returns a path as a word of a tmpfiles.d line: quoted when it holds
// more than letters, digits and a few signs; "%" is doubled, since it begins a
// specifier.
func quotePath(name string) string {
	plain := true
	for i := range len(name) {
		plain = plain && (alnum(name[i]) || strings.IndexByte("-._/=:", name[i]) >= 0)
	}
	if plain {
		return name
	}
	return "'" + strings.NewReplacer(`\`, `\\`, "%", "%%", "'", `'\''`).Replace(name) + "'"
}

// quoteTarget returns the target of a link as the last field of a line, which
// takes no quotes: what could be misread is written as an escape sequence.
func quoteTarget(target string) string {
	var b strings.Builder
	for i := 0; i < len(target); {
		r, size := utf8.DecodeRuneInString(target[i:])
		c := target[i]
		edge := i == 0 || i == len(target)-1
		switch {
		case c == '\\':
			b.WriteString(`\\`)
		case c == '%':
			b.WriteString("%%")
		case c < 0x20 || c == 0x7f || r == utf8.RuneError && size == 1 || c == ' ' && edge || target == "-":
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteString(target[i : i+size])
		}
		i += size
	}
	return b.String()
}

// unquoteTarget is the reverse of quoteTarget, for lines of others, too. A
// specifier is not known here.
func unquoteTarget(text string) (target string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			value, size := unescape(text[i:])
			if size == 0 {
				return "", false
			}
			b.WriteString(value)
			i += size - 1
		case strings.HasPrefix(text[i:], "%%"):
			b.WriteByte('%')
			i++
		case text[i] == '%':
			return "", false
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String(), b.Len() > 0 && text != "-"
}
