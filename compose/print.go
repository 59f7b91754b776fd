package compose

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/treewright/treewright/ostree"
)

// planJSON is a Plan for programs.
type planJSON struct {
	Treefile          string          `json:"treefile"`
	Ref               string          `json:"ref,omitempty"`
	InputHash         string          `json:"input-hash"`
	Changed           bool            `json:"changed"`
	Previous          ostree.Checksum `json:"previous-commit,omitzero"`
	PreviousInputHash string          `json:"previous-input-hash,omitempty"`
	DownloadSize      int64           `json:"package-size"`
	InstalledSize     int64           `json:"installed-size"`
	Packages          []packageJSON   `json:"packages"`
	Base              *BaseReport     `json:"base,omitempty"`
	TipDiff           *TipDiff        `json:"compared-with-tip,omitempty"`
	Warnings          []string        `json:"warnings,omitempty"`
}

type packageJSON struct {
	NEVRA         string `json:"nevra"`
	Name          string `json:"name"`
	Epoch         uint32 `json:"epoch"`
	Version       string `json:"version"`
	Release       string `json:"release"`
	Arch          string `json:"arch"`
	Repo          string `json:"repo"`
	Checksum      string `json:"checksum"`
	Size          int64  `json:"size"`
	InstalledSize int64  `json:"installed-size"`
	Reason        string `json:"reason"`
}

// MarshalJSON writes the plan for programs.
func (p *Plan) MarshalJSON() ([]byte, error) {
	out := planJSON{
		Treefile: p.opts.Treefile.Path, Ref: p.Ref, InputHash: p.InputHash, Changed: p.Changed(),
		Previous: p.Previous, PreviousInputHash: p.PreviousInputHash, Warnings: p.Warnings, Packages: []packageJSON{}, TipDiff: p.tipDiff,
	}
	if b := p.base; b != nil {
		out.Base = &BaseReport{Ref: b.key.Ref, Commit: b.commit, Packages: len(p.installed())}
	}
	out.DownloadSize, out.InstalledSize = p.Sizes()
	for i := range p.Packages {
		out.Packages = append(out.Packages, p.Packages[i].json())
	}
	return json.Marshal(out)
}

// json is the package for programs.
func (pkg *Package) json() packageJSON {
	n := pkg.NEVRA
	return packageJSON{
		NEVRA: n.String(), Name: n.Name, Epoch: n.Epoch, Version: n.Version, Release: n.Release, Arch: n.Arch,
		Repo: pkg.Repo, Checksum: pkg.Checksum.String(), Size: pkg.Size, InstalledSize: pkg.InstalledSize, Reason: pkg.Reason,
	}
}

// Sizes adds up the package files and what they install.
func (p *Plan) Sizes() (packages, installed int64) { return sizes(p.Packages) }

func sizes(list []Package) (packages, installed int64) {
	for _, pkg := range list {
		packages += pkg.Size
		installed += pkg.InstalledSize
	}
	return packages, installed
}

// listPackages writes a line for each package, and their sum.
func listPackages(b *strings.Builder, list []Package) {
	width, repoWidth := 0, 0
	for _, pkg := range list {
		width = max(width, len(pkg.NEVRA.String()))
		repoWidth = max(repoWidth, len(pkg.Repo))
	}
	for _, pkg := range list {
		fmt.Fprintf(b, "%-*s  %-*s  %9s  %s\n", width, pkg.NEVRA, repoWidth, pkg.Repo, byteSize(pkg.Size), pkg.Reason)
	}
	sumPackages(b, list)
}

func sumPackages(b *strings.Builder, list []Package) {
	size, installed := sizes(list)
	fmt.Fprintf(b, "%d packages, %s, %s installed\n", len(list), byteSize(size), byteSize(installed))
}

// WriteText writes the plan for people.
func (p *Plan) WriteText(w io.Writer) error {
	var b strings.Builder
	listPackages(&b, p.Packages)
	if p.Ref != "" {
		fmt.Fprintf(&b, "ref: %s\n", p.Ref)
	}
	if p.base != nil {
		fmt.Fprintf(&b, "base: %s, commit %s\n", p.base.key.Ref, p.base.commit)
	}
	for _, l := range p.layers {
		fmt.Fprintf(&b, "layer: %s, commit %s\n", l.ref, l.commit)
	}
	fmt.Fprintf(&b, "input: %s\n", p.InputHash)
	switch {
	case p.Previous.IsZero():
		b.WriteString("previous commit: none\n")
	case p.Changed():
		fmt.Fprintf(&b, "previous commit: %s, made from other input\n", p.Previous)
	default:
		fmt.Fprintf(&b, "previous commit: %s, made from the same input: nothing to do\n", p.Previous)
	}
	p.tipDiff.text(&b, p.Ref)
	_, err := io.WriteString(w, b.String())
	return err
}

// byteSize writes a size in a unit that keeps it short.
func byteSize(n int64) string {
	const units = "kMGT"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1000, 0
	for f >= 999.95 && i < len(units)-1 {
		f /= 1000
		i++
	}
	return fmt.Sprintf("%.1f %cB", f, units[i])
}
