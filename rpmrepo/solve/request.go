package solve

import (
	"context"
	"fmt"
)

// Resolve answers a request. The error is *Problems when the request cannot be
// fulfilled, the context's when it ended first, or LoadFiles' own.
func Resolve(ctx context.Context, u *Universe, req Request) (*Transaction, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ready()
	if u.fileListsLacking(&req) {
		if err := u.loadFiles(ctx, &req); err != nil {
			return nil, err
		}
	}
	s := u.prepare(ctx, &req)
	s, solved, err := s.solve()
	if err == nil && s.needFiles {
		if err := u.loadFiles(ctx, &req); err != nil {
			return nil, err
		}
		s, solved, err = u.prepare(ctx, &req).solve()
	}
	defer s.giveBack()
	switch {
	case err != nil:
		return nil, fmt.Errorf("resolving %d specs: %w", len(req.Install), err)
	case u.in.full:
		return nil, fmt.Errorf("resolving %d specs: the names in these repositories take more than 4 GB", len(req.Install))
	case !solved || len(s.missing) > 0:
		return nil, s.explain(&req)
	}
	return s.transaction(&req), nil
}

// prepare turns a request into a solver.
func (u *Universe) prepare(ctx context.Context, req *Request) *solver {
	s := newSolver(ctx, u)
	s.withWeak = !req.IgnoreWeak
	s.multi = u.sideBySide()
	s.excludeAll(req)
	for i, spec := range req.Install {
		if !s.addSpec(i, spec, req.Best) {
			s.missing = append(s.missing, i)
		}
	}
	return s
}

// sideBySide returns, by package, what may be installed in several versions.
func (u *Universe) sideBySide() []bool {
	multi := make([]bool, len(u.pkgs))
	for _, name := range u.opts.InstallOnly {
		if id, ok := u.in.find(name); ok {
			for _, p := range u.providers(depID(id)) {
				multi[p] = true
			}
		}
	}
	return multi
}
