package treefile

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The treefiles that the project ships load without a warning, and the three
// forms of the minimal one are one treefile.
func TestShippedTreefiles(t *testing.T) {
	paths, err := filepath.Glob("../treefiles/*.*")
	if err != nil {
		t.Fatal(err)
	}
	first := map[string][]byte{}
	for _, path := range paths {
		base := filepath.Base(path)
		name, ext, _ := strings.Cut(base, ".")
		if !slices.Contains([]string{"yaml", "toml", "json"}, ext) {
			continue
		}
		for _, arch := range []string{"x86_64", "aarch64"} {
			tf, err := Load(path, Options{Arch: arch, Warn: func(w Warning) { t.Errorf("warning: %v", w) }})
			if err != nil {
				t.Errorf("%s: %v", arch, err)
				continue
			}
			got, err := tf.JSON()
			if err != nil {
				t.Fatal(err)
			}
			if want, ok := first[name+arch]; ok && !bytes.Equal(got, want) {
				t.Errorf("%s for %s:\ngot  %s\nwant %s", base, arch, got, want)
			}
			first[name+arch] = got
		}
	}
	if len(first) < 8 {
		t.Errorf("treefiles: got %d, want at least 8 (4 for 2 architectures)", len(first))
	}
}

// docs/treefile.md has a line for every key, with the merge class that the
// table of keys has.
func TestDocumentedKeys(t *testing.T) {
	doc, err := os.ReadFile("../docs/treefile.md")
	if err != nil {
		t.Fatal(err)
	}
	classes := map[string]string{}
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(line, " | ")
		if len(cells) == 6 && strings.HasPrefix(cells[0], "| `") {
			for _, key := range strings.Split(strings.TrimPrefix(cells[0], "| "), ", ") {
				classes[strings.Trim(key, "`")] = cells[3]
			}
		}
	}
	words := map[class]string{
		basic: "outer", vector: "list", set: "set", mapping: "table", repoPackages: "list, later wins", notMerged: "never",
	}
	for _, s := range specs {
		if got, want := classes[s.name], words[s.class]; got != want {
			t.Errorf("docs/treefile.md, merge class of %s: got %q, want %q", s.name, got, want)
		}
		delete(classes, s.name)
	}
	for _, key := range []string{keyInclude, keyArchInclude, keyConditionalInclude, keyVariables, archPackages + "ARCH"} {
		if _, ok := classes[key]; !ok {
			t.Errorf("docs/treefile.md: no line for %s", key)
		}
		delete(classes, key)
	}
	for key := range classes {
		t.Errorf("docs/treefile.md: a line for %q, which is no key", key)
	}
}
