package compose

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/treewright/treewright/rpmrepo"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/rpmrepo/solve"
)

// universe holds the packages of all repositories in use: as the last run left
// them in the cache, when the metadata is still the same, or read anew.
func (p *Plan) universe(ctx context.Context) (*solve.Universe, error) {
	u, repos := p.emptyUniverse()
	if p.restorePool(u) {
		return u, nil
	}
	if p.runtime != nil {
		p.runtime.addTo(repos[0])
	}
	if p.base != nil {
		if err := p.base.addTo(ctx, p, repos[0]); err != nil {
			return nil, err
		}
	}
	repos = repos[len(repos)-len(p.repos):]
	for i, r := range p.repos {
		p.opts.Progress.Send("metadata", int64(i), int64(len(p.repos)))
		repos[i].Reserve(r.OpenSize("primary"))
		err := r.PassPackages(ctx, func(m *rpm.Metadata) error {
			repos[i].Add(m)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	p.opts.Progress.Send("metadata", int64(len(p.repos)), int64(len(p.repos)))
	return u, nil
}

// emptyUniverse returns a universe without packages, and its repositories: that
// of the runtime or base, if there is one, and those in use.
func (p *Plan) emptyUniverse() (*solve.Universe, []*solve.Repo) {
	u := solve.NewUniverse(solve.Options{Arch: p.opts.Treefile.Arch, LoadFiles: p.loadFiles})
	var repos []*solve.Repo
	if p.runtime != nil {
		repos = append(repos, u.AddRepo(p.runtime.repoOptions()))
	}
	if p.base != nil {
		repos = append(repos, u.AddRepo(p.base.repoOptions()))
	}
	for _, r := range p.repos {
		c := r.Config()
		repos = append(repos, u.AddRepo(solve.RepoOptions{
			ID: c.ID, Priority: c.Priority, Cost: c.Cost, Excludes: c.Excludes, Includes: c.Includes,
		}))
	}
	return u, repos
}

// restorePool fills the universe from the cache, if it can.
func (p *Plan) restorePool(u *solve.Universe) bool {
	pool, err := rpmrepo.OpenPool(cachePath(p.opts.CacheDir, reposCache), p.poolName())
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			p.opts.Warn(err.Error())
		}
		return false
	}
	// What is damaged, or older than the metadata, is made anew without a word.
	if u.Restore(pool.Data, p.poolKey()) != nil {
		if err := pool.Close(); err != nil {
			p.opts.Warn(err.Error())
		}
		return false
	}
	p.pool = pool
	return true
}

// savePool keeps the universe for the next run, if it has anything new.
func (p *Plan) savePool(u *solve.Universe) {
	if u.Saved() {
		return
	}
	err := rpmrepo.SavePool(cachePath(p.opts.CacheDir, reposCache), p.poolName(), func(w io.Writer) error {
		return u.WriteSnapshot(w, p.poolKey())
	})
	if err != nil {
		p.opts.Warn(err.Error())
	}
}

// poolName says which repositories a pool is of.
func (p *Plan) poolName() string {
	name := p.opts.Treefile.Arch
	for _, r := range p.repos {
		name += fmt.Sprintf(" %q", r.ID())
	}
	if p.runtime != nil {
		name += fmt.Sprintf(" on %q", p.runtime.ref)
	}
	if p.base != nil {
		name += fmt.Sprintf(" on base %q %q", p.base.key.Repo, p.base.key.Ref)
	}
	return name
}

// poolKey covers all that a pool is made of.
func (p *Plan) poolKey() solve.SnapshotKey {
	h := sha256.New()
	for _, r := range p.repos {
		fmt.Fprintf(h, "repository %s\n", r.PoolKey())
	}
	if p.runtime != nil {
		fmt.Fprintf(h, "runtime %x\n", sha256.Sum256(p.runtime.packages))
		for _, path := range p.runtime.files {
			fmt.Fprintf(h, "%q\n", path)
		}
	}
	if p.base != nil {
		fmt.Fprintf(h, "base %q %s\n", p.base.key.Ref, p.base.commit)
	}
	return solve.SnapshotKey(h.Sum(nil))
}
