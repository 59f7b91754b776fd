package remote

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

func TestRepair(t *testing.T) {
	u := newUpstream(t)
	c := u.commit("r", 0, someTree)
	commit := ostreetest.ObjectFile(c, ostree.ObjectCommit)
	decoded, err := ostree.DecodeCommit(u.Read(commit))
	if err != nil {
		t.Fatal(err)
	}
	file := u.file("r", "/files/bin/app")
	for name, tc := range map[string]struct {
		objects []string
		rounds  int // a missing dirtree hides what lies below
		breakIt func(t *testing.T, path string)
	}{
		"missing": {[]string{file, ostreetest.ObjectFile(decoded.RootMeta, ostree.ObjectDirMeta), ostreetest.ObjectFile(c, ostree.ObjectCommitMeta)}, 1, remove},
		"damaged": {[]string{file, commit, ostreetest.ObjectFile(decoded.RootTree, ostree.ObjectDirTree), ostreetest.ObjectFile(c, ostree.ObjectCommitMeta)}, 3, overwrite},
		"lost":    {[]string{commit, ostreetest.ObjectFile(decoded.RootTree, ostree.ObjectDirTree), file}, 3, remove},
	} {
		dst := newRepo(t)
		r := u.open(u.verified())
		if _, err := r.Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
			t.Fatal(err)
		}
		want := ostreetest.Snapshot(t, filepath.Join(dst.Path(), "objects"))
		for _, o := range tc.objects {
			tc.breakIt(t, filepath.Join(dst.Path(), o))
		}
		rounds := 0
		for ; ; rounds++ {
			names := problems(t, dst)
			if name == "missing" && rounds == 0 { // detached metadata may be absent
				names = append(names, ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommitMeta})
			}
			if len(names) == 0 || rounds > 5 {
				break
			}
			result, err := r.Repair(t.Context(), dst, names)
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Repaired) != len(names) || result.Bytes == 0 {
				t.Fatalf("%s: got %+v, want %v", name, result, names)
			}
		}
		if rounds > tc.rounds {
			t.Errorf("%s: repaired in %d rounds, want %d", name, rounds, tc.rounds)
		}
		if got := ostreetest.Snapshot(t, filepath.Join(dst.Path(), "objects")); len(got) != len(want) {
			t.Errorf("%s: got %d objects, want %d", name, len(got), len(want))
		}
		ostreetest.Unchanged(t, filepath.Join(dst.Path(), "objects"), want)
		ostreetest.Tool(t, dst.Path(), "fsck")
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// problems lists the objects that are broken.
func problems(t *testing.T, repo *archive.Repo) []ostree.ObjectName {
	t.Helper()
	report, err := repo.Fsck(t.Context(), archive.FsckOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var names []ostree.ObjectName
	for _, p := range report.Problems {
		names = append(names, p.Object)
	}
	return names
}

// TestRepairTakesNothingBad has a remote whose objects are no better.
func TestRepairTakesNothingBad(t *testing.T) {
	u := newUpstream(t)
	c := u.commit("r", 0, someTree)
	file, other := u.file("r", "/files/bin/app"), u.file("r", "/files/share/doc/a")
	dst := newRepo(t)
	if _, err := u.open(u.verified()).Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
		t.Fatal(err)
	}
	for _, o := range []string{file, other, ostreetest.ObjectFile(c, ostree.ObjectCommitMeta)} {
		overwrite(t, filepath.Join(dst.Path(), o))
	}
	before := ostreetest.Snapshot(t, dst.Path())
	u.Write(file, u.Read(other))
	u.Remove(other)
	u.commit("s", 0, tree{"x": "y"})
	second := u.Tip("s")
	u.Write(ostreetest.ObjectFile(c, ostree.ObjectCommitMeta), u.Read(ostreetest.ObjectFile(second, ostree.ObjectCommitMeta))) // signs another commit
	warnings := 0
	opts := u.verified()
	opts.Retries, opts.MaxRequests = -1, 1
	opts.Warn = func(error) { warnings++ }
	names := problems(t, dst)
	result, err := u.open(opts).Repair(t.Context(), dst, names)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 3 || len(result.Repaired) != 0 || warnings != 3 {
		t.Errorf("got %v of %v, %d warnings, want none of three", result.Repaired, names, warnings)
	}
	ostreetest.Unchanged(t, dst.Path(), before)
	if left := problems(t, dst); !slices.Equal(left, names) {
		t.Errorf("afterwards: got %v, want %v", left, names)
	}
}
