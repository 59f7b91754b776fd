//go:build amd64

package ostree_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/treewright/treewright/internal/syscalltest"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/delta"
	"github.com/treewright/treewright/ostree/ostreetest"
	"github.com/treewright/treewright/ostree/remote"
)

// Environment: what a child does, and whether the tests shall take their time
// (make soak).
const (
	childWork = "OSTREE_TEST_WORK"
	childRepo = "OSTREE_TEST_REPO"
	childFrom = "OSTREE_TEST_FROM"
	soakEnv   = "TREEWRIGHT_SOAK"
)

// works are what is disturbed. Each brings the repository of newVictim from
// its old state to a new one.
var works = []struct {
	name string
	ref  string // that changes, or "" for none
	do   func(t *testing.T, repo *archive.Repo, from string)
}{
	{"commit", "a", func(t *testing.T, repo *archive.Repo, _ string) {
		ostreetest.Commit(t, repo, "a", newTree(), ostreetest.CommitOptions{})
	}},
	{"pull", "a", pull(remote.NoDeltas, remote.PullOptions{})},
	{"pull with deltas", "a", pull(remote.RequireDeltas, remote.PullOptions{})},
	{"pull and keep deltas", "a", pull(remote.RequireDeltas, remote.PullOptions{KeepDeltas: true})},
	{"prune", "", func(t *testing.T, repo *archive.Repo, _ string) {
		o := archive.PruneOptions{RefsOnly: true, Keep: archive.Retention{Commits: 1}}
		if _, err := repo.Prune(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}},
	{"delta", "", generate},
	{"delta again", "", generate}, // where there is one
}

// pull pulls "a", and fails where a delta would only have cost a warning.
func pull(use remote.DeltaUse, o remote.PullOptions) func(*testing.T, *archive.Repo, string) {
	o.Refs = []string{"a"}
	return func(t *testing.T, repo *archive.Repo, from string) {
		warn := func(err error) { t.Errorf("warning: %v", err) }
		r, err := remote.Open(from, remote.Options{Retries: -1, Deltas: use, Warn: warn})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Pull(t.Context(), repo, o); err != nil {
			t.Fatal(err)
		}
	}
}

func generate(t *testing.T, repo *archive.Repo, _ string) {
	if _, err := delta.Generate(t.Context(), repo, victimDelta(t, repo), delta.GenerateOptions{MaxChunkSize: 20_000}); err != nil {
		t.Fatal(err)
	}
}

func newTree() ostreetest.Tree {
	tree := ostreetest.RandomTree(2, 12)
	tree["usr/lib/lib.so"] = ostreetest.Regular("new start" + strings.Repeat("some of the code of a library\n", 2000))
	return tree
}

// newVictim makes a repository with three commits of "b", of which a prune
// leaves one, and one of "a".
func newVictim(t *testing.T) string {
	repo := ostreetest.NewRepo(t)
	for i := range 3 {
		ostreetest.Commit(t, repo, "b", ostreetest.RandomTree(uint64(10+i), 4), ostreetest.CommitOptions{})
	}
	old := ostreetest.RandomTree(2, 6)
	old["usr/lib/lib.so"] = ostreetest.Regular(strings.Repeat("some of the code of a library\n", 2000))
	ostreetest.Commit(t, repo, "a", old, ostreetest.CommitOptions{})
	return repo.Path()
}

// victimDelta is the delta from the commit of "a" to that of "b".
func victimDelta(t *testing.T, repo *archive.Repo) delta.Name {
	from, err := repo.ResolveRef("a")
	if err != nil {
		t.Fatal(err)
	}
	to, err := repo.ResolveRef("b")
	if err != nil {
		t.Fatal(err)
	}
	return delta.Name{From: from, To: to}
}

// TestWork is what a child does. On its own it does nothing.
func TestWork(t *testing.T) {
	for _, w := range works {
		if w.name == os.Getenv(childWork) {
			w.do(t, ostreetest.Open(t, os.Getenv(childRepo)), os.Getenv(childFrom))
		}
	}
}

// A trial disturbs one kind of work, again and again.
type trial struct {
	work, ref string
	before    string // the repository as it was; each time a copy is disturbed
	from      string // where to pull from
	old, new  ostree.Checksum
}

func newTrial(t *testing.T, work, ref string) *trial {
	tr := &trial{work: work, ref: ref, before: newVictim(t)}
	switch before := ostreetest.Open(t, tr.before); work {
	case "delta again":
		generate(t, before, "")
	case "prune": // it deletes this one
		old, err := before.ResolveRev(t.Context(), "b^")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := delta.Generate(t.Context(), before, delta.Name{To: old}, delta.GenerateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	done := tr.copy(t)
	if strings.HasPrefix(work, "pull") {
		tr.from = serveUpdate(t, tr.copy(t))
	}
	if out := tr.disturb(t, done, syscalltest.Fault{}, 0); !out.OK() {
		t.Fatalf("undisturbed: %v\n%s", out.Status, out.Output)
	}
	if ref != "" {
		tr.old, tr.new = resolve(t, tr.before, ref), resolve(t, done, ref)
	}
	return tr
}

// serveUpdate makes a copy of the victim one that has a new commit of "a" and
// deltas to it, and serves it.
func serveUpdate(t *testing.T, dir string) (url string) {
	upstream := ostreetest.Open(t, dir)
	n := delta.Name{From: resolve(t, dir, "a"), To: ostreetest.Commit(t, upstream, "a", newTree(), ostreetest.CommitOptions{})}
	for _, n := range []delta.Name{n, {To: n.To}} {
		if _, err := delta.Generate(t.Context(), upstream, n, delta.GenerateOptions{MaxChunkSize: 2000}); err != nil {
			t.Fatal(err)
		}
	}
	ostreetest.Ostree(t, "summary", "-u", "--repo="+dir)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return server.URL
}

func (tr *trial) copy(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "repo")
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", tr.before, dir).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	return dir
}

// disturb does the work in a child. With procs the child has so many threads
// for Go code: with one, the same calls come in the same order each time.
func (tr *trial) disturb(t *testing.T, repo string, fault syscalltest.Fault, procs int) *syscalltest.Outcome {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestWork$")
	cmd.Env = append(os.Environ(), childWork+"="+tr.work, childRepo+"="+repo, childFrom+"="+tr.from)
	if procs > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprint("GOMAXPROCS=", procs))
	}
	out, err := syscalltest.Run(cmd, fault)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// judge checks a repository that was disturbed: the real ostree finds nothing
// wrong with it, its refs are old or new, its deltas whole. Then the same work
// must succeed and leave nothing behind.
func (tr *trial) judge(t *testing.T, dir string, out *syscalltest.Outcome) {
	t.Helper()
	ostreetest.Ostree(t, "fsck", "--repo="+dir)
	if tr.ref != "" {
		if got := resolve(t, dir, tr.ref); got != tr.old && got != tr.new || out.OK() && got != tr.new {
			t.Errorf("ref: got %s, want %s or %s", got, tr.old, tr.new)
		}
	}
	repo := ostreetest.Open(t, dir)
	wantWholeDeltas(t, repo, tr.makesDeltas() && out.OK() || tr.work == "delta again")
	if tr.work != "commit" || resolve(t, dir, tr.ref) == tr.old {
		if again := tr.disturb(t, dir, syscalltest.Fault{}, 0); !again.OK() {
			t.Errorf("the same again: %v\n%s", again.Status, again.Output)
		}
	} else { // a commit would have another parent
		ostreetest.Commit(t, repo, "c", ostreetest.Tree{}, ostreetest.CommitOptions{})
	}
	if tr.ref != "" && resolve(t, dir, tr.ref) != tr.new {
		t.Errorf("ref in the end: got %s, want %s", resolve(t, dir, tr.ref), tr.new)
	}
	wantWholeDeltas(t, repo, tr.makesDeltas())
	ostreetest.Check(t, repo)
}

func (tr *trial) makesDeltas() bool {
	return strings.HasPrefix(tr.work, "delta") || tr.work == "pull and keep deltas"
}

// wantWholeDeltas verifies the deltas that there are; one must be if wanted.
func wantWholeDeltas(t *testing.T, repo *archive.Repo, wanted bool) {
	t.Helper()
	names, err := delta.List(t.Context(), repo)
	if err != nil || wanted && len(names) == 0 {
		t.Fatalf("deltas: got %v, %v", names, err)
	}
	for _, n := range names {
		if err := delta.Verify(t.Context(), repo, n, delta.ApplyOptions{}); err != nil {
			t.Errorf("delta %s: %v", n, err)
		}
	}
}

func resolve(t *testing.T, dir, ref string) ostree.Checksum {
	t.Helper()
	c, err := ostreetest.Open(t, dir).ResolveRef(ref)
	if err != nil && !errors.Is(err, archive.ErrNotExist) {
		t.Fatal(err)
	}
	return c
}

// failures are a disk that is full and stays so, and a hitch.
var failures = []syscalltest.Fault{{Errno: syscall.ENOSPC, Stays: true}, {Errno: syscall.EIO}}

// harmless are calls whose error need not be one of the whole.
var harmless = []string{"utimensat", "unlinkat"}

// TestEveryWriteFails has each call that changes the file system fail: up to
// twenty-five of them in one way or the other, or each in both ways when soaked.
func TestEveryWriteFails(t *testing.T) {
	soak := os.Getenv(soakEnv) != ""
	for _, w := range works {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t, w.name, w.ref)
			whole := tr.disturb(t, tr.copy(t), syscalltest.Fault{}, 1).Changes
			step := 1
			if !soak {
				step = max(11, whole*2/25) | 1 // odd: both ways in turn
			}
			for i := 0; i < 2*whole && !t.Failed(); i += step {
				fault := failures[i%2]
				fault.At = 1 + i/2
				tr.fail(t, fault)
			}
			t.Logf("%d calls", whole)
		})
	}
}

func (tr *trial) fail(t *testing.T, fault syscalltest.Fault) {
	t.Helper()
	dir := tr.copy(t)
	out := tr.disturb(t, dir, fault, 1)
	if out.Status.Signaled() || strings.Contains(out.Output, "panic:") {
		t.Errorf("%v\n%s", out.Status, out.Output)
	}
	if out.OK() && out.Hit != "" && !slices.Contains(harmless, out.Hit) {
		t.Errorf("got success\n%s", out.Output)
	}
	tr.judge(t, dir, out)
	if t.Failed() {
		t.Errorf("this was with call %d, %q: %v, %v", fault.At, out.Hit, fault.Errno, fault.Stays)
	}
}

// TestKilledAnywhere kills at random points: few, or fifty of each when soaked.
func TestKilledAnywhere(t *testing.T) {
	points := 4
	if os.Getenv(soakEnv) != "" {
		points = 50
	}
	for _, w := range works {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			tr := newTrial(t, w.name, w.ref)
			whole := tr.disturb(t, tr.copy(t), syscalltest.Fault{}, 0)
			r := rand.New(rand.NewPCG(5, 50))
			for i := 0; i < points && !t.Failed(); i++ {
				dir, at := tr.copy(t), 1+r.IntN(whole.Changes)
				out := tr.disturb(t, dir, syscalltest.Fault{At: at}, 0)
				tr.judge(t, dir, out)
				if t.Failed() {
					t.Errorf("this was killed at the call %d of %d, %s", at, whole.Changes, out.Hit)
				}
			}
		})
	}
}
