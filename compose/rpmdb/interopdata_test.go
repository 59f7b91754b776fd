//go:build interopdata

// These tests record real packages with the real rpm and compare its database
// with ours: TREEWRIGHT_DATA is the folder with rpms/el7 and rpm-features.

package rpmdb_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/rpmdb"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// packagesIn returns the package files below a folder of the data that can be
// read and are no sources.
func packagesIn(t *testing.T, name string) []string {
	t.Helper()
	root := os.Getenv("TREEWRIGHT_DATA")
	if root == "" {
		t.Fatal("set TREEWRIGHT_DATA to the folder that holds rpm-features and rpms")
	}
	var list []string
	err := filepath.WalkDir(filepath.Join(root, name), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".rpm") || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if p, err := rpm.Open(bytes.NewReader(data)); err == nil && !p.Source {
			list = append(list, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatalf("no packages in %s", name)
	}
	return list
}

func TestInteropDataCentOS(t *testing.T) {
	files := packagesIn(t, "rpms/el7")
	want := installReal(t, files)
	root, got := write(t, inOrder(t, want, fromFiles(t, files)))
	compare(t, got, want)
	run(t, "rpmdb", rpmArgs(root, "--verifydb")...)
	if n := len(strings.Fields(run(t, "rpm", rpmArgs(root, "-qa")...))); n != len(files) {
		t.Errorf("got %d packages, want %d", n, len(files))
	}
}

// TestInteropDataFeatures installs each package alone: many exclude each other.
func TestInteropDataFeatures(t *testing.T) {
	same, refused := 0, 0
	for _, file := range packagesIn(t, "rpm-features") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			p := fromFile(t, file)
			out := filepath.Join(t.TempDir(), "rpmdb.sqlite")
			err := rpmdb.Write(t.Context(), out, []rpmdb.Package{p}, options())
			root := t.TempDir()
			said, rpmErr := try(t, "rpm", rpmArgs(root, "-D", "_pkgverify_level none", "-i", "--justdb", "--nodeps", "--noscripts",
				"--notriggers", "--nosignature", "--nodigest", "--ignorearch", "--ignoreos", "--force", file)...)
			if err != nil || rpmErr != nil {
				refused++
				t.Logf("we say %v, rpm says %v: %s", err, rpmErr, said)
				return
			}
			compare(t, out, filepath.Join(root, dbPath, "rpmdb.sqlite"))
			same++
		})
	}
	t.Logf("%d the same, %d refused", same, refused)
}
