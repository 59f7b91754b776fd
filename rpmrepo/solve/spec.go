package solve

import (
	"slices"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// nevraPattern is a spec read as parts of a package's name. Empty parts match
// anything; each of the others may be a glob.
type nevraPattern struct {
	name, version, release, arch string
	epoch                        string
}

// justName reports whether the pattern says nothing but a name.
func (n nevraPattern) justName() bool {
	return n.name != "" && n.version == "" && n.release == "" && n.arch == "" && n.epoch == ""
}

// nevraPatterns returns the ways to read a spec, in the order in which dnf
// tries them: name-version-release.arch, name.arch, name, name-version-release,
// name-version.
func nevraPatterns(text string) []nevraPattern {
	if strings.ContainsAny(text, "(/=<> ") {
		return nil
	}
	var out []nevraPattern
	add := func(n nevraPattern, ok bool) {
		if ok && n.name != "" && !strings.Contains(n.name, ":") {
			out = append(out, n)
		}
	}
	base, arch, hasArch := cutLast(text, ".")
	hasArch = hasArch && !strings.ContainsAny(arch, "-:")
	if hasArch {
		n, ok := nameVersionRelease(base)
		n.arch = arch
		add(n, ok)
		add(nevraPattern{name: base, arch: arch}, true)
	}
	add(nevraPattern{name: text}, true)
	n, ok := nameVersionRelease(text)
	add(n, ok)
	if name, version, ok := cutLast(text, "-"); ok {
		n := nevraPattern{name: name}
		n.setVersion(version)
		add(n, n.version != "")
	}
	return out
}

func nameVersionRelease(s string) (n nevraPattern, ok bool) {
	s, n.release, ok = cutLast(s, "-")
	if !ok {
		return n, false
	}
	name, version, ok := cutLast(s, "-")
	n.name = name
	n.setVersion(version)
	return n, ok && n.version != "" && n.release != "" && !strings.Contains(n.release, ":")
}

func (n *nevraPattern) setVersion(s string) {
	if epoch, version, ok := strings.Cut(s, ":"); ok {
		n.epoch, s = epoch, version
	}
	n.version = s
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// matchNEVRA returns the packages that a pattern names, and how it was read:
// the first reading that matches anything counts.
func (u *Universe) matchNEVRA(text string, consider func(lit) bool) (list []lit, n nevraPattern) {
	for _, n := range nevraPatterns(text) {
		if list := u.matchPattern(n, consider); len(list) > 0 {
			return list, n
		}
	}
	if !isGlob(text) {
		return nil, nevraPattern{}
	}
	for p := firstPkg; int(p) < len(u.pkgs); p++ {
		if consider(p) && globMatch(text, u.nevra(p)) {
			list = append(list, p)
		}
	}
	return list, nevraPattern{}
}

func (u *Universe) matchPattern(n nevraPattern, consider func(lit) bool) []lit {
	var list []lit
	check := func(p lit) {
		if consider(p) && u.matchesParts(n, &u.pkgs[p]) {
			list = append(list, p)
		}
	}
	if isGlob(n.name) {
		for p := firstPkg; int(p) < len(u.pkgs); p++ {
			if globMatch(n.name, u.in.str(u.pkgs[p].name)) {
				check(p)
			}
		}
		return list
	}
	for _, p := range u.named(n.name) {
		check(p)
	}
	return list
}

// matchesParts compares everything but the name.
func (u *Universe) matchesParts(n nevraPattern, k *pkg) bool {
	if n.arch != "" && !globMatch(n.arch, u.in.str(k.arch)) {
		return false
	}
	if n.version == "" {
		return true
	}
	evr := rpm.ParseEVR(u.in.str(k.evr))
	if n.epoch != "" && rpm.ParseEVR(n.epoch+":").Epoch != evr.Epoch {
		return false
	}
	return versionMatches(n.version, evr.Version) && versionMatches(n.release, evr.Release)
}

func versionMatches(pattern, version string) bool {
	switch {
	case pattern == "":
		return true
	case isGlob(pattern):
		return globMatch(pattern, version)
	}
	return rpm.Vercmp(pattern, version) == 0
}

// named returns the packages of a name, whether they can be installed or not.
func (u *Universe) named(name string) []lit {
	id, ok := u.in.find(name)
	if !ok || int(id) >= len(u.index.firstNamed) {
		return nil
	}
	var list []lit
	for p := u.index.firstNamed[id]; p != noPkg; p = u.index.nextNamed[p] {
		list = append(list, p)
	}
	return list
}

// matchProvide returns the packages that provide what a spec states: a name,
// which may be a glob, perhaps with a range of versions.
func (u *Universe) matchProvide(text string, consider func(lit) bool) []lit {
	d, ok := parseProvide(text)
	if !ok {
		return nil
	}
	var names []strID
	if isGlob(d.Name) {
		for id := range u.index.byName {
			if u.index.byName[id] != noList && globMatch(d.Name, u.in.str(strID(id))) {
				names = append(names, strID(id))
			}
		}
	} else if id, ok := u.in.find(d.Name); ok {
		names = append(names, id)
	}
	var list []lit
	for _, name := range names {
		id := depID(name)
		if d.Flags != 0 {
			id = u.rel(id, depOp(d.Flags), depID(u.in.id(normalEVR(d.EVR))))
		}
		for _, p := range u.providers(id) {
			if p != system && consider(p) {
				list = append(list, p)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// parseProvide reads "name" or "name OP evr", with or without blanks.
func parseProvide(text string) (rpm.Dep, bool) {
	at := strings.IndexAny(text, "<=>")
	if at <= 0 || strings.Contains(text[:at], "(") && !strings.Contains(text[:at], ")") {
		return rpm.Dep{Name: text}, text != "" && !strings.Contains(text, " ")
	}
	end := at + len(text[at:]) - len(strings.TrimLeft(text[at:], "<=>"))
	d, err := rpm.ParseDep(text[:at] + " " + text[at:end] + " " + text[end:])
	return d, err == nil && d.Flags != 0
}

// matchFile returns the packages that have a file, by path or glob.
func (u *Universe) matchFile(text string, consider func(lit) bool) []lit {
	match := func(path string) bool { return path == text }
	if isGlob(text) {
		match = func(path string) bool { return globMatch(text, path) }
	}
	var list []lit
	for p := firstPkg; int(p) < len(u.pkgs); p++ {
		if !consider(p) {
			continue
		}
		if slices.ContainsFunc(u.filesOf(&u.pkgs[p]), func(f strID) bool { return match(u.in.str(f)) }) {
			list = append(list, p)
		}
	}
	for _, o := range u.extraFile {
		if consider(o.p) && match(u.in.str(o.path)) {
			list = append(list, o.p)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func isFilePattern(text string) bool {
	return strings.HasPrefix(text, "/") || strings.HasPrefix(text, "*/")
}
