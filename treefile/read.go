package treefile

import (
	"regexp"
	"slices"
	"strings"
)

// The functions here read the value of one key. They return false after they
// have reported what is wrong.

func readString(r *reader, key string, n *node) (any, bool) {
	s, ok := r.str(key, n)
	if ok && strings.ContainsAny(s, "\x00\n") {
		r.fail(n.line, key, "%q has more than one line", s)
		return nil, false
	}
	return s, ok
}

func readBool(r *reader, key string, n *node) (any, bool) {
	if n.kind != nodeBool {
		r.fail(n.line, key, "wants true or false, got %s", n.describe())
		return nil, false
	}
	return n.value, true
}

// readEnum reads one of the given words; "alias=word" is another spelling.
func readEnum(words ...string) func(*reader, string, *node) (any, bool) {
	return func(r *reader, key string, n *node) (any, bool) {
		s, ok := r.str(key, n)
		if !ok {
			return nil, false
		}
		var known []string
		for _, word := range words {
			alias, canonical, isAlias := strings.Cut(word, "=")
			if s == alias && isAlias {
				return canonical, true
			} else if s == alias {
				return s, true
			} else if !isAlias {
				known = append(known, word)
			}
		}
		r.fail(n.line, key, "%q is none of %s%s", s, strings.Join(known, ", "), didYouMean(s, known))
		return nil, false
	}
}

func anySlice[T any](items []T) []any {
	out := make([]any, len(items))
	for i, item := range items {
		out[i] = item
	}
	return out
}

func readStrings(r *reader, key string, n *node) (any, bool) {
	words, ok := r.words(key, n)
	return anySlice(words), ok
}

func readSet(r *reader, key string, n *node) (any, bool) {
	words, ok := r.words(key, n)
	return sortedSet(words), ok
}

// readCommand reads a list that merges as one value.
func readCommand(r *reader, key string, n *node) (any, bool) {
	words, ok := r.words(key, n)
	return words, ok
}

// readSpecs reads a set of package specs; an item may hold several.
func readSpecs(r *reader, key string, n *node) (any, bool) {
	items, ok := r.list(key, n)
	var specs []string
	for _, item := range items {
		text, good := r.str(key, item)
		if !good {
			ok = false
			continue
		}
		words, err := splitSpecs(text)
		if err == nil && slices.Contains(words, "") {
			r.fail(item.line, key, "an empty package in %q", text)
			ok = false
		} else if err != nil {
			r.fail(item.line, key, "%w", err)
			ok = false
		}
		specs = append(specs, words...)
	}
	return sortedSet(specs), ok
}

func readExcludes(r *reader, key string, n *node) (any, bool) {
	words, ok := r.words(key, n)
	for i, word := range words {
		if strings.ContainsAny(word, " \t\n") {
			r.warning(n.items[i].line, key, "%q excludes nothing: items of this key are not split at spaces, write one package per item", word)
		}
	}
	return anySlice(words), ok
}

func readRepoPackages(r *reader, key string, n *node) (any, bool) {
	items, ok := r.list(key, n)
	var all []any
	for _, item := range items {
		fields, good := r.record(key, item, "repo", "packages")
		if !good {
			ok = false
			continue
		}
		repo, good := r.field(key, item, fields, "repo")
		list, has := fields["packages"]
		if !has {
			r.fail(item.line, key, "packages is missing")
			ok = false
			continue
		}
		specs, goodSpecs := readSpecs(r, key+".packages", list)
		all, ok = append(all, RepoPackages{Repo: repo, Packages: specs.([]string)}), ok && good && goodSpecs
	}
	return all, ok
}

// readAnyMap reads a table of free values.
func readAnyMap(r *reader, key string, n *node) (any, bool) {
	entries, ok := r.table(key, n)
	values := map[string]setting{}
	for _, e := range entries {
		values[e.key] = setting{value: e.value.plain(), at: r.at(e.line)}
		ok = ok && r.noDuplicates(key+"."+e.key, e.value)
	}
	return values, ok
}

// noDuplicates checks the tables below a free value.
func (r *reader) noDuplicates(key string, n *node) bool {
	ok := true
	if n.kind == nodeTable {
		_, ok = r.table(key, n)
	}
	for _, e := range n.entries {
		ok = r.noDuplicates(key+"."+e.key, e.value) && ok
	}
	for _, item := range n.items {
		ok = r.noDuplicates(key, item) && ok
	}
	return ok
}

var repoVarName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

func readRepoVars(r *reader, key string, n *node) (any, bool) {
	entries, ok := r.table(key, n)
	values := map[string]setting{}
	for _, e := range entries {
		switch {
		case e.key == "releasever":
			r.fail(e.line, key, `"releasever" is the key releasever, not a repository variable`)
			ok = false
		case e.key == "basearch":
			r.fail(e.line, key, `"basearch" is filled in by itself and cannot be set`)
			ok = false
		case !repoVarName.MatchString(e.key):
			r.fail(e.line, key, "%q is no name of a repository variable: letters, digits and _ only", e.key)
			ok = false
		}
		text, good := readString(r, key+"."+e.key, e.value)
		values[e.key], ok = setting{value: text, at: r.at(e.line)}, ok && good
	}
	return values, ok
}

func readRojig(r *reader, key string, n *node) (any, bool) {
	fields, ok := r.record(key, n, "name", "summary", "license", "description")
	if !ok {
		return nil, false
	}
	rojig := &Rojig{}
	for _, f := range []struct {
		name string
		into *string
	}{{"name", &rojig.Name}, {"summary", &rojig.Summary}, {"license", &rojig.License}} {
		text, good := r.field(key, n, fields, f.name)
		*f.into, ok = text, ok && good
	}
	if d, has := fields["description"]; has {
		text, good := r.str(key+".description", d)
		rojig.Description, ok = &text, ok && good
	}
	return rojig, ok
}

func readLabelVersion(r *reader, key string, n *node) (any, bool) {
	if n.kind == nodeNumber && (n.value == int64(0) || n.value == int64(1)) {
		return uint64(n.value.(int64)), true
	}
	r.fail(n.line, key, "wants 0 or 1, got %s", n.describe())
	return nil, false
}

func readReleaseVer(r *reader, key string, n *node) (any, bool) {
	v, ok := r.value(key, n)
	if ok && v.kind == kindBool {
		r.fail(n.line, key, "wants a number or a string, got %s", n.describe())
		return nil, false
	}
	return v, ok
}

// value reads what a variable may hold.
func (r *reader) value(key string, n *node) (Value, bool) {
	switch v := n.value.(type) {
	case bool:
		return BoolValue(v), true
	case int64:
		if v >= 0 {
			return NumberValue(uint64(v)), true
		}
	case uint64:
		return NumberValue(v), true
	}
	if n.kind == nodeString {
		return StringValue(n.text), true
	}
	r.fail(n.line, key, "wants a string, a whole number from 0 on, or true or false; got %s", n.describe())
	return Value{}, false
}

func readSuffix(r *reader, key string, n *node) (any, bool) {
	s, ok := r.str(key, n)
	if ok && (len(s) != 1 || s[0] >= 0x80) {
		r.fail(n.line, key, "wants exactly one ASCII character, got %q", s)
		return nil, false
	}
	return s, ok
}

var unitName = regexp.MustCompile(`^[A-Za-z0-9:_.@\\-]+$`)

func readUnits(r *reader, key string, n *node) (any, bool) {
	words, ok := r.words(key, n)
	for i, word := range words {
		if ok && (!unitName.MatchString(word) || word == "." || word == "..") {
			r.fail(n.items[i].line, key, "%q is no name of a systemd unit", word)
			ok = false
		}
	}
	return anySlice(words), ok
}

func readCliWrapBinaries(r *reader, key string, n *node) (any, bool) {
	words, ok := r.words(key, n)
	for i, word := range words {
		if ok && word != "kernel-install" {
			r.fail(n.items[i].line, key, "%q cannot be wrapped: only kernel-install can", word)
			ok = false
		}
	}
	return anySlice(words), ok
}
