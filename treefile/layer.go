package treefile

import (
	"path/filepath"
	"slices"
	"strings"
)

// A setting is the value of a key and where it was set.
type setting struct {
	value any
	at    Position
	by    string // the key that implied it; empty: the key itself
}

// A layer is a set of keys with values of the types that their specs read.
type layer struct {
	settings map[string]setting
}

func (l *layer) has(key string) bool {
	_, ok := l.settings[key]
	return ok
}

// A fileLayer is one file, or one inline table of a conditional-include,
// before what it includes is merged into it.
type fileLayer struct {
	layer
	reader       *reader
	variables    map[string]Value
	includes     []include // of include and of the matching arch-include
	conditionals []conditional
}

type include struct {
	path string // as written
	at   Position
}

type conditional struct {
	all    []condition
	files  []include
	inline *node
	at     Position
}

// readLayer reads the keys of one table. It returns the layer and what was
// wrong with it.
func readLayer(r *reader, root *node, arch string) (*fileLayer, error) {
	f := &fileLayer{layer: layer{settings: map[string]setting{}}, reader: r, variables: map[string]Value{}}
	if root.kind != nodeTable {
		return nil, &Error{Position: r.at(root.line), Err: errNotTable}
	}
	archSpecs, written := []string{}, map[string]entry{}
	for _, e := range root.entries {
		name := e.key
		if now, ok := legacy[name]; ok {
			name = now
		}
		if before, twice := written[name]; twice && !isComment(name) {
			f.repeated(before, e)
			continue
		}
		written[name] = e
		if e.value.kind == nodeNull && (isKnown(name) || strings.HasPrefix(name, archPackages)) {
			continue
		}
		if isArch, specs := f.readArchPackages(e, arch); isArch {
			archSpecs = append(archSpecs, specs...)
		} else {
			f.readKey(e, name, arch)
		}
	}
	f.foldPackages(archSpecs, r.at(root.line))
	f.mirror(arch)
	f.imply()
	return f, r.err()
}

func isKnown(key string) bool { return slices.Contains(knownKeys(), key) }

func (f *fileLayer) repeated(first, second entry) {
	switch r := f.reader; {
	case first.key != second.key:
		r.fail(second.line, second.key, "Cannot use new and legacy forms of %s (the other is on line %d)", second.key, first.line)
	case r.strict || isKnown(second.key):
		r.fail(second.line, second.key, "stands twice: the first is on line %d", first.line)
	}
}

// readArchPackages reads packages-ARCH. Those of other architectures are
// checked and dropped.
func (f *fileLayer) readArchPackages(e entry, arch string) (bool, []string) {
	key, ok := strings.CutPrefix(e.key, archPackages)
	if !ok || deriveOnly[e.key] {
		return false, nil
	}
	specs, ok := readSpecs(f.reader, e.key, e.value)
	if !ok || key != arch {
		return true, nil
	}
	return true, specs.([]string)
}

func (f *fileLayer) readKey(e entry, name, arch string) {
	r := f.reader
	switch name {
	case keyInclude:
		f.includes = append(f.includes, r.includeList(name, e.value)...)
		return
	case keyArchInclude:
		f.readArchInclude(e, arch)
		return
	case keyConditionalInclude:
		f.readConditionals(e)
		return
	case keyVariables:
		f.readVariables(e)
		return
	}
	s, ok := specOf(name)
	switch {
	case ok:
		if value, good := s.read(r, e.key, e.value); good {
			f.settings[name] = setting{value: value, at: r.at(e.line)}
		}
	case deriveOnly[name]:
		r.fail(e.line, name, "the following derivation fields are not supported: %s", name)
	default:
		r.unknown(e, "", knownKeys())
	}
}

// includeList reads one file name or a list of them.
func (r *reader) includeList(key string, n *node) []include {
	items := []*node{n}
	if n.kind == nodeList {
		items = n.items
	}
	var all []include
	for _, item := range items {
		name, ok := r.str(key, item)
		if ok && (name == "" || strings.ContainsRune(name, 0)) {
			r.fail(item.line, key, "%q is no file name", name)
		} else if ok {
			all = append(all, include{path: name, at: r.at(item.line)})
		}
	}
	return all
}

func (f *fileLayer) readArchInclude(e entry, arch string) {
	entries, _ := f.reader.table(e.key, e.value)
	for _, sub := range entries {
		all := f.reader.includeList(e.key+"."+sub.key, sub.value)
		if sub.key == arch {
			f.includes = append(f.includes, all...)
		}
	}
}

func (f *fileLayer) readConditionals(e entry) {
	r := f.reader
	items, _ := r.list(e.key, e.value)
	for _, item := range items {
		fields, ok := r.record(e.key, item, "if", "include")
		if !ok {
			continue
		}
		test, hasTest := fields["if"]
		what, hasWhat := fields["include"]
		if !hasTest || !hasWhat {
			r.fail(item.line, e.key, "an item has an if and an include")
			continue
		}
		c := conditional{at: r.at(test.line), all: r.conditions(e.key+".if", test)}
		if what.kind == nodeTable {
			c.inline = what
		} else {
			c.files = r.includeList(e.key+".include", what)
		}
		f.conditionals = append(f.conditionals, c)
	}
}

func (r *reader) conditions(key string, n *node) []condition {
	items := []*node{n}
	if n.kind == nodeList {
		items = n.items
	}
	var all []condition
	for _, item := range items {
		text, ok := r.str(key, item)
		if !ok {
			continue
		}
		c, err := parseCondition(text)
		if err != nil {
			r.fail(item.line, key, "%w", err)
			continue
		}
		all = append(all, c)
	}
	return all
}

func (f *fileLayer) readVariables(e entry) {
	entries, _ := f.reader.table(e.key, e.value)
	for _, sub := range entries {
		key := e.key + "." + sub.key
		if sub.key == "releasever" || sub.key == "basearch" {
			f.reader.fail(sub.line, key, "cannot define reserved variable '%s'", sub.key)
			continue
		}
		v, ok := f.reader.value(key, sub.value)
		if ok && strings.ContainsAny(sub.key+v.text, "${}") {
			f.reader.fail(sub.line, key, "names and values of variables cannot hold $, { or }")
		} else if ok {
			f.variables[sub.key] = v
		}
	}
}

// foldPackages joins the three ways to name packages; packages is then set
// even when it is empty, as rpm-ostree has it.
func (f *fileLayer) foldPackages(archSpecs []string, at Position) {
	all := setting{at: at, value: sortedSet(archSpecs)}
	for _, key := range []string{"bootstrap-packages", "packages"} {
		if s, ok := f.settings[key]; ok {
			all = setting{at: s.at, value: sortedSet(slices.Concat(all.value.([]string), s.value.([]string)))}
		}
	}
	f.settings["packages"] = all
	delete(f.settings, "bootstrap-packages")
}

// mirror sets basearch and makes it and releasever variables.
func (f *fileLayer) mirror(arch string) {
	if s, ok := f.settings["basearch"]; ok && s.value != arch {
		f.reader.fail(s.at.Line, "basearch", "Invalid basearch %v on %s: this compose is for %s", s.value, arch, arch)
	}
	f.settings["basearch"] = setting{value: arch, at: f.reader.at(0)}
	f.variables["basearch"] = StringValue(arch)
	if s, ok := f.settings["releasever"]; ok {
		f.variables["releasever"] = s.value.(Value)
	}
}

// imply sets what container and edition stand for in the file that has them.
func (f *fileLayer) imply() {
	if s, ok := f.settings["container"]; ok && s.value == true {
		for key, value := range map[string]any{
			"boot-location": "modules", "selinux": false, "tmp-is-dir": true, "preserve-passwd": false,
			"check-passwd": Check{Type: CheckNone}, "check-groups": Check{Type: CheckNone},
		} {
			f.settings[key] = setting{value: value, at: s.at, by: "container"}
		}
	}
	if s, ok := f.settings["edition"]; ok && s.value == "2024" {
		for key, value := range map[string]any{"boot-location": "modules", "tmp-is-dir": true} {
			if !f.has(key) {
				f.settings[key] = setting{value: value, at: s.at, by: "edition"}
			}
		}
	}
}

// resolve returns where an included file lies.
func (i include) resolve(dir string) string {
	if filepath.IsAbs(i.path) {
		return i.path
	}
	return filepath.Join(dir, i.path)
}
