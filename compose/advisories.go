package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/rpmrepo"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/treefile"
)

// keyAdvisories is the commit key of the security advisories that the packages
// of a tree answer: a(suuasa{sv}), each with its id, kind, severity, the packages
// of the tree that it names, and cve_references, an a(ss) of addresses and titles.
const (
	keyAdvisories    = "rpmostree.advisories"
	keyCVEReferences = "cve_references"
	advisoryType     = "(suuasa{sv})"
)

// kindSecurity is the number of security advisories; others are not in commits.
const kindSecurity = 1

// severities are the numbers of severities; zero is none, or another word.
var severities = map[string]uint32{"low": 1, "moderate": 2, "important": 3, "critical": 4}

// A securityAdvisory is an advisory of which the tree has packages.
type securityAdvisory struct {
	advisory *rpmrepo.Advisory
	packages map[string]bool // NEVRAs
}

// readAdvisories collects the security advisories of the repositories that name
// packages of the tree. It returns no value when no repository has advisories,
// or none names any.
func (p *Plan) readAdvisories(ctx context.Context) error {
	t := p.opts.Treefile
	if t.AdvisoriesMetadata == treefile.MetadataDisabled || t.Flatpak != nil {
		return nil
	}
	wanted := map[rpm.NEVRA]bool{}
	for _, n := range p.nevras() {
		wanted[n] = true
	}
	found := map[string]*securityAdvisory{}
	for _, r := range p.repos {
		err := r.Advisories(ctx, func(a *rpmrepo.Advisory) error {
			if strings.EqualFold(a.Type, "security") {
				note(found, a, wanted)
			}
			return nil
		})
		switch {
		case err == nil || errors.Is(err, rpmrepo.ErrNoData):
		case errors.Is(err, fetch.ErrNotFound) || errors.Is(err, rpmrepo.ErrNotCached):
			p.opts.Warn(fmt.Sprintf("the commit tells of no advisories of repository %s: %v", r.ID(), err))
		default:
			return err
		}
	}
	if len(found) == 0 {
		return nil
	}
	var rows []gvariant.Value
	for _, id := range slices.Sorted(maps.Keys(found)) {
		rows = append(rows, found[id].value())
	}
	v := gvariant.Array(advisoryType, rows...)
	p.advisories = &v
	return nil
}

// note keeps an advisory if it names any of the packages. Of two repositories
// that have it, the first one's text counts.
func note(found map[string]*securityAdvisory, a *rpmrepo.Advisory, wanted map[rpm.NEVRA]bool) {
	for _, n := range a.Packages {
		if !wanted[n] {
			continue
		}
		if found[a.ID] == nil {
			found[a.ID] = &securityAdvisory{advisory: a, packages: map[string]bool{}}
		}
		found[a.ID].packages[n.String()] = true
	}
}

// value is the advisory as a commit has it, whose numbers are big-endian.
func (s *securityAdvisory) value() gvariant.Value {
	a := s.advisory
	var refs []gvariant.Value
	for _, r := range a.References {
		title := cmp.Or(r.Title, r.ID)
		// Some distributions tell of a CVE in the title of a bug alone.
		if r.URL != "" && (strings.EqualFold(r.Type, "cve") || strings.Contains(title, "CVE-")) {
			refs = append(refs, gvariant.Tuple(gvariant.String(r.URL), gvariant.String(title)))
		}
	}
	var more []gvariant.Entry
	if len(refs) > 0 {
		more = append(more, gvariant.Entry{Key: keyCVEReferences, Value: gvariant.Array("(ss)", refs...)})
	}
	return gvariant.Tuple(
		gvariant.String(a.ID), gvariant.Uint32(gvariant.BE32(kindSecurity)),
		gvariant.Uint32(gvariant.BE32(severities[strings.ToLower(a.Severity)])),
		gvariant.Strings(slices.Sorted(maps.Keys(s.packages))...), gvariant.VarDict(more...),
	)
}

// detached is what goes beside the commit instead of into it.
func (p *Plan) detached() gvariant.Dict {
	var d gvariant.Dict
	t := p.opts.Treefile
	if t.Flatpak != nil {
		return nil
	}
	if t.RepoMetadata == treefile.MetadataDetached {
		d.Set(keyRepos, p.repoList())
	}
	if p.advisories != nil && t.AdvisoriesMetadata == treefile.MetadataDetached {
		d.Set(keyAdvisories, *p.advisories)
	}
	return d
}
