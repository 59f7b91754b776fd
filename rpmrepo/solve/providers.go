package solve

import (
	"slices"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// listID is a place in a table of lists of literals. Lists are written once and
// never change, so rules share them.
type listID int32

const (
	noList     listID = 0 // not known yet
	emptyList  listID = 1
	systemList listID = 2 // the system alone provides it
)

// listTable holds lists of literals, each behind its length.
type listTable []lit

func newListTable() listTable {
	return listTable{0, 0, 1, system}
}

func (t listTable) at(id listID) []lit {
	n := listID(t[id])
	return t[id+1 : id+1+n]
}

func (t *listTable) add(list []lit) listID {
	switch {
	case len(list) == 0:
		return emptyList
	case len(list) == 1 && list[0] == system:
		return systemList
	}
	id := listID(len(*t))
	*t = append(append(*t, lit(len(list))), list...)
	return id
}

// providerIndex answers who provides a dependency. Lists are in the order of
// package numbers. Packages that are excluded are in them, so that a failure
// can name them; packages that cannot be installed here are not.
type providerIndex struct {
	lists  listTable
	byName []listID    // by strID; noList is empty
	by     []depID     // beside lists: the only provide of that name, noDep when there are several
	byRel  []listID    // by relation, filled when asked
	paths  []pathFlags // by strID

	rules *template // nil until a request needs it

	installed  []lit // installed packages
	weak       []lit // packages with Supplements or Enhances
	obsoleting []lit // packages with Obsoletes
	firstNamed []lit // by strID: the first package of that name
	nextNamed  []lit // by package: the next of the same name
}

// pathFlags say what a string is as a path.
type pathFlags uint8

const (
	wantedPath pathFlags = 1 << iota // some package depends on it
	latePath                         // and primary metadata does not list it
)

// fileOwner says that a package has a file that primary metadata does not list.
type fileOwner struct {
	path strID
	p    lit
}

// reindex numbers the packages and indexes what they provide.
func (u *Universe) reindex() {
	n := int(firstPkg)
	for _, r := range u.repos {
		n += len(r.pkgs)
	}
	pkgs := make([]pkg, firstPkg, n)
	for _, installedFirst := range []bool{true, false} {
		for _, r := range u.repos {
			if r.opts.Disabled || r.opts.Installed != installedFirst {
				continue
			}
			r.first, r.known = lit(len(pkgs)), nil
			pkgs = append(pkgs, r.pkgs...)
			r.pkgs = pkgs[r.first:len(pkgs):len(pkgs)]
		}
	}
	u.pkgs, u.saved = pkgs, false
	u.index = &providerIndex{
		paths:      make([]pathFlags, u.in.count()),
		firstNamed: make([]lit, u.in.count()),
		nextNamed:  make([]lit, len(pkgs)),
	}
	u.markPaths()
	if u.opts.Order == OrderDNF {
		u.sortLikeDNF()
	}
	u.indexPackages()
	u.indexProvides()
}

// indexPackages finds packages by name and by having certain dependencies.
func (u *Universe) indexPackages() {
	x := u.index
	for p := lit(len(u.pkgs)) - 1; p >= firstPkg; p-- {
		k := &u.pkgs[p]
		x.nextNamed[p], x.firstNamed[k.name] = x.firstNamed[k.name], p
	}
	for p := firstPkg; int(p) < len(u.pkgs); p++ {
		k := &u.pkgs[p]
		if u.installed(p) {
			x.installed = append(x.installed, p)
		}
		if k.has(supplements) || k.has(enhances) {
			x.weak = append(x.weak, p)
		}
		if k.has(obsoletes) {
			x.obsoleting = append(x.obsoleting, p)
		}
	}
}

// markPaths marks the paths that packages depend on.
func (u *Universe) markPaths() {
	x := u.index
	seen := make([]bool, len(u.rels.rels))
	var visit func(d depID)
	visit = func(d depID) {
		if !d.isRel() {
			if path := u.in.str(strID(d)); strings.HasPrefix(path, "/") {
				x.paths[d] = wantedPath
				if !inPrimary(path) {
					x.paths[d] |= latePath
				}
			}
			return
		}
		if i := d &^ relBit; !seen[i] {
			seen[i] = true
			visit(u.rels.rels[i].left)
			if u.rels.rels[i].op >= opAnd {
				visit(u.rels.rels[i].right)
			}
		}
	}
	for p := firstPkg; int(p) < len(u.pkgs); p++ {
		for kind := provides + 1; kind < numDepKinds; kind++ {
			for _, d := range u.list(p, kind) {
				visit(d)
			}
		}
	}
}

// eachProvide calls fn for everything that can be asked of an installable
// package: its provides, then the files that some package depends on.
func (u *Universe) eachProvide(fn func(p lit, name strID, by depID)) {
	x := u.index
	extra := u.extraFile // sorted by package
	for p := firstPkg; int(p) < len(u.pkgs); p++ {
		if !u.runs(p) && !u.installed(p) {
			continue
		}
		for _, d := range u.list(p, provides) {
			fn(p, u.nameOf(d), d)
		}
		for _, f := range u.filesOf(&u.pkgs[p]) {
			if x.paths[f] != 0 {
				fn(p, f, depID(f))
			}
		}
		for len(extra) > 0 && extra[0].p < p {
			extra = extra[1:]
		}
		for len(extra) > 0 && extra[0].p == p {
			fn(p, extra[0].path, depID(extra[0].path))
			extra = extra[1:]
		}
	}
}

func (u *Universe) filesOf(k *pkg) []strID { return u.files[k.files[0]:k.files[1]] }

// indexProvides builds the lists of providers by name, and forgets those by
// relation.
func (u *Universe) indexProvides() {
	x := u.index
	n := u.in.count()
	x.lists, x.byRel, x.rules = newListTable(), nil, nil
	count, last := make([]int32, n), make([]lit, n)
	u.eachProvide(func(p lit, name strID, _ depID) {
		if last[name] != p {
			last[name] = p
			count[name]++
		}
	})
	x.byName = make([]listID, n)
	size := len(x.lists)
	for name, c := range count {
		if c > 0 {
			x.byName[name] = listID(size)
			size += 1 + int(c)
		}
	}
	x.lists = slices.Grow(x.lists, size+size/4-len(x.lists))[:size]
	x.by = make([]depID, size)
	clear(last)
	u.eachProvide(func(p lit, name strID, by depID) {
		list := x.byName[name]
		if last[name] != p {
			last[name] = p
			x.lists[list]++
			end := list + listID(x.lists[list])
			x.lists[end], x.by[end] = p, by
			return
		}
		// Without a version it satisfies all, whatever else is provided.
		if end := list + listID(x.lists[list]); x.by[end] != depID(name) {
			x.by[end] = noDep
			if by == depID(name) {
				x.by[end] = by
			}
		}
	})
}

// providers returns the packages that provide d, or could: of a complex
// dependency all that take part in it.
func (u *Universe) providers(d depID) []lit { return u.index.lists.at(u.providerList(d)) }

func (u *Universe) providerList(d depID) listID {
	x := u.index
	if !d.isRel() {
		if int(d) < len(x.byName) && x.byName[d] != noList {
			return x.byName[d]
		}
		return emptyList
	}
	i := int(d &^ relBit)
	if i >= len(x.byRel) {
		x.byRel = append(x.byRel, make([]listID, len(u.rels.rels)-len(x.byRel))...)
	}
	if x.byRel[i] == noList {
		id := u.relProviders(d)
		x.byRel[i] = id
	}
	return x.byRel[i]
}

func (u *Universe) relProviders(d depID) listID {
	x, r := u.index, u.relOf(d)
	switch r.op {
	case opAnd, opOr:
		return u.union(d)
	case opIf, opUnless:
		list := u.providerList(r.left)
		if r.right.isRel() && u.relOf(r.right).op == opElse {
			other := u.providers(u.relOf(r.right).right)
			list = x.lists.add(merge(x.lists.at(list), other))
		}
		return list
	case opWith, opWithout:
		left, right := u.providers(r.left), u.providers(r.right)
		var list []lit
		for _, p := range left {
			if _, has := slices.BinarySearch(right, p); has == (r.op == opWith) {
				list = append(list, p)
			}
		}
		return x.lists.add(list)
	case opElse, opNever:
		return emptyList
	}
	return u.rangeProviders(r)
}

// union merges the operands of a whole chain of one operator at once.
func (u *Universe) union(d depID) listID {
	op := u.relOf(d).op
	var all []lit
	for d.isRel() && u.relOf(d).op == op {
		all = append(all, u.providers(u.relOf(d).left)...)
		d = u.relOf(d).right
	}
	all = append(all, u.providers(d)...)
	slices.Sort(all)
	return u.index.lists.add(slices.Compact(all))
}

func merge(a, b []lit) []lit {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// rangeProviders lists who provides a name in a range of versions. A provide
// without a version satisfies every range.
func (u *Universe) rangeProviders(r relation) listID {
	x := u.index
	name := strID(r.left)
	start := u.providerList(r.left)
	want := rpm.ParseEVR(u.in.str(strID(r.right)))
	var list []lit
	for i, p := range x.lists.at(start) {
		ok := false
		if by := x.by[start+1+listID(i)]; by != noDep {
			ok = u.provideMatches(by, name, r, want)
		} else {
			for _, by := range u.list(p, provides) {
				ok = ok || u.nameOf(by) == name && u.provideMatches(by, name, r, want)
			}
		}
		if ok {
			list = append(list, p)
		}
	}
	if len(list) == 0 && strings.HasPrefix(u.in.str(name), "rpmlib(") {
		return systemList
	}
	return x.lists.add(list)
}

func (u *Universe) provideMatches(by depID, name strID, want relation, evr rpm.EVR) bool {
	if !by.isRel() {
		return strID(by) == name
	}
	r := u.relOf(by)
	if r.op >= opAnd || strID(r.left) != name {
		return false
	}
	if r.right == want.right { // the same version needs no comparison
		return rangesMeet(r.op, want.op)
	}
	return rpm.Intersects(rpm.Flags(r.op), rpm.ParseEVR(u.in.str(strID(r.right))), rpm.Flags(want.op), evr)
}

// rangesMeet reports whether two ranges that end at the same version share one.
func rangesMeet(a, b depOp) bool {
	return a&b != 0
}

// matchesName reports whether p itself, by name and version, is what d names:
// how Obsoletes and specs match.
func (u *Universe) matchesName(p lit, d depID) bool {
	k := &u.pkgs[p]
	if !d.isRel() {
		return k.name == strID(d)
	}
	r := u.relOf(d)
	switch r.op {
	case opOr:
		return u.matchesName(p, r.left) || u.matchesName(p, r.right)
	case opAnd, opWith:
		return u.matchesName(p, r.left) && u.matchesName(p, r.right)
	case opWithout:
		return u.matchesName(p, r.left) && !u.matchesName(p, r.right)
	case opIf, opUnless, opElse, opNever:
		return false
	}
	switch {
	case k.name != strID(r.left):
		return false
	case k.evr == strID(r.right):
		return rangesMeet(opEqual, r.op)
	}
	return rpm.Intersects(rpm.EQ, rpm.ParseEVR(u.in.str(k.evr)), rpm.Flags(r.op), rpm.ParseEVR(u.in.str(strID(r.right))))
}
