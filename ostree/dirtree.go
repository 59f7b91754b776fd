package ostree

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/treewright/treewright/ostree/gvariant"
)

const typeDirTree = "(a(say)a(sayay))"

// TreeFile is a regular file or symlink of a directory.
type TreeFile struct {
	Name     string
	Checksum Checksum // of the content object
}

// TreeDir is a directory in a directory.
type TreeDir struct {
	Name string
	Tree Checksum // dirtree
	Meta Checksum // dirmeta
}

// DirTree lists a directory.
type DirTree struct {
	Files []TreeFile
	Dirs  []TreeDir
}

// Encode returns the object's bytes. It sorts the entries, and refuses names
// that no directory can hold and names that stand twice.
func (d DirTree) Encode() ([]byte, error) {
	d.Files = sorted(d.Files, func(f TreeFile) string { return f.Name })
	d.Dirs = sorted(d.Dirs, func(f TreeDir) string { return f.Name })
	if err := d.validate(); err != nil {
		return nil, fmt.Errorf("dirtree: %w", err)
	}
	files := make([]gvariant.Value, len(d.Files))
	for i, f := range d.Files {
		files[i] = gvariant.Tuple(gvariant.String(f.Name), gvariant.Bytes(f.Checksum[:]))
	}
	dirs := make([]gvariant.Value, len(d.Dirs))
	for i, f := range d.Dirs {
		dirs[i] = gvariant.Tuple(gvariant.String(f.Name), gvariant.Bytes(f.Tree[:]), gvariant.Bytes(f.Meta[:]))
	}
	return gvariant.Tuple(gvariant.Array("(say)", files...), gvariant.Array("(sayay)", dirs...)).Data(), nil
}

func sorted[E any](s []E, name func(E) string) []E {
	byName := func(a, b E) int { return cmp.Compare(name(a), name(b)) }
	if slices.IsSortedFunc(s, byName) {
		return s
	}
	return slices.SortedFunc(slices.Values(s), byName)
}

// validate checks the names and that they rise, and so that none stands twice.
func (d DirTree) validate() error {
	prev := ""
	for _, f := range d.Files {
		if err := nextName(prev, f.Name); err != nil {
			return err
		}
		prev = f.Name
	}
	prev = ""
	for _, f := range d.Dirs {
		if err := nextName(prev, f.Name); err != nil {
			return err
		}
		if _, clash := d.File(f.Name); clash {
			return fmt.Errorf("%q is both a file and a directory", f.Name)
		}
		prev = f.Name
	}
	return nil
}

func nextName(prev, name string) error {
	if err := ValidateFilename(name); err != nil {
		return err
	}
	if name == prev {
		return fmt.Errorf("%q stands twice", name)
	}
	if name < prev {
		return fmt.Errorf("%q stands after %q: the names are not sorted", name, prev)
	}
	return nil
}

// DecodeDirTree reads a dirtree object.
func DecodeDirTree(data []byte) (DirTree, error) {
	v, err := gvariant.Parse(typeDirTree, data)
	if err != nil {
		return DirTree{}, fmt.Errorf("dirtree: %w", err)
	}
	files, dirs := v.Index(0), v.Index(1)
	d := DirTree{Files: make([]TreeFile, files.Len()), Dirs: make([]TreeDir, dirs.Len())}
	for i, e := range files.All() {
		d.Files[i].Name = e.Index(0).Str()
		if d.Files[i].Checksum, err = ChecksumFromBytes(e.Index(1).Bytes()); err != nil {
			return DirTree{}, fmt.Errorf("dirtree: %q: %w", d.Files[i].Name, err)
		}
	}
	for i, e := range dirs.All() {
		d.Dirs[i].Name = e.Index(0).Str()
		var errTree, errMeta error
		d.Dirs[i].Tree, errTree = ChecksumFromBytes(e.Index(1).Bytes())
		d.Dirs[i].Meta, errMeta = ChecksumFromBytes(e.Index(2).Bytes())
		if err := cmp.Or(errTree, errMeta); err != nil {
			return DirTree{}, fmt.Errorf("dirtree: %q: %w", d.Dirs[i].Name, err)
		}
	}
	if err := d.validate(); err != nil {
		return DirTree{}, fmt.Errorf("dirtree: %w", err)
	}
	return d, nil
}

// File looks up a file of a decoded DirTree.
func (d DirTree) File(name string) (TreeFile, bool) {
	i, ok := slices.BinarySearchFunc(d.Files, name, func(f TreeFile, n string) int { return cmp.Compare(f.Name, n) })
	if !ok {
		return TreeFile{}, false
	}
	return d.Files[i], true
}

// Dir looks up a directory of a decoded DirTree.
func (d DirTree) Dir(name string) (TreeDir, bool) {
	i, ok := slices.BinarySearchFunc(d.Dirs, name, func(f TreeDir, n string) int { return cmp.Compare(f.Name, n) })
	if !ok {
		return TreeDir{}, false
	}
	return d.Dirs[i], true
}
