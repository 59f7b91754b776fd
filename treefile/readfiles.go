package treefile

import (
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
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
		f, good := r.addFile(key, item)
		files, ok = append(files, f), ok && good
	}
	return files, ok
}

// addFile reads [source, destination], or a table that says more.
func (r *reader) addFile(key string, item *node) (f AddFile, ok bool) {
	var source string
	if item.kind == nodeTable {
		source, ok = r.addFileTable(key, item, &f)
	} else {
		var pair []string
		if pair, ok = r.words(key, item); ok && len(pair) != 2 {
			r.fail(item.line, key, "an item is a list of two, source and destination, or a table with these keys")
			ok = false
		}
		if ok {
			source, f.dest = pair[0], pair[1]
		}
	}
	if !ok {
		return f, false
	}
	if f.Dest, ok = cleanDest(f.dest); !ok {
		r.fail(item.line, key, "Unsupported path in add-files: %s (it must be a file below usr/, etc/, bin/, sbin/, lib/ or lib64/, not usr/local/, without ..)", f.dest)
		return f, false
	}
	mode := f.Mode
	f.ExternalFile, ok = r.external(key, item, source)
	if f.mode != "" {
		f.Mode = mode
	}
	return f, ok
}

func (r *reader) addFileTable(key string, item *node, f *AddFile) (source string, ok bool) {
	fields, ok := r.record(key, item, "source", "destination", "owner", "group", "mode")
	if !ok {
		return "", false
	}
	source, haveSource := r.field(key, item, fields, "source")
	f.dest, ok = r.field(key, item, fields, "destination")
	ok = ok && haveSource
	for name, value := range map[string]*string{"owner": &f.User, "group": &f.Group, "mode": &f.mode} {
		if n := fields[name]; n != nil {
			good := false
			*value, good = r.str(key+"."+name, n)
			ok = ok && good
		}
	}
	if ok && f.mode != "" {
		mode, err := strconv.ParseUint(f.mode, 8, 32)
		if err != nil || mode > 0o7777 {
			r.fail(item.line, key+".mode", "%q is no mode: want octal digits in quotes, such as \"0640\"", f.mode)
			return "", false
		}
		f.Mode = fileMode(uint32(mode))
	}
	return source, ok
}

// fileMode is a mode as Unix has it.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	for bit, set := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if mode&bit != 0 {
			m |= set
		}
	}
	return m
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
