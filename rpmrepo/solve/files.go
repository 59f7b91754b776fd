package solve

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// inPrimary reports whether primary metadata lists a path.
func inPrimary(path string) bool {
	return strings.HasPrefix(path, "/etc/") || path == "/usr/lib/sendmail" || strings.Contains(path, "bin/")
}

// notePaths remembers that the closure met a path that only file lists know.
func (s *solver) notePaths(d depID) {
	for d.isRel() {
		r := s.u.relOf(d)
		if r.op >= opAnd {
			s.notePaths(r.right)
		}
		d = r.left
	}
	if s.u.isLate(strID(d)) {
		s.latePath = true
	}
}

// isLate reports whether a path that packages depend on is in file lists only.
func (u *Universe) isLate(path strID) bool {
	paths := u.index.paths
	return int(path) < len(paths) && paths[path]&latePath != 0
}

// filePatterns returns the specs that only file lists can answer.
func (u *Universe) filePatterns(req *Request) []string {
	var list []string
	for _, spec := range req.Install {
		text := strings.TrimSpace(spec.Text)
		if isFilePattern(text) && (isGlob(text) || !inPrimary(text)) {
			list = append(list, text)
		}
	}
	return list
}

// fileListsLacking reports whether a request has specs that need file lists
// which were not asked for yet.
func (u *Universe) fileListsLacking(req *Request) bool {
	return u.opts.LoadFiles != nil && slices.ContainsFunc(u.filePatterns(req), func(text string) bool {
		return !slices.Contains(u.askedFor, text)
	})
}

// loadFiles asks for all paths that primary metadata does not list and that a
// package or a spec of this request depends on.
func (u *Universe) loadFiles(ctx context.Context, req *Request) error {
	u.asked, u.extraFile, u.saved = true, nil, false
	patterns := u.filePatterns(req)
	u.askedFor = append(u.askedFor, patterns...)
	wanted := func(path string) bool {
		if id, ok := u.in.find(path); ok && u.isLate(id) {
			return true
		}
		return slices.ContainsFunc(patterns, func(g string) bool { return g == path || isGlob(g) && globMatch(g, path) })
	}
	type foundFile struct {
		p    lit
		path string
	}
	var found []foundFile
	byID := u.byChecksum()
	err := u.opts.LoadFiles(ctx, wanted, func(repo, pkgid, path string) {
		for _, p := range byID[repo+"\x00"+pkgid] {
			found = append(found, foundFile{p, path})
		}
	})
	if err != nil {
		return fmt.Errorf("loading file lists: %w", err)
	}
	for _, f := range found {
		if wanted(f.path) {
			u.extraFile = append(u.extraFile, fileOwner{u.in.id(f.path), f.p})
		}
	}
	slices.SortStableFunc(u.extraFile, func(a, b fileOwner) int { return cmp.Compare(a.p, b.p) })
	u.indexProvides()
	return nil
}

// byChecksum finds packages by repository and checksum.
func (u *Universe) byChecksum() map[string][]lit {
	m := make(map[string][]lit, len(u.pkgs))
	for p := firstPkg; int(p) < len(u.pkgs); p++ {
		r := u.repoOf(p)
		key := r.opts.ID + "\x00" + u.facts.get(int(u.pkgs[p].fact)).checksum
		m[key] = append(m[key], p)
	}
	return m
}
