package compose

import (
	"errors"
	"fmt"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/treefile"
)

// topLevel are the directories that a deployment mounts things on.
var topLevel = []string{"dev", "proc", "run", "sys", "sysroot", "var"}

// layOut gives a tree the form that OSTree deploys: /etc lies in /usr/etc, and
// what is mounted has its directory.
func layOut(tree *rootfs.Tree) error {
	if err := moveEtc(tree); err != nil {
		return fmt.Errorf("laying out the tree: %w", err)
	}
	for _, name := range topLevel {
		if tree.Lookup(name) != nil {
			continue
		}
		if _, err := tree.Mkdir(name); err != nil {
			return fmt.Errorf("laying out the tree: %w", err)
		}
	}
	if tree.Lookup("ostree") == nil {
		if err := tree.AddSymlink("ostree", "sysroot/ostree"); err != nil {
			return fmt.Errorf("laying out the tree: %w", err)
		}
	}
	return nil
}

// moveEtc moves /etc to /usr/etc, where a deployment takes it from.
func moveEtc(tree *rootfs.Tree) error {
	etc := tree.Lookup("etc")
	if etc == nil {
		return nil
	}
	if !etc.IsDir() {
		return fmt.Errorf("/etc of %s is no directory", tree.PackageName(etc))
	}
	if err := tree.Merge("usr/etc", tree.Detach("etc")); err != nil {
		return fmt.Errorf("moving /etc to /usr/etc: %w", err)
	}
	return nil
}

// checkKernel refuses a tree whose kernel would need an initramfs.
func checkKernel(t *treefile.Treefile, tree *rootfs.Tree) error {
	if t.NoInitramfs {
		return nil
	}
	path, n := findKernel(tree)
	if n == nil {
		return nil
	}
	at := treefile.Position{File: t.Path}
	if use, set := t.Key("no-initramfs"); set {
		at = use.Position
	}
	return &treefile.Error{Position: at, Key: "no-initramfs", Err: errors.New(
		"the tree has the kernel " + path + " of " + tree.PackageName(n) +
			", and treewright does not make an initramfs yet: add \"no-initramfs: true\"")}
}

func findKernel(tree *rootfs.Tree) (string, *rootfs.Node) {
	if modules := tree.Lookup("usr/lib/modules"); modules != nil {
		for _, version := range modules.Children() {
			if n := version.Child("vmlinuz"); n != nil {
				return "/usr/lib/modules/" + version.Name + "/vmlinuz", n
			}
		}
	}
	for _, dir := range []string{"boot", "usr/lib/ostree-boot"} {
		boot := tree.Lookup(dir)
		if boot == nil {
			continue
		}
		for _, n := range boot.Children() {
			if strings.HasPrefix(n.Name, "vmlinuz") && !n.IsDir() {
				return "/" + dir + "/" + n.Name, n
			}
		}
	}
	return "", nil
}
