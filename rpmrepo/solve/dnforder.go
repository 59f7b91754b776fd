package solve

import (
	"cmp"
	"slices"
	"strings"
)

// dnf resolves on metadata that it has read back from its cache, and the cache
// sorts every list of dependencies: plain names before everything else, names
// by how often they occur in the repository and then by their bytes, relations
// by how often they occur and then by when they were first seen. Which of two
// recommended packages is looked at first, and with it which alternative wins,
// follows from that. The cache also counts the paths that packages depend on:
// once each, and once for every package that has the file.

// popularity counts uses within one repository.
type popularity struct {
	u     *Universe
	names []int32 // by strID
	rels  []int32 // by relation
}

func (u *Universe) sortLikeDNF() {
	for _, r := range u.repos {
		if r.opts.Installed || r.opts.Disabled {
			continue
		}
		c := popularity{u: u, names: make([]int32, u.in.count()), rels: make([]int32, len(u.rels.rels))}
		for i := range r.pkgs {
			c.countPackage(r, i)
		}
		c.countDirs(r)
		c.countRelations()
		c.countPaths(r)
		c.sortLists(r)
	}
}

func (c *popularity) count(d depID) {
	if d.isRel() {
		c.rels[d&^relBit]++
	} else {
		c.names[d]++
	}
}

// countString counts a string that only matters if it is a name too.
func (c *popularity) countString(s string) {
	if id, ok := c.u.in.find(s); ok {
		c.names[id]++
	}
}

func (c *popularity) countPackage(r *Repo, i int) {
	p := &r.pkgs[i]
	for _, id := range []strID{p.name, p.arch, p.evr, p.vendor} {
		c.names[id]++
	}
	for _, d := range c.u.deps[p.deps[0]:p.deps[numDepKinds]] {
		c.count(d)
	}
	if name, evr, ok := splitSource(c.u.in.str(p.source)); ok {
		if name != c.u.in.str(p.name) {
			c.countString(name)
		}
		if evr != c.u.in.str(p.evr) {
			c.countString(evr)
		}
	}
}

// splitSource splits name-version-release.src.rpm.
func splitSource(s string) (name, evr string, ok bool) {
	s, ok = strings.CutSuffix(s, ".rpm")
	dot := strings.LastIndexByte(s, '.')
	if !ok || dot < 0 {
		return "", "", false
	}
	s = s[:dot]
	rel := strings.LastIndexByte(s, '-')
	if rel < 0 {
		return "", "", false
	}
	ver := strings.LastIndexByte(s[:rel], '-')
	if ver <= 0 {
		return "", "", false
	}
	return s[:ver], s[ver+1:], true
}

// countDirs counts the last component of every directory that holds a file.
func (c *popularity) countDirs(r *Repo) {
	seen := make(map[string]bool)
	for i := range r.pkgs {
		for _, f := range c.u.filesOf(&r.pkgs[i]) {
			path := c.u.in.str(f)
			for slash := strings.LastIndexByte(path, '/'); slash > 0; slash = strings.LastIndexByte(path, '/') {
				path = path[:slash]
				if seen[path] {
					break
				}
				seen[path] = true
				c.countString(path[strings.LastIndexByte(path, '/')+1:])
			}
		}
	}
}

func (c *popularity) countPaths(r *Repo) {
	for path, flags := range c.u.index.paths {
		if flags != 0 {
			c.names[path]++
		}
	}
	for i := range r.pkgs {
		for _, f := range c.u.filesOf(&r.pkgs[i]) {
			if c.u.index.paths[f] != 0 {
				c.names[f]++
			}
		}
	}
}

// countRelations passes uses on: to names and versions once for every relation
// in use, to inner relations so that they come before the outer one.
func (c *popularity) countRelations() {
	for i := len(c.rels) - 1; i > 0; i-- {
		if c.rels[i] == 0 {
			continue
		}
		r := c.u.rels.rels[i]
		for _, side := range [2]depID{r.left, r.right} {
			if !side.isRel() {
				c.names[side]++
			} else if inner := side &^ relBit; c.rels[inner] <= c.rels[i] {
				c.rels[inner] = c.rels[i] + 1
			}
		}
	}
}

func (c *popularity) compare(a, b depID) int {
	switch {
	case a == b:
		return 0
	case a.isRel() != b.isRel():
		if a.isRel() {
			return 1
		}
		return -1
	case a.isRel():
		if r := cmp.Compare(c.rels[b&^relBit], c.rels[a&^relBit]); r != 0 {
			return r
		}
		return cmp.Compare(a, b)
	}
	if r := cmp.Compare(c.names[b], c.names[a]); r != 0 {
		return r
	}
	return strings.Compare(c.u.in.str(strID(a)), c.u.in.str(strID(b)))
}

func (c *popularity) sortLists(r *Repo) {
	for i := range r.pkgs {
		p := &r.pkgs[i]
		for kind := range numDepKinds {
			list := c.u.listOf(p, kind)
			if kind == requires {
				slices.SortFunc(list[:p.before], c.compare)
				list = list[p.before:]
			}
			slices.SortFunc(list, c.compare)
		}
	}
}
