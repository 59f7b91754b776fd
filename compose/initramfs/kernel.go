package initramfs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
)

const (
	modulesDir = "usr/lib/modules"
	bootDir    = "usr/lib/ostree-boot"
)

// Kernel is the kernel of a tree.
type Kernel struct {
	Version string // as uname -r says
	Path    string // where it is, absolute
	Package string // that brought it
}

// A KernelsError says that a tree has more than one kernel.
type KernelsError struct{ Kernels []Kernel }

func (e *KernelsError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the tree has %d kernels and can have one; leave all but one out:", len(e.Kernels))
	for _, k := range e.Kernels {
		fmt.Fprintf(&b, "\n  %s of %s", k.Path, k.Package)
	}
	return b.String()
}

// rescue begins the version of a copy that kernel-install makes on a machine.
const rescue = "0-rescue-"

// FindKernel returns the one kernel of the tree: usr/lib/modules/VERSION/vmlinuz,
// boot/vmlinuz-VERSION or usr/lib/ostree-boot/vmlinuz-VERSION. A kernel that is
// in several of them is one. Modules without a kernel are no matter. None is
// ErrNoKernel; two are a *KernelsError.
func FindKernel(tree *rootfs.Tree) (*Kernel, error) {
	var found []Kernel
	var nodes []*rootfs.Node
	add := func(path, version string, n *rootfs.Node) {
		if n = regular(tree, path, n); n == nil {
			return
		}
		for i := range found {
			if nodes[i] == n || found[i].Version == version && nodes[i].Content == n.Content {
				return
			}
		}
		found = append(found, Kernel{Version: version, Path: "/" + path, Package: tree.PackageName(n)})
		nodes = append(nodes, n)
	}
	if modules := tree.Lookup(modulesDir); modules != nil {
		for _, v := range modules.Children() {
			if n := v.Child("vmlinuz"); n != nil {
				add(modulesDir+"/"+v.Name+"/vmlinuz", v.Name, n)
			}
		}
	}
	for _, dir := range [...]string{"boot", bootDir} {
		boot := tree.Lookup(dir)
		if boot == nil {
			continue
		}
		for _, n := range boot.Children() {
			version, ok := strings.CutPrefix(n.Name, "vmlinuz-")
			if ok && !strings.HasPrefix(version, rescue) {
				add(dir+"/"+n.Name, stripChecksum(tree, version), n)
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, ErrNoKernel
	case 1:
		return &found[0], nil
	}
	slices.SortFunc(found, func(x, y Kernel) int { return cmp.Compare(x.Path, y.Path) })
	return nil, &KernelsError{Kernels: found}
}

// regular returns the regular file at path, a symbolic link followed; nil when
// there is none.
func regular(tree *rootfs.Tree, path string, n *rootfs.Node) *rootfs.Node {
	if n.IsSymlink() {
		place, err := tree.Follow(path)
		if err != nil {
			return nil
		}
		n = tree.Lookup(place)
	}
	if n == nil || !n.IsRegular() {
		return nil
	}
	return n
}

// stripChecksum takes the checksum off that Place added to a version: a tree
// that was placed before is one more input.
func stripChecksum(tree *rootfs.Tree, version string) string {
	i := len(version) - 65
	if i <= 0 || version[i] != '-' || strings.Trim(version[i+1:], "0123456789abcdef") != "" {
		return version
	}
	if tree.Lookup(modulesDir+"/"+version) != nil {
		return version
	}
	return version[:i]
}
