package remote

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/delta"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// lines is text of n bytes that compresses, the same for the same seed.
func lines(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%d line %x\n", r.IntN(100), r.IntN(1<<20))
	}
	return b.String()[:n]
}

// twoVersions commits two trees to the ref "r": the second changes some files
// of the first, and adds one that the C tool leaves out of deltas.
func (u *upstream) twoVersions() (first, second ostree.Checksum) {
	old := tree{"bin/app": lines(1, 90_000), "lib/a.so": lines(2, 60_000), "lib/link": "-> a.so", "share/gone": "gone", "share/kept": "kept"}
	next := maps.Clone(old)
	delete(next, "share/gone")
	next["bin/app"] = old["bin/app"][:40_000] + "changed" + old["bin/app"][40_000:]
	next["lib/a.so"] += "more"
	next["share/new"] = lines(3, 20_000)
	next["share/large"] = lines(4, 1_500_000)
	return u.commit("r", 0, old), u.commit("r", 1, next)
}

// generate has the C tool make a delta to ref "r".
func (u *upstream) generate(args ...string) {
	u.T.Helper()
	u.Ostree(append([]string{"static-delta", "generate", "--min-fallback-size=1", "r"}, args...)...)
}

// startWith makes a repository whose ref "r" shows a commit of the upstream.
func (u *upstream) startWith(c ostree.Checksum) *archive.Repo {
	u.T.Helper()
	dst := newRepo(u.T)
	ostreetest.Tool(u.T, dst.Path(), "config", "set", "core.fsync", "false") // which takes most of the time
	if !c.IsZero() {
		ostreetest.Tool(u.T, dst.Path(), "pull-local", u.Dir, c.String())
		ostreetest.Tool(u.T, dst.Path(), "refs", "--create=r", c.String())
	}
	repo, err := archive.Open(dst.Path(), archive.Options{}) // with that setting
	if err != nil {
		u.T.Fatal(err)
	}
	u.T.Cleanup(func() { _ = repo.Close() })
	return repo
}

func TestPullTakesDeltas(t *testing.T) {
	for name, tc := range map[string]struct {
		scratch, summary, indexed bool
	}{
		"from-to, listed by the summary": {summary: true},
		"from-to, indexed":               {summary: true, indexed: true},
		"from-to, indexed, no summary":   {indexed: true},
		"scratch, listed by the summary": {scratch: true, summary: true},
		"scratch, indexed":               {scratch: true, summary: true, indexed: true},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t)
			first, second := u.twoVersions()
			u.generate()
			u.generate("--empty")
			u.summarize()
			if !tc.indexed {
				u.unindex()
			}
			if !tc.summary {
				u.Remove("summary")
			}
			want := delta.Name{From: first, To: second}
			if tc.scratch {
				first, want.From = ostree.Checksum{}, ostree.Checksum{}
			}
			dst := u.startWith(first)
			u.Asked("")
			opts := u.verified()
			opts.Deltas = RequireDeltas
			opts.Warn = func(err error) { t.Errorf("warning: %v", err) }
			result, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}})
			if err != nil {
				t.Fatal(err)
			}
			if got := result.Refs[0]; got.Delta != want.String() || got.Objects == 0 || got.Bytes == 0 {
				t.Errorf("result: got %+v, want the delta %s", got, want)
			}
			// The fallback alone comes loose.
			if got, want := u.Asked(".filez"), []string{u.file("r", "/share/large")}; !slices.Equal(got, want) {
				t.Errorf("files asked for: got %v, want %v", got, want)
			}
			wantRef(t, dst, "r", second)
			ostreetest.Tool(t, dst.Path(), "fsck")
			if out := ostreetest.Tool(t, dst.Path(), "diff", u.Dir, "r"); strings.Contains(out, "error") {
				t.Error(out)
			}
		})
	}
}

// unindex makes the upstream one that lists deltas in its summary alone.
func (u *upstream) unindex() {
	u.T.Helper()
	s := mustDecodeSummary(u.T, u.Read("summary"))
	s.Metadata.Delete(ostree.KeySummaryIndexedDeltas)
	u.Write("summary", mustEncodeSummary(u.T, s))
	u.Ostree("config", "set", "core.indexed-deltas", "false")
	if err := os.RemoveAll(filepath.Join(u.Dir, "delta-indexes")); err != nil {
		u.T.Fatal(err)
	}
}

func TestPullWithoutDeltas(t *testing.T) {
	u := newUpstream(t)
	first, second := u.twoVersions()
	dst := u.startWith(first)
	opts := u.verified()
	opts.Deltas = RequireDeltas
	if _, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); !errors.Is(err, ErrNoDelta) {
		t.Errorf("deltas required, none there: got %v, want %v", err, ErrNoDelta)
	}
	u.generate()
	u.summarize()
	u.Asked("")
	opts.Deltas = NoDeltas
	if _, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
		t.Fatal(err)
	}
	if got := u.Asked("superblock"); len(got) > 0 {
		t.Errorf("asked for %v, want no delta", got)
	}
	wantRef(t, dst, "r", second)
	opts.Deltas = RequireDeltas // nothing is needed
	if _, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
		t.Error(err)
	}
}

// TestPullWeighsDeltas has a commit that lists the sizes of its objects, which
// are less than a delta from an unrelated commit.
func TestPullWeighsDeltas(t *testing.T) {
	u := newUpstream(t)
	shared := tree{"a": lines(1, 100_000)}
	parent := u.commit("r", 0, shared)
	other := u.commit("other", 0, tree{"b": "x"})
	shared["new"] = "small"
	c := u.commit("r", 1, shared, "--generate-sizes")
	u.generate("--from=" + other.String())
	u.summarize()
	dst := u.startWith(parent)
	ostreetest.Tool(t, dst.Path(), "pull-local", u.Dir, other.String())
	result, err := u.open(u.verified()).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := result.Refs[0].Delta; got != "" {
		t.Errorf("got the delta %s, want objects, which are less", got)
	}
	wantRef(t, dst, "r", c)
}

// TestPullGoesAroundBadDeltas breaks the delta: the pull warns and takes the
// objects, or fails when deltas are required, and then nothing has changed.
func TestPullGoesAroundBadDeltas(t *testing.T) {
	for name, spoil := range map[string]func(u *upstream, folder string){
		"superblock damaged": func(u *upstream, folder string) { u.flip(folder + "/superblock") },
		"superblock missing": func(u *upstream, folder string) { u.Remove(folder + "/superblock") },
		"superblock of another delta": func(u *upstream, folder string) {
			u.generate("--empty")
			s := mustDecodeSummary(u.T, u.Read("summary"))
			scratch := delta.Name{To: u.Tip("r")}
			u.Write(folder+"/superblock", u.Read(scratch.Path()+"/superblock"))
			s.Metadata.Delete(ostree.KeyStaticDeltas)
		},
		"part damaged":   func(u *upstream, folder string) { u.flip(folder + "/0") },
		"part missing":   func(u *upstream, folder string) { u.Remove(folder + "/0") },
		"part truncated": func(u *upstream, folder string) { u.Write(folder+"/0", u.Read(folder + "/0")[:100]) },
		"part too long":  func(u *upstream, folder string) { u.Write(folder+"/0", append(u.Read(folder+"/0"), 1)) },
		"index damaged": func(u *upstream, _ string) {
			u.Write(delta.IndexPath(u.Tip("r")), []byte("garbage"))
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t)
			first, second := u.twoVersions()
			u.generate()
			u.summarize()
			spoil(u, delta.Name{From: first, To: second}.Path())
			dst := u.startWith(first)
			before := ostreetest.Snapshot(t, dst.Path())
			opts := u.verified()
			opts.Retries, opts.Deltas = -1, RequireDeltas
			if _, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err == nil {
				t.Error("deltas required: got nil, want an error")
			}
			ostreetest.Unchanged(t, dst.Path(), before)
			warnings := 0
			opts.Deltas, opts.Warn = UseDeltas, func(error) { warnings++ }
			if _, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
				t.Fatal(err)
			}
			if warnings != 1 {
				t.Errorf("warnings: got %d, want 1", warnings)
			}
			wantRef(t, dst, "r", second)
			ostreetest.Tool(t, dst.Path(), "fsck")
		})
	}
}

// flip changes a byte in the middle of a file.
func (u *upstream) flip(name string) {
	u.T.Helper()
	data := u.Read(name)
	data[len(data)/2] ^= 1
	u.Write(name, data)
}

// TestServerThatCutsEveryKilobyte cuts each answer after one kilobyte more than
// the one before: objects and deltas are resumed until they are there.
func TestServerThatCutsEveryKilobyte(t *testing.T) {
	for _, use := range []DeltaUse{NoDeltas, RequireDeltas} {
		t.Run(fmt.Sprint(use), func(t *testing.T) {
			t.Parallel()
			u := newUpstream(t)
			first, second := u.twoVersions()
			u.generate()
			u.summarize()
			dst := u.startWith(first)
			u.Wrap(cutEvery(1 << 10))
			opts := u.verified()
			opts.Retries, opts.Deltas = 5000, use
			if _, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
				t.Fatal(err)
			}
			wantRef(t, dst, "r", second)
			ostreetest.Tool(t, dst.Path(), "fsck")
		})
	}
}

// TestServerThatStopsAtEachKilobyte stops for good at the n-th kilobyte, for
// every n: the pull fails, the old state stays, and the next one completes it.
func TestServerThatStopsAtEachKilobyte(t *testing.T) {
	u := newUpstream(t)
	first := u.commit("r", 0, tree{"app": lines(1, 30_000), "kept": "kept"})
	second := u.commit("r", 1, tree{"app": lines(1, 30_000) + "more", "new": lines(2, 30_000), "dir/other": lines(3, 9000)})
	u.generate()
	u.summarize()
	opts := u.verified()
	opts.Retries, opts.Deltas = -1, RequireDeltas
	for limit := int64(1); ; limit++ {
		dst := u.startWith(first)
		u.Wrap(stopAfter(limit << 10))
		_, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}})
		u.Wrap(nil)
		if err == nil {
			wantRef(t, dst, "r", second)
			return
		}
		wantRef(t, dst, "r", first)
		if limit%8 == 0 { // the real tool costs a process
			ostreetest.Tool(t, dst.Path(), "fsck")
		}
		if _, err := u.open(opts).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
			t.Fatalf("after a stop at %d KiB: %v", limit, err)
		}
		wantRef(t, dst, "r", second)
		if limit > 4096 {
			t.Fatal("the pull never succeeds")
		}
	}
}

// cutWriter aborts the answer when its budget is used up.
type cutWriter struct {
	http.ResponseWriter
	left *atomic.Int64
}

func (c cutWriter) Write(p []byte) (int, error) {
	n := int64(len(p))
	if left := c.left.Add(-n); left < 0 {
		if rest := n + left; rest > 0 {
			_, _ = c.ResponseWriter.Write(p[:rest])
			_ = http.NewResponseController(c.ResponseWriter).Flush()
		}
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(p)
}

func (c cutWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// cutEvery cuts each answer after n bytes.
func cutEvery(n int64) func(http.Handler) http.Handler {
	return func(files http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var left atomic.Int64
			left.Store(n)
			files.ServeHTTP(cutWriter{w, &left}, r)
		})
	}
}

// stopAfter serves n bytes altogether.
func stopAfter(n int64) func(http.Handler) http.Handler {
	var left atomic.Int64
	left.Store(n)
	return func(files http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { files.ServeHTTP(cutWriter{w, &left}, r) })
	}
}
