//go:build interopdata

package delta

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// TestInteropDataDeltas verifies and applies every delta of the repositories in
// $TREEWRIGHT_DATA/flatpak, which flatpak published.
func TestInteropDataDeltas(t *testing.T) {
	for _, name := range []string{"bbs-radioo", "stenmark"} {
		t.Run(name, func(t *testing.T) {
			tar := filepath.Join(os.Getenv("TREEWRIGHT_DATA"), "flatpak", name+".tar")
			if _, err := os.Stat(tar); err != nil {
				t.Fatalf("set TREEWRIGHT_DATA to the folder with real inputs: %v", err)
			}
			dir := t.TempDir()
			if out, err := exec.CommandContext(t.Context(), "tar", "-C", dir, "-xf", tar).CombinedOutput(); err != nil {
				t.Fatalf("tar: %v\n%s", err, out)
			}
			for _, sub := range []string{"tmp", "refs/heads", "refs/remotes", "refs/mirrors", "state"} {
				if err := os.MkdirAll(filepath.Join(dir, name, sub), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			src := ostreetest.Open(t, filepath.Join(dir, name))
			names, err := List(t.Context(), src)
			if err != nil || len(names) == 0 {
				t.Fatalf("deltas: got %v, %v, want some", names, err)
			}
			for _, n := range names {
				applyReal(t, src, n)
			}
		})
	}
}

func applyReal(t *testing.T, src *archive.Repo, n Name) {
	t.Helper()
	folder := FolderOf(src, n)
	s := mustSuperblock(t, folder)
	if err := hasFrom(src, s); err != nil {
		t.Logf("delta %s: not applied, its repository has no old commit", n)
		return
	}
	dst := repoWith(t, src, n.From)
	if _, err := Apply(t.Context(), dst, s, folder, ApplyOptions{Fallbacks: objectFile{src}}); err != nil {
		t.Error(err)
		return
	}
	if err := Verify(t.Context(), src, n, ApplyOptions{}); err != nil {
		t.Error(err)
	}
	ostreetest.Check(t, dst)
	t.Logf("delta %s: %d parts, %d fallbacks", n, len(s.Parts), len(s.Fallbacks))
}
