package initramfs

import (
	"fmt"

	"github.com/treewright/treewright/compose/rootfs"
)

// View returns the tree as dracut is to see it: /etc is in its place, and tmp
// and var/tmp are directories. The tree does not change; nodes of the view are
// its own, so that others may read it meanwhile.
func View(tree *rootfs.Tree) (*rootfs.Tree, error) {
	view := &rootfs.Tree{Root: tree.Root.Without("usr", "etc", "tmp", "var"), Packages: tree.Packages}
	usr, etc, variable := tree.Lookup("usr"), tree.Lookup("etc"), tree.Lookup("var")
	if usr == nil || !usr.IsDir() {
		return nil, fmt.Errorf("the tree has no /usr to make an initramfs of")
	}
	if etc == nil || !etc.IsDir() {
		etc = tree.Lookup("usr/etc")
	} else {
		etc = etc.Without()
	}
	if etc == nil || !etc.IsDir() {
		etc = rootfs.NewDir(0o755)
	}
	if variable == nil || !variable.IsDir() {
		variable = rootfs.NewDir(0o755)
	}
	for _, d := range []struct {
		path string
		node *rootfs.Node
	}{
		{"usr", usr.Without("etc")}, {"etc", etc.Without()}, {"tmp", rootfs.NewDir(0o1777)},
		{"var", variable.Without("tmp")}, {"var/tmp", rootfs.NewDir(0o1777)},
	} {
		if err := view.Attach(d.path, d.node); err != nil {
			return nil, err
		}
	}
	return view, nil
}
