//go:build interopdata

package layout_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/fetch"
)

// TestInteropDataLayout lays out the packages of a real distribution, without
// their scriptlets, and accounts for every entry.
func TestInteropDataLayout(t *testing.T) {
	data := os.Getenv("TREEWRIGHT_DATA")
	if data == "" {
		t.Fatal("set TREEWRIGHT_DATA to the folder with real inputs")
	}
	store, err := content.Open(t.Context(), filepath.Join(t.TempDir(), "content"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	packages := importFolder(t, store, filepath.Join(data, "rpms", "el7"))
	read := func(n *rootfs.Node) ([]byte, error) {
		if n.Data != nil {
			return n.Data, nil
		}
		f, err := store.OpenContent(n.Content, n.Size)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(f)
		return data, errors.Join(err, f.Close())
	}
	assemble := func() *rootfs.Tree {
		tree, _, err := rootfs.Assemble(t.Context(), packages, rootfs.Options{DropDevices: true, PreferredColor: 2})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tree.ResolveOwners(read); err != nil {
			t.Fatal(err)
		}
		return tree
	}
	before, after := assemble(), assemble()
	report, err := layout.Finish(after, read, layout.FinishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	checkAccounted(t, before, after, report, layout.FinishOptions{}, read)
	if report.TmpfilesLines < 40 || report.TmpfilesCovered == 0 {
		t.Errorf("got %d lines, %d covered; want more", report.TmpfilesLines, report.TmpfilesCovered)
	}
	for _, line := range []string{"d /var/spool/mail 0775 root mail - -\n", "L /var/mail - - - - spool/mail\n", "L /var/lib/alternatives - - - - ../../usr/lib/alternatives\n"} {
		if !strings.Contains(fileText(t, after, "usr/lib/tmpfiles.d/rpm-ostree-autovar.conf"), line) {
			t.Errorf("tmpfiles.d has no line %q", line)
		}
	}
	want := list(t, after)
	if ok, err := layout.Reopen(after, read); err != nil || !ok {
		t.Fatalf("opening the finished tree: got %t, %v", ok, err)
	}
	if _, err := layout.Finish(after, read, layout.FinishOptions{}); err != nil {
		t.Fatal(err)
	}
	equal(t, "finished again", list(t, after), want)
	if passwd := fileText(t, after, "usr/etc/passwd"); passwd != "root:x:0:0:root:/root:/bin/bash\n" {
		t.Errorf("got %q in /usr/etc/passwd, want root alone", passwd)
	}
}

func importFolder(t *testing.T, store *content.Store, dir string) []rootfs.Package {
	t.Helper()
	var packages []rootfs.Package
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".rpm") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum, err := fetch.NewChecksum("sha256", content.DigestOf(data).String())
		if err != nil {
			return err
		}
		m, err := store.Import(t.Context(), sum, path)
		if err != nil {
			return err
		}
		packages = append(packages, rootfs.Package{Name: m.NEVRA.String(), Manifest: m})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}
