//go:build interopdata

package rpmrepo

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/treewright/treewright/internal/fetch"
)

func dataDir(t *testing.T, parts ...string) string {
	t.Helper()
	data := os.Getenv("TREEWRIGHT_DATA")
	if data == "" {
		t.Fatal("set TREEWRIGHT_DATA to the folder with real inputs")
	}
	return filepath.Join(append([]string{data}, parts...)...)
}

// TestInteropDataCentOS reads real metadata whose repomd.xml names files that
// are absent.
func TestInteropDataCentOS(t *testing.T) {
	cfg, err := DirConfig(dataDir(t, "rpmmd", "centos-stream9-baseos"))
	if err != nil {
		t.Fatal(err)
	}
	r := openRepo(t, cfg, Options{})
	if n := len(listPackages(t, r)); n != 1125 {
		t.Errorf("packages: got %d, want 1125", n)
	}
	files := 0
	err = r.Filelists(t.Context(), func(string) bool { files++; return false }, nil)
	if err != nil || files < 90_000 {
		t.Errorf("files: got %d, %v", files, err)
	}
	if in, err := r.OpenData(t.Context(), "group"); err != nil {
		t.Errorf("group: %v", err)
	} else if err := in.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.OpenData(t.Context(), "other"); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("other: got %v, want ErrNotFound", err)
	}
}

// TestInteropDataEL7 verifies 157 packages in place and through a server.
func TestInteropDataEL7(t *testing.T) {
	dir := dataDir(t, "rpms", "el7")
	s := serveRepo(t, dir)
	for _, base := range []string{dir, s.URL} {
		r := openRepo(t, testConfig(base), Options{CacheDir: t.TempDir()})
		list := listPackages(t, r)
		files, err := Fetch(t.Context(), wantAll(r, list), FetchOptions{})
		if err != nil || len(list) != 157 {
			t.Fatalf("%d packages: %v", len(list), err)
		}
		checkFetched(t, list, files)
	}
}
