//go:build interopdata

package selinux

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestInteropDataLabels(t *testing.T) {
	data := os.Getenv("TREEWRIGHT_DATA")
	if data == "" {
		t.Fatal("set TREEWRIGHT_DATA to the folder with real inputs")
	}
	dirs, err := filepath.Glob(filepath.Join(data, "selinux", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no policies in %s: %v", data, err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			paths := examples(t, dir)
			compare(t, dir, thin(paths, 12))
			start := time.Now()
			c := load(t, dir)
			t.Logf("read in %v", time.Since(start))
			start = time.Now()
			for i := range 100_000 {
				c.Label(paths[i%len(paths)], 0o100644)
			}
			t.Logf("100000 paths in %v", time.Since(start))
		})
	}
}

// thin keeps every nth path: matchpathcon takes a while for each.
func thin(paths []string, n int) []string {
	var kept []string
	for i := 0; i < len(paths); i += n {
		kept = append(kept, paths[i])
	}
	return kept
}
