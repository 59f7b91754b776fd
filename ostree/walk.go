package ostree

import (
	"context"
	"errors"
	"fmt"
	"path"
)

// ObjectReader reads metadata objects and has compared each with its
// checksum. The bytes must not be changed.
type ObjectReader interface {
	ReadMeta(ctx context.Context, name ObjectName) ([]byte, error)
}

// maxWalkDepth is more than a path of the kernel's PATH_MAX can have.
const maxWalkDepth = 2048

// Entry is what Walk found at a path.
type Entry struct {
	Type ObjectType // ObjectFile, or ObjectDirTree for a directory
	File Checksum   // the content object of a file
	Tree Checksum   // the dirtree of a directory
	Meta Checksum   // the dirmeta of a directory
}

// ErrSkipDir makes Walk pass over the directory it was returned for.
var ErrSkipDir = errors.New("skip this directory")

// WalkFunc is called with the absolute path of each entry.
type WalkFunc func(path string, e Entry) error

// Walk calls fn for the directory with the given root dirtree and dirmeta, as
// "/", and for all below it: a directory before its entries, files before
// directories, each sorted by name. It stops at the first error, which it
// returns. Entries that occur at several paths are visited at each.
func Walk(ctx context.Context, r ObjectReader, root, meta Checksum, fn WalkFunc) error {
	return walk(ctx, r, "/", TreeDir{Tree: root, Meta: meta}, fn, 0)
}

func walk(ctx context.Context, r ObjectReader, dir string, d TreeDir, fn WalkFunc, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if depth > maxWalkDepth {
		return fmt.Errorf("%.80s…: directories nested deeper than %d", dir, maxWalkDepth)
	}
	err := fn(dir, Entry{Type: ObjectDirTree, Tree: d.Tree, Meta: d.Meta})
	if errors.Is(err, ErrSkipDir) {
		return nil
	}
	if err != nil {
		return err
	}
	tree, err := ReadDirTree(ctx, r, d.Tree)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	for _, f := range tree.Files {
		if err := fn(path.Join(dir, f.Name), Entry{Type: ObjectFile, File: f.Checksum}); err != nil {
			return err
		}
	}
	for _, sub := range tree.Dirs {
		if err := walk(ctx, r, path.Join(dir, sub.Name), sub, fn, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// Lookup finds the entry at an absolute or relative path below the given
// root, and tells whether there is one. It does not follow symlinks.
func Lookup(ctx context.Context, r ObjectReader, root, meta Checksum, name string) (e Entry, found bool, err error) {
	e = Entry{Type: ObjectDirTree, Tree: root, Meta: meta}
	rest := path.Clean("/" + name)[1:]
	for rest != "" {
		if e.Type != ObjectDirTree {
			return Entry{}, false, nil
		}
		tree, err := ReadDirTree(ctx, r, e.Tree)
		if err != nil {
			return Entry{}, false, err
		}
		var part string
		part, rest = splitFirst(rest)
		if f, ok := tree.File(part); ok {
			e = Entry{Type: ObjectFile, File: f.Checksum}
		} else if d, ok := tree.Dir(part); ok {
			e = Entry{Type: ObjectDirTree, Tree: d.Tree, Meta: d.Meta}
		} else {
			return Entry{}, false, nil
		}
	}
	return e, true, nil
}

func splitFirst(p string) (first, rest string) {
	for i := range len(p) {
		if p[i] == '/' {
			return p[:i], p[i+1:]
		}
	}
	return p, ""
}

// Reachable calls fn once for each object that the tree needs: dirtrees,
// dirmetas and content objects, a dirtree before what it lists. It stops at
// the first error, which it returns. Unlike Walk its cost is bounded by the
// number of objects, however often they are named.
func Reachable(ctx context.Context, r ObjectReader, root, meta Checksum, fn func(ObjectName) error) error {
	return reach(ctx, r, TreeDir{Tree: root, Meta: meta}, fn, map[ObjectName]bool{})
}

func reach(ctx context.Context, r ObjectReader, top TreeDir, fn func(ObjectName) error, seen map[ObjectName]bool) error {
	visit := func(name ObjectName) (first bool, err error) {
		if seen[name] {
			return false, nil
		}
		seen[name] = true
		return true, fn(name)
	}
	stack := []TreeDir{top}
	for len(stack) > 0 {
		d := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := visit(ObjectName{d.Meta, ObjectDirMeta}); err != nil {
			return err
		}
		first, err := visit(ObjectName{d.Tree, ObjectDirTree})
		if err != nil {
			return err
		}
		if !first {
			continue
		}
		tree, err := ReadDirTree(ctx, r, d.Tree)
		if err != nil {
			return err
		}
		for _, f := range tree.Files {
			if _, err := visit(ObjectName{f.Checksum, ObjectFile}); err != nil {
				return err
			}
		}
		stack = append(stack, tree.Dirs...)
	}
	return nil
}
