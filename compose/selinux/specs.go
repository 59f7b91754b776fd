package selinux

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/treewright/treewright/ostree"
)

// The most that is read of a policy: several times what the largest ones have.
const (
	maxFile   = 32 << 20
	maxLine   = 16 << 10
	maxSpecs  = 200_000
	maxWeight = 16 << 20
)

// none is the context of paths that have no label.
const none = "<<none>>"

// spec is one line of a file_contexts.
type spec struct {
	mode  uint32 // type bits; zero for any
	stem  string // first path element when it is plain text
	label string
	translation

	compiled *regexp.Regexp // of one that stands alone, when first used
}

// matches reports whether path matches a specification that stands alone.
func (s *spec) matches(path string) bool {
	if s.compiled == nil {
		s.compiled = regexp.MustCompile(s.whole()) // the rest was parsed before
	}
	return s.compiled.MatchString(path)
}

// modeOf reads the type field of a specification.
func modeOf(field string) (uint32, bool) {
	if len(field) != 2 || field[0] != '-' {
		return 0, false
	}
	switch field[1] {
	case '-':
		return ostree.ModeRegular, true
	case 'd':
		return ostree.ModeDir, true
	case 'l':
		return ostree.ModeSymlink, true
	case 'b':
		return 0o060000, true
	case 'c':
		return 0o020000, true
	case 'p':
		return 0o010000, true
	case 's':
		return 0o140000, true
	}
	return 0, false
}

// fields splits a line at the white space of C.
func fields(line string) []string {
	return strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' })
}

// parseSpecs reads a file_contexts. The second list has those without meta
// characters.
func parseSpecs(name string, data []byte) (patterns, exact []*spec, err error) {
	if len(data) > maxFile {
		return nil, nil, fmt.Errorf("reading %s: it is larger than %d MiB", name, maxFile>>20)
	}
	number := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		number++
		f := fields(line)
		if len(f) == 0 || f[0][0] == '#' {
			continue
		}
		if len(patterns)+len(exact) >= maxSpecs {
			return nil, nil, fmt.Errorf("%s:%d: more than %d specifications", name, number, maxSpecs)
		}
		s, err := parseSpec(line, f)
		if err != nil {
			return nil, nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
		if hasMeta(f[0]) {
			patterns = append(patterns, s)
		} else {
			exact = append(exact, s)
		}
	}
	return patterns, exact, nil
}

func parseSpec(line string, f []string) (*spec, error) {
	if len(line) > maxLine {
		return nil, fmt.Errorf("the line is longer than %d bytes", maxLine)
	}
	if len(f) < 2 {
		return nil, fmt.Errorf("%q has no context; a line is REGEX [TYPE] CONTEXT", f[0])
	}
	for i := range len(line) {
		if line[i] >= 0x80 || line[i] == 0 {
			return nil, fmt.Errorf("byte %#02x: a specification is plain ASCII", line[i])
		}
	}
	s := &spec{label: f[1], stem: stemOf(f[0])}
	if len(f) > 2 {
		mode, ok := modeOf(f[1])
		if !ok {
			return nil, fmt.Errorf("%q is no file type; there are -- -d -l -b -c -p -s", f[1])
		}
		s.mode, s.label = mode, f[2]
	}
	t, err := translate(f[0])
	if err != nil {
		return nil, fmt.Errorf("regular expression %s: %w", f[0], err)
	}
	if s.stem != "" && !strings.HasPrefix(t.prefix, s.stem+"/") {
		t.alone = true // paths with that stem are not those with that prefix
	}
	s.translation = t
	return s, nil
}

// hasMeta reports whether a regular expression has characters that libselinux
// takes for meta characters.
func hasMeta(re string) bool {
	for i := 0; i < len(re); i++ {
		switch re[i] {
		case '.', '^', '$', '?', '*', '+', '|', '[', '(', '{':
			return true
		case '\\':
			i++
		}
	}
	return false
}

// stemOf returns the first path element of a regular expression with its slash
// in front; empty when there is none or when it has meta characters, escaped
// ones included.
func stemOf(re string) string {
	stem := elementOf(re)
	if strings.ContainsAny(stem, ".^$?*+|[({") {
		return ""
	}
	return stem
}

// elementOf returns what is before the second slash of a path; empty when it
// has no second one.
func elementOf(path string) string {
	if len(path) < 2 {
		return ""
	}
	if i := strings.IndexByte(path[1:], '/'); i >= 0 {
		return path[:i+1]
	}
	return ""
}
