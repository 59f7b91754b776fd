package compose

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestKeysAreDocumented: docs/treefile.md and the table of built keys agree.
func TestKeysAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../docs/treefile.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(line, "|")
		if len(cells) != 8 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		documented[strings.Trim(cells[1], " `")] = strings.TrimSpace(cells[5])
	}
	if len(documented) < 50 {
		t.Fatalf("found %d keys in the tables of docs/treefile.md", len(documented))
	}
	for key, built := range documented {
		_, known := builtKeys[key]
		if want := built == "yes" || strings.HasSuffix(built, " only"); known != want {
			t.Errorf("%s: the document says %q, the table of built keys has it: %v", key, built, known)
		}
	}
	for key := range builtKeys {
		if documented[key] == "" {
			t.Errorf("%s is not in docs/treefile.md", key)
		}
	}
}

// TestKeysHaveTests: docs/treefile.md names a test for each key, and there is
// one of that name.
func TestKeysHaveTests(t *testing.T) {
	data, err := os.ReadFile("../docs/treefile.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([a-z/]+)\\.(Test\\w+)` \\|$").FindAllStringSubmatch(string(data), -1) {
		key, dir, test := m[1], m[2], m[3]
		named[key] = true
		files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(source), "\nfunc "+test+"(t *testing.T)")
		}
		if !found {
			t.Errorf("%s: there is no test %s in %s", key, test, dir)
		}
	}
	for key := range builtKeys {
		if !named[key] {
			t.Errorf("docs/treefile.md names no test of %s", key)
		}
	}
}
