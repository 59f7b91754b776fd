package compose

import (
	"context"
	"errors"
	"fmt"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/rpmrepo"
	"github.com/treewright/treewright/rpmrepo/solve"
)

// resolve chooses the packages.
func (p *Plan) resolve(ctx context.Context) error {
	_, _, answer, err := p.answer(ctx)
	if err != nil {
		return err
	}
	return p.take(answer)
}

// answer puts the treefile's request to the repositories' packages.
func (p *Plan) answer(ctx context.Context) (*solve.Universe, solve.Request, *solve.Transaction, error) {
	u, err := p.universe(ctx)
	if err != nil {
		return nil, solve.Request{}, nil, err
	}
	req := p.request()
	if err := p.addGroups(ctx, &req); err != nil {
		return nil, req, nil, err
	}
	if err := p.filterModules(ctx, u, &req); err != nil {
		return nil, req, nil, err
	}
	p.applyLock(u, &req)
	answer, err := solve.Resolve(ctx, u, req)
	if ctx.Err() == nil {
		p.savePool(u)
	}
	if problems := (*solve.Problems)(nil); errors.As(err, &problems) && p.addIdle(ctx, u) {
		_, err = solve.Resolve(ctx, u, req) // the same, with hints at other repositories
	}
	if err != nil {
		return nil, req, nil, fmt.Errorf("choosing packages: %w", err)
	}
	p.warnSkipped(answer.Skipped)
	return u, req, answer, nil
}

// request is what the treefile asks for.
func (p *Plan) request() solve.Request {
	t := p.opts.Treefile
	req := solve.Request{Excludes: t.ExcludePackages, ExcludeFromWeak: t.ExcludePackages, IgnoreWeak: !t.Recommends}
	for _, pinned := range t.RepoPackages {
		for _, spec := range pinned.Packages {
			req.Install = append(req.Install, solve.Spec{Text: spec, Repo: pinned.Repo})
		}
	}
	for _, spec := range t.Packages {
		req.Install = append(req.Install, solve.Spec{Text: spec})
	}
	return req
}

// loadFiles reads the file lists of all repositories.
func (p *Plan) loadFiles(ctx context.Context, wanted func(string) bool, found func(repo, pkgid, path string)) error {
	for _, r := range p.repos {
		err := r.Filelists(ctx, wanted, func(pkgid, path string) error {
			found(r.ID(), pkgid, path)
			return nil
		})
		if err != nil && !errors.Is(err, rpmrepo.ErrNoData) {
			return err
		}
	}
	return nil
}

// take keeps the answer, which is sorted, if the lock allows it.
func (p *Plan) take(answer *solve.Transaction) error {
	repos := map[string]*rpmrepo.Repository{}
	for _, r := range p.repos {
		repos[r.ID()] = r
	}
	for i, s := range answer.Packages {
		m := s.Package
		sum, err := fetch.ParseChecksum(m.Checksum)
		if err != nil {
			return fmt.Errorf("package %s of repository %s: %w", m.NEVRA, s.Repo, err)
		}
		p.Packages = append(p.Packages, Package{
			NEVRA: m.NEVRA, Repo: s.Repo, Checksum: sum, Size: m.Size, InstalledSize: m.InstalledSize,
			Reason: reason(answer, i), meta: m, from: repos[s.Repo],
		})
	}
	if len(p.Packages) == 0 && p.base == nil {
		return fmt.Errorf("%s asks for no package", p.opts.Treefile.Path)
	}
	return p.checkLocked()
}

// reason says why package i was chosen.
func reason(answer *solve.Transaction, i int) string {
	r := answer.Packages[i].Reason
	switch r.Kind {
	case solve.ReasonRequested:
		return fmt.Sprintf("requested as %q", r.Spec)
	case solve.ReasonSupplements:
		return "supplements " + r.Dep
	}
	out := r.Kind.String()
	if r.By >= 0 && r.By < len(answer.Packages) {
		out += " by " + answer.Packages[r.By].Package.NEVRA.String()
	}
	if r.Dep != "" {
		out += ": " + r.Dep
	}
	return out
}
