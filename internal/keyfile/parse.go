package keyfile

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// SyntaxError tells which line cannot be read.
type SyntaxError struct {
	Line   int
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Parse reads a file in GLib's syntax. Its error is a *SyntaxError.
func Parse(data []byte) (*File, error) { return parse(data, glib) }

// ParseINI reads a file as dnf reads .repo files. Its error is a *SyntaxError.
func ParseINI(data []byte) (*File, error) { return parse(data, ini) }

func parse(data []byte, s syntax) (*File, error) {
	f := &File{syntax: s}
	text := strings.TrimPrefix(string(data), "\ufeff")
	if text == "" {
		return f, nil
	}
	group, opened := "", false
	for i, raw := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		l := line{group: group, raw: strings.TrimSuffix(raw, "\r"), number: i + 1}
		if !utf8.ValidString(raw) || strings.IndexByte(raw, 0) >= 0 {
			return nil, &SyntaxError{l.number, "the text is not UTF-8, or holds a NUL"}
		}
		continued, err := f.classify(&l)
		switch {
		case err != nil:
			return nil, err
		case continued:
			continue
		case l.kind == header:
			group, opened = l.group, true
		case l.kind == entry && !opened:
			return nil, &SyntaxError{l.number, fmt.Sprintf("%q stands before the first [group]", l.key)}
		}
		f.lines = append(f.lines, l)
	}
	return f, nil
}

// classify finds out what l is. It has appended a continuation to the line before.
func (f *File) classify(l *line) (continued bool, err error) {
	text := strings.TrimSpace(l.raw)
	switch {
	case text == "", text[0] == '#', text[0] == ';' && f.syntax == ini:
		return false, nil
	case f.syntax == ini && (l.raw[0] == ' ' || l.raw[0] == '\t'):
		return true, f.extend(text, l)
	case text[0] == '[':
		return false, parseHeader(l, text)
	}
	separators := "="
	if f.syntax == ini {
		separators = "=:"
	}
	at := strings.IndexAny(text, separators)
	if at <= 0 {
		return false, &SyntaxError{l.number, fmt.Sprintf("%.60q is no [group], key=value or comment", text)}
	}
	l.kind, l.key = entry, strings.TrimSpace(text[:at])
	l.value = strings.TrimLeft(strings.TrimLeft(l.raw, " \t\v\f\r")[at+1:], " \t\v\f\r")
	if f.syntax == ini {
		l.value = strings.TrimSpace(l.value)
	}
	return false, nil
}

func parseHeader(l *line, text string) error {
	name, ok := strings.CutSuffix(text[1:], "]")
	control := strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
	if !ok || name == "" || control || strings.ContainsAny(name, "[]") {
		return &SyntaxError{l.number, fmt.Sprintf("%.60q is no group header", text)}
	}
	l.kind, l.group = header, name
	return nil
}

// extend appends text to the value of the entry that stands right above.
func (f *File) extend(text string, l *line) error {
	for i := len(f.lines) - 1; i >= 0; i-- {
		prev := &f.lines[i]
		switch {
		case prev.kind == entry:
			prev.value += "\n" + text
			prev.raw += "\n" + l.raw
			return nil
		case prev.kind == other && strings.TrimSpace(prev.raw) != "": // a comment between
			continue
		}
		break
	}
	return &SyntaxError{l.number, "the line starts with a blank and continues nothing"}
}

// unescape resolves GLib's escapes; what is no escape stays.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if at := strings.IndexByte(`sntr\`, s[i+1]); at >= 0 {
				b.WriteByte(" \n\t\r\\"[at])
				i++
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// escape writes s as GLib does: leading blanks too, so that they are kept.
func escape(s string) string {
	var b strings.Builder
	leading := true
	for i := range len(s) {
		c := s[i]
		at := strings.IndexByte("\n\r\\", c)
		switch {
		case at >= 0:
			b.WriteString([]string{`\n`, `\r`, `\\`}[at])
		case c == ' ' && leading:
			b.WriteString(`\s`)
		case c == '\t' && leading:
			b.WriteString(`\t`)
		default:
			b.WriteByte(c)
		}
		leading = leading && (c == ' ' || c == '\t')
	}
	return b.String()
}

// splitList splits at ";" that is not escaped. The last element may lack one.
func splitList(s string) []string {
	var out []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == ';':
			b.WriteByte(';')
			i++
		case s[i] == '\\' && i+1 < len(s):
			b.WriteString(s[i : i+2])
			i++
		case s[i] == ';':
			out = append(out, unescape(b.String()))
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
	}
	if b.Len() > 0 {
		out = append(out, unescape(b.String()))
	}
	return out
}
