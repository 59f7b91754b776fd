package layout

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// Files of the layout. integrationConf marks a tree that Finish has been over.
const (
	tmpfilesDir     = "usr/lib/tmpfiles.d"
	integrationConf = tmpfilesDir + "/rpm-ostree-0-integration.conf"
	autovarConf     = tmpfilesDir + "/rpm-ostree-autovar.conf"

	// In tmpfilesDir; a tree has one of them.
	optUsrLocalConf = "rpm-ostree-0-integration-opt-usrlocal.conf"
	optCompatConf   = "rpm-ostree-0-integration-opt-usrlocal-compat.conf"
)

// Finish gives a tree with rpm's own paths the form that OSTree deploys. A tree
// that has been finished before is left as it is. /boot is not touched: see
// EmptyBoot. Owners must have their ids: see rootfs.Tree.ResolveOwners.
func Finish(tree *rootfs.Tree, read Reader, opts FinishOptions) (*Report, error) {
	if tree.Lookup(integrationConf) != nil {
		return &Report{AlreadyFinished: true}, nil
	}
	f := &finisher{tree: tree, read: read, opts: opts, report: &Report{}, lines: map[string]string{}}
	for _, step := range []func() error{
		f.directories, f.devices, f.accounts, f.moveEtc, f.selinuxStore, f.leftovers, f.varLib, f.transientRoot,
		f.moveOpt, f.collectVar, f.topLevel, f.usrLocal,
		f.useradd, f.selinuxSubs, f.splitAccounts, f.nsswitch, f.machineID, f.integration, f.autovar, f.writableDirs,
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("laying out the tree: %w", err)
		}
	}
	r := f.report
	r.Dropped = sortDropped(r.Dropped)
	slices.SortFunc(r.Moved, func(a, b Moved) int { return cmp.Compare(a.From, b.From) })
	slices.Sort(r.Edited)
	r.Edited = slices.Compact(r.Edited)
	slices.Sort(r.Warnings)
	return r, nil
}

type finisher struct {
	tree      *rootfs.Tree
	read      Reader
	opts      FinishOptions
	report    *Report
	names     *names
	transient bool
	lines     map[string]string // of tmpfiles.d, by the path as it is written in them
}

// drop reports a node that is not in the tree any more, and what is below it.
func (f *finisher) drop(path string, n *rootfs.Node, why string) {
	f.report.Dropped = append(f.report.Dropped, newDropped(f.tree, path, n, why))
	f.dropBelow(path, n, why)
}

func (f *finisher) dropBelow(path string, n *rootfs.Node, why string) {
	f.report.Dropped = dropBelow(f.report.Dropped, f.tree, path, n, why)
}

// remove takes the node at path away, if there is one, and reports it.
func (f *finisher) remove(path, why string) {
	if n := f.tree.Detach(path); n != nil {
		f.drop("/"+path, n, why)
	}
}

func (f *finisher) edited(path string) { f.report.Edited = append(f.report.Edited, "/"+path) }

func (f *finisher) warn(format string, args ...any) {
	f.report.Warnings = append(f.report.Warnings, fmt.Sprintf(format, args...))
}

// devices deals with what OSTree cannot store.
func (f *finisher) devices() error {
	var found []string
	err := f.tree.Walk(func(path string, n *rootfs.Node) error {
		if n.IsDir() || n.IsRegular() || n.IsSymlink() {
			return nil
		}
		found = append(found, path)
		if !f.opts.DropDevices {
			return fmt.Errorf("%s of %s is a device, a FIFO or a socket, which OSTree cannot store: "+
				"leave it out with ignore-devices", path, f.tree.PackageName(n))
		}
		return nil
	})
	for _, path := range found {
		f.remove(path[1:], "OSTree stores no devices, FIFOs and sockets")
	}
	return err
}

func (f *finisher) accounts() (err error) {
	if f.names, err = readNames(f.tree, f.read); err != nil {
		return err
	}
	accounts, err := CheckAccounts(f.tree, f.read, f.opts.Check)
	if err != nil {
		return err
	}
	if f.opts.Check.Users != nil || f.opts.Check.Groups != nil {
		f.report.Accounts = accounts
	}
	return nil
}

// writableDirs lets the owner of every directory write to it, as peers do: who is
// not root could not remove a checkout otherwise.
func (f *finisher) writableDirs() error {
	return f.tree.Walk(func(_ string, n *rootfs.Node) error {
		if n.IsDir() {
			n.Mode |= 0o200
		}
		return nil
	})
}

// moveEtc moves /etc to /usr/etc, where a deployment takes it from.
func (f *finisher) moveEtc() error {
	if n := f.tree.Lookup("usr/etc"); n != nil && n.IsSymlink() && n.Target == "../etc" && n.Package == rootfs.NoPackage {
		f.tree.Detach("usr/etc")
	}
	etc := f.tree.Lookup("etc")
	if etc == nil {
		return nil
	}
	if !etc.IsDir() {
		return fmt.Errorf("/etc of %s is no directory", f.tree.PackageName(etc))
	}
	if err := merge(f.tree, "usr/etc", f.tree.Detach("etc")); err != nil {
		return fmt.Errorf("moving /etc to /usr/etc: %w", err)
	}
	return nil
}

// EmptyBoot leaves /boot as an empty directory, on which a deployment mounts the
// boot file system. What was in it is reported.
func EmptyBoot(tree *rootfs.Tree) ([]Dropped, error) {
	const why = "what boots lies in /usr/lib/modules and /usr/lib/ostree-boot; a deployment starts with an empty /boot"
	var dropped []Dropped
	if old := tree.Detach("boot"); old != nil {
		if !old.IsDir() {
			dropped = append(dropped, newDropped(tree, "/boot", old, why))
		}
		dropped = sortDropped(dropBelow(dropped, tree, "/boot", old, why))
	}
	return dropped, tree.Attach("boot", rootfs.NewDir(0o755))
}

// directories makes what Finish writes to. A link on the way is refused: after
// /etc and /var have moved it would lead elsewhere.
func (f *finisher) directories() error {
	if n := f.tree.Lookup("usr"); n == nil || !n.IsDir() {
		return errNoUsr
	}
	_, err := f.tree.Mkdir(tmpfilesDir)
	return err
}

// put adds a file that the layout needs; what it replaces is reported.
func (f *finisher) put(path string, n *rootfs.Node) error {
	old := f.tree.Detach(path)
	if old != nil && !sameNode(old, n) {
		f.drop("/"+path, old, whyOurs)
	}
	return f.tree.Attach(path, n)
}

// mkdir makes the directory at path, or leaves the one that is there.
func (f *finisher) mkdir(path string, mode uint32) error {
	if n := f.tree.Lookup(path); n != nil && n.IsDir() {
		return nil
	}
	n, err := f.tree.Mkdir(path)
	if err != nil {
		return err
	}
	n.Mode = ostree.ModeDir | mode
	return nil
}

var errNoUsr = errors.New("the tree has no /usr: it holds no package that makes a system")
