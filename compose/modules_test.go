package compose_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/rpmtest"
)

// builds makes packages from "name version" words: "a-1 a-2 b-1".
func builds(words string) []rpmtest.Package {
	var list []rpmtest.Package
	for w := range strings.FieldsSeq(words) {
		name, version, _ := strings.Cut(w, "-")
		list = append(list, rpmtest.Package{Name: name, Version: version, Arch: "x86_64"})
	}
	return list
}

// release makes the platform known.
func release() rpmtest.Package {
	return rpmtest.Package{Name: "release", Provides: []string{"system-release", "base-module(platform:x1)"}}
}

// A moduleText is a modulemd document of a stream with one package.
type moduleText struct {
	name, stream, requires string // requires beside the platform, in YAML
	version                int
	context, arch          string
	artifact               string // name-0:stream-1.x86_64 when empty
	platform               string // [x1] when empty
	extra                  string
}

func (m moduleText) String() string {
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	requires := "platform: " + or(m.platform, "[x1]")
	if m.requires != "" {
		requires += ", " + m.requires
	}
	return fmt.Sprintf(`---
document: modulemd
version: 2
data:
  name: %s
  stream: %q
  version: %d
  context: %s
  arch: %s
  summary: s
  description: d
  license: {module: [MIT]}
  dependencies:
  - requires: {%s}
  artifacts: {rpms: [%q]}
%s...
`, m.name, m.stream, m.version+1, or(m.context, "c"), or(m.arch, "x86_64"), requires,
		or(m.artifact, m.name+"-0:"+m.stream+"-1.x86_64"), m.extra)
}

func module(name, stream string) moduleText { return moduleText{name: name, stream: stream} }

func needing(name, stream, requires string) moduleText {
	return moduleText{name: name, stream: stream, requires: requires}
}

func byDefault(name, stream string, modified ...int) string {
	at := 1
	if len(modified) > 0 {
		at = modified[0]
	}
	return fmt.Sprintf("---\ndocument: modulemd-defaults\nversion: 1\ndata: {module: %s, modified: %d, stream: %q}\n...\n", name, at, stream)
}

func yamlOf(docs ...any) string {
	var b strings.Builder
	for _, d := range docs {
		fmt.Fprint(&b, d)
	}
	return b.String()
}

// moduleRepo is one repository of a case.
type moduleRepo struct {
	packages []rpmtest.Package
	modules  string
	keys     string // of the .repo file, one
}

// setRepos writes repositories r0, r1 … and a treefile that asks for one build
// of every name that is visible.
func (w *workshop) setRepos(repos ...moduleRepo) (forDNF []string) {
	w.t.Helper()
	text := ""
	for i, r := range repos {
		dir := filepath.Join(w.t.TempDir(), fmt.Sprintf("r%d", i))
		w.must(rpmtest.WriteRepo(dir, rpmtest.RepoOptions{}, r.packages...))
		if r.modules != "" {
			addMetadata(w.t, dir, "modules", "modules.yaml", r.modules)
		}
		text += fmt.Sprintf("[r%d]\nname=r\nbaseurl=%s\n%s\n", i, dir, r.keys)
		forDNF = append(forDNF, fmt.Sprintf("r%d=%s,%s", i, dir, r.keys))
	}
	w.write("test.repo", text)
	w.write("tree.yaml", osTree+"packages: ['*']\n")
	return forDNF
}

// TestModulesLikeDNF compares which builds module streams leave visible.
func TestModulesLikeDNF(t *testing.T) {
	a1, a2, b1, b2 := module("a", "1"), module("a", "2"), module("b", "1"), module("b", "2")
	a15 := func(requires string, version int) moduleText {
		return moduleText{name: "a", stream: "1", requires: requires, version: version, context: "d", artifact: "a-0:1.5-1.x86_64"}
	}
	ab := append(builds("a-1 a-1.5 a-2 a-3 b-1 b-2 plain-1"), release())
	abc := append(builds("a-1 b-1 b-2 c-1 z-1"), release())
	provider := append(builds("a-7 c-1"), rpmtest.Package{Name: "q", Provides: []string{"a = 9"}}, rpmtest.Package{Name: "other", Provides: []string{"a(x)"}})
	one := func(packages []rpmtest.Package, docs ...any) []moduleRepo {
		return []moduleRepo{{packages, yamlOf(docs...), ""}}
	}
	two := func(first, second moduleRepo) []moduleRepo { return []moduleRepo{first, second} }
	for name, repos := range map[string][]moduleRepo{
		"no default":                one(ab, a1, a2),
		"default":                   one(ab, a1, a2, byDefault("a", "1")),
		"other platform":            one(ab, moduleText{name: "a", stream: "1", platform: "[y]"}, byDefault("a", "1")),
		"not this platform":         one(ab, moduleText{name: "a", stream: "1", platform: "[-x1]"}, byDefault("a", "1")),
		"any platform":              one(ab, moduleText{name: "a", stream: "1", platform: "[]"}, byDefault("a", "1")),
		"other architecture":        one(ab, moduleText{name: "a", stream: "1", arch: "aarch64"}, byDefault("a", "1")),
		"default without stream":    one(ab, a1, byDefault("a", "7")),
		"needs":                     one(ab, needing("a", "1", "b: [2]"), b1, b2, byDefault("a", "1")),
		"needs any":                 one(ab, needing("a", "1", "b: []"), b1, b2, byDefault("a", "1")),
		"needs one of two":          one(ab, needing("a", "1", "b: [2, 1]"), b1, b2, byDefault("a", "1")),
		"needs what is no default":  one(ab, needing("a", "1", "b: [2]"), b1, b2, byDefault("a", "1"), byDefault("b", "1")),
		"needs and comes later":     one(abc, b1, b2, needing("z", "1", "b: [2]"), byDefault("z", "1"), byDefault("b", "1")),
		"needs not":                 one(ab, needing("a", "1", "b: [-1]"), b1, b2, byDefault("a", "1"), byDefault("b", "1")),
		"needs what is absent":      one(ab, needing("a", "1", "b: [2]"), b1, byDefault("a", "1"), byDefault("b", "1")),
		"defaults exclude":          one(abc, needing("c", "1", "b: [1]"), needing("a", "1", "b: [2]"), b1, b2, byDefault("a", "1"), byDefault("c", "1")),
		"two versions":              one(ab, a1, a15("", 1), byDefault("a", "1")),
		"two contexts":              one(ab, needing("a", "1", "b: [1]"), a15("b: [2]", 1), b1, b2, byDefault("a", "1"), byDefault("b", "2")),
		"two contexts no other say": one(ab, needing("a", "1", "b: [2]"), a15("b: [1]", 0), b1, b2, byDefault("a", "1")),
		"later version elsewhere":   one(ab, a1, moduleText{name: "a", stream: "1", platform: "[y]", version: 2, artifact: "a-0:1.5-1.x86_64"}, byDefault("a", "1")),
		"static contexts": one(ab, moduleText{name: "a", stream: "1", context: "aa", extra: "  static_context: true\n"},
			moduleText{name: "a", stream: "1", context: "bb", version: 4, artifact: "a-0:1.5-1.x86_64", extra: "  static_context: true\n"}, byDefault("a", "1")),
		"source artifact":       one(ab, moduleText{name: "a", stream: "1", artifact: "b-0:9-1.src"}, byDefault("a", "1")),
		"artifact not an NEVRA": one(ab, moduleText{name: "a", stream: "1", artifact: "a-1-1.x86_64"}, byDefault("a", "1")),
		"dash in a stream": one(append(builds("a-1 a-2 b-x b-y"), release()), needing("a", "1", `b: ["x-1"]`),
			moduleText{name: "b", stream: "x-1", artifact: "b-0:x-1.x86_64"}, byDefault("a", "1")),
		"default twice":       one(ab, a1, a2, byDefault("a", "2", 9), byDefault("a", "1", 2)),
		"two repos no accord": two(moduleRepo{ab, yamlOf(a1, a2, byDefault("a", "1")), ""}, moduleRepo{builds("x-1"), byDefault("a", "2"), ""}),
		"two repos later":     two(moduleRepo{ab, yamlOf(a1, a2, byDefault("a", "1")), ""}, moduleRepo{builds("x-1"), byDefault("a", "2", 5), ""}),
		"two repos earlier":   two(moduleRepo{ab, yamlOf(a1, a2, byDefault("a", "1", 5)), ""}, moduleRepo{builds("x-1"), byDefault("a", "2"), ""}),
		"plain repo hidden":   two(moduleRepo{ab, yamlOf(a1, byDefault("a", "1")), ""}, moduleRepo{provider, "", ""}),
		"plain repo exempt":   two(moduleRepo{ab, yamlOf(a1, byDefault("a", "1")), ""}, moduleRepo{provider, "", "module_hotfixes=1"}),
		"modular repo exempt": two(moduleRepo{ab, yamlOf(a1, a2, byDefault("a", "1")), "module_hotfixes=1"}, moduleRepo{provider, "", ""}),
		"artifacts elsewhere": two(moduleRepo{append(builds("x-1"), release()), yamlOf(a1, a2, byDefault("a", "1")), ""}, moduleRepo{builds("a-1 a-2 a-3"), "", ""}),
		"first repo first": two(moduleRepo{abc, yamlOf(needing("c", "1", "b: [1]"), b1, b2, byDefault("c", "1")), ""},
			moduleRepo{builds("x-1"), yamlOf(needing("a", "1", "b: [2]"), byDefault("a", "1")), ""}),
		"newest of another repo elsewhere": two(moduleRepo{ab, yamlOf(a1, byDefault("a", "1")), ""},
			moduleRepo{builds("x-1"), yamlOf(moduleText{name: "a", stream: "1", platform: "[y]", version: 2, artifact: "a-0:1.5-1.x86_64"}), ""}),
		"any before one": two(moduleRepo{ab, yamlOf(needing("a", "1", "b: [1]"), b1, b2, byDefault("a", "1")), ""},
			moduleRepo{builds("x-1"), yamlOf(a15("b: []", 0)), ""}),
		"platforms of one version": one(ab, moduleText{name: "a", stream: "1", context: "z"},
			moduleText{name: "a", stream: "1", context: "d", platform: "[y]", artifact: "a-0:1.5-1.x86_64"}, byDefault("a", "1")),
		"platform unknown": one(builds("a-1 a-2"), a1, byDefault("a", "1")),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t, osTree)
			forDNF := w.setRepos(repos...)
			platform := ""
			if strings.Contains(name, "unknown") {
				platform = "--setopt=module_platform_id=platform:none" // else dnf asks this machine's os-release
			}
			args := []string{"install", "*"}
			if platform != "" {
				args = append([]string{platform}, args...)
			}
			want, output := dnf(t, forDNF, args...)
			p, err := w.plan()
			if err != nil || want == nil {
				t.Fatalf("got %v; dnf says\n%s", err, output)
			}
			if d := differences(chosen(p), want); d != "" {
				t.Errorf("%s\n%s", d, strings.Join(p.Warnings, "\n"))
			}
		})
	}
}

func TestModules(t *testing.T) {
	a1 := module("a", "1")
	pk := append(builds("a-1 a-2 b-1"), release())
	w := newWorkshop(t, osTree)
	plan := func(treefile string, repos ...moduleRepo) (string, string, error) {
		t.Helper()
		w.setRepos(repos...)
		w.write("tree.yaml", osTree+treefile)
		p, err := w.plan()
		if err != nil {
			return "", "", err
		}
		return strings.Join(chosen(p), " "), strings.Join(p.Warnings, "\n"), nil
	}
	for _, c := range []struct {
		name, treefile string
		repo           moduleRepo
		want, warning  string
	}{
		{"active", "packages: [a]", moduleRepo{pk, yamlOf(a1, byDefault("a", "1")), ""}, "a-1-1.x86_64", ""},
		{"platform of the treefile", "packages: [a]\nplatform-module: platform:x1",
			moduleRepo{builds("a-1 a-2"), yamlOf(a1, byDefault("a", "1")), ""}, "a-1-1.x86_64", ""},
		{"platform unknown", "packages: [a]", moduleRepo{builds("a-1 a-2"), yamlOf(a1, byDefault("a", "1")), ""}, "a-2-1.x86_64",
			"the default stream a:1 is not active, its packages are left out: module(a:1) is requested"},
		{"version 1", "packages: [a]", moduleRepo{pk, strings.NewReplacer("version: 2\ndata", "version: 1\ndata", "  - requires: {platform: [x1]}", "    requires: {platform: x1}").
			Replace(a1.String()) + byDefault("a", "1"), ""}, "a-1-1.x86_64", ""},
		{"stream that reads like a number", "packages: [a]", moduleRepo{append(builds("a-1.10 a-2"), release()),
			strings.ReplaceAll(yamlOf(module("a", "1.10"), byDefault("a", "1.10")), `stream: "1.10"`, "stream: 1.10"), ""}, "a-1.10-1.x86_64", ""},
		{"other documents", "packages: [a]", moduleRepo{pk, "---\ndocument: modulemd-translations\nversion: 1\ndata: {x: y}\n...\n" + yamlOf(a1, byDefault("a", "1")), ""}, "a-1-1.x86_64", ""},
	} {
		got, warnings, err := plan(c.treefile+"\n", c.repo)
		if err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.name, got, err, c.want)
		}
		if !strings.Contains(warnings, c.warning) {
			t.Errorf("%s: got the warnings %s, want %s", c.name, warnings, c.warning)
		}
	}
	second := release()
	second.Name, second.Provides = "second-release", []string{"system-release", "base-module(platform:x2)"}
	for _, c := range []struct {
		name, treefile string
		repo           moduleRepo
		words          []string
	}{
		{"hidden", "packages: [a-2]", moduleRepo{pk, yamlOf(a1, byDefault("a", "1")), ""}, []string{"a-2", "excluded by module filtering: the active module a:1 has its own a"}},
		{"inactive", "packages: [b]", moduleRepo{pk, yamlOf(a1, module("b", "1")), ""}, []string{"excluded by module filtering: b:1 is not active"}},
		{"two platforms", "packages: [a]", moduleRepo{append(builds("a-1"), release(), second), yamlOf(a1), ""}, []string{"different platforms", "platform-module"}},
		{"broken", "packages: [a]", moduleRepo{pk, "---\n{{{\n", ""}, []string{"modules metadata", "document 1"}},
		{"version 7", "packages: [a]", moduleRepo{pk, "---\ndocument: modulemd\nversion: 7\n", ""}, []string{"modulemd of version 7 is not known"}},
		{"platform", "packages: [a]\nplatform-module: x1", moduleRepo{pk, yamlOf(a1), ""}, []string{"platform-module", "not platform:STREAM"}},
	} {
		_, _, err := plan(c.treefile+"\n", c.repo)
		wantError(t, err, c.words...)
	}
}
