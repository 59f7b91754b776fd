package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/treewright/treewright/rpmrepo"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/rpmrepo/solve"
)

// streamGroup is all builds of a module's stream that need the same other
// modules: they are active together, or none of them is. The newest one says
// what they need.
type streamGroup struct {
	module, stream string
	key            string // what they need, the platform apart; or their static context
	builds         []*rpmrepo.ModuleStream
}

func (g *streamGroup) name() string { return g.module + ":" + g.stream }

// groupStreams returns the groups in the order of their names.
func groupStreams(streams []rpmrepo.ModuleStream) []*streamGroup {
	type groupKey struct{ module, stream, key string }
	byKey := map[groupKey]*streamGroup{}
	var groups []*streamGroup
	for i := range streams {
		s := &streams[i]
		k := groupKey{s.Name, s.Stream, needsKey(s)}
		g := byKey[k]
		if g == nil {
			g = &streamGroup{module: s.Name, stream: s.Stream, key: k.key}
			byKey[k] = g
			groups = append(groups, g)
		}
		g.builds = append(g.builds, s)
	}
	for _, g := range groups {
		slices.SortStableFunc(g.builds, func(a, b *rpmrepo.ModuleStream) int {
			return cmp.Or(compareNumbers(b.Version, a.Version), strings.Compare(a.Context, b.Context))
		})
	}
	slices.SortFunc(groups, func(a, b *streamGroup) int {
		return cmp.Or(strings.Compare(a.module, b.module), strings.Compare(a.stream, b.stream), strings.Compare(a.key, b.key))
	})
	return groups
}

// compareNumbers orders strings of digits.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// needsKey writes down which other modules a build needs. Of several groups of
// a stream that could be active, the first in the order of these keys is.
func needsKey(s *rpmrepo.ModuleStream) string {
	if s.StaticContext {
		return s.Context
	}
	needs := slices.Clone(s.Requires)
	slices.SortStableFunc(needs, func(a, b rpmrepo.ModuleRequire) int { return strings.Compare(a.Module, b.Module) })
	var parts []string
	for _, r := range needs {
		if r.Module != "platform" {
			streams := slices.Clone(r.Streams)
			slices.Sort(streams)
			parts = append(parts, r.Module+":["+strings.Join(streams, ",")+"]")
		}
	}
	return strings.Join(parts, ";")
}

// activeStreams finds out which groups are active: those of default streams and
// what these need. A default that cannot be active is left out with a warning,
// the later one when two exclude each other.
func (p *Plan) activeStreams(ctx context.Context, groups []*streamGroup, defaults []rpmrepo.ModuleDefault, platform string) (map[*streamGroup]bool, error) {
	u, byName := p.streamUniverse(groups, platform)
	wanted := defaultStreams(groups, defaults)
	active := map[*streamGroup]bool{}
	for len(wanted) > 0 {
		req := solve.Request{IgnoreWeak: true, Best: true}
		for _, g := range wanted {
			req.Install = append(req.Install, solve.Spec{Text: moduleDep(g.module, g.stream)})
		}
		answer, err := solve.Resolve(ctx, u, req)
		var problems *solve.Problems
		switch {
		case err == nil:
			for _, s := range answer.Packages {
				active[byName[s.Package.Name]] = true
			}
			return active, nil
		case !errors.As(err, &problems):
			return nil, fmt.Errorf("choosing module streams: %w", err)
		}
		if wanted, err = p.dropStreams(wanted, problems, platform); err != nil {
			return nil, err
		}
	}
	return active, nil
}

// defaultStreams returns one group of each default stream.
func defaultStreams(groups []*streamGroup, defaults []rpmrepo.ModuleDefault) []*streamGroup {
	stream := map[string]string{}
	for _, d := range defaults {
		stream[d.Module] = d.Stream
	}
	var wanted []*streamGroup
	for i, g := range groups {
		if stream[g.module] != g.stream || i > 0 && groups[i-1].name() == g.name() {
			continue
		}
		wanted = append(wanted, g)
	}
	return wanted
}

// streamUniverse makes every group a package, and the platform an installed one.
func (p *Plan) streamUniverse(groups []*streamGroup, platform string) (*solve.Universe, map[string]*streamGroup) {
	u := solve.NewUniverse(solve.Options{Arch: p.opts.Treefile.Arch, Order: solve.OrderXML, InstallOnly: []string{}})
	if platform != "" {
		u.AddRepo(solve.RepoOptions{ID: "platform", Installed: true}).Add(&rpm.Metadata{
			NEVRA:    rpm.NEVRA{Name: "platform:" + platform, EVR: rpm.EVR{Version: "0", Release: "0"}, Arch: "noarch"},
			Provides: []rpm.Dep{{Name: moduleDep("platform", "")}, {Name: moduleDep("platform", platform)}},
		})
	}
	repo := u.AddRepo(solve.RepoOptions{ID: "modules"})
	byName := map[string]*streamGroup{}
	for _, g := range groups {
		m := g.metadata()
		m.Checksum = "module " + strconv.Itoa(len(byName))
		byName[m.Name] = g
		repo.Add(m)
	}
	return u, byName
}

// metadata is the group as a package: one stream of a module at a time.
func (g *streamGroup) metadata() *rpm.Metadata {
	newest := g.builds[0]
	m := &rpm.Metadata{
		NEVRA:     rpm.NEVRA{Name: g.module + ":" + g.stream + ":" + g.key, EVR: rpm.EVR{Version: newest.Version, Release: "0"}, Arch: cmp.Or(newest.Arch, "noarch")},
		Provides:  []rpm.Dep{{Name: moduleDep(g.module, "")}, {Name: moduleDep(g.module, g.stream)}},
		Conflicts: []rpm.Dep{{Name: moduleDep(g.module, "")}},
	}
	for _, r := range newest.Requires {
		var streams []string
		for _, s := range r.Streams {
			if not, ok := strings.CutPrefix(s, "-"); ok {
				m.Conflicts = append(m.Conflicts, rpm.Dep{Name: moduleDep(r.Module, not)})
				continue
			}
			streams = append(streams, moduleDep(r.Module, s))
		}
		switch len(streams) {
		case 0:
			m.Requires = append(m.Requires, rpm.Dep{Name: moduleDep(r.Module, "")})
		case 1:
			m.Requires = append(m.Requires, rpm.Dep{Name: streams[0]})
		default:
			m.Requires = append(m.Requires, rpm.Dep{Name: "(" + strings.Join(streams, " or ") + ")"})
		}
	}
	return m
}

// moduleDep is the dependency on a module, or on a stream of it.
func moduleDep(module, stream string) string {
	if stream == "" {
		return "module(" + module + ")"
	}
	return "module(" + module + ":" + stream + ")"
}

// dropStreams leaves out the last of the default streams in every problem.
func (p *Plan) dropStreams(wanted []*streamGroup, problems *solve.Problems, platform string) ([]*streamGroup, error) {
	drop := map[string]string{} // why, by spec
	for _, m := range problems.Missing {
		drop[m.Spec] = "it is for another architecture"
	}
	for _, pr := range problems.List {
		for _, g := range slices.Backward(wanted) {
			if spec := moduleDep(g.module, g.stream); slices.Contains(pr.Specs, spec) {
				drop[spec] = problemText(&pr)
				break
			}
		}
	}
	var rest []*streamGroup
	for _, g := range wanted {
		why, dropped := drop[moduleDep(g.module, g.stream)]
		if !dropped {
			rest = append(rest, g)
			continue
		}
		text := fmt.Sprintf("the default stream %s is not active, its packages are left out: %s", g.name(), why)
		if platform == "" {
			text += "; the platform is not known: no repository has a system-release package with base-module(platform:STREAM), and platform-module is not set"
		}
		p.opts.Warn(text)
	}
	if len(rest) == len(wanted) {
		return nil, fmt.Errorf("choosing module streams: %w", problems)
	}
	return rest, nil
}

func problemText(pr *solve.Problem) string {
	var steps []string
	for _, s := range pr.Steps[:min(len(pr.Steps), 4)] {
		steps = append(steps, s.Text)
	}
	return strings.Join(steps, ", ")
}
