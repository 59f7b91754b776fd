package layout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
)

// maxFile bounds the files whose content is read here: accounts, configuration.
const maxFile = 16 << 20

// readFile returns the content of the regular file n, which lies at path.
func readFile(read Reader, path string, n *rootfs.Node) ([]byte, error) {
	if n.Size > maxFile {
		return nil, fmt.Errorf("reading /%s of the tree: it has %d bytes; at most %d are read", path, n.Size, maxFile)
	}
	if n.Data != nil {
		return n.Data, nil
	}
	data, err := read(n)
	if err != nil {
		return nil, fmt.Errorf("reading /%s of the tree: %w", path, err)
	}
	return data, nil
}

// readRegular returns the node at path and its content; a nil node when nothing
// is there. Something that is no regular file is an error.
func readRegular(tree *rootfs.Tree, read Reader, path string) (*rootfs.Node, []byte, error) {
	n := tree.Lookup(path)
	if n == nil {
		return nil, nil, nil
	}
	if !n.IsRegular() {
		return nil, nil, fmt.Errorf("/%s of %s is no regular file", path, tree.PackageName(n))
	}
	data, err := readFile(read, path, n)
	return n, data, err
}

// sameNode tells whether two files or links agree in all that a commit holds.
func sameNode(a, b *rootfs.Node) bool {
	if a.IsDir() || b.IsDir() || a.Mode != b.Mode || a.UID != b.UID || a.GID != b.GID || len(a.Xattrs) != len(b.Xattrs) {
		return false
	}
	for i := range a.Xattrs {
		if a.Xattrs[i].Name != b.Xattrs[i].Name || string(a.Xattrs[i].Value) != string(b.Xattrs[i].Value) {
			return false
		}
	}
	return a.Content == b.Content && a.Target == b.Target && (!a.Content.IsZero() || a.Object == b.Object)
}

// merge puts n, which is in no tree, at path. Two directories become one, which
// keeps the owner and mode of the one that a package brought, or else of the one
// that was there. Two files are an error, unless they are the same.
func merge(tree *rootfs.Tree, path string, n *rootfs.Node) error {
	old := tree.Lookup(path)
	switch {
	case old == nil:
		return tree.Attach(path, n)
	case old.IsDir() && n.IsDir():
		if old.Package == rootfs.NoPackage && n.Package != rootfs.NoPackage {
			old.Mode, old.UID, old.GID, old.User, old.Group = n.Mode, n.UID, n.GID, n.User, n.Group
			old.Xattrs, old.Package = n.Xattrs, n.Package
		}
		for _, c := range slices.Clone(n.Children()) {
			if err := merge(tree, path+"/"+c.Name, c); err != nil {
				return err
			}
		}
		return nil
	case sameNode(old, n):
		return nil
	}
	return fmt.Errorf("both %s and %s have /%s: leave one out", tree.PackageName(old), tree.PackageName(n), strings.Trim(path, "/"))
}

// dropBelow adds to list what lies below n, which was at path.
func dropBelow(list []Dropped, tree *rootfs.Tree, path string, n *rootfs.Node, why string) []Dropped {
	for _, c := range n.Children() {
		list = append(list, newDropped(tree, path+"/"+c.Name, c, why))
		list = dropBelow(list, tree, path+"/"+c.Name, c, why)
	}
	return list
}
