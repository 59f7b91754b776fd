package initramfs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
)

// Location says where a tree has its kernel: the words of the treefile's
// boot-location.
type Location string

// New has the kernel in usr/lib/ostree-boot too, with a checksum in its name,
// where bootloader code of old looks. The others have it in usr/lib/modules
// alone; the zero Location is Modules.
const (
	New           Location = "new"
	Modules       Location = "modules"
	KernelInstall Location = "kernel-install"
)

// ParseLocation reads a boot-location; empty is Modules.
func ParseLocation(s string) (Location, error) {
	switch l := Location(s); l {
	case "":
		return Modules, nil
	case New, Modules, KernelInstall:
		return l, nil
	}
	return "", fmt.Errorf("boot-location %q is not known: say new, modules or kernel-install", s)
}

// KeepImage says whether an initramfs that a package brought stays.
type KeepImage func(path string, n *rootfs.Node) bool

// Prepare moves what is in boot to usr/lib/ostree-boot and the kernel k to
// usr/lib/modules, where k.Path then says, and removes initramfs images that
// packages or programs of packages left, unless keep wants one: those are made
// for a machine or for none. An empty boot stays. It returns what it removed.
func Prepare(tree *rootfs.Tree, k *Kernel, keep KeepImage) (removed []string, err error) {
	if boot := tree.Lookup("boot"); boot != nil && boot.IsDir() {
		removed = dropMachineBoot(tree, boot)
		for _, n := range slices.Clone(boot.Children()) {
			tree.Detach("boot/" + n.Name)
			if err := moveInto(tree, bootDir+"/"+n.Name, n); err != nil {
				return nil, fmt.Errorf("moving /boot/%s to /%s: %w", n.Name, bootDir, err)
			}
		}
	} else {
		if tree.Detach("boot") != nil {
			removed = append(removed, "/boot")
		}
		if err := tree.Attach("boot", rootfs.NewDir(0o755)); err != nil {
			return nil, err
		}
	}
	if err := moveKernel(tree, k); err != nil {
		return nil, fmt.Errorf("moving the kernel %s: %w", k.Version, err)
	}
	for _, dir := range []string{bootDir, modulesDir + "/" + k.Version} {
		removed = append(removed, dropImages(tree, dir, keep)...)
	}
	slices.Sort(removed)
	return removed, nil
}

var machineID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// dropMachineBoot removes what belongs to one installed machine.
func dropMachineBoot(tree *rootfs.Tree, boot *rootfs.Node) (removed []string) {
	for _, n := range slices.Clone(boot.Children()) {
		if n.IsDir() && (n.Name == "loader" || machineID.MatchString(n.Name)) {
			tree.Detach("boot/" + n.Name)
			removed = append(removed, "/boot/"+n.Name)
		}
	}
	return removed
}

// moveInto puts n at path. What is there already stays when it is the same, and
// directories are put together.
func moveInto(tree *rootfs.Tree, path string, n *rootfs.Node) error {
	old := tree.Lookup(path)
	switch {
	case old == nil:
		return tree.Attach(path, n)
	case old.IsDir() && n.IsDir():
		return tree.Merge(path, n)
	case old.Mode == n.Mode && old.Content == n.Content && old.Target == n.Target:
		return nil
	}
	return fmt.Errorf("%s has the path already, with another content", tree.PackageName(old))
}

// moveKernel makes usr/lib/modules/VERSION/vmlinuz the kernel, and the only one.
func moveKernel(tree *rootfs.Tree, k *Kernel) error {
	place := modulesDir + "/" + k.Version + "/vmlinuz"
	n := tree.Lookup(place)
	for _, from := range [...]string{path.Base(k.Path), "vmlinuz-" + k.Version} {
		if n == nil || !n.IsRegular() {
			n = tree.Lookup(bootDir + "/" + from)
		}
	}
	if n == nil || !n.IsRegular() {
		return fmt.Errorf("%s is gone", k.Path)
	}
	kept := *n
	if _, err := tree.Put(place, &kept); err != nil {
		return err
	}
	if boot := tree.Lookup(bootDir); boot != nil {
		for _, c := range slices.Clone(boot.Children()) {
			link := c.IsSymlink() && strings.HasPrefix(c.Name, "vmlinuz")
			if strings.HasPrefix(c.Name, "vmlinuz-") && c.IsRegular() || link {
				tree.Detach(bootDir + "/" + c.Name)
			}
		}
		if len(boot.Children()) == 0 {
			tree.Detach(bootDir)
		}
	}
	k.Path = "/" + place
	return nil
}

// dropImages removes initramfs images from a directory.
func dropImages(tree *rootfs.Tree, dir string, keep KeepImage) (removed []string) {
	d := tree.Lookup(dir)
	if d == nil || !d.IsDir() {
		return nil
	}
	for _, n := range slices.Clone(d.Children()) {
		p := dir + "/" + n.Name
		if n.IsDir() || !isImage(n.Name) || keep != nil && keep("/"+p, n) {
			continue
		}
		tree.Detach(p)
		removed = append(removed, "/"+p)
	}
	return removed
}

func isImage(name string) bool {
	return name == "initrd" || strings.HasPrefix(name, "initramfs-") || strings.HasPrefix(name, "initramfs.img") ||
		strings.HasPrefix(name, "initrd-") || strings.HasPrefix(name, "initrd.img")
}

// ImagePath is where a tree has the initramfs of a kernel.
func (k *Kernel) ImagePath() string { return "/" + modulesDir + "/" + k.Version + "/initramfs.img" }

// Place finishes what Prepare began once the initramfs, if there is to be one,
// lies in usr/lib/modules: the kernel's checksum for FIPS names the kernel
// without its folder, and with New both lie in usr/lib/ostree-boot too.
func Place(ctx context.Context, tree *rootfs.Tree, store *content.Store, k *Kernel, where Location) error {
	if err := placeChecksum(tree, store, k); err != nil {
		return fmt.Errorf("the kernel %s: %w", k.Version, err)
	}
	if where != New {
		return nil
	}
	kernel, image := tree.Lookup(k.Path), tree.Lookup(k.ImagePath())
	if kernel == nil {
		return fmt.Errorf("placing the kernel: %s is gone", k.Path)
	}
	sum := sha256.New()
	for _, n := range []*rootfs.Node{kernel, image} {
		if n == nil {
			continue
		}
		if err := copyNode(ctx, sum, store, n); err != nil {
			return fmt.Errorf("reading %s for its checksum: %w", n.Name, err)
		}
	}
	end := "-" + hex.EncodeToString(sum.Sum(nil))
	copies := map[string]*rootfs.Node{"vmlinuz-" + k.Version + end: kernel, "initramfs-" + k.Version + ".img" + end: image}
	for name, n := range copies {
		if n == nil {
			continue
		}
		c := *n
		if _, err := tree.Put(bootDir+"/"+name, &c); err != nil {
			return err
		}
	}
	return nil
}

// placeChecksum rewrites .vmlinuz.hmac: "digest  /boot/vmlinuz-VERSION".
func placeChecksum(tree *rootfs.Tree, store *content.Store, k *Kernel) error {
	n := tree.Lookup(modulesDir + "/" + k.Version + "/.vmlinuz.hmac")
	if n == nil || !n.IsRegular() || n.Size > 1<<16 {
		return nil
	}
	data, err := readNode(store, n)
	if err != nil {
		return fmt.Errorf("reading .vmlinuz.hmac: %w", err)
	}
	digest, name, ok := strings.Cut(strings.TrimSuffix(string(data), "\n"), "  ")
	if !ok || !strings.HasPrefix(name, "/") || strings.Contains(name, "\n") {
		return nil
	}
	n.SetData([]byte(digest + "  " + path.Base(name) + "\n"))
	return nil
}

func readNode(store *content.Store, n *rootfs.Node) ([]byte, error) {
	var b bytes.Buffer
	err := copyNode(context.Background(), &b, store, n)
	return b.Bytes(), err
}

// copyNode writes the content of a file to w.
func copyNode(ctx context.Context, w io.Writer, store *content.Store, n *rootfs.Node) (err error) {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if n.Data != nil {
		_, err := w.Write(n.Data)
		return err
	}
	r, err := store.OpenContent(n.Content, n.Size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = io.Copy(w, r)
	return err
}
