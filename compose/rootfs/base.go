package rootfs

import "github.com/treewright/treewright/compose/content"

// Base is a tree that packages are put on top of.
type Base struct {
	// Tree has rpm's own paths. Assemble changes and returns it.
	Tree *Tree
	// Packages are those that the tree was made of. The content of a file is what
	// its package has: in the tree, it may have changed since.
	Packages []Package
}

// baseEntry is a file of a package of the base.
type baseEntry struct {
	pkg  int // index in Tree.Packages
	file *content.File
}

// inBase tells whether n lay in the base.
func (n *Node) inBase(fresh int) bool { return n.Package == NoPackage || n.Package >= fresh }

// putOn makes the base's tree the one that packages go into, and returns its
// links.
func (a *assembler) putOn(b *Base, fresh int) (links []linkEntry) {
	a.tree, a.fresh = b.Tree, fresh
	a.tree.Packages = nil
	var collect func(path string, n *Node)
	collect = func(path string, n *Node) {
		n.Package = NoPackage
		for _, c := range n.children {
			if c.IsSymlink() {
				links = append(links, linkEntry{path + "/" + c.Name, c.Target, NoPackage})
			}
			collect(path+"/"+c.Name, c)
		}
	}
	collect("", a.tree.Root)
	return links
}

func (a *assembler) linkOwner(packages []Package, l *linkEntry) string {
	if l.pkg == NoPackage {
		return "the base"
	}
	return packages[l.pkg].Name
}

// own finds out which package of the base owns what. Packages come after those
// that are put on top of it.
func (a *assembler) own(b *Base) {
	a.base = map[*Node]baseEntry{}
	for _, p := range b.Packages {
		pkg := len(a.tree.Packages)
		a.tree.Packages = append(a.tree.Packages, p.Name)
		for i := range p.Manifest.Files {
			f := &p.Manifest.Files[i]
			n := a.placeOf(f.Path)
			if n == nil || f.IsGhost() || n.Package != NoPackage {
				continue
			}
			n.Package = pkg
			a.base[n] = baseEntry{pkg, f}
		}
	}
}

// placeOf returns what lies at a path of a package, links on the way followed.
func (a *assembler) placeOf(path string) *Node {
	if path == "/" {
		return a.tree.Root
	}
	dir, name := splitPath(path)
	parent := a.dirs[dir]
	if parent == nil {
		place, err := a.links.follow(dir)
		if err != nil {
			return nil
		}
		if parent = a.tree.Lookup(place); parent == nil || !parent.IsDir() {
			return nil
		}
		a.dirs[dir] = parent
	}
	return parent.Child(name)
}

// placeOnBase puts n where old of the base is. What packages own follows the
// rules for packages, by what their headers say: programs may have changed what
// lies there, which stays. What no package owns gives way.
func (a *assembler) placeOnBase(pkg int, path string, old, n *Node) error {
	entry, owned := a.base[old]
	if !owned {
		if old.IsDir() != n.IsDir() {
			a.conflict(path, firstOwned(old), pkg, typeName(old)+" and "+typeName(n))
			return nil
		}
		if !old.IsDir() {
			a.report.Replaced = append(a.report.Replaced, path)
		}
		n.Name, n.children = old.Name, old.children
		*old = *n
		return nil
	}
	was, err := a.node(entry.pkg, entry.file)
	if err != nil {
		return err
	}
	why := differ(was, n)
	if why == "" {
		return nil
	}
	prefer := a.opts.PreferredColor
	colors := was.color != 0 && n.color != 0 && was.color != n.color && was.IsRegular() && n.IsRegular()
	switch {
	case colors && was.color&prefer != 0:
		a.settled(path, old, n)
	case colors && n.color&prefer != 0:
		a.settled(path, n, old)
		n.Name = old.Name
		*old = *n
		delete(a.base, old)
	default:
		a.conflict(path, old, pkg, why)
	}
	return nil
}
