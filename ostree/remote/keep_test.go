package remote

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/delta"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// TestPullKeepsDeltas pulls from an upstream with deltas into a repository that
// serves the real ostree: that takes the same deltas.
func TestPullKeepsDeltas(t *testing.T) {
	u := newUpstream(t)
	first, second := u.twoVersions()
	u.generate()
	u.generate("--empty")
	u.summarize()
	names := []delta.Name{{To: second}, {From: first, To: second}}
	dst := u.startWith(first)
	u.Asked("")
	opts := u.verified()
	opts.Deltas = RequireDeltas
	opts.Warn = func(err error) { t.Errorf("warning: %v", err) }
	result, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}, KeepDeltas: true})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{names[0].String(), names[1].String()}; !slices.Equal(result.Deltas, want) {
		t.Errorf("kept: got %v, want %v", result.Deltas, want)
	}
	asked := slices.DeleteFunc(u.Asked(""), func(r string) bool { return !strings.HasPrefix(r, "delta") })
	if slices.Sort(asked); len(asked) < 5 || len(slices.Compact(slices.Clone(asked))) != len(asked) {
		t.Errorf("asked for %v, want each file of both deltas, and their index, once", asked)
	}
	kept := ostreetest.Snapshot(t, filepath.Join(dst.Path(), "deltas"))
	if want := ostreetest.Snapshot(t, filepath.Join(u.Dir, "deltas")); !maps.Equal(kept, want) {
		t.Errorf("deltas: got %v, want %v", kept, want)
	}
	ostreetest.Tool(t, dst.Path(), "fsck")
	ostreetest.Tool(t, dst.Path(), "summary", "-u")
	clientTakesDeltas(t, dst, u)

	result, err = u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}, KeepDeltas: true})
	if err != nil || len(result.Deltas) > 0 || len(u.Asked("superblock")) > 0 {
		t.Errorf("again: got %+v, %v, want nothing to be fetched", result, err)
	}
	if _, err := dst.Prune(t.Context(), archive.PruneOptions{RefsOnly: true}); err != nil {
		t.Fatal(err)
	}
	if left, err := delta.List(t.Context(), dst); err != nil || len(left) != 2 {
		t.Errorf("after a prune that keeps the commit: got %v, %v, want both deltas", left, err)
	}
}

// clientTakesDeltas has the real ostree pull with deltas alone.
func clientTakesDeltas(t *testing.T, repo *archive.Repo, u *upstream) {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(repo.Path())))
	t.Cleanup(server.Close)
	client := filepath.Join(t.TempDir(), "client")
	ostreetest.Tool(t, client, "init", "--mode=bare-user")
	ostreetest.Tool(t, client, "remote", "add", "--gpg-import="+u.exportKey(), "up", server.URL)
	ostreetest.Tool(t, client, "pull", "--require-static-deltas", "up", "r")
	ostreetest.Tool(t, client, "fsck")
}

// exportKey writes the upstream's public key to a file.
func (u *upstream) exportKey() string {
	u.T.Helper()
	path := filepath.Join(u.T.TempDir(), "key.gpg")
	u.GPG("--output", path, "--export", u.Key)
	return path
}

func TestPullKeepsNoBadDelta(t *testing.T) {
	u := newUpstream(t)
	_, second := u.twoVersions()
	u.generate()
	u.generate("--empty")
	u.summarize()
	u.flip(delta.Name{To: second}.Path() + "/0")
	var warnings []string
	opts := u.verified()
	opts.Deltas, opts.Retries = NoDeltas, -1
	opts.Warn = func(err error) { warnings = append(warnings, err.Error()) }
	dst := newRepo(t)
	result, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}, KeepDeltas: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Deltas) != 1 || len(warnings) != 1 || !strings.Contains(warnings[0], "is not kept") {
		t.Errorf("kept %v, warnings %q, want one of each", result.Deltas, warnings)
	}
	wantRef(t, dst, "r", second)
	ostreetest.Tool(t, dst.Path(), "fsck")
}
