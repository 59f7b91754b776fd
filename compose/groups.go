package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/rpmrepo"
	"github.com/treewright/treewright/rpmrepo/solve"
)

// addGroups replaces the specs of groups (@core) in a request by the groups'
// members. Metadata of groups is read only when there are such specs.
func (p *Plan) addGroups(ctx context.Context, req *solve.Request) error {
	var specs, members []solve.Spec
	var comps *rpmrepo.Comps
	for _, s := range req.Install {
		if !rpmrepo.IsGroupSpec(s.Text) {
			specs = append(specs, s)
			continue
		}
		g, err := rpmrepo.ParseGroupSpec(s.Text)
		if err != nil {
			return err
		}
		if comps == nil {
			if comps, err = readComps(ctx, p.repos); err != nil {
				return err
			}
		}
		found, err := p.members(comps, g, s.Repo)
		if err != nil {
			return err
		}
		members = append(members, found...)
	}
	// As in dnf, groups come after packages that are asked for by name.
	req.Install = append(specs, members...)
	return nil
}

// readComps reads and merges the groups of all repositories, in their order.
func readComps(ctx context.Context, repos []*rpmrepo.Repository) (*rpmrepo.Comps, error) {
	all := &rpmrepo.Comps{}
	for _, r := range repos {
		c, err := r.Comps(ctx)
		if errors.Is(err, rpmrepo.ErrNoData) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all.Merge(c)
	}
	return all, nil
}

// members turns a group spec into specs of packages.
func (p *Plan) members(comps *rpmrepo.Comps, g rpmrepo.GroupSpec, repo string) ([]solve.Spec, error) {
	members, notes, found := comps.Members(g)
	for _, n := range notes {
		p.opts.Warn(fmt.Sprintf("%s: %s: it is left out", g.Text, n))
	}
	if !found {
		return nil, p.noGroup(comps, g)
	}
	var specs []solve.Spec
	for _, m := range members {
		s := solve.Spec{Text: m.Name, Repo: repo, Member: &solve.Member{Group: g.Text, Requires: m.Requires}}
		if m.BaseArchOnly {
			s.Member.Arch = p.opts.Treefile.Arch
		}
		specs = append(specs, s)
	}
	return specs, nil
}

// noGroup says that nothing matches a group spec, and what comes near.
func (p *Plan) noGroup(comps *rpmrepo.Comps, g rpmrepo.GroupSpec) error {
	text := g.Text + ": no repository has this group or environment"
	if g.OnlyEnvironment {
		text = g.Text + ": no repository has this environment"
	}
	switch near := comps.Near(g); {
	case len(comps.Groups)+len(comps.Environments) == 0:
		text += ": none of the repositories in use offers groups"
	case len(near) > 0:
		text += ": did you mean " + strings.Join(near, ", ") + "?"
	case strings.Contains(g.Pattern, ":"):
		text += "; module streams cannot be asked for: the default ones are used"
	}
	return errors.New(text)
}

// warnSkipped tells which members of groups are not in the answer because there
// is no such package.
func (p *Plan) warnSkipped(skipped []solve.Spec) {
	var groups []string
	names := map[string][]string{}
	for _, s := range skipped {
		g := s.Member.Group
		if names[g] == nil {
			groups = append(groups, g)
		}
		if !slices.Contains(names[g], s.Text) {
			names[g] = append(names[g], s.Text)
		}
	}
	for _, g := range groups {
		p.opts.Warn(fmt.Sprintf("%s: no repository has these packages of it, they are left out: %s", g, strings.Join(names[g], ", ")))
	}
}
