//go:build interopdata

package remote

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/delta"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// realRepo unpacks a repository of $TREEWRIGHT_DATA/flatpak and serves it.
func realRepo(t *testing.T, name string) (repo *archive.Repo, server *httptest.Server, asked func() []string) {
	t.Helper()
	tar := filepath.Join(os.Getenv("TREEWRIGHT_DATA"), "flatpak", name+".tar")
	if _, err := os.Stat(tar); err != nil {
		t.Fatalf("set TREEWRIGHT_DATA to the folder with real inputs: %v", err)
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "tar", "-C", dir, "-xf", tar).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	dir = filepath.Join(dir, name)
	for _, sub := range []string{"tmp", "refs/heads", "refs/remotes", "refs/mirrors", "state"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	files := http.FileServer(http.Dir(dir))
	requests := make(chan string, 1<<16)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- strings.TrimPrefix(r.URL.Path, "/")
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return ostreetest.Open(t, dir), server, func() (paths []string) {
		for len(requests) > 0 {
			paths = append(paths, <-requests)
		}
		return paths
	}
}

// TestInteropDataPullDeltas pulls every delta of real repositories that flatpak
// published: from nothing into an empty repository, else into one that has the
// commit it starts from.
func TestInteropDataPullDeltas(t *testing.T) {
	for _, name := range []string{"bbs-radioo", "stenmark"} {
		t.Run(name, func(t *testing.T) {
			src, server, asked := realRepo(t, name)
			names, err := delta.List(t.Context(), src)
			if err != nil || len(names) == 0 {
				t.Fatalf("deltas: got %v, %v, want some", names, err)
			}
			for _, n := range names {
				pullReal(t, src, server.URL, n, asked)
			}
		})
	}
}

func pullReal(t *testing.T, src *archive.Repo, url string, n delta.Name, asked func() []string) {
	t.Helper()
	dst := ostreetest.NewRepo(t)
	if !n.From.IsZero() {
		have, err := src.HasObject(ostree.ObjectName{Checksum: n.From, Type: ostree.ObjectCommit})
		if err != nil {
			t.Fatal(err)
		}
		if !have {
			t.Logf("delta %s: its repository has no old commit", n)
			return
		}
		ostreetest.Tool(t, dst.Path(), "pull-local", src.Path(), n.From.String())
	}
	asked()
	txn, err := dst.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = txn.Abort() }()
	r := openRemote(t, url, Options{Deltas: RequireDeltas})
	result, err := r.PullInto(t.Context(), dst, txn, []Want{{Commit: n.To, Have: n.From}})
	if err != nil {
		t.Errorf("delta %s: %v", n, err)
		return
	}
	if _, err := txn.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	loose := 0
	for _, path := range asked() {
		if strings.HasSuffix(path, ".filez") {
			loose++
		}
	}
	s, err := delta.FolderOf(src, n).Superblock()
	if err != nil {
		t.Fatal(err)
	}
	if result.Refs[0].Delta != n.String() || loose > len(s.Fallbacks) {
		t.Errorf("delta %s: got %q and %d loose files, want at most %d", n, result.Refs[0].Delta, loose, len(s.Fallbacks))
	}
	ostreetest.Check(t, dst)
	t.Logf("delta %s: %d objects, %d bytes, %d loose files", n, result.Objects, result.Bytes, loose)
}
