package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/origin"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/rpmrepo"
	"github.com/treewright/treewright/rpmrepo/lockfile"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Plan says what a compose would do. Close it, executed or not.
type Plan struct {
	Ref      string    // empty: the commit gets no ref
	Packages []Package // sorted by NEVRA
	// InputHash is the same for composes of the same input.
	InputHash string
	// Previous is the commit that the input is compared with, zero for none;
	// PreviousInputHash is its input hash, empty when it has none.
	Previous          ostree.Checksum
	PreviousInputHash string
	Warnings          []string

	opts    Options
	repos   []*rpmrepo.Repository
	pool    *rpmrepo.Pool             // of the packages, when it came from the cache
	parent  ostree.Checksum           // of the new commit
	tip     ostree.Checksum           // of Ref, when the plan was made
	version string                    // of the previous commit
	runtime *runtimeInfo              // of a flatpak application
	base    *baseCommit               // nil without one
	layers  []layer                   // in the order in which they are added
	lock    *lockfile.Lock            // nil without one
	user    map[string]gvariant.Value // what the caller adds to the commit's metadata

	tipDiff  *TipDiff
	fromDir  bool // the tree is read from a directory, whose repositories are not known
	unlisted bool // nor are its packages

	advisories *gvariant.Value // nil: none, or not wanted

	warnMu sync.Mutex
}

// Package is a package that the tree gets.
type Package struct {
	NEVRA         rpm.NEVRA
	Repo          string // ID
	Checksum      fetch.Checksum
	Size          int64  // of the package file
	InstalledSize int64  // of its files
	Reason        string // why it was chosen, in plain words

	meta *rpm.Metadata
	from *rpmrepo.Repository
}

// NewPlan reads the repositories and resolves what the treefile asks for. It
// changes nothing but the cache.
func NewPlan(ctx context.Context, opts Options) (_ *Plan, err error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	p := newPlan(opts)
	if err := p.make(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("planning %s: %w", opts.Treefile.Path, err), p.Close())
	}
	return p, nil
}

// newPlan returns a plan that keeps what it warns of.
func newPlan(opts Options) *Plan {
	if opts.DisableSELinux {
		t := *opts.Treefile
		t.SELinux, opts.Treefile = false, &t
	}
	p := &Plan{opts: opts}
	p.opts.Warn = func(text string) {
		p.warnMu.Lock()
		p.Warnings = append(p.Warnings, text)
		p.warnMu.Unlock()
		opts.warn(text)
	}
	return p
}

func (p *Plan) make(ctx context.Context) (err error) {
	if err := checkKeys(p.opts.Treefile); err != nil {
		return err
	}
	if p.user, err = userMetadata(&p.opts); err != nil {
		return err
	}
	if err := p.findCommits(ctx); err != nil {
		return err
	}
	if err := p.openInputs(ctx); err != nil {
		return err
	}
	if err := p.findLayers(ctx); err != nil {
		return err
	}
	if err := p.resolve(ctx); err != nil {
		return err
	}
	p.InputHash, err = p.inputHash(ctx)
	return err
}

// openInputs opens what packages are chosen from and by.
func (p *Plan) openInputs(ctx context.Context) (err error) {
	if err := makeCacheDir(p.opts.CacheDir); err != nil {
		return err
	}
	if err := p.readLock(); err != nil {
		return err
	}
	if p.repos, err = openRepos(ctx, &p.opts); err != nil {
		return err
	}
	if err := p.findBase(ctx); err != nil {
		return err
	}
	return p.findRuntime(ctx)
}

// Close releases the repositories' caches, and the packages to choose from.
func (p *Plan) Close() error {
	repos, pool, base := p.repos, p.pool, p.base
	p.repos, p.pool, p.base = nil, nil, nil
	return errors.Join(pool.Close(), base.Close(), closeRepos(repos))
}

// Changed tells whether Execute would make a commit: the input differs from
// that of the previous commit, or ForceNoCache asks for one.
func (p *Plan) Changed() bool {
	known := !p.Previous.IsZero() || p.opts.PreviousInputHash != ""
	return p.opts.ForceNoCache || !known || p.PreviousInputHash != p.InputHash
}

// keyInputHash is the commit key that holds the input hash.
const keyInputHash = "rpmostree.inputhash"

// findCommits finds the ref, its tip, the previous commit and the parent.
func (p *Plan) findCommits(ctx context.Context) error {
	p.Ref = p.opts.Treefile.Ref
	if p.Ref != "" {
		if err := ostree.ValidateRef(p.Ref); err != nil {
			return fmt.Errorf("%s: %w", keyPosition(p.opts.Treefile, "ref"), err)
		}
	}
	if p.opts.Repo == nil {
		p.overridePrevious()
		return nil
	}
	if err := p.findTip(); err != nil {
		return err
	}
	if err := p.findParent(ctx); err != nil {
		return err
	}
	p.Previous = p.tip
	if rev := p.opts.PreviousCommit; rev != "" {
		var err error
		if p.Previous, err = p.opts.Repo.ResolveRev(ctx, rev); err != nil {
			return fmt.Errorf("finding the previous commit %s: %w", rev, err)
		}
	}
	defer p.overridePrevious()
	if p.Previous.IsZero() {
		return nil
	}
	c, err := p.opts.Repo.Commit(ctx, p.Previous)
	if err != nil {
		return fmt.Errorf("reading the previous commit %s: %w", p.Previous, err)
	}
	p.PreviousInputHash = c.Metadata.Str(keyInputHash)
	p.version = c.Metadata.Str(ostree.KeyVersion)
	return nil
}

// overridePrevious takes what the caller knows of the previous commit.
func (p *Plan) overridePrevious() {
	p.PreviousInputHash = cmp.Or(p.opts.PreviousInputHash, p.PreviousInputHash)
	p.version = cmp.Or(p.opts.PreviousVersion, p.version)
}

// findTip reads the tip of the ref, which must be the repository's own.
func (p *Plan) findTip() error {
	if p.Ref == "" {
		return nil
	}
	if err := p.checkOwn(); err != nil {
		return err
	}
	tip, err := p.opts.Repo.ResolveRef(p.Ref)
	if errors.Is(err, archive.ErrNotExist) {
		return nil
	}
	p.tip = tip
	return err
}

// checkOwn refuses a ref that is mirrored from an upstream.
func (p *Plan) checkOwn() error {
	if err := origin.CheckOwn(p.opts.Repo.Path(), p.Ref); err != nil {
		return fmt.Errorf("%w: a compose does not overwrite it: choose another ref", err)
	}
	return nil
}

func (p *Plan) findParent(ctx context.Context) (err error) {
	switch {
	case p.opts.NoParent:
		return nil
	case p.opts.Parent != "":
		if p.parent, err = ostree.ParseChecksum(p.opts.Parent); err == nil {
			return nil // it need not be here
		}
		if p.parent, err = p.opts.Repo.ResolveRev(ctx, p.opts.Parent); err != nil {
			return fmt.Errorf("finding the parent %s: %w", p.opts.Parent, err)
		}
		return nil
	}
	p.parent = p.tip
	return nil
}

func cachePath(dir string, name string) string { return filepath.Join(dir, name) }
