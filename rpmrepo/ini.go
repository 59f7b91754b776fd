package rpmrepo

import (
	"fmt"
	"strings"
)

// iniSection is a section of a .repo file as dnf reads it: what follows a line
// and is indented continues that line's value.
type iniSection struct {
	name    string
	line    int
	entries []iniEntry
}

type iniEntry struct {
	key, value string
	line       int
}

// parseINI reads a .repo file. A section or key that comes again adds to the
// first one, the later value wins, as with dnf.
func parseINI(data string) ([]iniSection, error) {
	p := iniParser{index: map[string]int{}}
	data = strings.TrimPrefix(data, "\ufeff")
	for i, line := range strings.Split(data, "\n") {
		p.line = i + 1
		if err := p.read(strings.TrimSuffix(line, "\r")); err != nil {
			return nil, &lineError{line: p.line, err: err}
		}
	}
	return p.sections, nil
}

// lineError is an error with its place in a file.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *lineError) Unwrap() error { return e.err }

type iniParser struct {
	sections []iniSection
	index    map[string]int
	current  *iniSection
	last     *iniEntry // what an indented line continues
	line     int
}

func (p *iniParser) read(line string) error {
	if strings.IndexByte(line, 0) >= 0 {
		return fmt.Errorf("holds a NUL byte: this is not a text file")
	}
	text := strings.TrimSpace(line)
	switch {
	case text == "" || text[0] == '#' || text[0] == ';':
		if text == "" {
			p.last = nil
		}
		return nil
	case text[0] == '[':
		return p.section(text)
	case line[0] == ' ' || line[0] == '\t':
		if p.last == nil {
			return fmt.Errorf("%q is indented, but there is no value that it continues", text)
		}
		p.last.value += "\n" + text
		return nil
	}
	key, value, ok := strings.Cut(text, "=")
	key = strings.TrimSpace(key)
	switch {
	case !ok:
		return fmt.Errorf("%q: want key=value or [repository]", text)
	case key == "":
		return fmt.Errorf("%q: no key before the =", text)
	case p.current == nil:
		return fmt.Errorf("%s stands before the first [repository]", key)
	}
	p.set(key, strings.TrimSpace(value))
	return nil
}

func (p *iniParser) set(key, value string) {
	entry := iniEntry{key: key, value: value, line: p.line}
	entries := p.current.entries
	for i := range entries {
		if entries[i].key == key {
			entries[i] = entry
			p.last = &entries[i]
			return
		}
	}
	p.current.entries = append(entries, entry)
	p.last = &p.current.entries[len(p.current.entries)-1]
}

func (p *iniParser) section(text string) error {
	name, rest, ok := strings.Cut(text[1:], "]")
	rest = strings.TrimSpace(rest)
	switch {
	case !ok:
		return fmt.Errorf("%q: the ] is missing", text)
	case name == "":
		return fmt.Errorf("a section without a name")
	case rest != "" && rest[0] != '#' && rest[0] != ';':
		return fmt.Errorf("%q: text after the ]", text)
	}
	i, ok := p.index[name]
	if !ok {
		i = len(p.sections)
		p.index[name] = i
		p.sections = append(p.sections, iniSection{name: name, line: p.line})
	}
	p.current, p.last = &p.sections[i], nil
	return nil
}
