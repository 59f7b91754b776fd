package rootfs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/ostree"
)

// Tree is a root filesystem. Paths of its methods are absolute or relative to
// its root, which is the same; no symbolic link is followed.
type Tree struct {
	Root *Node
	// Packages are the names of the packages, in the order given to Assemble.
	Packages []string
}

// New returns a tree with nothing but its root directory.
func New() *Tree { return &Tree{Root: newDir("")} }

// PackageName names the package that brought n.
func (t *Tree) PackageName(n *Node) string {
	if n.Package < 0 || n.Package >= len(t.Packages) {
		return "no package"
	}
	return t.Packages[n.Package]
}

// Lookup returns the node at path, or nil.
func (t *Tree) Lookup(path string) *Node {
	n := t.Root
	for part := range strings.SplitSeq(path, "/") {
		if part == "" {
			continue
		}
		if n = n.Child(part); n == nil {
			return nil
		}
	}
	return n
}

// Mkdir returns the directory at path; it and the directories above it are made
// when they are absent. An entry that is no directory is an error.
func (t *Tree) Mkdir(path string) (*Node, error) {
	n := t.Root
	for part := range strings.SplitSeq(path, "/") {
		if part == "" {
			continue
		}
		c := n.Child(part)
		if c == nil {
			if err := ostree.ValidateFilename(part); err != nil {
				return nil, fmt.Errorf("making the directory /%s: %w", strings.Trim(path, "/"), err)
			}
			c = newDir(part)
			n.attach(c)
		}
		if !c.IsDir() {
			return nil, fmt.Errorf("making the directory /%s: %q on the way is no directory", strings.Trim(path, "/"), part)
		}
		n = c
	}
	return n, nil
}

// Attach puts n, with all that is below it, at path. Directories above it are
// made; an entry that is there already is an error.
func (t *Tree) Attach(path string, n *Node) error {
	path = strings.Trim(path, "/")
	dir, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = path[:i], path[i+1:]
	}
	if err := ostree.ValidateFilename(name); err != nil {
		return fmt.Errorf("adding /%s: %w", path, err)
	}
	parent, err := t.Mkdir(dir)
	if err != nil {
		return err
	}
	if old := parent.Child(name); old != nil {
		return fmt.Errorf("adding /%s: the path is taken by %s", path, t.PackageName(old))
	}
	n.Name = name
	parent.attach(n)
	return nil
}

// Merge puts the directory n, with all that is below it, at path, where a
// directory may be already: then their entries are put together, and the owner
// and mode of n stay. Entries of both that are not directories are an error.
func (t *Tree) Merge(path string, n *Node) error {
	old := t.Lookup(path)
	if old == nil {
		return t.Attach(path, n)
	}
	if !old.IsDir() || !n.IsDir() {
		return fmt.Errorf("both %s and %s have /%s", t.PackageName(old), t.PackageName(n), strings.Trim(path, "/"))
	}
	for _, c := range slices.Clone(old.children) {
		if err := t.mergeChild(strings.Trim(path, "/"), n, c); err != nil {
			return err
		}
	}
	n.Name = old.Name
	*old = *n
	return nil
}

// mergeChild puts c, an entry of the directory at path, into n.
func (t *Tree) mergeChild(path string, n, c *Node) error {
	other := n.Child(c.Name)
	path += "/" + c.Name
	switch {
	case other == nil:
		n.attach(c)
		return nil
	case !other.IsDir() || !c.IsDir():
		return fmt.Errorf("both %s and %s have /%s", t.PackageName(c), t.PackageName(other), path)
	}
	for _, below := range slices.Clone(c.children) {
		if err := t.mergeChild(path, other, below); err != nil {
			return err
		}
	}
	return nil
}

// AddFile puts a regular file of root's at path, with content that no package
// brought.
func (t *Tree) AddFile(path string, mode uint32, data []byte) error {
	return t.Attach(path, &Node{
		Mode: ostree.ModeRegular | mode&0o7777, User: "root", Group: "root",
		Size: int64(len(data)), Content: content.DigestOf(data), Data: data, Package: NoPackage,
	})
}

// AddSymlink puts a symbolic link at path.
func (t *Tree) AddSymlink(path, target string) error {
	return t.Attach(path, &Node{
		Mode: ostree.ModeSymlink | 0o777, User: "root", Group: "root", Target: target, Package: NoPackage,
	})
}

// Detach removes the node at path, with all that is below it, and returns it;
// nil when nothing is there.
func (t *Tree) Detach(path string) *Node {
	path = strings.Trim(path, "/")
	dir, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, name = path[:i], path[i+1:]
	}
	parent := t.Lookup(dir)
	if parent == nil {
		return nil
	}
	return parent.detach(name)
}

// Walk calls fn for the root, whose path is "/", and for everything below it, a
// directory before its entries, entries in the order of their names as bytes.
func (t *Tree) Walk(fn func(path string, n *Node) error) error {
	return walk("/", t.Root, fn)
}

func walk(path string, n *Node, fn func(path string, n *Node) error) error {
	if err := fn(path, n); err != nil {
		return err
	}
	prefix := strings.TrimSuffix(path, "/") + "/"
	for _, c := range n.children {
		if err := walk(prefix+c.Name, c, fn); err != nil {
			return err
		}
	}
	return nil
}

// Stats counts what a tree holds.
type Stats struct {
	Files       int   `json:"files"`
	Symlinks    int   `json:"symlinks"`
	Directories int   `json:"directories"`
	Bytes       int64 `json:"bytes"` // of all files; a content that several have counts several times
}

// Stats counts the nodes of the tree.
func (t *Tree) Stats() Stats {
	var s Stats
	var count func(n *Node)
	count = func(n *Node) {
		switch {
		case n.IsDir():
			s.Directories++
		case n.IsSymlink():
			s.Symlinks++
		default:
			s.Files++
			s.Bytes += n.Size
		}
		for _, c := range n.children {
			count(c)
		}
	}
	count(t.Root)
	return s
}
