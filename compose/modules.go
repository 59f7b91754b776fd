package compose

import (
	"context"
	"errors"
	"fmt"

	"github.com/treewright/treewright/rpmrepo"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/rpmrepo/solve"
)

// filterModules makes a request leave out what module streams hide, as dnf does:
// the packages of streams that are not active, and all others with the name of
// a package of an active stream, or that provide such a name. Active are the
// default streams and what they need. Repositories with module_hotfixes=1 are
// exempt.
func (p *Plan) filterModules(ctx context.Context, u *solve.Universe, req *solve.Request) error {
	filter := newModuleFilter()
	for _, r := range p.repos {
		if r.Config().ModuleHotfixes {
			filter.exempt[r.ID()] = true
		}
	}
	if len(filter.exempt) == len(p.repos) {
		return nil
	}
	all := &rpmrepo.Modules{}
	var streams []repoStreams
	for _, r := range p.repos {
		m, err := r.Modules(ctx)
		if errors.Is(err, rpmrepo.ErrNoData) {
			continue
		}
		if err != nil {
			return err
		}
		all.Merge(m)
		streams = append(streams, m.Streams)
	}
	if len(all.Streams) == 0 {
		return nil
	}
	for _, n := range all.Notes {
		p.opts.Warn(n)
	}
	platform, err := p.platform(u)
	if err != nil {
		return err
	}
	groups, candidates := groupStreams(streams)
	active, err := p.activeStreams(ctx, candidates, all.Defaults, platform)
	if err != nil {
		return err
	}
	filter.fill(u, groups, active)
	before := req.Exclude
	req.Exclude = func(c solve.Candidate) string {
		if before != nil {
			if why := before(c); why != "" {
				return why
			}
		}
		if !filter.concerned[c.Name()] {
			return ""
		}
		return filter.why(c.Repo(), c.NEVRA())
	}
	return nil
}

// platform returns the stream of the module platform: what platform-module
// names, else what the newest system-release package of the repositories
// provides. It is empty when neither says anything.
func (p *Plan) platform(u *solve.Universe) (string, error) {
	const prefix = "platform:"
	if name := p.opts.Treefile.PlatformModule; name != "" {
		if len(name) <= len(prefix) || name[:len(prefix)] != prefix {
			return "", fmt.Errorf("%s: %q is not platform:STREAM", keyPosition(p.opts.Treefile, "platform-module"), name)
		}
		return name[len(prefix):], nil
	}
	newest := map[string]rpm.NEVRA{} // by name
	for _, o := range u.Offers("system-release") {
		if have, ok := newest[o.NEVRA.Name]; !ok || have.EVR.Compare(o.NEVRA.EVR) < 0 {
			newest[o.NEVRA.Name] = o.NEVRA
		}
	}
	found := ""
	for _, o := range u.Offers("base-module(platform:*)") {
		if have, ok := newest[o.NEVRA.Name]; !ok || have.EVR.Compare(o.NEVRA.EVR) != 0 {
			continue
		}
		stream := o.Provide[len("base-module("+prefix) : len(o.Provide)-1]
		if found != "" && found != stream {
			return "", fmt.Errorf("packages that provide system-release are for different platforms, %s and %s: set platform-module: platform:STREAM", found, stream)
		}
		found = stream
	}
	return found, nil
}

// moduleFilter knows which packages are hidden.
type moduleFilter struct {
	exempt    map[string]bool       // IDs of repositories
	active    map[rpm.NEVRA]bool    // packages of active streams
	inactive  map[rpm.NEVRA]string  // packages of others, and of which one
	names     map[string]string     // names of the packages of active streams, and of which one
	provides  map[modulePair]string // other packages that provide such a name: how each is hidden
	concerned map[string]bool       // names of all packages of these maps
}

type modulePair struct {
	repo string
	n    rpm.NEVRA
}

func newModuleFilter() *moduleFilter {
	return &moduleFilter{
		exempt: map[string]bool{}, active: map[rpm.NEVRA]bool{}, inactive: map[rpm.NEVRA]string{},
		names: map[string]string{}, provides: map[modulePair]string{}, concerned: map[string]bool{},
	}
}

// fill notes the packages of all streams.
func (f *moduleFilter) fill(u *solve.Universe, groups []*streamGroup, active map[*streamGroup]bool) {
	var names []string
	for _, g := range groups {
		for _, s := range g.builds {
			for _, n := range s.Artifacts {
				f.concerned[n.Name] = true
				if !active[g] {
					f.inactive[n] = g.name()
					continue
				}
				f.active[n] = true
				// Source packages hide no others.
				if n.Arch != "src" && n.Arch != "nosrc" && f.names[n.Name] == "" {
					f.names[n.Name] = g.name()
					names = append(names, n.Name)
				}
			}
		}
	}
	for _, name := range names {
		for _, o := range u.Offers(name) {
			key := modulePair{o.Repo, o.NEVRA}
			if o.NEVRA.Name != name && f.provides[key] == "" {
				f.concerned[o.NEVRA.Name] = true
				f.provides[key] = fmt.Sprintf("it provides %s, which the active module %s has", name, f.names[name])
			}
		}
	}
}

// why says why a package is hidden; it is empty when it is not.
func (f *moduleFilter) why(repo string, n rpm.NEVRA) string {
	if f.exempt[repo] || f.active[n] {
		return ""
	}
	const filtering = "module filtering: "
	if s := f.inactive[n]; s != "" {
		return filtering + s + " is not active"
	}
	if s := f.names[n.Name]; s != "" {
		return filtering + "the active module " + s + " has its own " + n.Name
	}
	if s := f.provides[modulePair{repo, n}]; s != "" {
		return filtering + s
	}
	return ""
}
