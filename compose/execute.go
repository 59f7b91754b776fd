package compose

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/compose/selinux"
	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

// contentCache is the folder of the cache that compose/content keeps.
const contentCache = "content"

// Execute does what the plan says. When the input did not change since the
// previous commit, it writes nothing and the result says so. On an error, or
// when ctx ends, no ref and no file of the options has changed.
func (p *Plan) Execute(ctx context.Context) (_ *Result, err error) {
	if !p.Changed() {
		return &Result{InputHash: p.InputHash}, nil
	}
	if err := p.checkFiles(); err != nil {
		return nil, err
	}
	if p.opts.Repo != nil && !p.opts.DownloadOnly {
		if err := p.opts.Repo.CheckWritable(); err != nil {
			return nil, p.failed(err)
		}
	}
	store, err := content.OpenRemoving(ctx, cachePath(p.opts.CacheDir, contentCache), removeStage)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	in := &intake{plan: p, store: store}
	if err := in.run(ctx); err != nil {
		return nil, p.failed(err)
	}
	if err := p.readAdvisories(ctx); err != nil {
		return nil, p.failed(err)
	}
	if p.opts.DownloadOnly {
		return &Result{Changed: true, InputHash: p.InputHash}, p.Stamp()
	}
	if p.opts.Repo == nil {
		return nil, errors.New("composing: there is no repository to write to")
	}
	c := &composer{plan: p, in: in, report: &Report{}}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.build(ctx); err != nil {
		return nil, p.failed(err)
	}
	result, err := c.commit(ctx)
	if err != nil {
		return nil, p.failed(err)
	}
	if err := p.writeFiles(ctx, result); err != nil {
		return nil, p.failed(err)
	}
	return result, nil
}

func (p *Plan) failed(err error) error {
	return fmt.Errorf("composing %s: %w", p.opts.Treefile.Path, err)
}

// composer makes one commit.
type composer struct {
	plan     *Plan
	in       *intake
	tree     *rootfs.Tree
	meta     *flatpak.Metadata // of a flatpak
	previous layout.Previous   // accounts of the previous commit
	kernel   *kernelJob        // nil without a kernel
	policy   *selinux.Contexts // nil until labels are needed
	order    []int             // of installation: indexes of packages
	metadata map[string]gvariant.Value
	version  string
	toDisk   bool // the tree becomes a directory: labels are a commit's
	report   *Report
}

// build makes the tree.
func (c *composer) build(ctx context.Context) (err error) {
	if c.metadata, c.version, err = c.plan.commitMetadata(); err != nil {
		return err
	}
	if err := c.assemble(ctx); err != nil {
		return err
	}
	if c.plan.opts.Treefile.Flatpak == nil {
		return c.system(ctx)
	}
	if err := c.runScriptlets(ctx); err != nil {
		return err
	}
	return c.layOutFlatpak()
}

// assemble puts the packages together.
func (c *composer) assemble(ctx context.Context) (err error) {
	p, t := c.plan, c.plan.opts.Treefile
	packages := make([]rootfs.Package, len(p.Packages))
	for i := range p.Packages {
		packages[i] = rootfs.Package{Name: p.Packages[i].NEVRA.String(), Manifest: c.in.manifests[i]}
	}
	if packages, err = c.filter(packages); err != nil {
		return err
	}
	p.opts.Progress.Send("assemble", 0, int64(len(packages)))
	base, err := c.openBaseTree(ctx)
	if err != nil {
		return err
	}
	c.tree, c.report.Assembly, err = rootfs.Assemble(ctx, packages, rootfs.Options{
		Base:           base,
		PreferredColor: rootfs.PreferredColor(t.Arch), SkipDocs: !t.Documentation, Langs: t.InstallLangs,
		DropDevices: t.IgnoreDevices, ReadonlyExecutables: t.ReadonlyExecutables, IMA: t.IMA,
	})
	if err != nil {
		return err
	}
	p.opts.Progress.Send("assemble", int64(len(packages)), int64(len(packages)))
	return nil
}

// commit writes the tree, the commit and the ref.
func (c *composer) commit(ctx context.Context) (_ *Result, err error) {
	p := c.plan
	txn, err := p.opts.Repo.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	commit, err := c.newCommit(ctx)
	if err != nil {
		return nil, err
	}
	w := newObjectWriter(c, txn)
	if commit.RootTree, commit.RootMeta, err = c.writeTree(ctx, w); err != nil {
		return nil, err
	}
	if c.meta != nil {
		if err := c.flatpakKeys(c.metadata, w); err != nil {
			return nil, err
		}
	}
	commit.Metadata = sortedDict(c.metadata)
	sum, err := c.writeCommit(ctx, txn, commit)
	if err != nil {
		return nil, err
	}
	if err := c.inform(ctx); err != nil {
		return nil, err
	}
	// Contents are what the index says once the transaction has verified them.
	if err := c.in.store.SaveIndex(ctx); err != nil {
		return nil, err
	}
	stats, err := txn.Commit(ctx)
	if errors.Is(err, archive.ErrRefChanged) {
		return nil, fmt.Errorf("%w: another compose wrote %s: run this one again", err, p.Ref)
	}
	if err != nil {
		return nil, err
	}
	return &Result{
		Changed: true, InputHash: p.InputHash, Ref: p.writtenRef(), Commit: sum, Content: commit.ContentChecksum(),
		Parent: commit.Parent, Version: c.version, Timestamp: commit.Timestamp, Stats: stats, CacheHits: w.hits.Load(), Report: c.report,
	}, nil
}

// writeTree writes all objects of the tree. While an initramfs is being made,
// the other files are written.
func (c *composer) writeTree(ctx context.Context, w *objectWriter) (root, meta ostree.Checksum, err error) {
	if err := w.writeFiles(ctx); err != nil {
		return root, meta, err
	}
	if c.kernel != nil {
		if err := c.addInitramfs(ctx); err != nil {
			return root, meta, err
		}
		if err := w.writeFiles(ctx); err != nil {
			return root, meta, err
		}
	}
	return w.writeDirs(ctx)
}

// writtenRef is the ref that the commit gets: none when its caller asked for
// the commit's checksum instead.
func (p *Plan) writtenRef() string {
	if p.opts.CommitIDFile != "" {
		return ""
	}
	return p.Ref
}

// newCommit makes the commit but for its tree and metadata.
func (c *composer) newCommit(ctx context.Context) (*ostree.Commit, error) {
	p := c.plan
	commit := &ostree.Commit{Parent: p.parent, Timestamp: uint64(max(p.opts.sourceDate().Unix(), 0))}
	if c.meta == nil {
		return commit, nil
	}
	ref := p.opts.Treefile.Flatpak.Ref
	commit.Subject, commit.Body = flatpak.Subject(ref.ID), flatpak.Body(ref, p.opts.Tool)
	// Clients have the tip, whether it is the parent or not.
	for _, before := range []ostree.Checksum{p.parent, p.tip} {
		if before.IsZero() {
			continue
		}
		older, err := p.opts.Repo.Commit(ctx, before)
		if err != nil {
			return nil, fmt.Errorf("reading the time of commit %s: %w", before, err)
		}
		commit.Timestamp = flatpak.Timestamp(older.Timestamp, commit.Timestamp)
	}
	return commit, nil
}

// writeCommit adds the commit and what goes with it to the transaction.
func (c *composer) writeCommit(ctx context.Context, txn *archive.Txn, commit *ostree.Commit) (ostree.Checksum, error) {
	p := c.plan
	data, err := commit.Encode()
	if err != nil {
		return ostree.Checksum{}, err
	}
	sum, err := txn.WriteMeta(ctx, ostree.ObjectCommit, data)
	if err != nil {
		return sum, err
	}
	if err := p.sign(ctx, txn, sum, data); err != nil {
		return sum, err
	}
	if beside := p.detached(); len(beside) > 0 {
		txn.UpdateCommitMeta(sum, func(d gvariant.Dict) (gvariant.Dict, error) {
			d = d.Clone()
			for _, e := range beside {
				d.Set(e.Key, e.Value)
			}
			return d, nil
		})
	}
	ref := p.writtenRef()
	if ref == "" {
		return sum, nil
	}
	// A mirror may have claimed it since the plan.
	if err := p.checkOwn(); err != nil {
		return sum, err
	}
	if err := txn.ExpectRef(ref, p.tip); err != nil {
		return sum, err
	}
	return sum, txn.SetRef(ref, sum)
}

func (c *composer) fillReport() {
	c.report.Tree = c.tree.Stats()
	c.report.Warnings = c.plan.Warnings
	for i := range c.plan.Packages {
		p := &c.plan.Packages[i]
		c.report.Packages = append(c.report.Packages, ReportedPackage{
			NEVRA: p.NEVRA.String(), Repo: p.Repo, Checksum: p.Checksum.String(), Size: p.Size,
			InstalledSize: p.InstalledSize, SignedBy: strings.ToUpper(c.in.signers[i]),
		})
	}
}
