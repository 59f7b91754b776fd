package layout

import (
	"errors"
	"fmt"
	"slices"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/keyfile"
	"github.com/treewright/treewright/ostree"
)

// mountPoints are the directories that a machine mounts something on.
var mountPoints = [...]string{"dev", "proc", "run", "sys", "sysroot", "var"}

// carriedOver are the entries of the root that keep their packages' content.
var carriedOver = [...]string{"usr", "boot", "lib", "lib64", "lib32", "bin", "sbin"}

// localDirs are the directories that a machine has in /usr/local.
var localDirs = [...]string{"bin", "etc", "games", "include", "lib", "sbin", "share", "src"}

// transientRoot finds out whether the machine's root can be written to until it
// boots again.
func (f *finisher) transientRoot() error {
	for _, dir := range [...]string{"usr/etc", "usr/lib"} {
		path, err := f.tree.Follow(dir + "/ostree/prepare-root.conf")
		if err != nil {
			return err
		}
		n, data, err := readRegular(f.tree, f.read, path)
		if err != nil {
			return err
		}
		if n == nil {
			continue
		}
		if f.transient, err = parseTransient(data); err != nil {
			return fmt.Errorf("reading /%s of %s: %w", path, f.tree.PackageName(n), err)
		}
		break
	}
	if f.transient && !f.opts.TmpIsDir {
		return errors.New("prepare-root.conf makes the root transient, which needs a directory /tmp: set tmp-is-dir: true")
	}
	f.report.TransientRoot = f.transient
	return nil
}

func parseTransient(data []byte) (bool, error) {
	file, err := keyfile.Parse(data)
	if err != nil {
		return false, err
	}
	value, ok := file.Get("root", "transient")
	switch {
	case !ok || value == "false" || value == "0":
		return false, nil
	case value == "true" || value == "1":
		return true, nil
	}
	return false, fmt.Errorf("[root] transient is %q; it can be true or false", value)
}

// topLevel makes the root directory of a deployment.
func (f *finisher) topLevel() error {
	root := f.tree.Root
	root.Mode, root.UID, root.GID, root.User, root.Group = ostree.ModeDir|0o755, 0, 0, "root", "root"
	wanted := f.wantedTop()
	for _, n := range slices.Clone(root.Children()) {
		_, replaced := wanted[n.Name]
		if replaced || f.transient || slices.Contains(carriedOver[:], n.Name) || slices.Contains(f.realTop(), n.Name) {
			continue
		}
		f.remove(n.Name, "a deployment has no such entry in its root directory")
	}
	for name, n := range wanted {
		f.replaceTop(name, n)
		if err := f.tree.Attach(name, n); err != nil {
			return err
		}
	}
	for _, name := range f.realTop() {
		if err := f.realDir(name); err != nil {
			return err
		}
	}
	return nil
}

// realTop returns the entries of the root that are directories of the commit,
// with what packages have there.
func (f *finisher) realTop() []string {
	switch {
	case f.transient:
		return []string{"opt", "media", "mnt"}
	case f.opts.OptUsrLocal == OptRoot:
		return []string{"opt"}
	}
	return nil
}

// wantedTop returns the entries of the root that are the same whatever packages
// have there.
func (f *finisher) wantedTop() map[string]*rootfs.Node {
	wanted := map[string]*rootfs.Node{
		"root": rootfs.NewSymlink("var/roothome"), "home": rootfs.NewSymlink("var/home"),
		"ostree": rootfs.NewSymlink("sysroot/ostree"), "tmp": rootfs.NewSymlink("sysroot/tmp"),
	}
	if f.opts.TmpIsDir {
		wanted["tmp"] = rootfs.NewDir(0o1777)
	}
	for _, name := range mountPoints {
		wanted[name] = rootfs.NewDir(0o755)
	}
	if f.transient {
		return wanted
	}
	for name, target := range map[string]string{"srv": "var/srv", "mnt": "var/mnt", "media": "run/media"} {
		wanted[name] = rootfs.NewSymlink(target)
	}
	switch f.opts.OptUsrLocal {
	case OptVar:
		wanted["opt"] = rootfs.NewSymlink("var/opt")
	case OptStateOverlay:
		wanted["opt"] = rootfs.NewSymlink("usr/lib/opt")
	}
	return wanted
}

// replaceTop takes away what is at the place of n, a directory or link that
// every deployment has. Its content is reported; the directory itself is not
// lost, only another one.
func (f *finisher) replaceTop(name string, n *rootfs.Node) {
	old := f.tree.Detach(name)
	if old == nil {
		return
	}
	why := "nothing of a commit is seen in /" + name + " of a machine"
	if n.IsSymlink() {
		why = "/" + name + " of a machine leads to " + n.Target
	}
	f.dropBelow("/"+name, old, why)
	if !old.IsDir() && !sameNode(old, n) {
		f.report.Dropped = append(f.report.Dropped, newDropped(f.tree, "/"+name, old, why))
	}
}

// realDir makes path a directory, whatever is there.
func (f *finisher) realDir(path string) error {
	if n := f.tree.Lookup(path); n != nil && !n.IsDir() {
		f.remove(path, "/"+path+" is a directory here")
	}
	return f.mkdir(path, 0o755)
}

// usrLocal makes /usr/local a link to /var, or a directory of the commit.
func (f *finisher) usrLocal() error {
	if f.transient || f.opts.OptUsrLocal != OptVar {
		if err := f.realDir("usr/local"); err != nil {
			return err
		}
		// The machine's tmpfiles.d cannot make them where /usr is read-only.
		for _, name := range localDirs {
			if f.tree.Lookup("usr/local/"+name) == nil {
				if err := f.mkdir("usr/local/"+name, 0o755); err != nil {
					return err
				}
			}
		}
		return nil
	}
	const target, why = "../var/usrlocal", "/usr/local of a machine leads to /var/usrlocal"
	old := f.tree.Detach("usr/local")
	if old != nil && !old.IsDir() && old.Target != target {
		f.drop("/usr/local", old, why)
	}
	if old != nil {
		for _, d := range dropBelow(nil, f.tree, "/usr/local", old, why) {
			if !localDir(old, d.Path) {
				f.report.Dropped = append(f.report.Dropped, d)
			}
		}
	}
	return f.tree.Attach("usr/local", rootfs.NewSymlink(target))
}

// localDir tells whether path, which lay below local, the node of /usr/local, is
// a directory that a machine makes anyhow.
func localDir(local *rootfs.Node, path string) bool {
	name := path[len("/usr/local/"):]
	n := local.Child(name)
	return slices.Contains(localDirs[:], name) && n != nil && n.IsDir()
}
