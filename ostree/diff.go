package ostree

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
)

// Change is a path that two trees have not alike. One that only one of them
// has is zero in the other: its Type is 0. A file that became a directory, or
// the other way round, is two changes.
type Change struct {
	Path     string
	Old, New Entry
}

// Diff calls fn for every path, sorted by directory, at which two trees
// differ: files and directories that came, that went, with all below, and that
// are different. A directory is different if its own metadata is. What is
// alike is not read.
func Diff(ctx context.Context, r ObjectReader, before, after TreeDir, fn func(Change) error) error {
	d := differ{r: r, fn: fn}
	return d.dirs(ctx, "/", before, after, 0)
}

type differ struct {
	r  ObjectReader
	fn func(Change) error
}

func dirEntry(d TreeDir) Entry { return Entry{Type: ObjectDirTree, Tree: d.Tree, Meta: d.Meta} }

func (d *differ) dirs(ctx context.Context, dir string, before, after TreeDir, depth int) error {
	if depth > maxWalkDepth {
		return fmt.Errorf("%.80s…: directories nested deeper than %d", dir, maxWalkDepth)
	}
	if before.Meta != after.Meta {
		if err := d.fn(Change{dir, dirEntry(before), dirEntry(after)}); err != nil {
			return err
		}
	}
	if before.Tree == after.Tree {
		return ctx.Err()
	}
	old, err := ReadDirTree(ctx, d.r, before.Tree)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	now, err := ReadDirTree(ctx, d.r, after.Tree)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	err = merge(old.Files, now.Files, func(f TreeFile) string { return f.Name }, func(name string, a, b *TreeFile) error {
		c := Change{Path: path.Join(dir, name)}
		if a != nil {
			c.Old = Entry{Type: ObjectFile, File: a.Checksum}
		}
		if b != nil {
			c.New = Entry{Type: ObjectFile, File: b.Checksum}
		}
		if c.Old == c.New {
			return nil
		}
		return d.fn(c)
	})
	if err != nil {
		return err
	}
	return merge(old.Dirs, now.Dirs, func(f TreeDir) string { return f.Name }, func(name string, a, b *TreeDir) error {
		full := path.Join(dir, name)
		switch {
		case a == nil:
			return d.whole(ctx, full, *b, depth, func(p string, e Entry) error { return d.fn(Change{Path: p, New: e}) })
		case b == nil:
			return d.whole(ctx, full, *a, depth, func(p string, e Entry) error { return d.fn(Change{Path: p, Old: e}) })
		}
		return d.dirs(ctx, full, *a, *b, depth+1)
	})
}

// whole walks a directory that only one tree has.
func (d *differ) whole(ctx context.Context, dir string, t TreeDir, depth int, fn WalkFunc) error {
	return walk(ctx, d.r, dir, t, fn, depth+1)
}

// merge calls fn for each name of two sorted lists.
func merge[E any](a, b []E, name func(E) string, fn func(string, *E, *E) error) error {
	for len(a) > 0 || len(b) > 0 {
		var x, y *E
		if len(b) == 0 || len(a) > 0 && name(a[0]) <= name(b[0]) {
			x = &a[0]
		}
		if len(a) == 0 || len(b) > 0 && name(b[0]) <= name(a[0]) {
			y = &b[0]
		}
		var n string
		if x != nil {
			n, a = name(*x), a[1:]
		}
		if y != nil {
			n, b = name(*y), b[1:]
		}
		if err := fn(n, x, y); err != nil {
			return err
		}
	}
	return nil
}

// FileChange is a path at which two commits differ.
type FileChange struct {
	Change
	OldSize, NewSize int64 // of regular files, else 0
}

// DiffCommits calls fn for every path at which two commits differ, as Diff does,
// and says how large files were and are.
func DiffCommits(ctx context.Context, r Reader, before, after Checksum, fn func(FileChange) error) error {
	old, err := ReadCommit(ctx, r, before)
	if err != nil {
		return err
	}
	now, err := ReadCommit(ctx, r, after)
	if err != nil {
		return err
	}
	a := TreeDir{Tree: old.RootTree, Meta: old.RootMeta}
	b := TreeDir{Tree: now.RootTree, Meta: now.RootMeta}
	return Diff(ctx, r, a, b, func(c Change) error {
		f := FileChange{Change: c}
		for _, side := range []struct {
			e    Entry
			size *int64
		}{{c.Old, &f.OldSize}, {c.New, &f.NewSize}} {
			if side.e.Type != ObjectFile {
				continue
			}
			e, err := lsEntry(ctx, r, c.Path, side.e)
			if err != nil {
				return fmt.Errorf("%s: %w", c.Path, err)
			}
			*side.size = e.Size
		}
		return fn(f)
	})
}

// KeyPackages lists the RPM packages of a commit: a(sssss), each name, epoch,
// version, release and architecture.
const KeyPackages = "rpmostree.rpmdb.pkglist"

// Package is a package that a commit lists.
type Package struct{ Name, Epoch, Version, Release, Arch string }

// EVR is the package's version as people write it, without the epoch 0.
func (p Package) EVR() string {
	if p.Epoch == "" || p.Epoch == "0" {
		return p.Version + "-" + p.Release
	}
	return p.Epoch + ":" + p.Version + "-" + p.Release
}

// Packages returns the packages that a commit lists, and whether it lists any.
func (c *Commit) Packages() ([]Package, bool) {
	v, ok := c.Metadata.Get(KeyPackages)
	if !ok || v.Type() != "a(sssss)" {
		return nil, false
	}
	out := make([]Package, v.Len())
	for i := range out {
		p := v.Index(i)
		out[i] = Package{p.Index(0).Str(), p.Index(1).Str(), p.Index(2).Str(), p.Index(3).Str(), p.Index(4).Str()}
	}
	return out, true
}

// PackageChange is a package that came (Old is zero), went (New is zero) or
// has another version.
type PackageChange struct{ Old, New Package }

// DiffPackages compares the lists of packages of two commits, sorted by name.
// Both must have one. Of packages of which several versions are installed
// beside each other those that went are paired with those that came.
func DiffPackages(before, after *Commit) (changes []PackageChange, listed bool) {
	old, okOld := before.Packages()
	now, okNow := after.Packages()
	if !okOld || !okNow {
		return nil, false
	}
	went, came := without(old, now), without(now, old)
	id := func(p Package) string { return p.Name + "." + p.Arch }
	for len(went) > 0 || len(came) > 0 {
		var c PackageChange
		order := 0
		switch {
		case len(went) == 0:
			order = 1
		case len(came) == 0:
			order = -1
		default:
			order = cmp.Compare(id(went[0]), id(came[0]))
		}
		if order <= 0 {
			c.Old, went = went[0], went[1:]
		}
		if order >= 0 {
			c.New, came = came[0], came[1:]
		}
		changes = append(changes, c)
	}
	return changes, true
}

// without returns what is in a and not in b, sorted by name and architecture.
func without(a, b []Package) []Package {
	in := map[Package]bool{}
	for _, p := range b {
		in[p] = true
	}
	var out []Package
	for _, p := range a {
		if !in[p] {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(p, q Package) int { return cmp.Compare(p.Name+"."+p.Arch, q.Name+"."+q.Arch) })
	return out
}
