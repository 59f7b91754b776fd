package solve

import "github.com/treewright/treewright/rpmrepo/rpm"

// Candidate is a package of a universe to which no package is added meanwhile.
// What it returns may lie in the snapshot that the universe was restored from.
type Candidate struct {
	u *Universe
	p lit
}

// Name is the package's name, the cheapest thing to ask.
func (c Candidate) Name() string { return c.u.in.str(c.u.pkgs[c.p].name) }

// NEVRA names the build.
func (c Candidate) NEVRA() rpm.NEVRA {
	k := &c.u.pkgs[c.p]
	return rpm.NEVRA{Name: c.u.in.str(k.name), EVR: rpm.ParseEVR(c.u.in.str(k.evr)), Arch: c.u.in.str(k.arch)}
}

// Repo is the ID of the package's repository.
func (c Candidate) Repo() string { return c.u.repoOf(c.p).opts.ID }

// Checksum is that of the package file, "algorithm:value".
func (c Candidate) Checksum() string {
	return c.u.facts.get(int(c.u.pkgs[c.p].fact)).checksum
}

// Named returns the packages of a name that could be installed by their
// architecture, from repositories that are not disabled.
func (u *Universe) Named(name string) []Candidate {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ready()
	var list []Candidate
	for _, p := range u.named(name) {
		if !u.installed(p) && u.runs(p) {
			list = append(list, Candidate{u, p})
		}
	}
	return list
}
