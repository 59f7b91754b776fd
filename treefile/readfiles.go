package treefile

import (
	"math"
	"path"
	"slices"
	"strings"
)

// The functions here read the keys about files, users and scripts.

func readPostprocessScript(r *reader, key string, n *node) (any, bool) {
	name, ok := r.str(key, n)
	if !ok {
		return nil, false
	}
	f, ok := r.external(key, n, name)
	if ok && r.files && f.Mode&0o111 == 0 {
		r.fail(n.line, key, "%s is not executable: chmod +x it", f.Path)
		ok = false
	}
	return &f, ok
}

func readPostprocess(r *reader, key string, n *node) (any, bool) {
	words, ok := r.words(key, n)
	scripts := make([]any, len(words))
	for i, body := range words {
		scripts[i] = Script{Body: body, Position: r.at(n.items[i].line)}
	}
	return scripts, ok
}

// addPrefixes are the folders of the tree that add-files may write to.
var addPrefixes = []string{"usr", "etc", "bin", "sbin", "lib", "lib64"}

// cleanDest checks the destination of an added file and returns it relative
// to the root of the tree.
func cleanDest(dest string) (string, bool) {
	rel := strings.TrimLeft(dest, "/")
	parts := strings.Split(rel, "/")
	if strings.ContainsRune(dest, 0) || strings.HasSuffix(dest, "/") || len(parts) < 2 ||
		slices.Contains(parts, "..") || !slices.Contains(addPrefixes, parts[0]) {
		return "", false
	}
	rel = path.Clean(rel)
	if !strings.Contains(rel, "/") || rel == "usr/local" || strings.HasPrefix(rel, "usr/local/") {
		return "", false
	}
	return rel, true
}

func readAddFiles(r *reader, key string, n *node) (any, bool) {
	items, ok := r.list(key, n)
	var files []any
	for _, item := range items {
		pair, good := r.words(key, item)
		if !good || len(pair) != 2 {
			if good {
				r.fail(item.line, key, "an item is a list of two: source and destination")
			}
			ok = false
			continue
		}
		dest, good := cleanDest(pair[1])
		if !good {
			r.fail(item.line, key, "Unsupported path in add-files: %s (it must be a file below usr/, etc/, bin/, sbin/, lib/ or lib64/, not usr/local/, without ..)", pair[1])
			ok = false
			continue
		}
		f, good := r.external(key, item, pair[0])
		files, ok = append(files, AddFile{ExternalFile: f, Dest: dest, dest: pair[1]}), ok && good
	}
	return files, ok
}

func readRemoveFiles(r *reader, key string, n *node) (any, bool) {
	words, ok := r.words(key, n)
	for i, word := range words {
		if !ok {
			break
		}
		switch clean := path.Clean(word); {
		case path.IsAbs(word):
			r.fail(n.items[i].line, key, "%q must be relative to the root of the tree: drop the leading /", word)
			ok = false
		case clean == "." || slices.Contains(strings.Split(word, "/"), "..") || strings.ContainsRune(word, 0):
			r.fail(n.items[i].line, key, "%q is no path below the root of the tree", word)
			ok = false
		default:
			words[i] = clean
		}
	}
	return anySlice(words), ok
}

func readRemoveFromPackages(r *reader, key string, n *node) (any, bool) {
	items, ok := r.list(key, n)
	var all []any
	for _, item := range items {
		words, good := r.words(key, item)
		if good && len(words) < 2 {
			r.fail(item.line, key, "an item is a list: a package and one or more patterns")
			good = false
		}
		if !good {
			ok = false
			continue
		}
		all = append(all, RemoveFromPackage{Package: words[0], Patterns: words[1:], Position: r.at(item.line)})
	}
	return all, ok
}

// readCheck reads check-passwd and check-groups.
func readCheck(r *reader, key string, n *node) (any, bool) {
	fields, ok := r.record(key, n, "type", "filename", "entries")
	if !ok {
		return nil, false
	}
	typ, ok := r.field(key, n, fields, "type")
	if !ok {
		return nil, false
	}
	check := Check{Type: CheckType(typ)}
	switch check.Type {
	case CheckNone, CheckPrevious:
	case CheckFile:
		name, good := r.field(key, n, fields, "filename")
		if !good {
			return nil, false
		}
		f, good := r.external(key, fields["filename"], name)
		check.File, ok = &f, good
	case CheckData:
		entries, has := fields["entries"]
		if !has {
			r.fail(n.line, key, "entries is missing")
			return nil, false
		}
		check.Data, ok = r.accounts(key, entries)
	default:
		r.fail(fields["type"].line, key+".type", "%q is none of none, previous, file, data", typ)
		ok = false
	}
	return check, ok
}

// accounts reads the ids of check-passwd (ID, [ID] or [UID, GID]) and of
// check-groups (ID).
func (r *reader) accounts(key string, n *node) (map[string]CheckIDs, bool) {
	entries, ok := r.table(key+".entries", n)
	all := map[string]CheckIDs{}
	for _, e := range entries {
		where := key + ".entries." + e.key
		nums, form := []*node{e.value}, 0
		if e.value.kind == nodeList && key == "check-passwd" {
			nums, form = e.value.items, len(e.value.items)
		}
		if len(nums) < 1 || len(nums) > 2 {
			r.fail(e.line, where, "wants ID, [ID] or [UID, GID]")
			ok = false
			continue
		}
		ids := CheckIDs{form: form}
		for i, num := range nums {
			id, good := r.id(where, num)
			ok = ok && good
			if ids.GID = id; i == 0 {
				ids.UID = id
			}
		}
		all[e.key] = ids
	}
	return all, ok
}

func (r *reader) id(key string, n *node) (uint32, bool) {
	if id, ok := n.value.(int64); ok && id >= 0 && id < math.MaxUint32 {
		return uint32(id), true
	}
	r.fail(n.line, key, "wants an id from 0 to %d, got %s", uint32(math.MaxUint32-1), n.describe())
	return 0, false
}
