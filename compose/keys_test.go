package compose

import (
	"os"
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
