package scriptlet

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// maxMacroFiles is how many bytes of macro files of a tree are read.
const maxMacroFiles = 16 << 20

// A macroSet are the macros of a tree, read when they are first wanted.
type macroSet struct {
	tree   Tree
	define map[string]string
	read   *macros
}

func (s *macroSet) get() (*macros, error) {
	if s.read != nil {
		return s.read, nil
	}
	m := &macros{table: map[string]macro{}}
	total := 0
	for _, name := range s.files() {
		data, err := s.tree.Read(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the tree's macros: %w", err)
		}
		if total += len(data); total > maxMacroFiles {
			return nil, fmt.Errorf("reading the tree's macros: the files up to %s have more than %d bytes", name, maxMacroFiles)
		}
		m.load(string(data))
	}
	for name, body := range s.define {
		m.table[name] = macro{body: body}
	}
	s.read = m
	return m, nil
}

// files are the macro files of the tree, in the order in which rpm reads them:
// later definitions win.
func (s *macroSet) files() (list []string) {
	if s.tree == nil {
		return nil
	}
	const home = "/usr/lib/rpm"
	list = append(list, home+"/macros")
	add := func(dir, prefix string) {
		for _, name := range s.tree.List(dir) {
			switch path.Ext(name) {
			case ".rpmnew", ".rpmsave", ".rpmorig":
				continue
			}
			if strings.HasPrefix(name, prefix) {
				list = append(list, path.Join(dir, name))
			}
		}
	}
	add(home+"/macros.d", "macros.")
	for _, name := range s.tree.List(home + "/platform") {
		list = append(list, path.Join(home, "platform", name, "macros"))
	}
	for _, vendor := range []string{"redhat", "fedora", "suse"} {
		list = append(list, path.Join(home, vendor, "macros"))
	}
	add("/etc/rpm", "macros.")
	return append(list, "/etc/rpm/macros")
}

// load reads the definitions of one macro file.
func (m *macros) load(text string) {
	for text != "" {
		var line string
		line, text = logicalLine(text)
		line = strings.TrimLeft(line, " \t")
		if !strings.HasPrefix(line, "%") {
			continue
		}
		line = line[1:]
		n := 0
		for n < len(line) && isName(line[n]) {
			n++
		}
		if n == 0 || line[0] >= '0' && line[0] <= '9' {
			continue
		}
		name, rest := line[:n], line[n:]
		var def macro
		if strings.HasPrefix(rest, "(") {
			end := strings.IndexByte(rest, ')')
			if end < 0 {
				continue
			}
			def.parametric, def.opts, rest = true, rest[1:end], rest[end+1:]
		}
		def.body = body(strings.TrimLeft(rest, " \t"))
		m.table[name] = def
	}
}

// body takes the braces off a body that is all in braces, and joins lines.
func body(text string) string {
	if strings.HasPrefix(text, "{") {
		if end := closing(text, '{', '}'); end > 0 {
			return strings.ReplaceAll(text[1:end-1], "\\\n", "\n")
		}
	}
	return strings.TrimRight(strings.ReplaceAll(text, "\\\n", "\n"), " \t\n")
}

// logicalLine cuts the first line off, with those that continue it: after a
// backslash, or while a bracket of a macro is open.
func logicalLine(text string) (line, rest string) {
	braces, parens := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '%':
			if i+1 < len(text) && text[i+1] == '%' {
				i++
			}
		case '{':
			braces++
		case '}':
			braces = max(braces-1, 0)
		case '(':
			parens++
		case ')':
			parens = max(parens-1, 0)
		case '\n':
			if braces == 0 && parens == 0 || !strings.HasPrefix(strings.TrimLeft(text, " \t"), "%") {
				return text[:i], text[i+1:]
			}
		}
	}
	return text, ""
}
