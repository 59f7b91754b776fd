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
	u.asked("")
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
	asked := u.asked("/0")
	if slices.Sort(asked); len(slices.Compact(slices.Clone(asked))) != len(asked) {
		t.Errorf("asked for %v, want no part twice", asked)
	}
	kept := snapshot(t, filepath.Join(dst.Path(), "deltas"))
	if want := snapshot(t, filepath.Join(u.dir, "deltas")); !maps.Equal(kept, want) {
		t.Errorf("deltas: got %v, want %v", kept, want)
	}
	ostreeTool(t, dst.Path(), "fsck")
	ostreeTool(t, dst.Path(), "summary", "-u")
	clientTakesDeltas(t, dst, u)

	result, err = u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}, KeepDeltas: true})
	if err != nil || len(result.Deltas) > 0 || len(u.asked("superblock")) > 0 {
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
	ostreeTool(t, client, "init", "--mode=bare-user")
	ostreeTool(t, client, "remote", "add", "--gpg-import="+u.exportKey(), "up", server.URL)
	ostreeTool(t, client, "pull", "--require-static-deltas", "up", "r")
	ostreeTool(t, client, "fsck")
}

// exportKey writes the upstream's public key to a file.
func (u *upstream) exportKey() string {
	u.t.Helper()
	path := filepath.Join(u.t.TempDir(), "key.gpg")
	u.gpg("--output", path, "--export", u.key)
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
	ostreeTool(t, dst.Path(), "fsck")
}
