package rootfs

import (
	"cmp"
	"slices"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/ostree"
)

// NoPackage is the Package of a node that no package brought.
const NoPackage = -1

// Node is a directory, a regular file or a symbolic link.
type Node struct {
	Name   string // empty for the root
	Mode   uint32 // with the type
	UID    uint32
	GID    uint32
	User   string // the owner's name; ResolveOwners makes an id of it. Empty: UID is it
	Group  string
	Xattrs []ostree.Xattr

	Size    int64          // of a regular file
	Content content.Digest // of a regular file
	Data    []byte         // the content itself, of a file that no package brought
	// Object is the content object that the file was read from, when it comes
	// from a commit: its bytes are that object's, and Content may be zero, which
	// then means that nobody knows the digest yet.
	Object ostree.Checksum
	Target string // of a symbolic link

	// Package is the index in Tree.Packages of the package that brought it,
	// the first of several; NoPackage for what no package owns.
	Package int
	// Link is the same for files that are hard links of each other in their
	// package, and zero for others.
	Link uint32

	color    uint32
	caps     string
	children []*Node // sorted by name
}

// newDir returns a directory that no package owns.
func newDir(name string) *Node {
	return &Node{Name: name, Mode: ostree.ModeDir | 0o755, User: "root", Group: "root", Package: NoPackage}
}

// IsDir reports whether n is a directory.
func (n *Node) IsDir() bool { return n.Mode&ostree.ModeType == ostree.ModeDir }

// IsRegular reports whether n is a regular file.
func (n *Node) IsRegular() bool { return n.Mode&ostree.ModeType == ostree.ModeRegular }

// IsSymlink reports whether n is a symbolic link.
func (n *Node) IsSymlink() bool { return n.Mode&ostree.ModeType == ostree.ModeSymlink }

// Children returns the entries of a directory, sorted by name as bytes. The
// caller does not change the slice.
func (n *Node) Children() []*Node { return n.children }

// Child returns the entry name of a directory, or nil.
func (n *Node) Child(name string) *Node {
	if i, ok := n.find(name); ok {
		return n.children[i]
	}
	return nil
}

func (n *Node) find(name string) (int, bool) {
	last := len(n.children) - 1
	if last < 0 || n.children[last].Name < name { // file lists are sorted
		return last + 1, false
	}
	return slices.BinarySearchFunc(n.children, name, func(c *Node, name string) int { return cmp.Compare(c.Name, name) })
}

// attach adds or replaces an entry of a directory.
func (n *Node) attach(c *Node) {
	i, ok := n.find(c.Name)
	if ok {
		n.children[i] = c
		return
	}
	n.children = slices.Insert(n.children, i, c)
}

// detach removes an entry of a directory and returns it; nil when it is absent.
func (n *Node) detach(name string) *Node {
	i, ok := n.find(name)
	if !ok {
		return nil
	}
	c := n.children[i]
	n.children = slices.Delete(n.children, i, i+1)
	return c
}

// FileHeader returns what the content object of a regular file or symbolic link
// says about it.
func (n *Node) FileHeader() ostree.FileHeader {
	return ostree.FileHeader{UID: n.UID, GID: n.GID, Mode: n.Mode, Symlink: n.Target, Xattrs: n.Xattrs}
}

// DirMeta returns what the dirmeta object of a directory says about it.
func (n *Node) DirMeta() ostree.DirMeta {
	return ostree.DirMeta{UID: n.UID, GID: n.GID, Mode: n.Mode, Xattrs: n.Xattrs}
}
