package mirror

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree/delta"
	"github.com/treewright/treewright/ostree/ostreetest"
	"github.com/treewright/treewright/ostree/sign"
)

// wantEachOnce has requests name the files of a delta, no file of any delta
// twice, and no object of content.
func wantEachOnce(t *testing.T, requests []string, n delta.Name) {
	t.Helper()
	times := map[string]int{}
	for _, r := range requests {
		if times[r]++; strings.HasSuffix(r, ".filez") || times[r] > 1 && strings.HasPrefix(r, "delta") {
			t.Errorf("asked for %s, %d times so far", r, times[r])
		}
	}
	for _, file := range []string{"superblock", "0"} {
		if path := n.Path() + "/" + file; times[path] != 1 {
			t.Errorf("asked for %s %d times, want once; for others: %v", path, times[path], times)
		}
	}
}

// TestMirrorKeepsDeltas mirrors deltas that flatpak made. A client that knows
// our key alone updates with them.
func TestMirrorKeepsDeltas(t *testing.T) {
	u, o := newUpstream(t), newOurs(t)
	content := strings.Repeat("some content ", 3000)
	ref := u.export("org.up.A", "x86_64", 0, content)
	u.update("--generate-static-deltas")
	first := u.Tip(ref)
	opts := o.options(u, ref)
	opts.KeepDeltas = true
	o.mirror(opts)
	u.export("org.up.A", "x86_64", 1, content+"changed")
	u.update("--generate-static-deltas")
	second := u.Tip(ref)
	u.Asked("")
	result := o.mirror(opts)
	update := delta.Name{From: first, To: second}
	if len(result.Warnings) > 0 || len(result.Deltas) != 2 {
		t.Errorf("deltas: got %v, warnings %q, want two and none", result.Deltas, result.Warnings)
	}
	wantEachOnce(t, u.Asked(""), update)
	// Our signature is in the superblock, beside the upstream's.
	s, err := delta.FolderOf(o.repo, update).Superblock()
	if err != nil {
		t.Fatal(err)
	}
	ours, err := sign.ReadKeyring(o.key.Public)
	if err != nil {
		t.Fatal(err)
	}
	meta, _ := s.CommitMeta()
	for name, keyring := range map[string]*sign.Keyring{"ours": ours, "the upstream's": u.Keyring} {
		if _, err := keyring.Verify(s.Commit, meta, time.Now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if again := o.mirror(opts); len(again.Deltas) > 0 || len(u.Asked("/0")) > 0 {
		t.Errorf("again: got %v, want nothing to be fetched", again.Deltas)
	}
	ostreetest.Tool(t, o.repo.Path(), "fsck")

	ostreetest.Tool(t, o.repo.Path(), "summary", "-u")
	server := httptest.NewServer(http.FileServer(http.Dir(o.repo.Path())))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	key, client := filepath.Join(dir, "key"), filepath.Join(dir, "client")
	if err := os.WriteFile(key, o.key.Public, 0o644); err != nil {
		t.Fatal(err)
	}
	ostreetest.Tool(t, client, "init", "--mode=bare-user")
	ostreetest.Tool(t, client, "remote", "add", "--gpg-import="+key, "ours", server.URL)
	ostreetest.Tool(t, client, "pull", "--require-static-deltas", "ours", ref)
	ostreetest.Tool(t, client, "fsck")
}
