package archive_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// TestSameTreeSameChecksums commits one tree with both tools: from a tar file,
// which has owners, and from a folder, which has xattrs.
func TestSameTreeSameChecksums(t *testing.T) {
	for seed := range uint64(4) {
		random := ostreetest.RandomTree(seed, 300)
		source := "tar="
		if seed%2 == 0 {
			random = random.Map(func(_ string, f ostreetest.File) ostreetest.File { f.Xattrs = nil; return f })
			source += random.WriteTar(t)
		} else {
			random = random.Map(func(_ string, f ostreetest.File) ostreetest.File {
				f.UID, f.GID = 11, 70001
				if os.Geteuid() != 0 { // who could not read it
					f.Mode |= 0o400
				}
				return f
			})
			random["."] = ostreetest.File{Mode: ostree.ModeDir | 0o1777, UID: 11, GID: 70001}
			source = "dir=" + random.WriteDir(t)
		}
		ours := ostreetest.NewRepo(t)
		c := ostreetest.Commit(t, ours, "test/main", random, ostreetest.CommitOptions{})
		ostreetest.Check(t, ours)

		theirs := filepath.Join(t.TempDir(), "repo")
		ostreetest.Ostree(t, "init", "--mode=archive", "--repo="+theirs)
		args := []string{"commit", "--repo=" + theirs, "-b", "test/main", "--tree=" + source}
		if seed%2 == 1 {
			args = append(args, "--owner-uid=11", "--owner-gid=70001")
		}
		out := ostreetest.Ostree(t, args...)
		repo := ostreetest.Open(t, theirs)
		their, err := repo.ResolveRev(t.Context(), strings.TrimSpace(out))
		if err != nil {
			t.Fatal(err)
		}
		compareCommits(t, ours, c, repo, their)
		report, err := repo.Fsck(t.Context(), archive.FsckOptions{})
		if err != nil || !report.OK() || report.Objects == 0 {
			t.Errorf("fsck of what ostree wrote: got %+v, %v, want no problems", report, err)
		}
	}
}

// compareCommits compares the roots, and when they differ says where.
func compareCommits(t *testing.T, a *archive.Repo, ca ostree.Checksum, b *archive.Repo, cb ostree.Checksum) {
	t.Helper()
	one, err := a.Commit(t.Context(), ca)
	if err != nil {
		t.Fatal(err)
	}
	two, err := b.Commit(t.Context(), cb)
	if err != nil {
		t.Fatal(err)
	}
	if one.RootTree == two.RootTree && one.RootMeta == two.RootMeta {
		return
	}
	defer t.Errorf("roots: got %s and %s, want %s and %s", one.RootTree, one.RootMeta, two.RootTree, two.RootMeta)
	got, want := list(t, a, ca), list(t, b, cb)
	for name, e := range want {
		if got[name] != e && !t.Failed() {
			t.Errorf("%q: got %s, want %s", name, got[name], e)
		}
	}
}

func list(t *testing.T, r *archive.Repo, c ostree.Checksum) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := r.Ls(t.Context(), c, "/", archive.LsOptions{Recursive: true}, func(e archive.LsEntry) error {
		out[e.Path] = e.Header.String() + " " + e.Entry.File.String() + " " + e.Entry.Meta.String()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCheckout compares what the real ostree checks out with the tree.
func TestCheckout(t *testing.T) {
	tree := ostreetest.RandomTree(7, 200)
	repo := ostreetest.NewRepo(t)
	ostreetest.Commit(t, repo, "test", tree, ostreetest.CommitOptions{})
	pulled := filepath.Join(t.TempDir(), "pulled")
	ostreetest.Ostree(t, "init", "--mode=bare-user", "--repo="+pulled)
	ostreetest.Ostree(t, "pull-local", "--untrusted", "--repo="+pulled, repo.Path(), "test")
	ostreetest.Ostree(t, "fsck", "--repo="+pulled)
	out := filepath.Join(t.TempDir(), "out")
	ostreetest.Ostree(t, "checkout", "-U", "--repo="+pulled, "test", out)
	for name, f := range tree {
		full := filepath.Join(out, name)
		switch f.Mode & ostree.ModeType {
		case ostree.ModeRegular:
			if got, err := os.ReadFile(full); err != nil || string(got) != f.Data {
				t.Errorf("%q: got %d bytes, %v, want %d", name, len(got), err, len(f.Data))
			}
		case ostree.ModeSymlink:
			if got, err := os.Readlink(full); err != nil || got != f.Symlink {
				t.Errorf("%q: got target %q, %v, want %q", name, got, err, f.Symlink)
			}
		}
	}
}

func TestOpenFile(t *testing.T) {
	tree := ostreetest.RandomTree(3, 100)
	repo := ostreetest.NewRepo(t)
	c := ostreetest.Commit(t, repo, "test", tree, ostreetest.CommitOptions{})
	err := repo.Ls(t.Context(), c, "/", archive.LsOptions{Recursive: true}, func(e archive.LsEntry) error {
		if e.Entry.Type != ostree.ObjectFile {
			return nil
		}
		_, size, f, err := repo.OpenFile(t.Context(), e.Entry.File)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(f)
		want := tree[strings.TrimPrefix(e.Path, "/")].Data
		if err != nil || string(data) != want || size != int64(len(want)) {
			t.Errorf("%q: got %d bytes of %d, %v, want %d", e.Path, len(data), size, err, len(want))
		}
		return f.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
}
