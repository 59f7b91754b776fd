package selinux

import (
	"fmt"
	"slices"
	"strings"
)

// Contexts is what a policy says about the labels of paths. Several goroutines
// may use it.
type Contexts struct {
	// Policy is the name of the policy, such as "targeted".
	Policy string

	specs   []*spec            // the last that matches wins
	begin   map[string][]int32 // by prefix, indexes ascending
	lengths []int              // of the prefixes, ascending
	subs    []sub              // the first that fits is taken
	dist    []sub
}

// sub is an alias: a path below from is looked up below to.
type sub struct{ from, to string }

// Files are the texts of a policy. Absent ones are nil.
type Files struct {
	Contexts []byte // file_contexts
	Homedirs []byte // file_contexts.homedirs
	Local    []byte // file_contexts.local
	Subs     []byte // file_contexts.subs
	SubsDist []byte // file_contexts.subs_dist
}

// ParseContexts reads the texts of a policy. Errors name file and line.
func ParseContexts(f Files) (*Contexts, error) {
	c := &Contexts{begin: map[string][]int32{}}
	var exact []*spec
	for _, file := range []struct {
		name string
		data []byte
	}{{"file_contexts", f.Contexts}, {"file_contexts.homedirs", f.Homedirs}, {"file_contexts.local", f.Local}} {
		patterns, more, err := parseSpecs(file.name, file.data)
		if err != nil {
			return nil, err
		}
		c.specs = append(c.specs, patterns...)
		exact = append(exact, more...)
	}
	c.specs = append(c.specs, exact...)
	for i, s := range c.specs {
		c.begin[s.prefix] = append(c.begin[s.prefix], int32(i))
	}
	seen := map[int]bool{}
	for prefix := range c.begin {
		seen[len(prefix)] = true
	}
	for n := range seen {
		c.lengths = append(c.lengths, n)
	}
	slices.Sort(c.lengths)
	var err error
	if c.subs, err = parseSubs("file_contexts.subs", f.Subs); err != nil {
		return nil, err
	}
	c.dist, err = parseSubs("file_contexts.subs_dist", f.SubsDist)
	return c, err
}

// Specs is the number of specifications.
func (c *Contexts) Specs() int { return len(c.specs) }

// parseSubs reads aliases, the last line first.
func parseSubs(name string, data []byte) ([]sub, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("reading %s: it is larger than %d MiB", name, maxFile>>20)
	}
	var list []sub
	number := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		number++
		f := fields(line)
		if len(f) < 2 || f[0][0] == '#' {
			continue
		}
		if len(line) > 1022 || strings.IndexByte(line, 0) >= 0 {
			return nil, fmt.Errorf("%s:%d: an alias has at most 1022 bytes and no NUL", name, number)
		}
		if len(list) >= maxSpecs {
			return nil, fmt.Errorf("%s:%d: more than %d aliases", name, number, maxSpecs)
		}
		list = append(list, sub{f[0], f[1]})
	}
	slices.Reverse(list)
	return list, nil
}

// replace applies the first alias of list that fits.
func replace(list []sub, path string) string {
	for _, s := range list {
		rest, ok := strings.CutPrefix(path, s.from)
		if !ok || rest != "" && rest[0] != '/' {
			continue
		}
		if s.to == "/" {
			rest = strings.TrimPrefix(rest, "/")
		}
		return s.to + rest
	}
	return path
}

// key returns the path that is matched for path.
func (c *Contexts) key(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	return replace(c.dist, replace(c.subs, path))
}

// Label returns the label of an absolute path; ok is false when it has none. Of
// mode only the type bits matter; when these are zero, every type fits.
func (c *Contexts) Label(path string, mode uint32) (label string, ok bool) {
	if path == "" {
		return "", false
	}
	path = c.key(path)
	stem := elementOf(path)
	mode &= 0o170000
	var buffer [64]int32
	found := buffer[:0]
	for _, n := range c.lengths {
		if n > len(path) {
			break
		}
		for _, i := range c.begin[path[:n]] {
			s := c.specs[i]
			if s.stem != "" && s.stem != stem || mode != 0 && s.mode != 0 && s.mode != mode {
				continue
			}
			if strings.HasSuffix(path, s.suffix) || strings.HasSuffix(path, "\n") {
				found = append(found, i)
			}
		}
	}
	slices.Sort(found)
	text := bytewise(path)
	for _, i := range slices.Backward(found) {
		if s := c.specs[i]; s.matches(text) {
			return s.label, s.label != none
		}
	}
	return "", false
}

// bytewise makes one character of each byte, as the regular expressions see it.
func bytewise(path string) string {
	for i := range len(path) {
		if path[i] >= 0x80 {
			runes := make([]rune, len(path))
			for j := range len(path) {
				runes[j] = rune(path[j])
			}
			return string(runes)
		}
	}
	return path
}
