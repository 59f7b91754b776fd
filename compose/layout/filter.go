package layout

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
)

// Removal is an entry of remove-from-packages: what to leave out of the packages
// of one name.
type Removal struct {
	Package  string
	Patterns []string // regular expressions
}

// Filtered says what FilterPackages left out.
type Filtered struct {
	Removed []Removed `json:"removed,omitempty"`
	// Unused are patterns that matched nothing, as "PACKAGE: PATTERN", or
	// "PACKAGE: no such package".
	Unused []string `json:"unused,omitempty"`
}

// FilterPackages returns packages without the entries that a pattern of their
// removals matches. A pattern is searched for in the path that a file has in the
// commit, such as /usr/etc/x, and in those of the directories above it, whose
// whole content it removes. Other packages keep what they have at the same
// path. Manifests are not changed; untouched packages are returned as they are.
func FilterPackages(packages []rootfs.Package, removals []Removal) ([]rootfs.Package, *Filtered, error) {
	report := &Filtered{}
	if len(removals) == 0 {
		return packages, report, nil
	}
	all, err := compileRemovals(removals)
	if err != nil {
		return nil, nil, err
	}
	out := slices.Clone(packages)
	for i := range out {
		var mine []*pattern
		for _, p := range all {
			if p.pkg == out[i].Manifest.NEVRA.Name {
				p.present = true
				mine = append(mine, p)
			}
		}
		if len(mine) == 0 {
			continue
		}
		f := &packageFilter{patterns: mine, dirs: map[string]bool{}}
		out[i].Manifest = f.manifest(out[i].Manifest)
		for _, path := range f.removed {
			report.Removed = append(report.Removed, Removed{Path: path, Package: out[i].Name, Entries: 1})
		}
	}
	for _, p := range all {
		switch {
		case !p.present:
			report.Unused = append(report.Unused, p.pkg+": no such package")
		case !p.used:
			report.Unused = append(report.Unused, p.pkg+": "+p.re.String())
		}
	}
	slices.Sort(report.Unused)
	report.Unused = slices.Compact(report.Unused)
	sortRemoved(report.Removed)
	return out, report, nil
}

type pattern struct {
	pkg           string
	re            *regexp.Regexp
	present, used bool
}

func compileRemovals(removals []Removal) ([]*pattern, error) {
	var all []*pattern
	for _, r := range removals {
		for _, text := range r.Patterns {
			re, err := regexp.Compile(text)
			if err != nil {
				return nil, fmt.Errorf("remove-from-packages: the pattern %q for %s: %w; "+
					"look-around and back-references are not supported", text, r.Package, err)
			}
			all = append(all, &pattern{pkg: r.Package, re: re})
		}
	}
	return all, nil
}

// packageFilter is the filter of one package.
type packageFilter struct {
	patterns []*pattern
	dirs     map[string]bool // by path in the commit: whether it goes
	removed  []string        // paths of the package
}

func (f *packageFilter) manifest(m *content.Manifest) *content.Manifest {
	kept := make([]content.File, 0, len(m.Files))
	for i := range m.Files {
		if f.gone(CommitPath(m.Files[i].Path)) {
			if !m.Files[i].IsGhost() {
				f.removed = append(f.removed, m.Files[i].Path)
			}
			continue
		}
		kept = append(kept, m.Files[i])
	}
	if len(kept) == len(m.Files) {
		return m
	}
	filtered := *m
	filtered.Files = kept
	return &filtered
}

// gone tells whether an entry, or a directory above it, is matched.
func (f *packageFilter) gone(path string) bool {
	if path == "/" || path == "" {
		return false
	}
	if known, ok := f.dirs[path]; ok {
		return known
	}
	gone := f.gone(path[:strings.LastIndexByte(path, '/')])
	if !gone {
		for _, p := range f.patterns {
			if p.re.MatchString(path) {
				p.used, gone = true, true
			}
		}
	}
	f.dirs[path] = gone
	return gone
}

// CommitPath returns the path that an entry of a package has in the commit. The
// content of /var and /run keeps its path, though a commit has only lines of
// tmpfiles.d for it.
func CommitPath(path string) string {
	for _, m := range [...][2]string{
		{"/etc", "/usr/etc"}, {"/opt", "/usr/lib/opt"}, {"/var/lib/alternatives", "/usr/lib/alternatives"},
		{"/var/lib/vagrant", "/usr/lib/vagrant"}, {"/var/lib/selinux", "/usr/etc/selinux"},
	} {
		if path == m[0] || strings.HasPrefix(path, m[0]+"/") {
			return m[1] + path[len(m[0]):]
		}
	}
	if rest, ok := strings.CutPrefix(path, "/boot/"); ok {
		return "/usr/lib/ostree-boot/" + rest
	}
	return path
}
