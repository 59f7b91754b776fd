package solve

import (
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// lit is a literal: package p is to be installed when positive, is not when
// negative. As a package number it is positive; noPkg is none and system is the
// running system, which is always installed.
type lit int32

const (
	noPkg    lit = 0
	system   lit = 1
	firstPkg lit = 2
)

// depKind is one of a package's lists of dependencies.
type depKind uint8

// The kinds in the order in which createrepo_c writes them, which is the order
// in which relations get their numbers.
const (
	provides depKind = iota
	requires
	conflicts
	obsoletes
	suggests
	enhances
	recommends
	supplements
	numDepKinds
)

// pkg is one package of the universe. Its number is its place.
type pkg struct {
	name, evr, arch, vendor, source strID

	repo   int32
	fact   int32                  // its place in facts
	before int32                  // Requires that come before those marked pre
	deps   [numDepKinds + 1]int32 // where its lists start in the universe's deps; one after the other
	files  [2]int32               // where its files start and end in the universe's files
}

// has reports whether the package has dependencies of a kind.
func (k *pkg) has(kind depKind) bool { return k.deps[kind] < k.deps[kind+1] }

// Universe holds the packages of all repositories in flat tables: strings and
// relations are numbered, lists are parts of shared ones. Build it once, ask it
// often; its methods may be called by several goroutines, which then wait for
// each other.
type Universe struct {
	opts  Options
	repos []*Repo

	mu        sync.Mutex // guards everything below
	in        *interner
	rels      relTable
	deps      []depID
	files     []strID
	facts     factTable
	seen      []int32 // by dependency: the list that named it last; see addDeps
	seenList  int32
	ids, pre  []depID // the list being added
	evr       []byte  // of the package being added
	arch      archPolicy
	pkgs      []pkg // by lit
	index     *providerIndex
	spare     spare
	saved     bool        // a snapshot would hold nothing new
	extraFile []fileOwner // what LoadFiles found, by package
	asked     bool        // LoadFiles was called
	askedFor  []string    // the specs that it was called for
}

// Repo is a repository of a universe.
type Repo struct {
	opts  RepoOptions
	u     *Universe
	index int32
	first lit // number of its first package, once the universe is indexed
	pkgs  []pkg
	known []depID // by serial, what became of a dependency; or notKnown

	last [numAgain]strID // of the package before
}

// The strings of a package that are often those of the one before.
const (
	pkgArch = iota
	pkgVendor
	pkgSource
	numAgain
)

// NewUniverse returns a universe without repositories.
func NewUniverse(opts Options) *Universe {
	if opts.Arch == "" {
		opts.Arch = "x86_64"
	}
	if opts.InstallOnly == nil {
		opts.InstallOnly = DefaultInstallOnly()
	}
	u := &Universe{opts: opts, in: newInterner()}
	u.rels = newRelTable(u.in.key)
	u.arch = newArchPolicy(u.in, opts.Arch)
	return u
}

// AddRepo adds a repository. Add its packages before those of the next one:
// OrderDNF depends on it.
func (u *Universe) AddRepo(opts RepoOptions) *Repo {
	u.mu.Lock()
	defer u.mu.Unlock()
	r := &Repo{opts: opts, u: u, index: int32(len(u.repos))}
	u.repos = append(u.repos, r)
	u.index = nil
	return r
}

// ID is the repository's name in the configuration.
func (r *Repo) ID() string { return r.opts.ID }

// Add adds a package, in the order of the metadata. It keeps no reference to m
// or its lists.
func (r *Repo) Add(m *rpm.Metadata) {
	u := r.u
	u.mu.Lock()
	defer u.mu.Unlock()
	arch := m.Arch
	if arch == "" {
		arch = "noarch"
	}
	u.evr = appendEVR(u.evr[:0], m.EVR)
	p := pkg{
		name: u.in.id(m.Name), evr: u.in.id(unsafe.String(unsafe.SliceData(u.evr), len(u.evr))), repo: r.index,
		arch: r.again(arch, pkgArch), vendor: r.again(m.Vendor, pkgVendor), source: r.again(m.SourceRPM, pkgSource),
		fact: int32(len(u.facts.at)),
	}
	lists := [numDepKinds][]rpm.Dep{m.Provides, m.Requires, m.Conflicts, m.Obsoletes, m.Suggests, m.Enhances, m.Recommends, m.Supplements}
	for kind, list := range lists {
		u.addDeps(r, &p, depKind(kind), list)
	}
	p.deps[numDepKinds] = int32(len(u.deps))
	p.files[0] = int32(len(u.files))
	for _, f := range m.Files {
		u.files = append(roomy(u.files), u.in.id(f))
	}
	p.files[1] = int32(len(u.files))
	r.pkgs = append(roomy(r.pkgs), p)
	u.facts.add(m)
	u.index = nil
}

// maxReserve bounds what Reserve believes.
const maxReserve = 1 << 29

// Reserve makes room for the packages of so many bytes of primary metadata, as
// much as a distribution's need: tables that grow are copied. It changes
// nothing else, and whether it is right does not matter.
func (r *Repo) Reserve(metadata int64) {
	u, n := r.u, int(max(0, min(metadata, maxReserve)))
	u.mu.Lock()
	defer u.mu.Unlock()
	u.in.reserve(n/500, n/20)
	u.rels.reserve(n / 800)
	u.deps = withRoom(u.deps, n/160)
	u.files = withRoom(u.files, n/4000)
	u.facts.data = withRoom(u.facts.data, n/10)
	u.facts.at = withRoom(u.facts.at, n/1500)
	u.seen = append(make([]int32, 0, len(u.seen)+n/200), u.seen...)
	r.pkgs = withRoom(r.pkgs, n/1500)
	r.known = withRoom(r.known, n/1000)
}

// again numbers a string of a package, which is often that of the one before.
func (r *Repo) again(s string, which int) strID {
	in := r.u.in
	if id := r.last[which]; in.str(id) != s {
		r.last[which] = in.id(s)
	}
	return r.last[which]
}

// appendEVR writes a package's EVR as dependencies do.
func appendEVR(b []byte, e rpm.EVR) []byte {
	if e.Epoch != 0 || strings.IndexByte(e.Version, ':') > 0 && rpm.ParseEVR(e.Version).Epoch != 0 {
		b = append(strconv.AppendUint(b, uint64(e.Epoch), 10), ':')
	}
	b = append(b, e.Version...)
	if e.Release != "" {
		b = append(append(b, '-'), e.Release...)
	}
	return b
}

// addDeps appends one list of a package, each dependency once. Among Requires,
// what is needed before installation comes last, and a dependency that is
// stated both ways counts as such. Every package provides itself.
func (u *Universe) addDeps(r *Repo, p *pkg, kind depKind, list []rpm.Dep) {
	u.seenList++
	start := len(u.deps)
	ids := u.ids[:0]
	for i := range list {
		if kind == supplements {
			ids = append(ids, u.supplement(list[i]))
		} else {
			ids = append(ids, r.dep(p, &list[i]))
		}
	}
	if kind == provides && p.name != 0 {
		ids = append(ids, u.rel(depID(p.name), opEqual, depID(p.evr)))
	}
	u.ids = ids
	pre := u.pre[:0]
	for i, id := range ids {
		if kind == requires && list[i].Pre && id != noDep && u.mark(id) {
			pre = append(pre, id)
		}
	}
	for _, id := range ids {
		if id != noDep && u.mark(id) {
			u.deps = append(roomy(u.deps), id)
		}
	}
	if kind == requires {
		p.before = int32(len(u.deps) - start)
	}
	u.deps, u.pre = append(u.deps, pre...), pre
	p.deps[kind] = int32(start)
}

// notKnown stands for a dependency that was not seen before.
const notKnown = ^relBit

// dep numbers a dependency of p: by its serial, if that has a number already.
func (r *Repo) dep(p *pkg, d *rpm.Dep) depID {
	u := r.u
	if d.Serial <= 0 {
		if d.Flags != 0 && d.Name == u.in.str(p.name) && d.EVR == u.in.str(p.evr) && d.Name != "" && !strings.HasPrefix(d.EVR, "0:") {
			return u.rel(depID(p.name), depOp(d.Flags), depID(p.evr)) // as most provides are
		}
		return u.dep(*d)
	}
	for int(d.Serial) >= len(r.known) {
		r.known = append(roomy(r.known), notKnown)
	}
	if r.known[d.Serial] == notKnown {
		r.known[d.Serial] = u.dep(*d)
	}
	return r.known[d.Serial]
}

// mark reports whether d is new in the list being added.
func (u *Universe) mark(d depID) bool {
	i := 2 * int(d&^relBit)
	if d.isRel() {
		i++
	}
	for i >= len(u.seen) {
		u.seen = append(u.seen, make([]int32, len(u.seen)+1024)...)
	}
	if u.seen[i] == u.seenList {
		return false
	}
	u.seen[i] = u.seenList
	return true
}

// list returns one of p's lists of dependencies.
func (u *Universe) list(p lit, kind depKind) []depID { return u.listOf(&u.pkgs[p], kind) }

func (u *Universe) listOf(k *pkg, kind depKind) []depID { return u.deps[k.deps[kind]:k.deps[kind+1]] }

func (u *Universe) repoOf(p lit) *Repo { return u.repos[u.pkgs[p].repo] }

// installed reports whether p is installed already.
func (u *Universe) installed(p lit) bool {
	return p >= firstPkg && u.repos[u.pkgs[p].repo].opts.Installed
}

// runs reports whether p's architecture can be installed.
func (u *Universe) runs(p lit) bool {
	return u.arch.score(u.pkgs[p].arch) != scoreNone && u.pkgs[p].name != 0
}

// metadata returns what is known of p, its dependencies and files apart.
func (u *Universe) metadata(p lit) *rpm.Metadata {
	k := &u.pkgs[p]
	f := u.facts.get(int(k.fact))
	return &rpm.Metadata{
		NEVRA:    rpm.NEVRA{Name: u.in.copied(k.name), EVR: rpm.ParseEVR(u.in.copied(k.evr)), Arch: u.in.copied(k.arch)},
		Location: f.location, BaseURL: f.baseURL, Checksum: f.checksum, Summary: f.summary, SourceRPM: u.in.copied(k.source),
		Vendor: u.in.copied(k.vendor), Size: f.size, HeaderStart: f.headerStart, HeaderEnd: f.headerEnd,
		InstalledSize: f.installedSize, BuildTime: f.buildTime,
	}
}

// nevra names p in messages.
func (u *Universe) nevra(p lit) string {
	if p == system {
		return "the system"
	}
	k := &u.pkgs[p]
	return u.in.str(k.name) + "-" + u.in.str(k.evr) + "." + u.in.str(k.arch)
}

// compareEVR orders two EVRs of the universe.
func (u *Universe) compareEVR(a, b strID) int {
	if a == b {
		return 0
	}
	return rpm.ParseEVR(u.in.str(a)).Compare(rpm.ParseEVR(u.in.str(b)))
}

// compareProvided orders two EVRs as dependencies match them: where only one
// has a release, and that alone tells them apart, it is -2 or 2.
func (u *Universe) compareProvided(a, b strID) int {
	x, y := rpm.ParseEVR(u.in.str(a)), rpm.ParseEVR(u.in.str(b))
	if c := (rpm.EVR{Epoch: x.Epoch, Version: x.Version}).Compare(rpm.EVR{Epoch: y.Epoch, Version: y.Version}); c != 0 {
		return c
	}
	switch {
	case x.Release == "" && y.Release != "":
		return -2
	case x.Release != "" && y.Release == "":
		return 2
	}
	return rpm.Vercmp(x.Release, y.Release)
}
