package initramfs

import (
	"fmt"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
)

// A MissingError says what the tree lacks to make an initramfs.
type MissingError struct {
	What string // is missing
	Add  string // the packages that bring it
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("making the initramfs: the tree has no %s: add %s, or set no-initramfs", e.What, e.Add)
}

// Check says early what Build would find missing, as a *MissingError.
func Check(tree *rootfs.Tree, opts Options) error {
	view, err := View(tree)
	if err != nil {
		return err
	}
	return check(view, &opts)
}

func check(view *rootfs.Tree, opts *Options) error {
	if opts.NoImage {
		return nil
	}
	for _, p := range [...]struct{ path, what, add string }{
		{"bin/sh", "/bin/sh", "the package bash or dash"},
		{"usr/bin/dracut", "dracut", "the package dracut"},
		{"", "depmod", "the package kmod"},
	} {
		found := p.path != "" && program(view, p.path) || p.path == "" && hasDepmod(view)
		if !found {
			return &MissingError{What: p.what, Add: p.add}
		}
	}
	if place, err := view.Follow("usr/lib/dracut/modules.d"); err == nil {
		if modules := view.Lookup(place); modules != nil {
			for _, m := range modules.Children() {
				if strings.TrimLeft(m.Name, "0123456789") == "ostree" {
					return nil
				}
			}
		}
	}
	return &MissingError{What: "dracut module ostree", Add: "the package that has usr/lib/dracut/modules.d/98ostree: ostree, or ostree-boot"}
}

// program tells whether a path is a program, links followed.
func program(view *rootfs.Tree, path string) bool {
	place, err := view.Follow(path)
	if err != nil {
		return false
	}
	n := view.Lookup(place)
	return n != nil && n.IsRegular() && n.Mode&0o111 != 0
}

func hasDepmod(view *rootfs.Tree) bool {
	return program(view, "usr/sbin/depmod") || program(view, "usr/bin/depmod") || program(view, "sbin/depmod")
}
