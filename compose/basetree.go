package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/compose/selinux"
	"github.com/treewright/treewright/ostree"
)

// BaseReport says what packages were put on top of.
type BaseReport struct {
	Ref      string          `json:"ref"`
	Commit   ostree.Checksum `json:"commit"`
	Packages int             `json:"packages,omitempty"`
	// Removed are files of the base that are made anew or have no place in the
	// tree.
	Removed []string `json:"removed,omitempty"`
}

// openBaseTree reads the base, with rpm's own paths; nil without a base.
func (c *composer) openBaseTree(ctx context.Context) (*rootfs.Base, error) {
	b := c.plan.base
	if b == nil {
		return nil, nil
	}
	list, err := b.packages(ctx, c.plan)
	if err != nil {
		return nil, err
	}
	tree, err := c.in.source.tree(ctx, b.repo, b.commit)
	if err != nil {
		return nil, err
	}
	c.report.Base = &BaseReport{Ref: b.key.Ref, Commit: b.commit, Packages: len(list)}
	if err := c.reopen(ctx, tree); err != nil {
		return nil, fmt.Errorf("preparing the base %s: %w", b.key.Ref, err)
	}
	base := &rootfs.Base{Tree: tree, Packages: make([]rootfs.Package, len(list))}
	for i := range list {
		base.Packages[i] = rootfs.Package{Name: list[i].manifest.NEVRA.String(), Manifest: list[i].manifest}
	}
	return base, nil
}

// reopen gives the base's tree rpm's own paths.
func (c *composer) reopen(ctx context.Context, tree *rootfs.Tree) error {
	finished, err := layout.Reopen(tree, c.reader(ctx))
	if err != nil {
		return err
	}
	if !finished {
		// Others made the commit: it has the form at least in part.
		if n := tree.Lookup("usr/etc"); n != nil && tree.Lookup("etc") == nil {
			if err := tree.Attach("etc", tree.Detach("usr/etc")); err != nil {
				return err
			}
		}
	}
	// The database is written anew: nothing of the old one may lie beside it.
	for _, dir := range append(databaseDirs[:], "usr/lib/sysimage/rpm-ostree-base-db") {
		n := tree.Lookup(dir)
		if n == nil || !n.IsDir() {
			continue
		}
		for _, f := range slices.Clone(n.Children()) {
			if strings.HasPrefix(f.Name, "rpmdb.sqlite") || f.Name == ".rpm.lock" {
				tree.Detach(dir + "/" + f.Name)
				if f.Name != "rpmdb.sqlite" {
					c.report.Base.Removed = append(c.report.Base.Removed, "/"+dir+"/"+f.Name)
				}
			}
		}
	}
	if c.plan.opts.Treefile.SELinux {
		return nil
	}
	return tree.Walk(func(_ string, n *rootfs.Node) error {
		n.Xattrs = slices.DeleteFunc(n.Xattrs, func(x ostree.Xattr) bool { return x.Name == selinux.Attribute })
		return nil
	})
}

// fill gives all files of the tree that come from commits their bytes in the
// store.
func (c *composer) fill(ctx context.Context, tree *rootfs.Tree) error {
	return c.in.source.fill(ctx, c.in.store, tree)
}

// withBase puts the accounts of the base before those of the previous commit: who
// owns the base's files is settled.
func (c *composer) withBase(ctx context.Context, previous layout.Previous) (layout.Previous, error) {
	if c.plan.base == nil {
		return previous, nil
	}
	merged := layout.Previous{}
	for path, data := range previous {
		merged[path] = data
	}
	for _, name := range [...]string{"passwd", "group"} {
		n := c.tree.Lookup("etc/" + name)
		if n == nil || !n.IsRegular() {
			continue
		}
		data, err := c.in.read(ctx, n)
		if err != nil {
			return nil, err
		}
		both := slices.Concat(data, []byte("\n"), previous["usr/etc/"+name])
		merged["usr/etc/"+name] = []byte(strings.ReplaceAll(string(both), "\n\n", "\n"))
	}
	return merged, nil
}

// read returns the bytes of a file that comes from a commit.
func (s *commitSource) read(ctx context.Context, n *rootfs.Node) (_ []byte, err error) {
	r, err := s.open(ctx, n.Object)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.ReadAll(r)
}
