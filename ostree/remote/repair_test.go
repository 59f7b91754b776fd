package remote

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

func TestRepair(t *testing.T) {
	u := newUpstream(t)
	c := u.commit("r", 0, someTree)
	commit := object(c, ostree.ObjectCommit)
	decoded, err := ostree.DecodeCommit(u.read(commit))
	if err != nil {
		t.Fatal(err)
	}
	file := u.file("r", "/files/bin/app")
	for name, tc := range map[string]struct {
		objects []string
		rounds  int // a missing dirtree hides what lies below
		breakIt func(t *testing.T, path string)
	}{
		"missing": {[]string{file, object(decoded.RootMeta, ostree.ObjectDirMeta), object(c, ostree.ObjectCommitMeta)}, 1, remove},
		"damaged": {[]string{file, commit, object(decoded.RootTree, ostree.ObjectDirTree), object(c, ostree.ObjectCommitMeta)}, 3, overwrite},
		"lost":    {[]string{commit, object(decoded.RootTree, ostree.ObjectDirTree), file}, 3, remove},
	} {
		dst := newRepo(t)
		r := u.open(u.verified())
		if _, err := r.Pull(t.Context(), dst, PullOptions{Refs: []string{"r"}}); err != nil {
			t.Fatal(err)
		}
		want := snapshot(t, filepath.Join(dst.Path(), "objects"))
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
		if got := snapshot(t, filepath.Join(dst.Path(), "objects")); len(got) != len(want) {
			t.Errorf("%s: got %d objects, want %d", name, len(got), len(want))
		}
		unchanged(t, filepath.Join(dst.Path(), "objects"), want)
		ostreeTool(t, dst.Path(), "fsck")
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
	for _, o := range []string{file, other, object(c, ostree.ObjectCommitMeta)} {
		overwrite(t, filepath.Join(dst.Path(), o))
	}
	before := snapshot(t, dst.Path())
	u.write(file, u.read(other))
	u.remove(other)
	u.commit("s", 0, tree{"x": "y"})
	second := mustChecksum(t, u.ostree("rev-parse", "s"))
	u.write(object(c, ostree.ObjectCommitMeta), u.read(object(second, ostree.ObjectCommitMeta))) // signs another commit
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
	unchanged(t, dst.Path(), before)
	if left := problems(t, dst); !slices.Equal(left, names) {
		t.Errorf("afterwards: got %v, want %v", left, names)
	}
}
