package lockfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// A Lock is what one or several lock files say for one architecture.
type Lock struct {
	byName map[string][]Package
}

// Load reads lock files for an architecture. Where several lock packages of one
// name, all that the last of them says of that name counts, and nothing else.
func Load(names []string, arch string) (*Lock, error) {
	l := &Lock{byName: map[string][]Package{}}
	known, others := false, []string(nil)
	for _, name := range names {
		f, err := Read(name)
		if err != nil {
			return nil, err
		}
		list, ok := f.Packages[arch]
		if f.Format == RPMOSTree {
			list, ok = f.Packages[AnyArch], true
		}
		known = known || ok
		others = slices.AppendSeq(others, maps.Keys(f.Packages))
		l.override(list)
	}
	if !known {
		slices.Sort(others)
		return nil, fmt.Errorf("%s: there is no lock for %s; locked are: %s",
			strings.Join(names, ", "), arch, strings.Join(slices.Compact(others), ", "))
	}
	return l, nil
}

// New returns the lock of some packages.
func New(packages []Package) *Lock {
	l := &Lock{byName: map[string][]Package{}}
	l.override(packages)
	return l
}

// override adds packages, and forgets those whose names they have.
func (l *Lock) override(packages []Package) {
	fresh := map[string][]Package{}
	for _, p := range packages {
		fresh[p.Name] = append(fresh[p.Name], p)
	}
	maps.Copy(l.byName, fresh)
}

// Names returns the locked names, sorted.
func (l *Lock) Names() []string { return slices.Sorted(maps.Keys(l.byName)) }

// Has reports whether a build of that name is locked.
func (l *Lock) Has(name string) bool { return len(l.byName[name]) > 0 }

// A Candidate is a package of a repository.
type Candidate struct {
	rpm.NEVRA
	Repo     string // ID
	Checksum string // "algorithm:value"
}

// difference is how a candidate differs from a locked build.
type difference uint8

const (
	same difference = iota
	otherRepo
	otherChecksum
	otherBuild
)

func (p *Package) compare(c *Candidate) difference {
	switch {
	case p.Name != c.Name || p.EVR.Compare(c.EVR) != 0 || p.Arch != "" && p.Arch != c.Arch:
		return otherBuild
	case p.Checksum != "" && p.Checksum != c.Checksum:
		return otherChecksum
	case p.Repo != "" && p.Repo != c.Repo:
		return otherRepo
	}
	return same
}

// Allows reports whether a package is a locked build.
func (l *Lock) Allows(c Candidate) bool {
	return slices.ContainsFunc(l.byName[c.Name], func(p Package) bool { return p.compare(&c) == same })
}

// WhyNot is empty for locked builds, and for packages of names that are not
// locked; else it says what is locked instead.
func (l *Lock) WhyNot(c Candidate) string {
	list := l.byName[c.Name]
	if len(list) == 0 || l.Allows(c) {
		return ""
	}
	var builds []string
	for i := range list {
		text := list[i].String()
		switch list[i].compare(&c) {
		case otherChecksum:
			text += " with another checksum"
		case otherRepo:
			text += " from repository " + list[i].Repo
		}
		builds = append(builds, text)
	}
	return "the lock file, which has " + strings.Join(builds, ", ")
}

// Missing says, for every locked build that no candidate is, what there is
// instead. Candidates must be all of the locked names.
func (l *Lock) Missing(candidates []Candidate) []string {
	byName := map[string][]Candidate{}
	for _, c := range candidates {
		byName[c.Name] = append(byName[c.Name], c)
	}
	var out []string
	for _, name := range l.Names() {
		for _, p := range l.byName[name] {
			if text := p.missing(byName[name]); text != "" {
				out = append(out, text)
			}
		}
	}
	return out
}

// missing says what there is instead of a locked build; empty when it is there.
func (p *Package) missing(candidates []Candidate) string {
	var near, others []string
	for i := range candidates {
		c := &candidates[i]
		switch p.compare(c) {
		case same:
			return ""
		case otherChecksum:
			near = append(near, fmt.Sprintf("the one in %s has the checksum %s", c.Repo, c.Checksum))
		case otherRepo:
			near = append(near, "it is in "+c.Repo)
		case otherBuild:
			others = append(others, fmt.Sprintf("%s (%s)", c.NEVRA, c.Repo))
		}
	}
	// The beginning is the sentence that pipelines look for.
	text := fmt.Sprintf("Couldn't find locked package '%s'", p.String())
	if p.Checksum != "" {
		text += " with checksum " + p.Checksum
	}
	if p.Repo != "" {
		text += " in repository " + p.Repo
	}
	switch {
	case len(near)+len(others) == 0:
		return text + "; no repository has another " + p.Name
	case len(near) > 0:
		text += "; " + strings.Join(near, "; ")
	}
	if len(others) > 0 {
		text += "; other builds: " + listSome(others)
	}
	return text
}

// maxListed is how many packages one sentence names.
const maxListed = 10

func listSome(list []string) string {
	if len(list) > maxListed {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:maxListed], ", "), len(list)-maxListed)
	}
	return strings.Join(list, ", ")
}

// Differences says how an answer differs from the lock: what it has that is not
// locked, and what is locked and is not in it.
func (l *Lock) Differences(answer []Candidate) (unlocked, unused []string) {
	taken := map[string][]Candidate{}
	for _, c := range answer {
		taken[c.Name] = append(taken[c.Name], c)
		if !l.Allows(c) {
			unlocked = append(unlocked, c.NEVRA.String())
		}
	}
	for _, name := range l.Names() {
		for _, p := range l.byName[name] {
			if !slices.ContainsFunc(taken[name], func(c Candidate) bool { return p.compare(&c) == same }) {
				unused = append(unused, p.String())
			}
		}
	}
	return unlocked, unused
}
