package layout

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
)

// Paths of the package database, relative to the root.
const (
	rpmdbPath       = "usr/share/rpm"
	rpmdbOldPath    = "var/lib/rpm"
	rpmdbSysimage   = "usr/lib/sysimage/rpm"
	rpmMacroFile    = "usr/lib/rpm/macros.d/macros.rpm-ostree"
	treefileCopy    = "usr/share/rpm-ostree/treefile.json"
	systemdUnits    = "usr/lib/systemd/system"
	multiUserWants  = "etc/systemd/system/multi-user.target.wants"
	localFSRequires = systemdUnits + "/local-fs.target.requires"
)

// Prepare does to a tree with rpm's own paths what comes before the postprocess
// scripts: it points rpm at its database, enables units, writes the version,
// removes and adds files. The scripts find /etc at /usr/etc as well: a link,
// which Finish removes.
func Prepare(tree *rootfs.Tree, read Reader, opts PrepareOptions) (*Prepared, error) {
	p := &preparer{tree: tree, read: read, opts: opts, report: &Prepared{}}
	for _, step := range []func() error{
		p.oneEtc, p.rpmdb, p.units, p.defaultTarget, p.stateOverlays, p.treefile, p.osRelease, p.removeFiles, p.addFiles,
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("preparing the tree: %w", err)
		}
	}
	p.report.Dropped, p.report.Replaced = sortDropped(p.report.Dropped), sortDropped(p.report.Replaced)
	slices.SortFunc(p.report.Units, func(a, b Unit) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(p.report.Added, func(a, b Added) int { return cmp.Compare(a.Path, b.Path) })
	sortRemoved(p.report.Removed)
	slices.Sort(p.report.Warnings)
	return p.report, nil
}

func sortRemoved(list []Removed) {
	slices.SortStableFunc(list, func(a, b Removed) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Package, b.Package))
	})
}

type preparer struct {
	tree   *rootfs.Tree
	read   Reader
	opts   PrepareOptions
	report *Prepared
}

// oneEtc takes what packages put into /usr/etc to /etc, and makes /usr/etc a
// link for the scripts.
func (p *preparer) oneEtc() error {
	switch n := p.tree.Lookup("usr/etc"); {
	case n == nil:
	case n.IsSymlink():
		return nil
	case !n.IsDir():
		return fmt.Errorf("/usr/etc of %s is no directory", p.tree.PackageName(n))
	}
	if n := p.tree.Detach("usr/etc"); n != nil {
		if err := merge(p.tree, "etc", n); err != nil {
			return fmt.Errorf("putting /usr/etc and /etc together: %w", err)
		}
	}
	_, err := p.tree.Put("usr/etc", rootfs.NewSymlink("../etc"))
	return err
}

// rpmdb makes every path of the package database lead to /usr/share/rpm.
func (p *preparer) rpmdb() error {
	for _, l := range [...][2]string{{rpmdbOldPath, "../../" + rpmdbPath}, {rpmdbSysimage, "../../share/rpm"}} {
		if err := p.replaceByLink(l[0], l[1], "the package database is in /"+rpmdbPath); err != nil {
			return err
		}
	}
	return p.put(rpmMacroFile, rootfs.NewFile(0o644, []byte("%_dbpath /"+rpmdbPath+"\n")))
}

// replaceByLink puts a link at path; what it replaces is reported.
func (p *preparer) replaceByLink(path, target, why string) error {
	place, err := p.tree.FollowDir(path)
	if err != nil {
		return err
	}
	old := p.tree.Lookup(place)
	if old != nil && old.IsSymlink() && old.Target == target {
		return nil
	}
	p.tree.Detach(place)
	if old != nil {
		p.report.Dropped = dropBelow(p.report.Dropped, p.tree, "/"+place, old, why)
		if !old.IsDir() {
			p.report.Dropped = append(p.report.Dropped, newDropped(p.tree, "/"+place, old, why))
		}
	}
	return p.put(place, rootfs.NewSymlink(target))
}

// whyOurs is the reason for a file that the compose writes.
const whyOurs = "the compose writes this file itself"

// put adds a file or link and reports the package whose file it replaces.
func (p *preparer) put(path string, n *rootfs.Node) error {
	old, err := p.tree.Put(path, n)
	if err != nil {
		return err
	}
	if old != nil && old.Package != rootfs.NoPackage && !sameNode(old, n) {
		p.report.Replaced = append(p.report.Replaced, newDropped(p.tree, "/"+path, old, whyOurs))
	}
	return nil
}

func (p *preparer) treefile() error {
	if p.opts.TreefileJSON == nil {
		return nil
	}
	return p.put(treefileCopy, rootfs.NewFile(0o644, bytes.Clone(p.opts.TreefileJSON)))
}

// cleanRelative returns a path that a person gave relative to the root; nothing
// leads out of it, and /usr/etc is /etc here.
func cleanRelative(path string) (string, error) {
	if strings.HasPrefix(path, "/") {
		return "", errors.New("the path must be relative to the root")
	}
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
		case "..":
			return "", errors.New("the path holds \"..\"")
		default:
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return "", errors.New("the path is that of the root")
	}
	if len(parts) > 2 && parts[0] == "usr" && parts[1] == "etc" {
		parts = parts[1:]
	}
	return strings.Join(parts, "/"), nil
}

// removeFiles removes paths; links above them are followed, a link itself is
// removed.
func (p *preparer) removeFiles() error {
	for _, name := range p.opts.RemoveFiles {
		path, err := cleanRelative(name)
		if err == nil {
			path, err = p.tree.FollowDir(path)
		}
		if err != nil {
			return fmt.Errorf("remove-files: %s: %w", name, err)
		}
		n := p.tree.Detach(path)
		r := Removed{Path: "/" + path}
		if n != nil {
			r.Package, r.Entries = packageOf(p.tree, n), count(n)
		}
		p.report.Removed = append(p.report.Removed, r)
	}
	return nil
}

// count returns how many nodes n and what is below it are.
func count(n *rootfs.Node) int {
	total := 1
	for _, c := range n.Children() {
		total += count(c)
	}
	return total
}

// addFiles adds files; of two with one destination the later one stays.
func (p *preparer) addFiles() error {
	if len(p.opts.AddFiles) == 0 {
		return nil
	}
	db, err := readNames(p.tree, p.read)
	if err != nil {
		return err
	}
	added := map[*rootfs.Node]string{}
	for i := range p.opts.AddFiles {
		f := &p.opts.AddFiles[i]
		if err := p.addFile(f, db, added); err != nil {
			return fmt.Errorf("add-files: %s to %s: %w", f.Source, f.Dest, err)
		}
	}
	return nil
}

func (p *preparer) addFile(f *AddFile, db *names, added map[*rootfs.Node]string) error {
	path, err := cleanRelative(f.Dest)
	if err != nil {
		return err
	}
	n := rootfs.NewFile(f.Mode, f.Data)
	if f.Data == nil {
		n.Data, n.Content, n.Size = nil, f.Content, f.Size
	}
	if n.User, n.UID, err = db.users.find(cmp.Or(f.User, "root")); err != nil {
		return fmt.Errorf("its owner: %w", err)
	}
	if n.Group, n.GID, err = db.groups.find(cmp.Or(f.Group, "root")); err != nil {
		return fmt.Errorf("its group: %w", err)
	}
	place, err := p.tree.FollowDir(path)
	if err != nil {
		return err
	}
	old, err := p.tree.Put(place, n)
	if err != nil {
		return err
	}
	entry := Added{Path: "/" + place, Source: f.Source}
	if old != nil {
		entry.Replaced = cmp.Or(packageOf(p.tree, old), added[old])
	}
	added[n] = "add-files"
	p.report.Added = append(p.report.Added, entry)
	return nil
}
