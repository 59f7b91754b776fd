//go:build interopdata

package publish

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/treewright/treewright/ostree/archive"
)

// TestInteropDataPublish publishes every repository of
// $TREEWRIGHT_DATA/flatpak/*.tar, deltas included, beside flatpak.
func TestInteropDataPublish(t *testing.T) {
	tars, err := filepath.Glob(filepath.Join(os.Getenv("TREEWRIGHT_DATA"), "flatpak", "*.tar"))
	if err != nil || len(tars) == 0 {
		t.Fatalf("set TREEWRIGHT_DATA to the folder with real inputs: flatpak/*.tar is needed (%v)", err)
	}
	for _, tar := range tars {
		t.Run(filepath.Base(tar), func(t *testing.T) {
			c := NewClient(t)
			c.Run("tar", "-xf", tar)
			configs, err := filepath.Glob(c.Path("*/config"))
			if err != nil || len(configs) != 1 {
				t.Fatalf("repositories: got %v, %v, want one", configs, err)
			}
			repo := filepath.Dir(configs[0])
			for _, name := range []string{"summary", "summary.sig", "summary.idx", "summary.idx.sig", "summaries"} {
				if err := os.RemoveAll(filepath.Join(repo, name)); err != nil {
					t.Fatal(err)
				}
			}
			// What a static web server has no use for, and git does not keep.
			for _, name := range []string{"refs/heads", "refs/remotes", "refs/mirrors", "tmp", "state"} {
				if err := os.MkdirAll(filepath.Join(repo, name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Rename(repo, c.Path("repo")); err != nil {
				t.Fatal(err)
			}
			want := c.peer("peer", "--no-update-appstream")
			ours, err := archive.Open(c.Path("repo"), archive.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer ours.Close()
			result := c.publish(nil, Options{Repo: ours})
			if result.Refs == 0 {
				t.Error("no refs")
			}
			compareRepos(t, c.Path("repo"), want)
		})
	}
}
