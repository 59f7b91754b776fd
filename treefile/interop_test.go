//go:build interopdata

package treefile

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestInteropDataTreefiles reads every YAML and JSON file at the top and in
// manifests/ of the configurations under $TREEWRIGHT_DATA/treefiles. Each
// flattens, or fails with an error that names a file and a line.
func TestInteropDataTreefiles(t *testing.T) {
	data := os.Getenv("TREEWRIGHT_DATA")
	if data == "" {
		t.Fatal("set TREEWRIGHT_DATA to the folder with real inputs")
	}
	var paths []string
	err := filepath.WalkDir(filepath.Join(data, "treefiles"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{"tests", "overlay.d", "ci", ".github", ".tekton", "live"}, d.Name()) {
			return fs.SkipDir
		}
		if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil || len(paths) < 40 {
		t.Fatalf("files found: got %d, %v, want at least 40", len(paths), err)
	}
	flattened := 0
	for _, path := range paths {
		for _, arch := range []string{"x86_64", "aarch64"} {
			if interopLoad(t, path, arch) {
				flattened++
			}
		}
	}
	t.Logf("%d files, %d of %d loads flattened", len(paths), flattened, 2*len(paths))
}

func interopLoad(t *testing.T, path, arch string) bool {
	warnings := 0
	tf, err := Load(path, Options{Arch: arch, Warn: func(Warning) { warnings++ }})
	name, _ := filepath.Rel(os.Getenv("TREEWRIGHT_DATA"), path)
	if err != nil {
		var at *Error
		if !errors.As(err, &at) || at.File == "" || at.Line == 0 {
			t.Errorf("%s (%s): got %v, want an error with file and line", name, arch, err)
		}
		t.Logf("%s (%s): refused: %v", name, arch, strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", ""))
		return false
	}
	out, err := tf.JSON()
	if err != nil || !json.Valid(out) {
		t.Errorf("%s (%s): printing: %v", name, arch, err)
	}
	if _, err := tf.InputDigest(); err != nil {
		t.Errorf("%s (%s): digest: %v", name, arch, err)
	}
	t.Logf("%s (%s): ok, %d files, %d packages, %d keys, %d warnings, ref %q", name, arch, len(tf.Files), len(tf.Packages), len(tf.Keys()), warnings, tf.Ref)
	return true
}
