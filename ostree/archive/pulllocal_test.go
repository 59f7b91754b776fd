package archive_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// TestPullLocal links what it pulls, all of it once.
func TestPullLocal(t *testing.T) {
	src, dst := ostreetest.NewRepo(t), ostreetest.NewRepo(t)
	commits := history(t, src, "a/b", 5)
	other := history(t, src, "other", 1)
	tree := ostreetest.RandomTree(11, 150)
	big := ostreetest.Commit(t, src, "big", tree, ostreetest.CommitOptions{})
	err := src.UpdateCommitMeta(t.Context(), big, func(gvariant.Dict) (gvariant.Dict, error) {
		return gvariant.Dict{{Key: "signed", Value: gvariant.Bool(true)}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := dst.PullLocal(t.Context(), src, archive.PullLocalOptions{Refs: []string{"a/b", "big"}, Depth: 2})
	if err != nil {
		t.Fatal(err)
	}
	if res.Linked == 0 || res.Copied != 0 || res.Meta == 0 || res.Meta >= res.Linked || len(res.Refs) != 2 {
		t.Errorf("got %+v, want links only", res)
	}
	if got := hasCommits(t, dst, append(commits, other...)...); got != "--+++-" {
		t.Errorf("commits: got %s", got)
	}
	if meta, err := dst.CommitMeta(big); err != nil || len(meta) != 1 {
		t.Errorf("detached metadata: got %v, %v", meta, err)
	}
	ostreetest.Check(t, dst)
	res, err = dst.PullLocal(t.Context(), src, archive.PullLocalOptions{Depth: -1})
	if err != nil || len(res.Refs) != 3 || res.Linked == 0 {
		t.Errorf("all refs and history: got %+v, %v", res, err)
	}
	if res, err = dst.PullLocal(t.Context(), src, archive.PullLocalOptions{Depth: -1}); err != nil || res.Linked+res.Copied != 0 {
		t.Errorf("again: got %+v, %v, want nothing new", res, err)
	}
	if got := hasCommits(t, dst, append(commits, other...)...); got != "++++++" {
		t.Errorf("commits: got %s", got)
	}
	compareCommits(t, dst, big, src, big)
	ostreetest.Check(t, dst)
	if _, err := dst.PullLocal(t.Context(), src, archive.PullLocalOptions{Refs: []string{"none"}}); !errors.Is(err, archive.ErrNotExist) {
		t.Errorf("a ref that is not there: got %v, want ErrNotExist", err)
	}
}

// TestPullLocalCopies what it must not share.
func TestPullLocalCopies(t *testing.T) {
	src, dst := ostreetest.NewRepo(t), ostreetest.NewRepo(t)
	c := ostreetest.Commit(t, src, "a", ostreetest.RandomTree(12, 120), ostreetest.CommitOptions{})
	for name := range snapshotOf(t, src) {
		if err := os.Chmod(name, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	res, err := dst.PullLocal(t.Context(), src, archive.PullLocalOptions{})
	if err != nil || res.Linked != 0 || res.Copied == 0 || res.Bytes == 0 {
		t.Errorf("got %+v, %v, want copies only", res, err)
	}
	compareCommits(t, dst, c, src, c)
	ostreetest.Check(t, dst)
}

// TestPullLocalRefuses what is damaged or not whole; the repository stays as
// it was.
func TestPullLocalRefuses(t *testing.T) {
	for name, harm := range map[string]func(t *testing.T, src *archive.Repo, c ostree.Checksum){
		"damaged": func(t *testing.T, src *archive.Repo, c ostree.Checksum) {
			path := filepath.Join(src.Path(), "objects", ostree.ObjectName{Checksum: lookup(t, src, c, "/deep/er/number").File, Type: ostree.ObjectFile}.ArchivePath())
			data, err := os.ReadFile(path)
			if err == nil {
				data[len(data)-2] ^= 1
				err = os.WriteFile(path, data, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"missing": func(t *testing.T, src *archive.Repo, c ostree.Checksum) {
			n := ostree.ObjectName{Checksum: lookup(t, src, c, "/deep/er").Tree, Type: ostree.ObjectDirTree}
			if err := os.Remove(filepath.Join(src.Path(), "objects", n.ArchivePath())); err != nil {
				t.Fatal(err)
			}
		},
		"partial": func(t *testing.T, src *archive.Repo, c ostree.Checksum) {
			if err := os.WriteFile(filepath.Join(src.Path(), "state", c.String()+".commitpartial"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		},
	} {
		src, dst := ostreetest.NewRepo(t), ostreetest.NewRepo(t)
		c := history(t, src, "a", 1)[0]
		harm(t, src, c)
		if _, err := dst.PullLocal(t.Context(), src, archive.PullLocalOptions{}); err == nil {
			t.Errorf("%s: got no error", name)
		}
		if left := snapshotOf(t, dst); len(left) != 0 {
			t.Errorf("%s: left %d objects", name, len(left))
		}
		ostreetest.Check(t, dst)
	}
}
