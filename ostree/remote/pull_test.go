package remote

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
	"github.com/treewright/treewright/ostree/sign"
)

var someTree = tree{
	"metadata":            "[Application]\n",
	"files/bin/app":       strings.Repeat("code ", 20_000),
	"files/bin/link":      "-> app",
	"files/share/empty":   "",
	"files/share/doc/a":   "a",
	"files/share/doc/b":   "b",
	"export/share/app.de": "b",
}

func TestPullOverHTTPAndFile(t *testing.T) {
	u := newUpstream(t)
	want := u.commit("app/one", 0, someTree)
	u.summarize()
	for name, url := range map[string]string{"http": u.Server.URL, "slash": u.Server.URL + "/", "file": "file://" + u.Dir, "path": u.Dir} {
		dst := newRepo(t)
		result, err := openRemote(t, url, u.verified()).Pull(t.Context(), dst, PullOptions{Refs: []string{"app/one"}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantRef(t, dst, "app/one", want)
		got := result.Refs[0]
		if got.New != want || !got.Old.IsZero() || got.Objects == 0 || got.Bytes == 0 || result.Bytes != got.Bytes {
			t.Errorf("%s: result: got %+v", name, *result)
		}
		ostreetest.Tool(t, dst.Path(), "fsck")
		// Objects are kept as they came, not compressed again.
		file := u.file("app/one", "/files/bin/app")
		kept, err := os.ReadFile(filepath.Join(dst.Path(), file))
		if err != nil || !bytes.Equal(kept, u.Read(file)) {
			t.Errorf("%s: %s is not the upstream's: %v", name, file, err)
		}
	}
}

func TestPullAgainTransfersNothing(t *testing.T) {
	u := newUpstream(t)
	first := u.commit("r", 0, someTree)
	dst := newRepo(t)
	pull := func() PulledRef {
		t.Helper()
		result, err := u.open(u.verified()).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}})
		if err != nil {
			t.Fatal(err)
		}
		return result.Refs[0]
	}
	pull()
	u.Asked("")
	if again := pull(); again.Objects != 0 || again.Old != first || again.New != first || again.MetaChanged {
		t.Errorf("second pull: got %+v, want no objects", again)
	}
	if got := u.Asked(".filez"); len(got) != 0 {
		t.Errorf("second pull asked for %v, want no files", got)
	}
	changed := tree{}
	for name, content := range someTree {
		changed[name] = content
	}
	changed["files/share/doc/a"] = "new content"
	second := u.commit("r", 1, changed)
	u.Asked("")
	update := pull()
	if update.Old != first || update.New != second {
		t.Errorf("update: got %+v, want %v to %v", update, first, second)
	}
	// One file, and the directories on the way to it.
	if update.Objects != 5 {
		t.Errorf("update: got %d objects, want 5", update.Objects)
	}
	if got, want := u.Asked(".filez"), []string{u.file("r", "/files/share/doc/a")}; !slices.Equal(got, want) {
		t.Errorf("update asked for %v, want %v", got, want)
	}
	ostreetest.Tool(t, dst.Path(), "fsck")
}

func TestPullMirrorsAllRefs(t *testing.T) {
	u := newUpstream(t)
	one, two := u.commit("one", 0, someTree), u.commit("two/x", 0, tree{"f": "2"})
	dst := newRepo(t)
	if _, err := u.open(u.verified()).Pull(t.Context(), dst, PullOptions{Mirror: true}); !errors.Is(err, ErrNoSummary) {
		t.Errorf("without a summary: got %v, want %v", err, ErrNoSummary)
	}
	if _, err := u.open(u.verified()).Pull(t.Context(), dst, PullOptions{}); err == nil || !strings.Contains(err.Error(), "name the refs") {
		t.Errorf("without refs: got %v, want the advice to name them", err)
	}
	u.summarize()
	opts := u.verified()
	opts.GPGVerifySummary = true
	if _, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Mirror: true}); err != nil {
		t.Fatal(err)
	}
	wantRef(t, dst, "one", one)
	wantRef(t, dst, "two/x", two)
}

func TestPullDepth(t *testing.T) {
	u := newUpstream(t)
	var commits []ostree.Checksum
	for i := range 4 {
		commits = append(commits, u.commit("r", i, tree{"f": strings.Repeat("x", i)}))
	}
	u.Remove(ostreetest.ObjectFile(commits[0], ostree.ObjectCommit)) // pruned
	for _, tc := range []struct{ depth, want int }{{0, 1}, {1, 2}, {2, 3}, {3, 3}, {-1, 3}} {
		dst := newRepo(t)
		result, err := u.open(u.verified()).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}, Depth: tc.depth})
		if err != nil {
			t.Errorf("depth %d: %v", tc.depth, err)
			continue
		}
		have := 0
		for _, c := range commits {
			if ok, err := dst.HasObject(ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit}); err != nil {
				t.Error(err)
			} else if ok {
				have++
			}
		}
		if have != tc.want || result.Refs[0].Parents != tc.want-1 {
			t.Errorf("depth %d: got %d commits, %d parents, want %d", tc.depth, have, result.Refs[0].Parents, tc.want)
		}
		ostreetest.Tool(t, dst.Path(), "fsck")
	}
}

func TestPullRetries(t *testing.T) {
	u := newUpstream(t)
	want := u.commit("r", 0, someTree)
	var n atomic.Int64
	u.Intercept(func(w http.ResponseWriter, path string) bool {
		switch n.Add(1) % 3 {
		case 0:
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return true
		case 1:
			if data, err := os.ReadFile(filepath.Join(u.Dir, path)); err == nil && len(data) > 10 {
				w.Header().Set("Content-Length", "1000000")
				_, _ = w.Write(data[:len(data)/2])
				panic(http.ErrAbortHandler) // the connection is cut
			}
		}
		return false
	})
	dst := newRepo(t)
	opts := u.verified()
	opts.Retries = 50
	if _, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
		t.Fatal(err)
	}
	wantRef(t, dst, "r", want)
	ostreetest.Tool(t, dst.Path(), "fsck")
}

func TestPullGoesOnAfterAnInterruption(t *testing.T) {
	u := newUpstream(t)
	files := tree{}
	for i := range 60 {
		files["d/"+strings.Repeat("f", i+1)] = strings.Repeat("content", i)
	}
	want := u.commit("r", 0, files)
	dst := newRepo(t)
	opts := u.verified()
	opts.flushObjects, opts.flushBytes, opts.MaxRequests, opts.Retries = 10, 1<<20, 4, -1
	var served atomic.Int64
	u.Intercept(func(w http.ResponseWriter, path string) bool {
		if strings.HasSuffix(path, ".filez") && served.Add(1) > 40 {
			http.Error(w, "down", http.StatusBadGateway)
			return true
		}
		return false
	})
	if _, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err == nil {
		t.Fatal("a server that fails: got nil, want an error")
	}
	wantRef(t, dst, "r", ostree.Checksum{})
	if have, _ := dst.HasObject(ostree.ObjectName{Checksum: want, Type: ostree.ObjectCommit}); have {
		t.Error("the commit is visible before its objects")
	}
	u.Intercept(nil)
	u.Asked("")
	if _, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
		t.Fatal(err)
	}
	if again := len(u.Asked(".filez")); again > 45 {
		t.Errorf("files fetched after the interruption: got %d of 60, want at most 45", again)
	}
	wantRef(t, dst, "r", want)
	ostreetest.Tool(t, dst.Path(), "fsck")
}

func TestPullCompletesAPartialCommit(t *testing.T) {
	u := newUpstream(t)
	want := u.commit("r", 0, someTree)
	u.summarize()
	dst := newRepo(t)
	// The real tool leaves a partial commit behind.
	ostreetest.Tool(t, dst.Path(), "remote", "add", "--no-gpg-verify", "up", u.Server.URL)
	ostreetest.Tool(t, dst.Path(), "pull", "--commit-metadata-only", "up", "r")
	if partial, err := dst.IsPartial(want); err != nil || !partial {
		t.Fatalf("partial: got %v, %v, want true", partial, err)
	}
	if _, err := u.open(u.verified()).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
		t.Fatal(err)
	}
	if partial, err := dst.IsPartial(want); err != nil || partial {
		t.Errorf("partial after the pull: got %v, %v, want false", partial, err)
	}
	wantRef(t, dst, "r", want)
	if out := ostreetest.Tool(t, dst.Path(), "fsck"); strings.Contains(out, "partial commits not verified") {
		t.Errorf("fsck: got %q, want no partial commit", out)
	}
}

func TestPullAddsOurSignature(t *testing.T) {
	u := newUpstream(t)
	c := u.commit("r", 0, someTree)
	key, err := sign.Generate(rand.Reader, "ours", time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := key.Signer(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := sign.ReadKeyring(key.Public)
	if err != nil {
		t.Fatal(err)
	}
	dst := newRepo(t)
	opts := u.verified()
	opts.Signer = signer
	for _, want := range []bool{true, false} { // the second time it is there already
		result, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}})
		if err != nil {
			t.Fatal(err)
		}
		if result.Refs[0].MetaChanged != want {
			t.Errorf("metadata changed: got %v, want %v", result.Refs[0].MetaChanged, want)
		}
	}
	meta, err := dst.CommitMeta(c)
	if err != nil {
		t.Fatal(err)
	}
	data := u.Read(ostreetest.ObjectFile(c, ostree.ObjectCommit))
	for name, keyring := range map[string]*sign.Keyring{"the upstream's": u.Keyring, "ours": ours} {
		if _, err := keyring.Verify(data, meta, time.Now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if sigs, _ := meta.Get(ostree.KeyGPGSignatures); sigs.Len() != 2 {
		t.Errorf("signatures: got %d, want 2", sigs.Len())
	}
}

func TestPullIntoLeavesRefsToTheCaller(t *testing.T) {
	u := newUpstream(t)
	c := u.commit("theirs", 0, someTree)
	dst := newRepo(t)
	txn, err := dst.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	result, err := u.open(u.verified()).PullInto(t.Context(), dst, txn, []Want{{Commit: c}, {Ref: "theirs", Commit: c}})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Refs) != 2 || result.Refs[1].Ref != "theirs" {
		t.Errorf("result: got %+v, want two commits", result)
	}
	if err := txn.SetRef("ours", c); err != nil {
		t.Fatal(err)
	}
	if _, err := txn.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	refs, err := dst.Refs(t.Context(), "")
	if want := []archive.Ref{{Name: "ours", Commit: c}}; err != nil || !slices.Equal(refs, want) {
		t.Errorf("refs: got %v, %v, want %v", refs, err, want)
	}
}

func TestProgressRises(t *testing.T) {
	u := newUpstream(t)
	u.commit("r", 0, someTree)
	var last, total atomic.Int64
	opts := u.verified()
	opts.MaxRequests = 1
	opts.Progress = func(stage string, done, all int64) {
		if stage != "pull" || done <= last.Load() || done > all {
			t.Errorf("progress: got %s %d of %d after %d", stage, done, all, last.Load())
		}
		last.Store(done)
		total.Store(all)
	}
	if _, err := u.open(opts).Pull(t.Context(), newRepo(t), PullOptions{Refs: []string{"r"}}); err != nil {
		t.Fatal(err)
	}
	if last.Load() != total.Load() || total.Load() == 0 {
		t.Errorf("progress ends at %d of %d", last.Load(), total.Load())
	}
}
