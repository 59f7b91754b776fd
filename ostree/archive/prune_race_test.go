package archive_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

var tips = archive.PruneOptions{RefsOnly: true, Keep: archive.Retention{Commits: 1}}

// pruneAndDie is what a child does: it kills itself at a point of a prune.
// "prune commit 2" is the second time.
func pruneAndDie(t *testing.T, dir, point string) {
	repo := ostreetest.Open(t, dir)
	seen := map[string]int{}
	repo.CrashAt(func(at string) error {
		seen[at]++
		if point == at || point == fmt.Sprint(at, " ", seen[at]) {
			return die()
		}
		return nil
	})
	if _, err := repo.Prune(t.Context(), tips); err != nil {
		t.Fatal(err)
	}
}

// TestPruneKilled kills a prune at each point. The repository is whole then,
// and the next prune does the rest.
func TestPruneKilled(t *testing.T) {
	points := append(archive.PruneCrashPoints(), "prune object 2")
	for i := 2; i < 6; i++ {
		points = append(points, fmt.Sprint("prune commit ", i))
	}
	for _, point := range points {
		repo := ostreetest.NewRepo(t)
		commits := history(t, repo, "a", 7)
		old := ostreetest.Commit(t, repo, "b", ostreetest.RandomTree(3, 350), ostreetest.CommitOptions{})
		tip := ostreetest.Commit(t, repo, "b", ostreetest.RandomTree(4, 50), ostreetest.CommitOptions{})
		if err := repo.SetConfig("core", "tombstone-commits", "true"); err != nil {
			t.Fatal(err)
		}
		out, err := child(t, "prune", repo.Path(), point).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Errorf("%s: got %v, want it killed\n%s", point, err, out)
			continue
		}
		ostreetest.Ostree(t, "fsck", "--repo="+repo.Path())
		prune(t, repo, tips)
		if got := hasCommits(t, repo, commits[5], commits[6], old, tip); got != "-+-+" {
			t.Errorf("%s: the prune after it: got %s", point, got)
		}
		if _, deleted := theirPrune(t, repo, "--refs-only", "--depth=0"); deleted != 0 {
			t.Errorf("%s: the real ostree would delete %d more", point, deleted)
		}
		ostreetest.Check(t, repo)
	}
}

// TestPruneSeesWhatCommitsMeanwhile commits between the two looks, a tree
// whose objects were garbage at the first.
func TestPruneSeesWhatCommitsMeanwhile(t *testing.T) {
	for _, orphan := range []bool{false, true} {
		repo := ostreetest.NewRepo(t)
		history(t, repo, "a", 3)
		back := ostreetest.RandomTree(8, 60)
		ostreetest.Commit(t, repo, "garbage", back, ostreetest.CommitOptions{Subject: "old"})
		setRef(t, repo, "garbage", ostree.Checksum{})
		var c ostree.Checksum
		report, err := repo.PruneWhile(t.Context(), tips, func() {
			c = ostreetest.Commit(t, repo, "back", back, ostreetest.CommitOptions{Subject: "new"})
			if orphan {
				setRef(t, repo, "back", ostree.Checksum{})
			}
		})
		if err != nil || report.Commits != 3 {
			t.Errorf("got %+v, %v, want three commits deleted", report, err)
		}
		if got := hasCommits(t, repo, c); got != "+" {
			t.Errorf("the new commit: got %s", got)
		}
		ostreetest.Check(t, repo)
	}
}

// TestPruneAmongWriters prunes all the time while eight writers of ours and
// one of theirs commit, each the same few trees again and again: for three
// seconds, or sixty when soaked (make soak).
func TestPruneAmongWriters(t *testing.T) {
	long := 3 * time.Second
	if os.Getenv("TREEWRIGHT_SOAK") != "" {
		long = time.Minute
	}
	repo := ostreetest.NewRepo(t)
	stop := make(chan struct{})
	stopped := func() bool {
		select {
		case <-stop:
			return true
		default:
			return t.Failed()
		}
	}
	var wg sync.WaitGroup
	trees := make([]ostreetest.Tree, 6)
	for i := range trees {
		trees[i] = ostreetest.RandomTree(uint64(i), 25).Map(func(_ string, f ostreetest.File) ostreetest.File {
			f.Xattrs = nil
			return f
		})
	}
	var mu sync.Mutex
	last := map[string]ostree.Checksum{}
	for i := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 0))
			own := ostreetest.Open(t, repo.Path())
			for !stopped() {
				ref := fmt.Sprint("ours/", i)
				c := ostreetest.Commit(t, own, ref, trees[r.IntN(len(trees))], ostreetest.CommitOptions{})
				mu.Lock()
				last[ref] = c
				mu.Unlock()
			}
		})
	}
	tar := trees[0].WriteTar(t)
	wg.Go(func() {
		for !stopped() {
			out, err := ostreetest.TryOstree(t, "commit", "--repo="+repo.Path(), "-b", "theirs", "--tree=tar="+tar)
			if err != nil {
				t.Error(err)
				return
			}
			if c, err := ostree.ParseChecksum(strings.TrimSpace(out)); err == nil {
				mu.Lock()
				last["theirs"] = c
				mu.Unlock()
			}
		}
	})
	pruner := ostreetest.Open(t, repo.Path())
	deleted, begun := int64(0), time.Now()
	// On a busy machine it may take long until there is something to delete.
	for prunes := 0; (prunes < 5 || time.Since(begun) < long || deleted == 0 && prunes < 5000) && !t.Failed(); prunes++ {
		report, err := pruner.Prune(t.Context(), tips)
		if err != nil {
			t.Error(err) // the writers must end first
			break
		}
		deleted += report.Deleted()
	}
	close(stop)
	wg.Wait()
	if deleted == 0 {
		t.Error("the prunes deleted nothing")
	}
	for ref, c := range last {
		if got, err := repo.ResolveRef(ref); err != nil || got != c {
			t.Errorf("%s: got %s, %v, want %s", ref, got, err, c)
		}
	}
	ostreetest.Check(t, repo)
}
