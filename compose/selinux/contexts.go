package selinux

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Contexts is what a policy says about the labels of paths. Several goroutines
// may use it.
type Contexts struct {
	// Policy is the name of the policy, such as "targeted".
	Policy string

	specs []*spec // the last that matches wins
	subs  []sub   // the first that fits is taken
	dist  []sub

	mu        sync.Mutex // guards what follows
	automaton *automaton // of all specifications that do not stand alone
	alone     []int32    // the others, the last first
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
	c := &Contexts{}
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
	var together []int32
	weight := 0
	for i, s := range c.specs {
		if weight += s.weight; weight > maxWeight {
			return nil, fmt.Errorf("reading the specifications: their regular expressions have more than %d parts", maxWeight)
		}
		if s.alone {
			c.alone = append(c.alone, int32(i))
		} else {
			together = append(together, int32(i))
		}
	}
	slices.Reverse(c.alone)
	c.automaton = newAutomaton(c.specs, together)
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
	mode &= 0o170000
	c.mu.Lock()
	defer c.mu.Unlock()
	best := c.best(path, mode)
	if short, ok := strings.CutSuffix(path, "\n"); ok {
		best = max(best, c.best(short, mode)) // PCRE's $ matches before such a newline, too
	}
	if best < 0 || c.specs[best].label == none {
		return "", false
	}
	return c.specs[best].label, true
}

// best returns the last specification that the whole of path matches, or -1.
func (c *Contexts) best(path string, mode uint32) int32 {
	best := int32(-1)
	for _, i := range c.automaton.match(path) {
		if m := c.specs[i].mode; m == 0 || mode == 0 || m == mode {
			best = i
			break
		}
	}
	if len(c.alone) == 0 {
		return best
	}
	stem, text := elementOf(path), bytewise(path)
	for _, i := range c.alone {
		if i < best {
			break
		}
		s := c.specs[i]
		if (s.stem == "" || s.stem == stem) && (s.mode == 0 || mode == 0 || s.mode == mode) && s.matches(text) {
			return i
		}
	}
	return best
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
