package delta

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// TestReindex writes the same delta indexes as the real ostree.
func TestReindex(t *testing.T) {
	repo, from, to := commitVersions(t)
	names := []Name{{To: from}, {From: from, To: to}, {To: to}}
	for _, n := range names {
		generateDelta(t, repo, n, GenerateOptions{})
	}
	if err := Reindex(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	ours := map[ostree.Checksum]string{}
	for _, c := range []ostree.Checksum{from, to} {
		ours[c] = readFile(t, filepath.Join(repo.Path(), IndexPath(c)))
	}
	if err := os.RemoveAll(filepath.Join(repo.Path(), indexesDir)); err != nil {
		t.Fatal(err)
	}
	ostreetest.Ostree(t, "static-delta", "reindex", "--repo="+repo.Path())
	for c, want := range ours {
		if got := readFile(t, filepath.Join(repo.Path(), IndexPath(c))); got != want {
			t.Errorf("index of %s: the real ostree writes %x, we %x", c, got, want)
		}
	}
	if err := Delete(t.Context(), repo, names[0]); err != nil {
		t.Fatal(err)
	}
	if err := Delete(t.Context(), repo, names[0]); !errors.Is(err, archive.ErrNotExist) {
		t.Errorf("deleting it again: got %v, want ErrNotExist", err)
	}
	if err := Reindex(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	if got, err := Indexes(repo); err != nil || len(got) != 1 || got[0] != to {
		t.Errorf("indexes: got %v, %v, want %s alone", got, err, to)
	}
	digests, err := Digests(t.Context(), repo)
	if err != nil || len(digests) != 2 {
		t.Errorf("digests: got %v, %v, want two", digests, err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestGenerateAsTheirs makes what `ostree static-delta generate` does with
// options of its own, and the real ostree reads it.
func TestGenerateAsTheirs(t *testing.T) {
	repo, from, to := commitVersions(t)
	show := func(args ...string) string {
		return ostreetest.Ostree(t, append([]string{"static-delta", "show", "--repo=" + repo.Path()}, args...)...)
	}
	name := Name{from, to}
	generateDelta(t, repo, name, GenerateOptions{BigEndian: true, ObjectSizes: true})
	if got := show(name.String()); !strings.Contains(got, "Endianness: big\n") {
		t.Errorf("got %s, want it big-endian", got)
	}
	if big, said := mustSuperblock(t, FolderOf(repo, name)).BigEndian(); !big || !said {
		t.Errorf("byte order: got %v, %v", big, said)
	}
	dst := repoWith(t, repo, from)
	ostreetest.Ostree(t, "pull-local", "--repo="+dst.Path(), repo.Path(), to.String())
	file := filepath.Join(t.TempDir(), "some.delta")
	if err := Delete(t.Context(), repo, name); err != nil {
		t.Fatal(err)
	}
	generateDelta(t, repo, name, GenerateOptions{File: file})
	if names, err := List(t.Context(), repo); err != nil || len(names) != 0 {
		t.Errorf("deltas of the repository: got %v, %v, want none", names, err)
	}
	if err := os.Rename(file, filepath.Join(filepath.Dir(file), superblockFile)); err != nil {
		t.Fatal(err)
	}
	dst = repoWith(t, repo, from)
	if _, err := Apply(t.Context(), dst, mustSuperblock(t, Folder(filepath.Dir(file))), Folder(filepath.Dir(file)), ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	wantSameCommit(t, dst, repo, to)
}

// TestEmptyDelta is one of commits with the same tree: the real ostree pulls it.
func TestEmptyDelta(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	tree := ostreetest.RandomTree(4, 10)
	from := ostreetest.Commit(t, repo, "a", tree, ostreetest.CommitOptions{})
	to := ostreetest.Commit(t, repo, "a", tree, ostreetest.CommitOptions{Subject: "again"})
	s := generateDelta(t, repo, Name{from, to}, GenerateOptions{ObjectSizes: true})
	if len(s.Parts) != 1 || len(s.Parts[0].Objects) != 0 || s.Parts[0].Unpacked != 0 {
		t.Errorf("parts: got %+v, want one with nothing in it", s.Parts)
	}
	if err := Verify(t.Context(), repo, Name{from, to}, ApplyOptions{}); err != nil {
		t.Error(err)
	}
	if err := Reindex(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	ostreetest.Ostree(t, "summary", "-u", "--repo="+repo.Path())
	bare := filepath.Join(t.TempDir(), "bare")
	ostreetest.Ostree(t, "init", "--repo="+bare, "--mode=bare-user")
	ostreetest.Ostree(t, "pull-local", "--repo="+bare, repo.Path(), from.String())
	ostreetest.Ostree(t, "pull-local", "--require-static-deltas", "--repo="+bare, repo.Path(), to.String())
	ostreetest.Ostree(t, "fsck", "--repo="+bare)
}

// TestPatchBelow patches small files even when they are nearly the same.
func TestPatchBelow(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	content := noise(6, 40_000)
	from := ostreetest.Commit(t, repo, "a", ostreetest.Tree{"f": ostreetest.Regular(content)}, ostreetest.CommitOptions{})
	to := ostreetest.Commit(t, repo, "a", ostreetest.Tree{"f": ostreetest.Regular("aheader\n" + content)}, ostreetest.CommitOptions{})
	for _, tt := range []struct {
		below   int64
		patches int
	}{{0, 0}, {64 << 10, 1}} {
		s := generateDelta(t, repo, Name{from, to}, GenerateOptions{PatchBelow: tt.below})
		got, err := s.Contents(t.Context(), FolderOf(repo, s.Name), 0)
		if err != nil {
			t.Fatal(err)
		}
		if got.Patches != tt.patches || got.Reads != 1 || got.Closed != 1 || got.Whole != 1 {
			t.Errorf("below %d: got %+v, want %d patches", tt.below, got, tt.patches)
		}
	}
}

// TestContentsAsTheirs counts what the real ostree counts.
func TestContentsAsTheirs(t *testing.T) {
	repo, from, to := commitVersions(t)
	name := Name{from, to}
	s := generateDelta(t, repo, name, GenerateOptions{})
	text := ostreetest.Ostree(t, "static-delta", "show", "--repo="+repo.Path(), name.String())
	got, err := s.Contents(t.Context(), FolderOf(repo, name), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("PartPayload0: nmodes=%d nxattrs=%d blobsize=%d opsize=%d\n", got.Modes, got.Xattrs, got.Blob, got.Ops),
		fmt.Sprintf("PartPayloadOps0: openspliceclose=%d open=%d write=%d setread=%d unsetread=%d close=%d bspatch=%d\n",
			got.Whole, got.Opened, got.Writes, got.Reads, got.Ends, got.Closed, got.Patches),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got %s, want of the real ostree\n%s", want, text)
		}
	}
}
