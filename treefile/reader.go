package treefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A reader turns the nodes of one file into values. It collects errors, so
// that a person sees all of a file's at once.
type reader struct {
	file   string // as errors name it
	dir    string // what files are named against
	strict bool   // unknown keys are errors; else they are warnings
	files  bool   // external files are looked at
	warn   func(Warning)
	errs   []error
}

func (r *reader) at(line int) Position { return Position{File: r.file, Line: line} }

func (r *reader) fail(line int, key, format string, args ...any) {
	r.errs = append(r.errs, errorAt(r.at(line), key, format, args...))
}

func (r *reader) warning(line int, key, format string, args ...any) {
	if r.warn != nil {
		r.warn(Warning{Position: r.at(line), Key: key, Text: fmt.Sprintf(format, args...)})
	}
}

// err returns what was wrong with the file, or nil.
func (r *reader) err() error { return errors.Join(r.errs...) }

// unknown handles a key that nothing reads; inside names the key whose table
// it stands in, if any.
func (r *reader) unknown(e entry, inside string, known []string) {
	key := e.key
	if inside != "" {
		key = inside + "." + e.key
	}
	switch hint := didYouMean(e.key, known); {
	case r.strict:
		r.fail(e.line, key, "unknown key%s", hint)
	case !isComment(e.key):
		r.warning(e.line, key, "unknown key, ignored as rpm-ostree does in JSON%s", hint)
	}
}

func (r *reader) str(key string, n *node) (string, bool) {
	switch n.kind {
	case nodeString:
		return n.text, true
	case nodeNumber, nodeBool:
		r.fail(n.line, key, "wants a string, got %s: write it in quotes", n.describe())
	default:
		r.fail(n.line, key, "wants a string, got %s", n.describe())
	}
	return "", false
}

func (r *reader) list(key string, n *node) ([]*node, bool) {
	if n.kind != nodeList {
		r.fail(n.line, key, "wants a list, got %s", n.describe())
		return nil, false
	}
	return n.items, true
}

// words reads a list of strings, none of them empty.
func (r *reader) words(key string, n *node) ([]string, bool) {
	items, ok := r.list(key, n)
	words := make([]string, 0, len(items))
	for _, item := range items {
		word, good := r.str(key, item)
		if good && strings.TrimSpace(word) == "" {
			r.fail(item.line, key, "an item is empty")
			good = false
		}
		words, ok = append(words, word), ok && good
	}
	return words, ok
}

// table checks that n is a table without repeated keys.
func (r *reader) table(key string, n *node) ([]entry, bool) {
	if n.kind != nodeTable {
		r.fail(n.line, key, "wants a table of keys and values, got %s", n.describe())
		return nil, false
	}
	if first, second, found := n.duplicate(); found {
		r.fail(second.line, key+"."+second.key, "stands twice: the first is on line %d", first.line)
		return nil, false
	}
	return n.entries, true
}

// record reads a table that has the given fields; the value of a field that
// is absent or null is nil.
func (r *reader) record(key string, n *node, fields ...string) (map[string]*node, bool) {
	entries, ok := r.table(key, n)
	got := map[string]*node{}
	for _, e := range entries {
		if !slices.Contains(fields, e.key) {
			r.unknown(e, key, fields)
		} else if e.value.kind != nodeNull {
			got[e.key] = e.value
		}
	}
	return got, ok
}

// field reads a string that a record must have.
func (r *reader) field(key string, n *node, fields map[string]*node, name string) (string, bool) {
	value, ok := fields[name]
	if !ok {
		r.fail(n.line, key, "%s is missing", name)
		return "", false
	}
	return r.str(key+"."+name, value)
}

// modeBits are the bits of a file's mode that go with it into a tree.
const modeBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

// external resolves a file that the treefile names; it must be there.
func (r *reader) external(key string, n *node, name string) (ExternalFile, bool) {
	f := ExternalFile{Name: name, Path: name, Position: r.at(n.line)}
	if name == "" || strings.ContainsRune(name, 0) {
		r.fail(n.line, key, "%q is no file name", name)
		return f, false
	}
	if !filepath.IsAbs(name) {
		f.Path = filepath.Join(r.dir, name)
	}
	if !r.files {
		return f, true
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		r.fail(n.line, key, "looking for %q: %w", name, err)
		return f, false
	}
	if !info.Mode().IsRegular() {
		r.fail(n.line, key, "%s is not a regular file", f.Path)
		return f, false
	}
	f.Mode = info.Mode() & modeBits
	return f, true
}
