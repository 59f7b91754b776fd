package archive_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// alike is a checksum that differs from c in one byte.
func alike(c ostree.Checksum, i int) ostree.Checksum {
	c[i] ^= 0xff
	return c
}

func objectFile(repo *archive.Repo, c ostree.Checksum) string {
	return filepath.Join(repo.Path(), "objects", ostree.ObjectName{Checksum: c, Type: ostree.ObjectFile}.ArchivePath())
}

// TestFsckTellsLookalikesApart has a dirtree name objects that are not there,
// and whose names are nearly that of one which is. Anybody can write such a one.
func TestFsckTellsLookalikesApart(t *testing.T) {
	for _, first := range []bool{false, true} {
		repo := ostreetest.NewRepo(t)
		ostreetest.Commit(t, repo, "a", ostreetest.Tree{"file": ostreetest.Regular("data")}, ostreetest.CommitOptions{})
		have := lookup(t, repo, resolveRef(t, repo, "a"), "/file").File
		tree := ostree.DirTree{Files: []ostree.TreeFile{{Name: "m", Checksum: have}}}
		var want []ostree.Checksum
		for i := 9; i < 32; i++ {
			name := fmt.Sprintf("%c%02d", map[bool]rune{true: 'a', false: 'z'}[first], i)
			tree.Files = append(tree.Files, ostree.TreeFile{Name: name, Checksum: alike(have, i)})
			want = append(want, alike(have, i))
		}
		commitTree(t, repo, func(txn *archive.Txn) (ostree.TreeDir, error) {
			meta := ostree.DirMeta{Mode: ostree.ModeDir | 0o755}
			return ostree.TreeDir{
				Tree: writeObject(t, txn, ostree.ObjectDirTree, tree.Encode),
				Meta: writeObject(t, txn, ostree.ObjectDirMeta, meta.Encode),
			}, nil
		})
		report, err := repo.Fsck(t.Context(), archive.FsckOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var got []ostree.Checksum
		for _, p := range report.Problems {
			if p.Missing && len(p.Commits) == 1 {
				got = append(got, p.Object.Checksum)
			}
		}
		slices.SortFunc(want, ostree.Checksum.Compare)
		if !slices.Equal(got, want) || len(report.Problems) != len(want) {
			t.Errorf("got %v, want that %v are missing", report.Problems, want)
		}
		if err := os.WriteFile(objectFile(repo, have), []byte("damage"), 0o644); err != nil {
			t.Fatal(err)
		}
		if report, err = repo.Fsck(t.Context(), archive.FsckOptions{}); err != nil || len(report.Problems) != len(want)+1 {
			t.Errorf("with damage: got %v, %v, want one problem more", report.Problems, err)
		}
	}
}

func resolveRef(t *testing.T, repo *archive.Repo, ref string) ostree.Checksum {
	t.Helper()
	c, err := repo.ResolveRef(ref)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPruneAmongLookalikes has garbage whose names are nearly those of objects
// that are needed, and files that are no objects, thousands in a folder.
func TestPruneAmongLookalikes(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	ostreetest.Commit(t, repo, "a", ostreetest.Tree{"file": ostreetest.Regular("data")}, ostreetest.CommitOptions{})
	have := lookup(t, repo, resolveRef(t, repo, "a"), "/file").File
	place := func(name string) {
		t.Helper()
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var garbage []string
	for i := 1; i < 9; i++ {
		garbage = append(garbage, objectFile(repo, alike(have, i)))
	}
	for i := range 3000 {
		c := ostree.ChecksumOf(fmt.Append(nil, i))
		c[0] = have[0]
		garbage = append(garbage, objectFile(repo, c))
	}
	for _, name := range garbage {
		place(name)
	}
	dir := filepath.Dir(objectFile(repo, have))
	hex := have.String()
	strange := []string{objectFile(repo, alike(have, 31))} // shares the mark
	for _, name := range []string{".filez", "x", hex[2:], hex[2:] + ".", hex[2:] + ".filezz", hex[2:] + ".file", hex[2:60] + ".filez", hex[2:62] + "AB.filez", hex[2:62] + "gg.filez"} {
		strange = append(strange, filepath.Join(dir, name))
	}
	for _, name := range strange {
		place(name)
	}
	late := objectFile(repo, alike(have, 0))
	report, err := repo.PruneWhile(t.Context(), tips, func() {
		if err := os.MkdirAll(filepath.Dir(late), 0o755); err != nil {
			t.Fatal(err)
		}
		place(late)
	})
	if err != nil || report.Files != int64(len(garbage)) {
		t.Errorf("got %+v, %v, want %d files deleted", report, err, len(garbage))
	}
	for _, name := range append(strange, late, objectFile(repo, have)) {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("got %v, want it kept", err)
		}
	}
	for _, name := range garbage {
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: got %v, want it deleted", name, err)
		}
	}
	for _, name := range append(strange, late) {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	ostreetest.Check(t, repo)
}
