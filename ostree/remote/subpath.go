package remote

import (
	"fmt"
	"path"
	"strings"

	"github.com/treewright/treewright/ostree"
)

// subpath is a path of a tree, one name after the other; empty: all below.
type subpath []string

// splitPaths reads paths from the root of a tree; nil when all is wanted.
func splitPaths(paths []string) []subpath {
	var all []subpath
	for _, p := range paths {
		if p = path.Clean("/" + p); p == "/" {
			return nil
		}
		all = append(all, strings.Split(p[1:], "/"))
	}
	return all
}

// below tells whether an entry of a directory is wanted, and what of it.
func below(only []subpath, name string) (wanted bool, rest []subpath) {
	if only == nil {
		return true, nil
	}
	for _, s := range only {
		if s[0] != name {
			continue
		}
		if len(s) == 1 {
			return true, nil
		}
		rest = append(rest, s[1:])
	}
	return rest != nil, rest
}

// checkSubpaths makes sure that a directory has what is wanted of it.
func checkSubpaths(t task, tree ostree.DirTree) error {
	if t.only == nil {
		return nil
	}
	has := map[string]bool{} // true: a directory
	for _, f := range tree.Files {
		has[f.Name] = false
	}
	for _, d := range tree.Dirs {
		has[d.Name] = true
	}
	for _, s := range t.only {
		isDir, ok := has[s[0]]
		if !ok || len(s) > 1 && !isDir {
			return fmt.Errorf("the commit has no %s", path.Join("/", t.dir, path.Join(s...)))
		}
	}
	return nil
}
