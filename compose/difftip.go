package compose

import (
	"context"
	"fmt"
	"strings"

	"github.com/treewright/treewright/ostree"
)

// TipDiff compares the packages of a plan with those of the commit that its ref
// shows.
type TipDiff struct {
	Commit   ostree.Checksum `json:"commit"`
	Packages []PackageChange `json:"packages"`
	// Unlisted says why the packages are not compared.
	Unlisted string `json:"packages-unknown,omitempty"`
	// Grown is by how many bytes the installed size changes; it counts only
	// packages whose size is known.
	Grown int64 `json:"grown"`
}

// CompareTip compares the plan with the tip of its ref, for WriteText and
// MarshalJSON; nil when there is no tip.
func (p *Plan) CompareTip(ctx context.Context) (*TipDiff, error) {
	if p.tip.IsZero() {
		return nil, nil
	}
	list, why, err := commitPackages(ctx, p.opts.Repo, p.tip, false)
	if err != nil {
		return nil, fmt.Errorf("comparing with %s: %w", p.Ref, err)
	}
	p.tipDiff = &TipDiff{Commit: p.tip, Unlisted: why, Packages: []PackageChange{}}
	if why != "" {
		return p.tipDiff, nil
	}
	now := make([]treePackage, 0, len(p.Packages))
	if p.base != nil {
		installed, err := p.base.packages(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, b := range installed {
			now = append(now, treePackage{nevra: b.manifest.NEVRA, size: b.size})
		}
	}
	for i := range p.Packages {
		now = append(now, treePackage{nevra: p.Packages[i].NEVRA, size: p.Packages[i].InstalledSize})
	}
	p.tipDiff.Packages = comparePackages(list, now)
	for _, c := range p.tipDiff.Packages {
		p.tipDiff.Grown += c.NewSize - c.OldSize
	}
	return p.tipDiff, nil
}

// text is the comparison for people.
func (d *TipDiff) text(b *strings.Builder, ref string) {
	if d == nil {
		return
	}
	switch {
	case d.Unlisted != "":
		fmt.Fprintf(b, "packages are not compared: %s\n", d.Unlisted)
		return
	case len(d.Packages) == 0:
		fmt.Fprintf(b, "packages: those of %s\n", ref)
		return
	}
	fmt.Fprintf(b, "compared with %s (%.12s): %s, %s installed\n", ref, d.Commit, countChanges(d.Packages), signedSize(d.Grown))
	for i := range d.Packages {
		fmt.Fprintf(b, "  %s\n", &d.Packages[i])
	}
}

// String is the change in one line.
func (c *PackageChange) String() string {
	name := c.Name + "." + c.Arch
	var text string
	switch c.Change {
	case ChangeAdded:
		text = c.Change + " " + name + " " + c.New
	case ChangeRemoved:
		text = c.Change + " " + name + " " + c.Old
	default:
		text = c.Change + " " + name + " " + c.Old + " -> " + c.New
	}
	if grown := c.NewSize - c.OldSize; grown != 0 {
		text += " (" + signedSize(grown) + ")"
	}
	return text
}

// countChanges counts the changes by their kinds.
func countChanges(list []PackageChange) string {
	counts := map[string]int{}
	for _, c := range list {
		counts[c.Change]++
	}
	var parts []string
	for _, kind := range [...]string{ChangeAdded, ChangeRemoved, ChangeUpgraded, ChangeDowngraded} {
		if counts[kind] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[kind], kind))
		}
	}
	return "packages: " + strings.Join(parts, ", ")
}

// signedSize is how much larger something becomes.
func signedSize(n int64) string {
	if n < 0 {
		return "-" + byteSize(-n)
	}
	return "+" + byteSize(n)
}
