package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/treewright/treewright/compose/initramfs"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/compose/rpmdb"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/treefile"
)

// PostprocessDir gives the tree in the directory dir, which Install or another
// program made, the form of a commit: users, tmpfiles, links, kernel and
// initramfs. A tree that has it is left alone. Without a treefile in the options
// only /etc and the package database get their places. After an error the
// directory is as it was.
func PostprocessDir(ctx context.Context, opts Options, dir string, o DirOptions) (_ *Result, err error) {
	whole := opts.Treefile != nil
	if !whole {
		opts.Treefile = &treefile.Treefile{Path: dir, Container: true}
	}
	c, tree, err := openDirTree(ctx, opts, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close(), c.in.store.Close()) }()
	p := c.plan
	if isFinished(c.tree) {
		return &Result{Directory: dir}, nil
	}
	c.toDisk = true
	if c.previous, err = p.previousAccounts(ctx); err != nil {
		return nil, p.failed(err)
	}
	if err := c.adopt(ctx); err != nil {
		return nil, p.failed(err)
	}
	if whole {
		err = c.postprocessTree(ctx)
	} else {
		err = c.installedForm()
	}
	if err == nil {
		_, err = c.tree.ResolveOwners(c.reader(ctx))
	}
	if err == nil {
		err = c.inform(ctx)
	}
	if err == nil {
		err = c.replaceDir(ctx, dir, o, tree)
	}
	if err != nil {
		return nil, p.failed(err)
	}
	return &Result{Changed: true, Directory: dir, Report: c.report}, nil
}

// CommitDir commits the tree in the directory dir, postprocessed if it is not
// yet, with labels, to the treefile's ref. The directory does not change.
func CommitDir(ctx context.Context, opts Options, dir string) (_ *Result, err error) {
	if opts.Repo == nil {
		return nil, errors.New("committing a directory: there is no repository to write to")
	}
	if err := opts.check(); err != nil {
		return nil, err
	}
	if opts.Treefile.Flatpak != nil {
		return nil, fmt.Errorf("committing %s: a flatpak is composed in one step: use compose tree", dir)
	}
	inputHash := takeInputHash(&opts)
	c, _, err := openDirTree(ctx, opts, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close(), c.in.store.Close()) }()
	p := c.plan
	p.InputHash = inputHash
	result, err := c.commitDir(ctx)
	if err == nil {
		err = p.writeFiles(ctx, result)
	}
	if err != nil {
		return nil, p.failed(err)
	}
	return result, nil
}

// takeInputHash takes the input hash out of the metadata that a caller adds: who
// installs a tree without compose has one of his own.
func takeInputHash(o *Options) (hash string) {
	var rest []string
	for _, s := range o.MetadataStrings {
		if value, ok := strings.CutPrefix(s, keyInputHash+"="); ok {
			hash = value
			continue
		}
		rest = append(rest, s)
	}
	o.MetadataStrings = rest
	return hash
}

func (c *composer) commitDir(ctx context.Context) (_ *Result, err error) {
	p := c.plan
	if p.user, err = userMetadata(&p.opts); err != nil {
		return nil, err
	}
	if err := p.checkFiles(); err != nil {
		return nil, err
	}
	if err := p.opts.Repo.CheckWritable(); err != nil {
		return nil, err
	}
	if err := p.findCommits(ctx); err != nil {
		return nil, err
	}
	if c.metadata, c.version, err = p.commitMetadata(); err != nil {
		return nil, err
	}
	if c.previous, err = p.previousAccounts(ctx); err != nil {
		return nil, err
	}
	if isFinished(c.tree) {
		err = c.finishedKeys(ctx)
	} else if err = c.adopt(ctx); err == nil {
		err = do(ctx, c.finishing())
	}
	if err == nil {
		_, err = c.tree.ResolveOwners(c.reader(ctx))
	}
	if err != nil {
		return nil, err
	}
	return c.commit(ctx)
}

// finishedKeys labels a tree that has the form of a commit, and says in the
// commit which kernel it has.
func (c *composer) finishedKeys(ctx context.Context) error {
	if err := c.label(ctx); err != nil {
		return err
	}
	if c.plan.opts.Treefile.Container {
		return nil
	}
	var kernels []string
	if modules := c.tree.Lookup("usr/lib/modules"); modules != nil {
		for _, v := range modules.Children() {
			if v.Child("vmlinuz") != nil {
				kernels = append(kernels, v.Name)
			}
		}
	}
	if len(kernels) != 1 {
		return fmt.Errorf("the tree has %d kernels in usr/lib/modules and needs one, or \"container: true\" in the treefile: %q", len(kernels), kernels)
	}
	c.kernelKeys(&initramfs.Kernel{Version: kernels[0]})
	return nil
}

// openDirTree reads the tree in a directory. The caller closes the composer and
// its store.
func openDirTree(ctx context.Context, opts Options, dir string) (_ *composer, tree *diskTree, err error) {
	if opts.CacheDir == "" {
		return nil, nil, errors.New("composing: there is no folder for the cache")
	}
	p := newPlan(opts)
	p.fromDir, p.Ref = true, opts.Treefile.Ref
	store, err := p.openStore(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(p.failed(err), store.Close())
		}
	}()
	p.opts.Progress.Send("read", 0, 0)
	if tree, err = readDir(ctx, store, dir, p.opts.jobs()); err != nil {
		return nil, nil, err
	}
	if len(tree.dropped) > 0 && !opts.Treefile.IgnoreDevices {
		for _, d := range tree.dropped {
			if !strings.HasSuffix(d.Path, "/*") {
				return nil, nil, fmt.Errorf("%s is %s: remove it, or leave it out with ignore-devices", d.Path, d.Why)
			}
		}
	}
	c := &composer{plan: p, in: &intake{plan: p, store: store}, tree: tree.Tree, report: &Report{LeftOut: tree.dropped},
		metadata: map[string]gvariant.Value{}}
	if err := c.readPackages(ctx); err != nil {
		return nil, nil, err
	}
	c.in.signers = make([]string, len(p.Packages))
	return c, tree, nil
}

// readPackages lists the packages of the tree from its own database.
func (c *composer) readPackages(ctx context.Context) error {
	for _, dir := range append([]string{"usr/share/rpm"}, databasePlaces[:]...) {
		place, err := c.tree.Follow(dir + "/rpmdb.sqlite")
		if err != nil {
			return err
		}
		n := c.tree.Lookup(place)
		if n == nil || !n.IsRegular() {
			continue
		}
		file, err := c.extract(place)
		if err != nil {
			return err
		}
		return c.listPackages(ctx, file)
	}
	c.plan.unlisted = true
	c.plan.opts.Warn("the tree has no rpmdb.sqlite: the commit does not list its packages")
	return nil
}

// listPackages reads the database in file, and says which paths of the tree
// belong to which package.
func (c *composer) listPackages(ctx context.Context, file string) (err error) {
	db, err := rpmdb.Open(ctx, file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.Scan(ctx, func(p *rpmdb.Installed) error {
		if p.IsKey() {
			return nil
		}
		m, err := p.Package.Metadata()
		if err != nil {
			return err
		}
		files, err := p.Package.Files()
		if err != nil {
			return err
		}
		c.plan.Packages = append(c.plan.Packages, Package{NEVRA: m.NEVRA, InstalledSize: m.InstalledSize, meta: m})
		c.tree.Packages = append(c.tree.Packages, m.NEVRA.String())
		for i := range files {
			if files[i].Flags&rpm.FileGhost == 0 {
				c.ownPath(files[i].Path, len(c.tree.Packages)-1)
			}
		}
		return nil
	})
}

// ownPath gives the node at a package's path to it, unless another one has it.
func (c *composer) ownPath(path string, pkg int) {
	path = strings.Trim(path, "/")
	if c.tree.Lookup("etc") == nil && (path == "etc" || strings.HasPrefix(path, "etc/")) {
		path = "usr/" + path
	}
	place, err := c.tree.FollowDir(path)
	if err != nil {
		return // a loop of links, or no path at all: nothing is there
	}
	if n := c.tree.Lookup(place); n != nil && n.Package == rootfs.NoPackage {
		n.Package = pkg
	}
}

// extract copies a database out of the store, with changes that wait beside it.
func (c *composer) extract(path string) (string, error) {
	dir, err := c.in.store.Scratch("rpmdb")
	if err != nil {
		return "", err
	}
	for _, suffix := range [...]string{"", "-wal"} {
		n := c.tree.Lookup(path + suffix)
		if n == nil || !n.IsRegular() {
			continue
		}
		if err := c.extractTo(n, filepath.Join(dir, "rpmdb.sqlite"+suffix)); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "rpmdb.sqlite"), nil
}

func (c *composer) extractTo(n *rootfs.Node, name string) (err error) {
	r, err := c.in.store.OpenContent(n.Content, n.Size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
