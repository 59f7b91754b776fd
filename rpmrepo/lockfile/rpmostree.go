package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

func parseRPMOSTree(t table) (*File, error) {
	top := fields{t: t, at: "the lock file"}
	if err := top.only("packages", "metadata"); err != nil {
		return nil, err
	}
	if t["packages"] == nil {
		return nil, errors.New("it has no key 'packages'")
	}
	packages, err := newFields(t["packages"], "packages")
	if err != nil {
		return nil, err
	}
	f := &File{Format: RPMOSTree}
	list := make([]Package, 0, len(packages.t))
	for _, name := range sortedKeys(packages.t) {
		p, err := parseLocked(name, packages.t[name])
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	f.Packages = map[string][]Package{AnyArch: list}
	return f, f.parseMetadata(t["metadata"])
}

func parseLocked(name string, v any) (Package, error) {
	f, err := newFields(v, "packages: "+name)
	if err != nil {
		return Package{}, err
	}
	if err := f.only("evra", "evr", "digest", "metadata"); err != nil {
		return Package{}, err
	}
	p := Package{Name: name, Checksum: f.text("digest")}
	evra, evr := f.text("evra"), f.text("evr")
	if err := f.err(); err != nil {
		return p, err
	}
	if meta, ok := f.t["metadata"].(table); ok {
		p.Source, _ = meta["sourcerpm"].(string)
	} else if f.t["metadata"] != nil {
		return p, fmt.Errorf("%s: metadata: want a table, got %s", f.at, describe(f.t["metadata"]))
	}
	_, hasEVRA := f.t["evra"]
	_, hasEVR := f.t["evr"]
	switch {
	case name == "":
		return p, errors.New("packages: a name is empty")
	case hasEVRA == hasEVR:
		return p, fmt.Errorf("%s: want one of evra and evr", f.at)
	case hasEVRA:
		dot := strings.LastIndexByte(evra, '.')
		if dot < 0 || dot == len(evra)-1 {
			return p, fmt.Errorf("%s: evra %q: want [epoch:]version-release.arch", f.at, evra)
		}
		evr, p.Arch = evra[:dot], evra[dot+1:]
	}
	if p.EVR = rpm.ParseEVR(evr); p.EVR.Version == "" {
		return p, fmt.Errorf("%s: %q has no version", f.at, evra+evr)
	}
	return p, nil
}

func (f *File) parseMetadata(v any) error {
	if v == nil {
		return nil
	}
	meta, err := newFields(v, "metadata")
	if err != nil {
		return err
	}
	if err := meta.only("generated", "rpmmd_repos"); err != nil {
		return err
	}
	if meta.t["generated"] != nil {
		if f.Generated, err = meta.time("generated"); err != nil {
			return err
		}
	}
	if meta.t["rpmmd_repos"] == nil {
		return nil
	}
	repos, err := newFields(meta.t["rpmmd_repos"], "metadata: rpmmd_repos")
	if err != nil {
		return err
	}
	f.Repos = make(map[string]time.Time, len(repos.t))
	for _, id := range sortedKeys(repos.t) {
		repo, err := newFields(repos.t[id], "metadata: rpmmd_repos: "+id)
		if err == nil {
			err = repo.only("generated")
		}
		if err != nil {
			return err
		}
		if f.Repos[id], err = repo.time("generated"); err != nil {
			return err
		}
	}
	return nil
}

func (f *fields) time(key string) (time.Time, error) {
	text := f.required(key)
	if err := f.err(); err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %s: %q is not a time such as 2025-06-15T00:00:00Z", f.at, key, text)
	}
	return t.UTC(), nil
}

// The shape of the file, in the order in which rpm-ostree writes keys.
type (
	rpmostreeFile struct {
		Packages map[string]rpmostreePackage `json:"packages"`
		Metadata rpmostreeMetadata           `json:"metadata"`
	}
	rpmostreePackage struct {
		EVRA     string            `json:"evra"`
		Digest   string            `json:"digest"`
		Metadata map[string]string `json:"metadata,omitempty"`
	}
	rpmostreeMetadata struct {
		Generated string                   `json:"generated"`
		Repos     map[string]rpmostreeRepo `json:"rpmmd_repos"`
	}
	rpmostreeRepo struct {
		Generated string `json:"generated"`
	}
)

// EncodeRPMOSTree writes packages as rpm-ostree does. Of the time now the day is
// kept; repos says when the metadata of each repository was made. Of several
// builds of one name the last is kept.
func EncodeRPMOSTree(packages []Package, repos map[string]time.Time, now time.Time) ([]byte, error) {
	packages = slices.Clone(packages)
	slices.SortStableFunc(packages, comparePackages)
	out := rpmostreeFile{Packages: make(map[string]rpmostreePackage, len(packages))}
	for _, p := range packages {
		if p.Name == "" || p.EVR.Version == "" || p.Arch == "" {
			return nil, fmt.Errorf("locking %s: name, version and architecture must be known", p.String())
		}
		e := rpmostreePackage{EVRA: p.EVR.String() + "." + p.Arch, Digest: p.Checksum}
		if p.Source != "" {
			e.Metadata = map[string]string{"sourcerpm": p.Source}
		}
		out.Packages[p.Name] = e
	}
	out.Metadata.Generated = now.UTC().Truncate(24 * time.Hour).Format(time.RFC3339)
	out.Metadata.Repos = make(map[string]rpmostreeRepo, len(repos))
	for id, at := range repos {
		out.Metadata.Repos[id] = rpmostreeRepo{at.UTC().Truncate(time.Second).Format(time.RFC3339)}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// SourceName is the name in the file name of a source package, which is
// name-version-release.src.rpm; empty when it is none.
func SourceName(file string) string {
	rel := strings.LastIndexByte(file, '-')
	if rel < 0 {
		return ""
	}
	ver := strings.LastIndexByte(file[:rel], '-')
	return file[:max(ver, 0)]
}
