package compose

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/rpmrepo/lockfile"
	"github.com/treewright/treewright/rpmrepo/solve"
)

// LockPolicy says what becomes of packages whose names the lock files lack.
// Packages of names that they have come in the locked builds alone, whatever
// the policy. No lock asks for a package: that is for the treefile.
type LockPolicy uint8

// The policies.
const (
	LockRelaxed LockPolicy = iota // they may be chosen, but not from lockfile-repos
	LockStrict                    // they may not be chosen
	LockExact                     // nor may a locked build be left out
)

// readLock reads the lock files.
func (p *Plan) readLock() (err error) {
	switch {
	case len(p.opts.Lockfiles) > 0:
		p.lock, err = lockfile.Load(p.opts.Lockfiles, p.opts.Treefile.Arch)
	case p.opts.LockPolicy != LockRelaxed:
		err = errors.New("only locked packages are allowed, and there is no lock file")
	}
	return err
}

// applyLock takes what is not locked out of consideration, and warns of what is
// locked and cannot be had.
func (p *Plan) applyLock(u *solve.Universe, req *solve.Request) {
	if p.lock == nil {
		return
	}
	var named []lockfile.Candidate
	for _, name := range p.lock.Names() {
		for _, c := range u.Named(name) {
			named = append(named, candidate(c))
		}
	}
	for _, text := range p.lock.Missing(named) {
		p.opts.Warn(text)
	}
	before := req.Exclude
	req.Exclude = func(c solve.Candidate) string {
		if before != nil {
			if why := before(c); why != "" {
				return why
			}
		}
		return p.unlocked(c)
	}
}

// unlocked says why a lock rules a package out; empty when it does not.
func (p *Plan) unlocked(c solve.Candidate) string {
	switch {
	case p.lock.Has(c.Name()):
		return p.lock.WhyNot(candidate(c))
	case p.opts.LockPolicy != LockRelaxed:
		return "the lock file, which does not have it"
	case slices.Contains(p.opts.Treefile.LockfileRepos, c.Repo()):
		return fmt.Sprintf("the lock file, which does not have it: %s is for locked packages alone", c.Repo())
	}
	return ""
}

func candidate(c solve.Candidate) lockfile.Candidate {
	return lockfile.Candidate{NEVRA: c.NEVRA(), Repo: c.Repo(), Checksum: plainChecksum(c.Checksum())}
}

// plainChecksum writes a checksum of metadata in the one way that locks have.
func plainChecksum(s string) string {
	if sum, err := fetch.ParseChecksum(s); err == nil {
		return sum.String()
	}
	return s
}

// checkLocked refuses an answer that an exact lock does not state.
func (p *Plan) checkLocked() error {
	if p.lock == nil || p.opts.LockPolicy != LockExact || len(p.Packages) == 0 {
		return nil
	}
	answer := make([]lockfile.Candidate, len(p.Packages))
	for i, pkg := range p.Packages {
		answer[i] = lockfile.Candidate{NEVRA: pkg.NEVRA, Repo: pkg.Repo, Checksum: pkg.Checksum.String()}
	}
	unlocked, unused := p.lock.Differences(answer)
	if len(unlocked)+len(unused) == 0 {
		return nil
	}
	text := "the packages are not those of " + strings.Join(p.opts.Lockfiles, ", ") + ":"
	if len(unlocked) > 0 {
		text += "\n  not locked: " + strings.Join(unlocked, ", ")
	}
	if len(unused) > 0 {
		text += "\n  locked, but nothing asks for them: " + strings.Join(unused, ", ")
	}
	return errors.New(text)
}

// unusedForLocks reports whether a repository is there for locked packages and
// gave none: then it has no part in the tree.
func (p *Plan) unusedForLocks(id string) bool {
	t := p.opts.Treefile
	if !slices.Contains(t.LockfileRepos, id) || slices.Contains(t.Repos, id) {
		return false
	}
	return !slices.ContainsFunc(p.Packages, func(pkg Package) bool { return pkg.Repo == id })
}

// locked returns the packages as a lock states them.
func locked(packages []Package) []lockfile.Package {
	list := make([]lockfile.Package, len(packages))
	for i, pkg := range packages {
		location := pkg.meta.Location
		if pkg.meta.BaseURL != "" {
			location = strings.TrimSuffix(pkg.meta.BaseURL, "/") + "/" + location
		}
		list[i] = lockfile.Package{
			Name: pkg.NEVRA.Name, EVR: pkg.NEVRA.EVR, Arch: pkg.NEVRA.Arch, Checksum: pkg.Checksum.String(),
			Repo: pkg.Repo, Size: pkg.Size, Location: location, Source: lockfile.SourceName(pkg.meta.SourceRPM),
		}
	}
	return list
}

// WriteLockfile writes the packages into a lock file of treewright. What it says
// of other architectures stays.
func (p *Plan) WriteLockfile(name string) error {
	return lockfile.Write(name, p.opts.Treefile.Arch, locked(p.Packages))
}

// WriteRPMOSTreeLockfile writes the packages into a lock file of rpm-ostree,
// which has room for one build of each name.
func (p *Plan) WriteRPMOSTreeLockfile(name string) error {
	list := locked(p.Packages)
	for i := 1; i < len(list); i++ {
		if list[i].Name == list[i-1].Name {
			p.opts.Warn(fmt.Sprintf("%s: rpm-ostree's format has one build of each name: it does not lock %s, only %s; the format of --write-lockfile-to has room for both",
				name, list[i-1].String(), list[i].String()))
		}
	}
	repos := make(map[string]time.Time, len(p.repos))
	for _, r := range p.repos {
		repos[r.ID()] = time.Unix(r.Generated(), 0)
	}
	return lockfile.WriteRPMOSTree(name, list, repos, p.opts.sourceDate())
}
