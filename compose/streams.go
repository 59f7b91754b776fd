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

// repoStreams are the builds that one repository describes.
type repoStreams []rpmrepo.ModuleStream

// streamGroup is all builds of a module's stream that need the same other
// modules: they are active together, or none of them is.
type streamGroup struct {
	module, stream string
	key            string // what they need, the platform apart; or their static context
	builds         []*rpmrepo.ModuleStream
}

func (g *streamGroup) name() string { return g.module + ":" + g.stream }

// streamCandidate is a build that says what its group needs: the first of its
// version in its repository.
type streamCandidate struct {
	*streamGroup
	build *rpmrepo.ModuleStream
}

// groupStreams returns the groups, and their candidates in the order of the
// repositories and, in each, of their names.
func groupStreams(repos []repoStreams) (groups []*streamGroup, candidates []*streamCandidate) {
	type groupKey struct{ module, stream, key string }
	type version struct {
		group *streamGroup
		text  string
	}
	byKey := map[groupKey]*streamGroup{}
	for _, streams := range repos {
		seen := map[version]bool{}
		first := len(candidates)
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
			if v := (version{g, s.Version}); !seen[v] {
				seen[v] = true
				candidates = append(candidates, &streamCandidate{streamGroup: g, build: s})
			}
		}
		slices.SortStableFunc(candidates[first:], func(a, b *streamCandidate) int {
			return cmp.Or(strings.Compare(a.module, b.module), strings.Compare(a.stream, b.stream), strings.Compare(a.key, b.key))
		})
	}
	return groups, candidates
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
			part := r.Module
			if len(streams) > 0 {
				part += ":[" + strings.Join(streams, ",") + "]"
			}
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ";")
}

// activeStreams finds out which groups are active: those of default streams and
// what these need. A default whose newest build cannot be active is left out with
// a warning, the later one when two exclude each other.
func (p *Plan) activeStreams(ctx context.Context, candidates []*streamCandidate, defaults []rpmrepo.ModuleDefault, platform string) (map[*streamGroup]bool, error) {
	u, byName := p.streamUniverse(candidates, platform)
	wanted := defaultStreams(candidates, defaults)
	for {
		answer, problems, err := resolveStreams(ctx, u, wanted)
		if err != nil {
			return nil, err
		}
		if problems == nil {
			active := map[*streamGroup]bool{}
			for _, s := range answer.Packages {
				active[byName[s.Package.Name]] = true
			}
			return active, nil
		}
		before := len(wanted)
		if wanted = p.dropStreams(wanted, problems, platform); len(wanted) == before {
			return nil, fmt.Errorf("choosing module streams: %w", problems)
		}
	}
}

// resolveStreams asks for default streams.
func resolveStreams(ctx context.Context, u *solve.Universe, wanted []*streamGroup) (*solve.Transaction, *solve.Problems, error) {
	req := solve.Request{IgnoreWeak: true, Best: true}
	for _, g := range wanted {
		req.Install = append(req.Install, solve.Spec{Text: moduleDep(g.module, g.stream)})
	}
	answer, err := solve.Resolve(ctx, u, req)
	var problems *solve.Problems
	if errors.As(err, &problems) {
		return nil, problems, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("choosing module streams: %w", err)
	}
	return answer, nil, nil
}

// defaultStreams returns one group of each default stream.
func defaultStreams(candidates []*streamCandidate, defaults []rpmrepo.ModuleDefault) []*streamGroup {
	stream := map[string]string{}
	for _, d := range defaults {
		stream[d.Module] = d.Stream
	}
	var wanted []*streamGroup
	for _, c := range candidates {
		if s, ok := stream[c.module]; ok && s == c.stream {
			wanted = append(wanted, c.streamGroup)
			delete(stream, c.module)
		}
	}
	return wanted
}

// streamUniverse makes every candidate a package, and the platform an installed
// one.
func (p *Plan) streamUniverse(candidates []*streamCandidate, platform string) (*solve.Universe, map[string]*streamGroup) {
	u := solve.NewUniverse(solve.Options{Arch: p.opts.Treefile.Arch, Order: solve.OrderXML, InstallOnly: []string{}})
	if platform != "" {
		u.AddRepo(solve.RepoOptions{ID: "platform", Installed: true}).Add(&rpm.Metadata{
			NEVRA:    rpm.NEVRA{Name: "platform:" + platform, EVR: rpm.EVR{Version: "0", Release: "0"}, Arch: "noarch"},
			Provides: []rpm.Dep{{Name: moduleDep("platform", "")}, {Name: moduleDep("platform", platform)}},
		})
	}
	repo := u.AddRepo(solve.RepoOptions{ID: "modules"})
	byName := map[string]*streamGroup{}
	for i, c := range candidates {
		m := c.metadata()
		m.Checksum = "module " + strconv.Itoa(i)
		byName[m.Name] = c.streamGroup
		repo.Add(m)
	}
	return u, byName
}

// metadata is the candidate as a package: one stream of a module at a time.
func (c *streamCandidate) metadata() *rpm.Metadata {
	m := &rpm.Metadata{
		NEVRA:     rpm.NEVRA{Name: c.name() + ":" + c.key, EVR: rpm.EVR{Version: c.build.Version, Release: "0"}, Arch: cmp.Or(c.build.Arch, "noarch")},
		Provides:  []rpm.Dep{{Name: moduleDep(c.module, "")}, {Name: moduleDep(c.module, c.stream)}},
		Conflicts: []rpm.Dep{{Name: moduleDep(c.module, "")}},
	}
	for _, r := range c.build.Requires {
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

// dropStreams leaves out the last of the default streams in every problem, and
// says why.
func (p *Plan) dropStreams(wanted []*streamGroup, problems *solve.Problems, platform string) (rest []*streamGroup) {
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
	return rest
}

func problemText(pr *solve.Problem) string {
	var steps []string
	for _, s := range pr.Steps[:min(len(pr.Steps), 4)] {
		steps = append(steps, s.Text)
	}
	return strings.Join(steps, ", ")
}
