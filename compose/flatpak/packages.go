package flatpak

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// PackagesFile is where a runtime says of which packages it is made, below its
// files.
const PackagesFile = "share/treewright/packages.json"

// packagesVersion is the version of that file's form.
const packagesVersion = 1

// MaxPackagesFile bounds the file.
const MaxPackagesFile = 64 << 20

type packagesJSON struct {
	Version  int           `json:"version"`
	Packages []packageJSON `json:"packages"`
}

type packageJSON struct {
	Name      string   `json:"name"`
	Epoch     uint32   `json:"epoch"`
	Version   string   `json:"version"`
	Release   string   `json:"release"`
	Arch      string   `json:"arch"`
	Requires  []string `json:"requires,omitempty"`
	Provides  []string `json:"provides,omitempty"`
	Conflicts []string `json:"conflicts,omitempty"`
	Obsoletes []string `json:"obsoletes,omitempty"`
}

// EncodePackages writes the packages of a runtime; their order does not matter.
func EncodePackages(manifests []*content.Manifest) ([]byte, error) {
	out := packagesJSON{Version: packagesVersion, Packages: []packageJSON{}}
	sorted := slices.SortedFunc(slices.Values(manifests), func(a, b *content.Manifest) int {
		return cmp.Or(cmp.Compare(a.NEVRA.Name, b.NEVRA.Name), a.NEVRA.Compare(b.NEVRA))
	})
	for _, m := range sorted {
		n := m.NEVRA
		out.Packages = append(out.Packages, packageJSON{
			Name: n.Name, Epoch: n.Epoch, Version: n.Version, Release: n.Release, Arch: n.Arch,
			Requires: depTexts(m.Requires), Provides: depTexts(m.Provides),
			Conflicts: depTexts(m.Conflicts), Obsoletes: depTexts(m.Obsoletes),
		})
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(out)
	return buf.Bytes(), err
}

// depTexts writes dependencies as text, in their order, each once.
func depTexts(deps []rpm.Dep) []string {
	var list []string
	seen := map[string]bool{}
	for _, d := range deps {
		if s := d.String(); !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	return list
}

// DecodePackages reads what EncodePackages wrote.
func DecodePackages(data []byte) ([]*rpm.Metadata, error) {
	if len(data) > MaxPackagesFile {
		return nil, fmt.Errorf("reading the packages of a runtime: %d bytes; at most %d are read", len(data), MaxPackagesFile)
	}
	var in packagesJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("reading the packages of a runtime: %w", err)
	}
	if in.Version != packagesVersion {
		return nil, fmt.Errorf("reading the packages of a runtime: they have version %d, this program knows %d", in.Version, packagesVersion)
	}
	list := make([]*rpm.Metadata, 0, len(in.Packages))
	for _, p := range in.Packages {
		m := &rpm.Metadata{NEVRA: rpm.NEVRA{
			Name: p.Name, EVR: rpm.EVR{Epoch: p.Epoch, Version: p.Version, Release: p.Release}, Arch: p.Arch,
		}}
		if p.Name == "" || p.Version == "" {
			return nil, errors.New("reading the packages of a runtime: one has no name or version")
		}
		for _, l := range []struct {
			texts []string
			deps  *[]rpm.Dep
		}{{p.Requires, &m.Requires}, {p.Provides, &m.Provides}, {p.Conflicts, &m.Conflicts}, {p.Obsoletes, &m.Obsoletes}} {
			for _, s := range l.texts {
				d, err := rpm.ParseDep(s)
				if err != nil {
					return nil, fmt.Errorf("reading the packages of a runtime: %s: %w", m.NEVRA, err)
				}
				*l.deps = append(*l.deps, d)
			}
		}
		list = append(list, m)
	}
	return list, nil
}
