package archive_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/ostreetest"
)

const firstTime = 1700000000 // of the first commit of each ref

// history commits n trees to a ref, each a second younger than the one before,
// and returns the commits, oldest first.
func history(t *testing.T, repo *archive.Repo, ref string, n int) []ostree.Checksum {
	t.Helper()
	var out []ostree.Checksum
	for i := range n {
		tree := ostreetest.RandomTree(uint64(len(ref)), 20)
		tree["number"] = ostreetest.Regular(fmt.Sprint(ref, i))
		tree["deep/er/number"] = ostreetest.Regular(fmt.Sprint(ref, i))
		out = append(out, ostreetest.Commit(t, repo, ref, tree, ostreetest.CommitOptions{Timestamp: firstTime + uint64(i)}))
	}
	return out
}

// setRef points a ref somewhere, or removes it.
func setRef(t *testing.T, repo *archive.Repo, ref string, c ostree.Checksum) {
	t.Helper()
	txn, err := repo.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.IsZero() {
		err = txn.DeleteRef(ref)
	} else {
		err = txn.SetRef(ref, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := txn.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func prune(t *testing.T, repo *archive.Repo, o archive.PruneOptions) *archive.PruneReport {
	t.Helper()
	report, err := repo.Prune(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

var pruneCounts = regexp.MustCompile(`Total (?:\(commit only\) )?objects: (\d+)\n(?:Would delete: (\d+))?`)

// theirPrune counts with the real ostree.
func theirPrune(t *testing.T, repo *archive.Repo, args ...string) (total, deleted int64) {
	t.Helper()
	out := ostreetest.Ostree(t, append([]string{"prune", "--no-prune", "--repo=" + repo.Path()}, args...)...)
	m := pruneCounts.FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("ostree prune: got %q", out)
	}
	total, _ = strconv.ParseInt(m[1], 10, 64)
	deleted, _ = strconv.ParseInt("0"+m[2], 10, 64)
	return total, deleted
}

// TestPruneCountsAsTheirs compares with the real ostree, dry and not.
func TestPruneCountsAsTheirs(t *testing.T) {
	at := func(i int) string { return time.Unix(firstTime+int64(i), 0).UTC().Format("2006-01-02 15:04:05 +0000") }
	since := func(i int64) archive.Retention { return archive.Retention{Since: time.Unix(firstTime+i, 0)} }
	for name, tt := range map[string]struct {
		opts archive.PruneOptions
		args []string
	}{
		"every commit":  {archive.PruneOptions{}, nil},
		"refs":          {archive.PruneOptions{RefsOnly: true}, []string{"--refs-only"}},
		"tips":          {archive.PruneOptions{RefsOnly: true, Keep: archive.Retention{Commits: 1}}, []string{"--refs-only", "--depth=0"}},
		"two ancestors": {archive.PruneOptions{RefsOnly: true, Keep: archive.Retention{Commits: 3}}, []string{"--refs-only", "--depth=2"}},
		"young ones":    {archive.PruneOptions{RefsOnly: true, Keep: since(2)}, []string{"--keep-younger-than=" + at(2)}},
		"none is young": {archive.PruneOptions{RefsOnly: true, Keep: since(99)}, []string{"--keep-younger-than=" + at(99)}},
		"one ref": {archive.PruneOptions{RefsOnly: true, Refs: []archive.RefRetention{{"b/*", archive.Retention{Commits: 1}}}},
			[]string{"--only-branch=b/c/d", "--depth=0"}},
		"more of one": {archive.PruneOptions{RefsOnly: true, Keep: since(3), Refs: []archive.RefRetention{{"a", archive.Retention{Commits: 4}}}},
			[]string{"--retain-branch-depth=a=3", "--keep-younger-than=" + at(3)}},
		"commits alone": {archive.PruneOptions{RefsOnly: true, CommitOnly: true, Keep: archive.Retention{Commits: 2}},
			[]string{"--refs-only", "--commit-only", "--depth=1"}},
	} {
		t.Run(name, func(t *testing.T) {
			repo := ostreetest.NewRepo(t)
			history(t, repo, "a", 5)
			history(t, repo, "b/c/d", 4)
			history(t, repo, "gone", 2)
			setRef(t, repo, "gone", ostree.Checksum{})
			txn, err := repo.Begin(t.Context()) // a tree without a commit
			if err != nil {
				t.Fatal(err)
			}
			ostreetest.RandomTree(99, 30).Write(t, txn)
			if _, err := txn.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			total, deleted := theirPrune(t, repo, tt.args...)
			tt.opts.DryRun = true
			before := snapshotOf(t, repo)
			dry := prune(t, repo, tt.opts)
			if dry.Objects != total || dry.Deleted() != deleted {
				t.Errorf("counts: got %+v, want %d of %d", dry, deleted, total)
			}
			if after := snapshotOf(t, repo); len(after) != len(before) {
				t.Errorf("objects after a dry run: got %d, want %d", len(after), len(before))
			}
			tt.opts.DryRun = false
			if got := prune(t, repo, tt.opts); *got != *dry {
				t.Errorf("report: got %+v, want %+v as the dry run said", got, dry)
			}
			freed := int64(0)
			after := snapshotOf(t, repo)
			for name, size := range before {
				if _, ok := after[name]; !ok {
					freed += size
				}
			}
			if int64(len(before)-len(after)) != deleted || freed != dry.Bytes {
				t.Errorf("deleted: got %d objects, %d bytes, want %d, %d", len(before)-len(after), freed, deleted, dry.Bytes)
			}
			if got := prune(t, repo, tt.opts); got.Deleted() != 0 {
				t.Errorf("a second time: got %+v", got)
			}
			ostreetest.Check(t, repo)
		})
	}
}

// snapshotOf is the size of every object.
func snapshotOf(t *testing.T, repo *archive.Repo) map[string]int64 {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(repo.Path(), "objects", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = info.Size()
	}
	return out
}

// hasCommits tells for each commit, as a letter, whether it is there.
func hasCommits(t *testing.T, repo *archive.Repo, commits ...ostree.Checksum) string {
	t.Helper()
	out := ""
	for _, c := range commits {
		has, err := repo.HasObject(ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
		if err != nil {
			t.Fatal(err)
		}
		out += map[bool]string{true: "+", false: "-"}[has]
	}
	return out
}

// TestPruneRetention has cases in which the real ostree has no option or is
// wrong.
func TestPruneRetention(t *testing.T) {
	keep := func(n int) archive.Retention { return archive.Retention{Commits: n} }
	for name, tt := range map[string]struct {
		opts archive.PruneOptions
		refs map[string]int // more refs, and which commit of seven each shows
		want string
	}{
		"reached at two depths": {archive.PruneOptions{RefsOnly: true, Keep: keep(3)}, map[string]int{"m": 5, "a": 6, "z": 4}, "--+++++"},
		"the shorter one first": {archive.PruneOptions{RefsOnly: true, Keep: keep(1), Refs: []archive.RefRetention{{"z", keep(4)}}},
			map[string]int{"a": 4, "z": 5}, "--+++++"},
		"either limit": {archive.PruneOptions{RefsOnly: true, Keep: archive.Retention{Commits: 2, Since: time.Unix(firstTime+3, 0)}}, nil, "---++++"},
		"the other limit": {archive.PruneOptions{RefsOnly: true, Keep: archive.Retention{Commits: 5, Since: time.Unix(firstTime+6, 0)}}, nil,
			"--+++++"},
		"a pattern with slashes":  {archive.PruneOptions{RefsOnly: true, Refs: []archive.RefRetention{{"hi*", keep(2)}}}, nil, "-----++"},
		"the first pattern":       {archive.PruneOptions{RefsOnly: true, Refs: []archive.RefRetention{{"*y", keep(3)}, {"*", keep(1)}}}, nil, "----+++"},
		"no limit without a flag": {archive.PruneOptions{Keep: keep(1)}, nil, "+++++++"},
	} {
		repo := ostreetest.NewRepo(t)
		commits := history(t, repo, "hi/story", 7)
		for ref, i := range tt.refs {
			setRef(t, repo, ref, commits[i])
		}
		prune(t, repo, tt.opts)
		if got := hasCommits(t, repo, commits...); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
		ostreetest.Check(t, repo)
	}
}

func TestPruneDelete(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	commits := history(t, repo, "a", 4)
	if _, err := repo.Prune(t.Context(), archive.PruneOptions{Delete: commits[3:]}); err == nil || !strings.Contains(err.Error(), "the ref a shows it") {
		t.Errorf("a commit that a ref shows: got %v", err)
	}
	report := prune(t, repo, archive.PruneOptions{Delete: commits[1:2]})
	if got := hasCommits(t, repo, commits...); got != "+-++" || report.Commits != 1 || report.Files == 0 {
		t.Errorf("got %s, %+v", got, report)
	}
	ostreetest.Check(t, repo)
}

// TestPruneWhatBelongsToCommits looks at tombstones, detached metadata, marks
// and deltas, the latter made by the real ostree.
func TestPruneWhatBelongsToCommits(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	commits := history(t, repo, "a", 3)
	for _, c := range commits {
		err := repo.UpdateCommitMeta(t.Context(), c, func(gvariant.Dict) (gvariant.Dict, error) {
			return gvariant.Dict{{Key: "signed", Value: gvariant.Bool(true)}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r := "--repo=" + repo.Path()
	for i, c := range commits {
		ostreetest.Ostree(t, "static-delta", "generate", r, "--empty", "--to="+c.String())
		if i > 0 {
			ostreetest.Ostree(t, "static-delta", "generate", r, "--from="+commits[i-1].String(), "--to="+c.String())
		}
	}
	ostreetest.Ostree(t, "summary", "-u", r)
	txn, err := repo.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	txn.MarkPartial(commits[0])
	if _, err := txn.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := repo.SetConfig("core", "tombstone-commits", "true"); err != nil {
		t.Fatal(err)
	}
	report := prune(t, repo, archive.PruneOptions{RefsOnly: true, Keep: archive.Retention{Commits: 1}})
	if report.Commits != 2 || report.CommitMetas != 2 || report.Deltas != 3 || report.DeltaBytes == 0 {
		t.Errorf("report: got %+v", report)
	}
	want := strings.Fields(fmt.Sprintf("%s %s-%s", commits[2], commits[1], commits[2]))
	got := strings.Fields(ostreetest.Ostree(t, "static-delta", "list", r))
	if len(got) != len(want) || !strings.Contains(strings.Join(got, " "), want[1]) {
		t.Errorf("deltas: got %s, want %s", got, want)
	}
	for pattern, want := range map[string]int{
		"objects/*/*.commitmeta": 1, "objects/*/*.tombstone-commit": 2, "state/*": 0, "deltas/*": 2, "delta-indexes/*/*": 1,
	} {
		if found, err := filepath.Glob(filepath.Join(repo.Path(), pattern)); err != nil || len(found) != want {
			t.Errorf("%s: got %d, %v, want %d", pattern, len(found), err, want)
		}
	}
	if _, err := ostreetest.TryOstree(t, "show", r, commits[0].String()); err == nil {
		t.Error("ostree show of a deleted commit: got no error")
	}
	ostreetest.Check(t, repo)
}

// TestPrunePartial keeps what a partial commit has, and stops at a whole one
// that lacks something.
func TestPrunePartial(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	c := history(t, repo, "a", 1)[0]
	e := lookup(t, repo, c, "/deep/er")
	path := filepath.Join(repo.Path(), "objects", ostree.ObjectName{Checksum: e.Tree, Type: ostree.ObjectDirTree}.ArchivePath())
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		_, err := repo.Prune(t.Context(), archive.PruneOptions{DryRun: dry})
		if !errors.Is(err, archive.ErrNotExist) || !strings.Contains(err.Error(), "fsck") {
			t.Errorf("a broken commit: got %v, want an error that names fsck", err)
		}
	}
	txn, err := repo.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	txn.MarkPartial(c)
	if _, err := txn.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := snapshotOf(t, repo)
	_, deleted := theirPrune(t, repo)
	if got := prune(t, repo, archive.PruneOptions{}); got.Deleted() != deleted || len(snapshotOf(t, repo)) != len(before)-int(deleted) {
		t.Errorf("a partial commit: got %+v, want %d deleted", got, deleted)
	}
}

func lookup(t *testing.T, repo *archive.Repo, c ostree.Checksum, path string) ostree.Entry {
	t.Helper()
	commit, err := repo.Commit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	e, found, err := ostree.Lookup(t.Context(), repo, commit.RootTree, commit.RootMeta, path)
	if err != nil || !found {
		t.Fatalf("%s: got %v, %v", path, found, err)
	}
	return e
}

// TestPruneBadRef stops at a ref that shows nobody knows what.
func TestPruneBadRef(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	commits := history(t, repo, "a", 2)
	if err := os.WriteFile(filepath.Join(repo.Path(), "refs/heads/a"), []byte("rubbish"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Prune(t.Context(), archive.PruneOptions{RefsOnly: true}); err == nil {
		t.Error("got no error")
	}
	if got := hasCommits(t, repo, commits...); got != "++" {
		t.Errorf("commits: got %s, want both", got)
	}
	if _, err := repo.Prune(t.Context(), archive.PruneOptions{Refs: []archive.RefRetention{{Pattern: "[a"}}}); err == nil {
		t.Error("a bad pattern: got no error")
	}
}
