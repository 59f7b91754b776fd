package compose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
)

// DirOptions say how a tree lies in a directory. The zero value gives files
// their real owners, which takes root's rights.
type DirOptions struct {
	// BareUser leaves the caller the owner of all files, and keeps their real
	// owners, modes and attributes in user.ostreemeta, as libostree does.
	BareUser bool
	// Postprocess does in Install what PostprocessDir would do afterwards.
	Postprocess bool
}

// installedTree is the name of the tree in the folder given to Install.
const installedTree = "rootfs"

// Install makes the tree of the plan in the folder dest, as dest/rootfs, which
// must not be there: with everything that packages and treefile put into it,
// /etc in /usr/etc, and without the form that only a commit has. PostprocessDir
// and CommitDir do the rest. When the input did not change since the previous
// commit, nothing is written.
func (p *Plan) Install(ctx context.Context, dest string, o DirOptions) (_ *Result, err error) {
	t := p.opts.Treefile
	switch {
	case t.Flatpak != nil:
		return nil, p.failed(errors.New("a flatpak is composed in one step: use compose tree"))
	case !p.Changed():
		return &Result{InputHash: p.InputHash}, nil
	}
	target := filepath.Join(dest, installedTree)
	if err := checkEmpty(target); err != nil {
		return nil, p.failed(err)
	}
	store, err := p.openStore(ctx)
	if err != nil {
		return nil, p.failed(err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	in := &intake{plan: p, store: store}
	if err := in.run(ctx); err != nil {
		return nil, p.failed(err)
	}
	if p.opts.DownloadOnly {
		return &Result{Changed: true, InputHash: p.InputHash}, p.Stamp()
	}
	c := &composer{plan: p, in: in, report: &Report{}, toDisk: true}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.install(ctx, o); err != nil {
		return nil, p.failed(err)
	}
	if err := c.inform(ctx); err != nil {
		return nil, p.failed(err)
	}
	if err := c.writeNew(ctx, target, o); err != nil {
		return nil, p.failed(fmt.Errorf("writing the tree to %s: %w", target, err))
	}
	return &Result{Changed: true, InputHash: p.InputHash, Version: c.version, Directory: target, Report: c.report}, p.Stamp()
}

// openStore opens the content store of the cache.
func (p *Plan) openStore(ctx context.Context) (*content.Store, error) {
	if err := makeCacheDir(p.opts.CacheDir); err != nil {
		return nil, err
	}
	return content.OpenRemoving(ctx, cachePath(p.opts.CacheDir, contentCache), removeStage)
}

func (c *composer) install(ctx context.Context, o DirOptions) (err error) {
	if c.metadata, c.version, err = c.plan.commitMetadata(); err != nil {
		return err
	}
	if err := c.assemble(ctx); err != nil {
		return err
	}
	if err := do(ctx, c.installing()); err != nil {
		return err
	}
	if o.Postprocess {
		return c.postprocessTree(ctx)
	}
	return c.installedForm()
}

// installedForm gives the tree the form in which it waits for what comes after
// installing: /etc is in /usr/etc, and the root has the links that every
// deployment has, where nothing is in their place.
func (c *composer) installedForm() error {
	if n := c.tree.Lookup("usr/etc"); n != nil && n.IsSymlink() {
		c.tree.Detach("usr/etc")
	}
	if etc := c.tree.Lookup("etc"); etc != nil && etc.IsDir() && c.tree.Lookup("usr/etc") == nil {
		if err := c.tree.Attach("usr/etc", c.tree.Detach("etc")); err != nil {
			return err
		}
	}
	for _, l := range [...][2]string{{"home", "var/home"}, {"root", "var/roothome"}, {"ostree", "sysroot/ostree"}} {
		n := c.tree.Lookup(l[0])
		if n != nil && (!n.IsDir() || len(n.Children()) > 0) {
			continue
		}
		c.tree.Detach(l[0])
		if err := c.tree.AddSymlink(l[0], l[1]); err != nil {
			return err
		}
	}
	return nil
}

// postprocessTree takes the steps that come between installing and the commit,
// the initramfs included.
func (c *composer) postprocessTree(ctx context.Context) error {
	if err := do(ctx, c.finishing()); err != nil {
		return err
	}
	if c.kernel == nil {
		return nil
	}
	return c.addInitramfs(ctx)
}

// checkEmpty refuses a directory that holds something.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: remove it, or choose another folder", dir)
	}
	return nil
}

// writeNew writes the tree to target; what is there appears at once.
func (c *composer) writeNew(ctx context.Context, target string, o DirOptions) (err error) {
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(target), "."+filepath.Base(target)+"-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeStage(dir)) }()
	work := filepath.Join(dir, "tree")
	if err := c.writeDir(ctx, work, o, nil, -1); err != nil {
		return err
	}
	return os.Rename(work, target)
}

// writeDir writes the tree; files of from, open as fromDir, are linked.
func (c *composer) writeDir(ctx context.Context, dir string, o DirOptions, from *diskTree, fromDir int) error {
	c.plan.opts.Progress.Send("write", 0, 0)
	if err := c.fill(ctx, c.tree); err != nil {
		return err
	}
	if o.BareUser {
		c.warnOfLinks()
	}
	w := &dirWriter{in: c.in, jobs: c.plan.opts.jobs(), bare: o.BareUser, from: from, fromDir: fromDir}
	return w.write(ctx, c.tree, dir)
}

// warnOfLinks names the symbolic links whose owner cannot be kept: they can
// have no attributes.
func (c *composer) warnOfLinks() {
	err := c.tree.Walk(func(path string, n *rootfs.Node) error {
		if n.IsSymlink() && (n.UID != 0 || n.GID != 0) {
			c.plan.opts.Warn(fmt.Sprintf("the link %s belongs to %d:%d; on disk it is the caller's, and a commit of it root's", path, n.UID, n.GID))
		}
		return nil
	})
	if err != nil {
		c.plan.opts.Warn(err.Error())
	}
}

// finishedMark is the file by which a tree tells that it has the form of a commit.
const finishedMark = "usr/lib/tmpfiles.d/rpm-ostree-0-integration.conf"

// isFinished tells whether a tree has it.
func isFinished(tree *rootfs.Tree) bool { return tree.Lookup(finishedMark) != nil }

// databasePlaces are where package managers keep the database of a tree that
// was not composed.
var databasePlaces = [...]string{"usr/lib/sysimage/rpm", "var/lib/rpm"}

// adopt gives a tree that others installed what Prepare and the steps of a
// compose give it: one place for the package database, and its copy.
func (c *composer) adopt(ctx context.Context) (err error) {
	const place, base = "usr/share/rpm", "usr/lib/sysimage/rpm-ostree-base-db"
	if db := c.tree.Lookup(place); db == nil || db.IsDir() && len(db.Children()) == 0 {
		for _, from := range databasePlaces {
			n := c.tree.Lookup(from)
			if n == nil || !n.IsDir() || len(n.Children()) == 0 {
				continue
			}
			c.tree.Detach(place)
			if err := c.tree.Attach(place, c.tree.Detach(from)); err != nil {
				return err
			}
			break
		}
	}
	if db := c.tree.Lookup(place); db != nil && db.IsDir() && c.tree.Lookup(base) == nil {
		for _, n := range db.Children() {
			if !n.IsRegular() || n.Name[0] == '.' {
				continue
			}
			twin := *n
			if err := c.tree.Attach(base+"/"+n.Name, &twin); err != nil {
				return err
			}
		}
	}
	c.report.Prepared, err = layout.Prepare(c.tree, c.reader(ctx), layout.PrepareOptions{})
	return err
}
