package treefile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errTOMLSyntax is a document that the scan could not follow: the library
// then has the better words for what is wrong.
var errTOMLSyntax = errors.New("this is not TOML")

// A tomlScan walks over a TOML document and notes on which line each key and
// each item of a list stands. It follows valid documents only.
type tomlScan struct {
	text  string
	pos   int
	line  int
	lines map[string]int // by the paths of tomlChild and tomlItem
	count map[string]int // elements of [[arrays of tables]] so far
}

func scanTOML(text string) (map[string]int, error) {
	s := &tomlScan{text: text, line: 1, lines: map[string]int{}, count: map[string]int{}}
	table, depth := "", 0
	for {
		s.skipSpace(true)
		if s.pos == len(s.text) {
			return s.lines, nil
		}
		var err error
		if s.peek() == '[' {
			table, depth, err = s.header()
		} else {
			err = s.pair(table, depth)
		}
		if err != nil {
			return nil, err
		}
	}
}

func (s *tomlScan) fail() error {
	return &syntaxError{line: s.line, err: errTOMLSyntax}
}

func (s *tomlScan) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// skipSpace passes blanks, and newlines and comments too if lines is set.
func (s *tomlScan) skipSpace(lines bool) {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == ' ' || c == '\t' || c == '\r':
		case c == '\n' && lines:
			s.line++
		case c == '#' && lines:
			for s.pos < len(s.text) && s.text[s.pos] != '\n' {
				s.pos++
			}
			continue
		default:
			return
		}
		s.pos++
	}
}

// note records the line of a path, unless something inside it came first.
func (s *tomlScan) note(path string) {
	if _, ok := s.lines[path]; !ok {
		s.lines[path] = s.line
	}
}

// header reads [a.b] or [[a.b]] and returns the path of the table.
func (s *tomlScan) header() (path string, depth int, err error) {
	s.pos++
	array := s.peek() == '['
	if array {
		s.pos++
	}
	keys, err := s.key()
	if err != nil {
		return "", 0, err
	}
	for i, key := range keys {
		path = tomlChild(path, key)
		s.note(path)
		if array && i == len(keys)-1 {
			s.count[path]++
		}
		if n := s.count[path]; n > 0 {
			path = tomlItem(path, n-1)
			s.note(path)
		}
	}
	end := "]"
	if array {
		end = "]]"
	}
	if !strings.HasPrefix(s.text[s.pos:], end) {
		return "", 0, s.fail()
	}
	s.pos += len(end)
	return path, 2 * len(keys), nil
}

// pair reads key = value.
func (s *tomlScan) pair(table string, depth int) error {
	line := s.line
	keys, err := s.key()
	if err != nil {
		return err
	}
	path := table
	for _, key := range keys {
		path = tomlChild(path, key)
		s.note(path)
	}
	s.skipSpace(false)
	if s.peek() != '=' {
		return s.fail()
	}
	s.pos++
	if depth += len(keys); depth > maxDepth {
		return &syntaxError{line: line, err: errTooDeep}
	}
	return s.value(path, depth)
}

// key reads a dotted key.
func (s *tomlScan) key() ([]string, error) {
	var keys []string
	for {
		s.skipSpace(false)
		part, err := s.keyPart()
		if err != nil {
			return nil, err
		}
		if keys = append(keys, part); len(keys) > maxDepth {
			return nil, &syntaxError{line: s.line, err: errTooDeep}
		}
		s.skipSpace(false)
		if s.peek() != '.' {
			return keys, nil
		}
		s.pos++
	}
}

func (s *tomlScan) keyPart() (string, error) {
	if c := s.peek(); c == '"' || c == '\'' {
		start := s.pos
		if err := s.str(); err != nil {
			return "", err
		}
		raw := s.text[start:s.pos]
		if c == '\'' {
			return raw[1 : len(raw)-1], nil
		}
		if key, err := strconv.Unquote(raw); err == nil {
			return key, nil
		}
		return raw, nil
	}
	start := s.pos
	for s.pos < len(s.text) && !strings.ContainsRune(" \t\r\n.=[]{}\"'#,", rune(s.text[s.pos])) {
		s.pos++
	}
	if s.pos == start {
		return "", s.fail()
	}
	return s.text[start:s.pos], nil
}

// value passes one value that stands at path.
func (s *tomlScan) value(path string, depth int) error {
	if depth > maxDepth {
		return &syntaxError{line: s.line, err: errTooDeep}
	}
	if len(s.lines) > maxNodes {
		return &syntaxError{line: s.line, err: errTooMany}
	}
	s.skipSpace(false)
	switch s.peek() {
	case '"', '\'':
		return s.str()
	case '[':
		return s.array(path, depth)
	case '{':
		return s.inline(path, depth)
	}
	start := s.pos
	for s.pos < len(s.text) && !strings.ContainsRune("\n#,]}", rune(s.text[s.pos])) {
		s.pos++
	}
	if s.pos == start {
		return s.fail()
	}
	return nil
}

func (s *tomlScan) array(path string, depth int) error {
	for i := 0; ; i++ {
		s.pos++ // [ or ,
		s.skipSpace(true)
		if s.peek() == ']' {
			s.pos++
			return nil
		}
		item := tomlItem(path, i)
		s.note(item)
		if err := s.value(item, depth+1); err != nil {
			return err
		}
		s.skipSpace(true)
		if c := s.peek(); c == ']' {
			s.pos++
			return nil
		} else if c != ',' {
			return s.fail()
		}
	}
}

func (s *tomlScan) inline(path string, depth int) error {
	for {
		s.pos++ // { or ,
		s.skipSpace(true)
		if s.peek() == '}' {
			s.pos++
			return nil
		}
		if err := s.pair(path, depth+1); err != nil {
			return err
		}
		s.skipSpace(true)
		if c := s.peek(); c == '}' {
			s.pos++
			return nil
		} else if c != ',' {
			return s.fail()
		}
	}
}

// str passes a string of any of the four kinds.
func (s *tomlScan) str() error {
	quote := s.text[s.pos : s.pos+1]
	if long := strings.Repeat(quote, 3); strings.HasPrefix(s.text[s.pos:], long) {
		return s.longString(long)
	}
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == quote[0]:
			s.pos++
			return nil
		case c == '\n':
			return s.fail()
		case c == '\\' && quote == `"`:
			s.pos++
		}
	}
	return s.fail()
}

// longString passes """...""" or three single quotes. Up to two more quotes may stand
// before the end.
func (s *tomlScan) longString(long string) error {
	for s.pos += 3; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == '\n':
			s.line++
		case c == '\\' && long[0] == '"':
			if s.pos++; s.peek() == '\n' {
				s.line++
			}
		case strings.HasPrefix(s.text[s.pos:], long):
			for s.pos += 3; s.peek() == long[0]; s.pos++ {
			}
			return nil
		}
	}
	return s.fail()
}

// formatFloat writes f so that it reads back as a float, never as an integer.
func formatFloat(f float64) string {
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".eEnI") {
		text = fmt.Sprintf("%s.0", text)
	}
	return text
}
