package rpmrepo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/treewright/treewright/internal/rpmtest"
)

const fullModules = `---
document: modulemd
version: 2
data:
  name: nodejs
  stream: 1.10
  version: 820190825
  context: c0ffee42
  arch: x86_64
  summary: Node
  license: {module: [MIT], content: [MIT]}
  dependencies:
  - buildrequires: {platform: [el8]}
    requires: {platform: [el8], perl: [-5.24, 5.26], any: []}
  profiles: {common: {rpms: [nodejs]}}
  artifacts:
    rpms:
    - nodejs-1:10.1-1.module+el8.x86_64
    - nodejs-1:10.1-1.module+el8.src
...
---
document: modulemd
version: 1
data:
  name: old
  stream: s
  dependencies: {requires: {platform: f28}}
---
document: modulemd-defaults
version: 1
data: {module: nodejs, modified: 201909, stream: "10", profiles: {"10": [common]}}
---
document: modulemd-obsoletes
version: 1
data: {module: nodejs}
---
document: modulemd-defaults
version: 1
data: {module: nodejs, modified: 5, stream: 1.10}
---
`

func TestReadModules(t *testing.T) {
	m, err := readModules(strings.NewReader(fullModules))
	if err != nil {
		t.Fatal(err)
	}
	want := "{Streams:[{Name:nodejs Stream:1.10 Version:820190825 Context:c0ffee42 Arch:x86_64 StaticContext:false " +
		"Requires:[{Module:any Streams:[]} {Module:perl Streams:[-5.24 5.26]} {Module:platform Streams:[el8]}] " +
		"Artifacts:[nodejs-1:10.1-1.module+el8.x86_64 nodejs-1:10.1-1.module+el8.src]} " +
		"{Name:old Stream:s Version:0 Context: Arch: StaticContext:false Requires:[{Module:platform Streams:[f28]}] Artifacts:[]}] " +
		"Defaults:[{Module:nodejs Modified:5 Stream:1.10}] Notes:[]}"
	if got := fmt.Sprintf("%+v", *m); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// bomb doubles a list 40 times by aliases.
func bomb() string {
	var b strings.Builder
	b.WriteString("---\ndocument: modulemd\nversion: 2\ndata:\n  name: a\n  stream: b\n  x0: &x0 [a]\n")
	for i := 1; i < 40; i++ {
		fmt.Fprintf(&b, "  x%d: &x%d [*x%d, *x%d]\n", i, i, i-1, i-1)
	}
	b.WriteString("  artifacts: {rpms: *x39}\n")
	return b.String()
}

func TestReadModulesRefuses(t *testing.T) {
	doc := func(text string) string { return "---\ndocument: modulemd\nversion: 2\ndata:" + text + "\n" }
	for text, part := range map[string]string{
		"---\n{{{":                     "document 1",
		"---\nx: y\n...\n---\n\t- a\n": "document",
		"---\ndocument: modulemd\nversion: 9\ndata: {}":  "version 9",
		"---\ndocument: modulemd-defaults\nversion: 2\n": "version 2",
		"--- [a]\n":                              "document 1",
		doc(" {}"):                               "without name",
		doc(" {name: a}"):                        "without name",
		doc(" {name: a, stream: [b]}"):           "modulemd",
		doc(" {name: 'a b', stream: c}"):         "cannot be part",
		doc(" {name: a, stream: 'b)'}"):          "cannot be part",
		doc(" {name: a, stream: 'b*'}"):          "cannot be part",
		doc(" {name: a, stream: b, version: x}"): "not a number",
		doc(" {name: a, stream: b, dependencies: [{requires: {c: ['d or e']}}]}"): "no name",
		doc(" {name: a, stream: b, dependencies: [{requires: {'': [d]}}]}"):       "no name",
		doc(" {name: a, stream: b, dependencies: x}"):                             "modulemd",
		"---\ndocument: modulemd-defaults\nversion: 1\ndata: {stream: a}":         "not names",
		bomb(): "document 1",
		doc(" {name: a, stream: b, x: " + strings.Repeat("[", 20_000) + "}"): "document 1",
	} {
		if _, err := readModules(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%.80q: got %v, want an error with %q", text, err, part)
		}
	}
	m, err := readModules(strings.NewReader(doc(" {name: a, stream: b, artifacts: {rpms: [a-1-1.x86_64]}}") + doc(" {name: a, stream: c}") + doc(" {name: a, stream: c}")))
	if err != nil || len(m.Streams) != 1 || len(m.Notes) != 2 {
		t.Errorf("dropped documents: got %+v, %v, want one stream and two notes", m, err)
	}
}

// TestMergeDefaults has the answers that dnf gives.
func TestMergeDefaults(t *testing.T) {
	at := func(modified uint64, stream string) *Modules {
		return &Modules{Defaults: []ModuleDefault{{Module: "a", Modified: modified, Stream: stream}}}
	}
	for want, list := range map[string][]*Modules{
		"1": {at(1, "1"), at(1, "1")},
		"":  {at(1, "1"), at(1, "2")},
		"2": {at(1, "1"), at(5, "2")},
		"3": {at(5, "3"), at(1, "2")},
		"4": {at(1, "4"), at(5, "")},
		"5": {at(5, ""), at(1, "5")},
		"6": {at(1, "6"), at(1, "2"), at(1, "6")},
		"7": {at(1, "1"), at(1, "2"), at(2, "7")},
	} {
		all := &Modules{}
		for _, m := range list {
			all.Merge(m)
		}
		if len(all.Defaults) != 1 || all.Defaults[0].Stream != want {
			t.Errorf("got %+v, want %q", all.Defaults, want)
		}
	}
}

func TestRepositoryModules(t *testing.T) {
	dir := rpmtest.Repo(t, somePackages(1)...)
	if _, err := openRepo(t, testConfig(dir), Options{}).Modules(t.Context()); !errors.Is(err, ErrNoData) {
		t.Errorf("no modules: got %v, want ErrNoData", err)
	}
	var packed strings.Builder
	x, err := xz.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Write([]byte(fullModules)); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"modules.yaml": fullModules, "modules.yaml.xz": packed.String(),
	} {
		dir := rpmtest.Repo(t, somePackages(1)...)
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"--mdtype=modules", file, filepath.Join(dir, "repodata")}
		if name != "modules.yaml" {
			args = append([]string{"--no-compress"}, args...) // else it is compressed by the tool
		}
		run(t, nil, "modifyrepo_c", args...)
		m, err := openRepo(t, testConfig(dir), Options{}).Modules(t.Context())
		if err != nil || len(m.Streams) != 2 {
			t.Errorf("%s: got %+v, %v", name, m, err)
		}
	}
}

// FuzzModules sees to it that what is read can be put into dependencies.
func FuzzModules(f *testing.F) {
	f.Add(fullModules)
	f.Add(bomb())
	f.Fuzz(func(t *testing.T, text string) {
		m, err := readModules(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, s := range m.Streams {
			words := []string{s.Name, s.Stream}
			for _, r := range s.Requires {
				words = append(append(words, r.Module), r.Streams...)
			}
			if slices.Contains(words, "") || strings.ContainsAny(strings.Join(words, ""), " \t\n()<>=*?[]") {
				t.Fatalf("%q: got %+v", text, s)
			}
		}
		again := &Modules{}
		again.Merge(m)
		again.Merge(m)
		if len(again.Defaults) != len(m.Defaults) || len(again.Streams) != 2*len(m.Streams) {
			t.Fatalf("%q: got %+v", text, again)
		}
	})
}
