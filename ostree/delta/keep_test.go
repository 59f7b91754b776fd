package delta

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// copyDelta lays the files of a delta into a temporary folder of another
// repository.
func copyDelta(t *testing.T, src, dst *archive.Repo, n Name) Folder {
	t.Helper()
	dir, remove, err := dst.TempDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = remove() })
	folder := filepath.Join(dir, "delta")
	if err := os.CopyFS(folder, os.DirFS(string(FolderOf(src, n)))); err != nil {
		t.Fatal(err)
	}
	return Folder(folder)
}

func TestKeep(t *testing.T) {
	src, from, to := commitVersions(t)
	for name, n := range map[string]Name{"from-to": {From: from, To: to}, "scratch": {To: to}} {
		if _, err := Generate(t.Context(), src, n, GenerateOptions{}); err != nil {
			t.Fatal(err)
		}
		// A repository that lacks the old commit keeps the delta as well.
		for _, have := range []ostree.Checksum{from, {}} {
			dst := repoWith(t, src, to)
			if !have.IsZero() {
				ostreetest.Ostree(t, "pull-local", "--repo="+dst.Path(), src.Path(), have.String())
			}
			for range 2 { // the second time over the first
				if _, err := Keep(t.Context(), dst, copyDelta(t, src, dst, n), ApplyOptions{}); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			for _, file := range []string{superblockFile, "0"} {
				want, err := os.ReadFile(filepath.Join(string(FolderOf(src, n)), file))
				if err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(filepath.Join(string(FolderOf(dst, n)), file))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %s differs: %v", name, file, err)
				}
			}
			if err := Verify(t.Context(), dst, n, ApplyOptions{}); (err != nil) != (!n.From.IsZero() && have.IsZero()) || err != nil && !errors.Is(err, ErrNoStart) {
				t.Errorf("%s: Verify with start %s: got %v", name, have, err)
			}
			if report, err := dst.Prune(t.Context(), archive.PruneOptions{RefsOnly: true}); err != nil || report.Deleted() == 0 {
				t.Fatalf("prune: got %+v, %v", report, err)
			}
			if names, err := List(t.Context(), dst); err != nil || len(names) != 0 {
				t.Errorf("%s: after its commit was pruned: got %v, %v, want no delta", name, names, err)
			}
		}
	}
}

func TestKeepRefuses(t *testing.T) {
	src, from, to := commitVersions(t)
	n := Name{From: from, To: to}
	if _, err := Generate(t.Context(), src, n, GenerateOptions{}); err != nil {
		t.Fatal(err)
	}
	change := func(file string, fn func([]byte) []byte) func(*testing.T, Folder) {
		return func(t *testing.T, f Folder) {
			path := filepath.Join(string(f), file)
			data, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, fn(data), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tc := range map[string]struct {
		have    ostree.Checksum
		spoil   func(*testing.T, Folder)
		mention string
	}{
		"no commit":    {have: from, mention: "is missing"},
		"part damaged": {have: to, mention: "part 0: it is damaged", spoil: change("0", func(b []byte) []byte { b[len(b)/2] ^= 1; return b })},
		"part cut":     {have: to, mention: "part 0: it is damaged", spoil: change("0", func(b []byte) []byte { return b[:9] })},
		"no part": {have: to, mention: "no such file", spoil: func(t *testing.T, f Folder) {
			if err := os.Remove(filepath.Join(string(f), "0")); err != nil {
				t.Fatal(err)
			}
		}},
		"superblock": {have: to, mention: "superblock", spoil: change(superblockFile, func(b []byte) []byte { return b[:len(b)/2] })},
	} {
		dst := repoWith(t, src, tc.have)
		folder := copyDelta(t, src, dst, n)
		if tc.spoil != nil {
			tc.spoil(t, folder)
		}
		_, err := Keep(t.Context(), dst, folder, ApplyOptions{})
		if err == nil || !strings.Contains(err.Error(), tc.mention) {
			t.Errorf("%s: got %v, want a mention of %q", name, err, tc.mention)
		}
		if names, err := List(t.Context(), dst); err != nil || len(names) != 0 {
			t.Errorf("%s: got %v, %v, want no delta", name, names, err)
		}
	}
}
