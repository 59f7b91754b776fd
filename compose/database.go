package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/compose/rpmdb"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Where a commit has its package database: rpm's own, and the copy that tells
// what the commit came with when packages are layered on it.
const (
	databaseFile     = "usr/share/rpm/rpmdb.sqlite"
	baseDatabaseFile = "usr/lib/sysimage/rpm-ostree-base-db/rpmdb.sqlite"
)

// DatabaseReport says what the package database of the tree is.
type DatabaseReport struct {
	Packages int   `json:"packages"`
	Size     int64 `json:"size"`
	// Foreign is the tree's own rpm when it is too old to read the database; a
	// newer one elsewhere does, with --dbpath.
	Foreign string `json:"foreign,omitempty"`
}

// writeDatabase writes the database of the installed packages.
func (c *composer) writeDatabase(ctx context.Context) (err error) {
	dir, err := c.in.store.Scratch("rpmdb")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "rpmdb.sqlite")
	var packages []rpmdb.Package
	if b := c.plan.base; b != nil {
		packages = b.copied(ctx)
	}
	for _, i := range c.order {
		p := &c.plan.Packages[i]
		packages = append(packages, rpmdb.Package{Name: p.NEVRA.String(), States: c.fileStates(i),
			Header: func() ([]byte, error) { return c.in.headers(ctx, i) }})
	}
	o := rpmdb.Options{InstallTime: c.sourceDate(), Arch: c.plan.opts.Treefile.Arch}
	if err := rpmdb.Write(ctx, file, packages, o); err != nil {
		return err
	}
	n, err := c.addContent(ctx, file)
	if err != nil {
		return err
	}
	for _, path := range []string{databaseFile, baseDatabaseFile} {
		twin := *n
		if _, err := c.tree.Put(path, &twin); err != nil {
			return err
		}
	}
	c.report.Database = &DatabaseReport{Packages: len(packages), Size: n.Size, Foreign: c.oldRPM()}
	return nil
}

// libraries are the packages that bring rpm's library.
var libraries = []string{"rpm-libs", "librpm9", "librpm10", "rpm"}

// oldRPM names the tree's own rpm when it is too old to read the database.
func (c *composer) oldRPM() string {
	for _, name := range libraries {
		for _, n := range c.plan.nevras() {
			if n.Name == name && !rpmdb.Supported(n) {
				return n.String()
			}
		}
	}
	return ""
}

// addContent makes a file of the tree of one that was written for it.
func (c *composer) addContent(ctx context.Context, file string) (_ *rootfs.Node, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	d, size, err := c.in.store.Add(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("keeping %s: %w", file, err)
	}
	return &rootfs.Node{Mode: ostree.ModeRegular | 0o644, User: "root", Group: "root", Size: size, Content: d, Package: rootfs.NoPackage}, nil
}

// fileStates says which files of a package are in the tree.
func (c *composer) fileStates(i int) []rpmdb.FileState {
	files := c.in.manifests[i].Files
	states := make([]rpmdb.FileState, len(files))
	for k := range files {
		states[k] = c.fileState(&files[k])
	}
	return states
}

func (c *composer) fileState(f *content.File) rpmdb.FileState {
	t := c.plan.opts.Treefile
	prefer := rootfs.PreferredColor(t.Arch)
	switch {
	case !t.Documentation && f.Flags&rpm.FileDoc != 0, len(t.InstallLangs) > 0 && !rootfs.WantsLang(t.InstallLangs, f.Lang):
		return rpmdb.StateNotInstalled
	case f.Color != 0 && prefer != 0 && f.Color&prefer == 0 && c.otherColor(f):
		return rpmdb.StateWrongColor
	}
	return rpmdb.StateNormal
}

// otherColor tells whether a file of the preferred color lies at the path of f.
func (c *composer) otherColor(f *content.File) bool {
	n := c.tree.Lookup(f.Path)
	return n != nil && n.IsRegular() && n.Content != f.Content
}
