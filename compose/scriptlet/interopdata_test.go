//go:build interopdata

package scriptlet_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/treewright/treewright/compose/scriptlet"
)

// dataFolder is the folder of real inputs.
func dataFolder(t *testing.T, elem ...string) string {
	data := os.Getenv("TREEWRIGHT_DATA")
	if data == "" {
		t.Fatal("set TREEWRIGHT_DATA to the folder with real inputs")
	}
	return filepath.Join(append([]string{data}, elem...)...)
}

// TestInteropDataOrder compares the order of a distribution's packages with the
// one of the real rpm, in several orders of addition and with colours.
func TestInteropDataOrder(t *testing.T) {
	files, err := filepath.Glob(dataFolder(t, "rpms", "el7", "Packages", "*.rpm"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d packages: %v", len(files), err)
	}
	for round := range 6 {
		colors, text := uint32(0), "0"
		if round%2 == 1 {
			colors, text = 3, "3"
		}
		var pkgs []scriptlet.Package
		for _, f := range files {
			pkgs = append(pkgs, load(t, f))
		}
		order, err := scriptlet.Order(pkgs, scriptlet.OrderOptions{Colors: colors, Prefer: 2})
		if err != nil {
			t.Fatal(err)
		}
		got, want := names(pkgs, order), rpmOrder(t, text, files)
		if !slices.Equal(got, want) {
			t.Errorf("round %d: %d of %d packages at another place", round, differ(t, got, want), len(want))
		}
		switch round / 2 {
		case 0:
			slices.Reverse(files)
		case 1:
			files = append(files[77:], files[:77]...)
		}
	}
}

func differ(t *testing.T, got, want []string) (n int) {
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			if n++; n == 1 {
				t.Logf("the first at %d: got %q, want %q", i, got[i], want[i])
			}
		}
	}
	return n
}
