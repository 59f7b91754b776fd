package flatpak

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// An Export is one file that an application shows to the host: Source below
// files/ and Target below export/, both relative.
type Export struct {
	Source string
	Target string
}

// A RefusedExport is a file that lies where exports are taken from and is not
// exported, and why: the application will miss it in menus and file managers.
type RefusedExport struct {
	Source string
	Reason string
}

// An exportRule says what is taken from one folder.
type exportRule struct {
	dir        string
	extensions []string
	target     string // when it differs from dir
	exact      bool   // the name is the ID or an owned bus name, nothing appended
}

var exportRules = []exportRule{
	{dir: "share/applications", extensions: []string{".desktop"}},
	{dir: "share/mime/packages", extensions: []string{".xml"}},
	{dir: "share/icons", extensions: []string{".svgz", ".png", ".svg", ".ico"}},
	{dir: "share/dbus-1/services", extensions: []string{".service"}, exact: true},
	{dir: "share/gnome-shell/search-providers", extensions: []string{".ini"}},
	{dir: "share/krunner/dbusplugins", extensions: []string{".desktop"}}, // clients before 1.15 drop it at install
	{dir: "share/metainfo", extensions: []string{".xml"}},
	{dir: "share/appdata", extensions: []string{".xml"}, target: "share/metainfo"},
}

// Exports chooses from paths, the regular files below files/ of an application
// (relative, slash-separated), those that are exported, in the order of their
// targets. Symlinks are never exported: leave them out of paths.
func (m *Metadata) Exports(paths []string) (exports []Export, refused []RefusedExport) {
	if m.noExports || m.Kind() != App {
		return nil, nil
	}
	sorted := slices.Sorted(slices.Values(paths))
	taken := map[string]string{}
	for _, rule := range exportRules {
		for _, p := range sorted {
			rest, ok := strings.CutPrefix(p, rule.dir+"/")
			if !ok || hiddenPath(rest) {
				continue
			}
			e := Export{Source: p, Target: path.Join(firstOf(rule.target, rule.dir), rest)}
			reason := m.refuseExport(rule, path.Base(p))
			if other := taken[e.Target]; reason == "" && other != "" {
				reason = fmt.Sprintf("%s takes its place", other)
			}
			if reason != "" {
				refused = append(refused, RefusedExport{Source: p, Reason: reason})
				continue
			}
			taken[e.Target] = p
			exports = append(exports, e)
		}
	}
	slices.SortFunc(exports, func(a, b Export) int { return strings.Compare(a.Target, b.Target) })
	return exports, refused
}

// hiddenPath tells whether a path holds a hidden or backup name.
func hiddenPath(p string) bool {
	for _, e := range strings.Split(p, "/") {
		if strings.HasPrefix(e, ".") || strings.HasSuffix(e, "~") {
			return true
		}
	}
	return false
}

// refuseExport says why a file of this name is not exported, or "".
func (m *Metadata) refuseExport(rule exportRule, name string) string {
	i := slices.IndexFunc(rule.extensions, func(ext string) bool { return strings.HasSuffix(name, ext) })
	if i < 0 {
		return fmt.Sprintf("only %s files are exported from %s", strings.Join(rule.extensions, ", "), rule.dir)
	}
	stem := strings.TrimSuffix(name, rule.extensions[i])
	prefixes := []string{m.ID() + ".*"}
	if rule.exact {
		prefixes = append(prefixes, m.OwnNames()...)
	}
	if matchesPrefix(stem, prefixes, rule.exact) {
		return ""
	}
	if rule.exact {
		return fmt.Sprintf("its name is neither %s nor a bus name that the application owns", m.ID())
	}
	return fmt.Sprintf("its name does not start with %s", m.ID())
}

// matchesPrefix tells whether name is one of the prefixes, or, where that ends
// in ".*", anything below it. Unless exact, characters may follow that cannot
// belong to the last element, such as "-symbolic".
func matchesPrefix(name string, prefixes []string, exact bool) bool {
	longest := 0
	for _, p := range prefixes {
		p, wildcard := strings.CutSuffix(p, ".*")
		if !strings.HasPrefix(name, p) {
			continue
		}
		end := len(p)
		for wildcard && end+1 < len(name) && name[end] == '.' && startsElement(name[end+1]) {
			end += 2
			for end < len(name) && (startsElement(name[end]) || digit(name[end])) {
				end++
			}
		}
		longest = max(longest, end)
	}
	if longest == 0 {
		return false
	}
	rest := name[longest:]
	if exact || rest == "" {
		return rest == ""
	}
	return !letter(rest[0]) && !digit(rest[0])
}

func startsElement(c byte) bool { return letter(c) || c == '-' }
