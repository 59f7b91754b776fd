package delta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// text makes n bytes that compress, the same for the same seed.
func text(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 3))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%d line %x\n", r.IntN(100), r.IntN(1<<20))
	}
	return b.String()[:n]
}

// noise makes n bytes that do not.
func noise(seed uint64, n int) string {
	r := rand.New(rand.NewPCG(seed, 4))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

// scatter changes a byte in every step bytes, which leaves no chunk as it was.
func scatter(s string, step int) string {
	b := []byte(s)
	for i := step / 2; i < len(b); i += step {
		b[i]++
	}
	return string(b)
}

// versions are two trees whose difference needs every kind of object: large
// and small files that moved, that changed in few and in many places, that
// are new; symlinks, xattrs, owners, empty files.
func versions() (from, to ostreetest.Tree) {
	middle := text(8, 200_000)
	shared, wide, blob := text(1, 300_000), noise(2, 150_000), noise(3, 250_000)
	from = ostreetest.RandomTree(1, 60)
	from["usr/lib/libshared.so.1.2"] = ostreetest.Regular(shared)
	from["usr/lib/libwide.so"] = ostreetest.Regular(wide)
	from["usr/share/gone"] = ostreetest.Regular("gone")
	from["usr/share/kept"] = ostreetest.Regular(text(9, 5000))
	from["usr/share/middle"] = ostreetest.Regular(middle)
	to = from.Clone()
	to["usr/share/middle"] = ostreetest.Regular(middle[:100_000] + "changed" + middle[100_007:])
	delete(to, "usr/share/gone")
	delete(to, "usr/lib/libshared.so.1.2")
	to["usr/lib/libshared.so.1.3"] = ostreetest.Regular("new start" + shared[:150_000] + "inserted" + shared[150_000:])
	to["usr/lib/libwide.so"] = ostreetest.Regular(scatter(wide, 700))
	to["usr/share/new"] = ostreetest.Regular(blob)
	to["usr/share/new-empty"] = ostreetest.File{Mode: ostree.ModeRegular | 0o4711, UID: 7}
	to["usr/share/new-link"] = ostreetest.Symlink("../lib/libshared.so.1.3")
	to["usr/share/new-xattr"] = ostreetest.File{Mode: ostree.ModeRegular | 0o600, Data: "x", Xattrs: []ostree.Xattr{{Name: "user.b", Value: []byte("1")}, {Name: "user.a", Value: nil}}}
	to["usr/new-dir"] = ostreetest.File{Mode: ostree.ModeDir | 0o2750, GID: 9}
	return from, to
}

// commitVersions writes two commits to the ref "a" of a new repository.
func commitVersions(t testing.TB) (repo *archive.Repo, from, to ostree.Checksum) {
	t.Helper()
	repo = ostreetest.NewRepo(t)
	a, b := versions()
	from = ostreetest.Commit(t, repo, "a", a, ostreetest.CommitOptions{})
	to = ostreetest.Commit(t, repo, "a", b, ostreetest.CommitOptions{})
	return repo, from, to
}

// repoWith makes a repository that has one commit of another, if any.
func repoWith(t testing.TB, src *archive.Repo, c ostree.Checksum) *archive.Repo {
	t.Helper()
	repo := ostreetest.NewRepo(t)
	if !c.IsZero() {
		ostreetest.Ostree(t, "pull-local", "--repo="+repo.Path(), src.Path(), c.String())
	}
	return repo
}

func mustSuperblock(t testing.TB, f Folder) *Superblock {
	t.Helper()
	s, err := f.Superblock()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// objectFile opens fallbacks from a repository.
type objectFile struct{ repo *archive.Repo }

func (o objectFile) OpenFallback(_ context.Context, n ostree.ObjectName) (io.ReadCloser, error) {
	return o.repo.OpenObject(n)
}

// wantSameCommit compares all objects of a commit with those of the original.
func wantSameCommit(t testing.TB, got, want *archive.Repo, c ostree.Checksum) {
	t.Helper()
	commit, err := got.Commit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	err = ostree.Reachable(t.Context(), got, commit.RootTree, commit.RootMeta, func(n ostree.ObjectName) error {
		if n.Type != ostree.ObjectFile {
			_, err := got.ReadMeta(t.Context(), n)
			return err
		}
		_, _, r, err := got.OpenFile(t.Context(), n.Checksum)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r)
		return errors.Join(err, r.Close())
	})
	if err != nil {
		t.Error(err)
	}
	theirs, err := want.CommitMeta(c)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := got.CommitMeta(c)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours.Encode().Data(), theirs.Encode().Data()) {
		t.Errorf("detached metadata: got %s, want %s", ours.Encode().Text(), theirs.Encode().Text())
	}
	ostreetest.Check(t, got)
}

// note gives a commit detached metadata.
func note(t testing.TB, repo *archive.Repo, c ostree.Checksum) {
	t.Helper()
	err := repo.UpdateCommitMeta(t.Context(), c, func(d gvariant.Dict) (gvariant.Dict, error) {
		d.Set("note", gvariant.String("detached"))
		return d, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// wantWeApply verifies a delta, and applies it to a repository that has the
// commit it starts from alone.
func wantWeApply(t testing.TB, src *archive.Repo, n Name) {
	t.Helper()
	if err := Verify(t.Context(), src, n, ApplyOptions{}); err != nil {
		t.Error(err)
	}
	dst, folder := repoWith(t, src, n.From), FolderOf(src, n)
	if _, err := Apply(t.Context(), dst, mustSuperblock(t, folder), folder, ApplyOptions{Fallbacks: objectFile{src}}); err != nil {
		t.Fatal(err)
	}
	wantSameCommit(t, dst, src, n.To)
	wantNothingLeft(t, dst)
}

// wantOperations fails the test when a delta lacks one of the operations.
func wantOperations(t testing.TB, repo *archive.Repo, n Name, ops string) {
	t.Helper()
	counts := operations(t, repo, n)
	for _, op := range []byte(ops) {
		if counts[op] == 0 {
			t.Errorf("operations: got %v, want %q among them", counts, op)
		}
	}
}

// wantNothingLeft fails the test when temporary files are left.
func wantNothingLeft(t testing.TB, repo *archive.Repo) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(repo.Path(), "tmp"))
	if err != nil {
		t.Fatal(err)
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == "cache" })
	if len(entries) > 0 {
		t.Errorf("left in tmp: got %v, want nothing", entries)
	}
}

// operations counts the operations in all parts of a delta.
func operations(t testing.TB, repo *archive.Repo, n Name) map[byte]int {
	t.Helper()
	folder := FolderOf(repo, n)
	s := mustSuperblock(t, folder)
	counts := map[byte]int{}
	var objects []ostree.ObjectName
	for i := range s.Parts {
		objects = append(objects, s.Parts[i].Objects...)
		data, err := openPart(t.Context(), s, i, folder, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := data.bytes()
		if err != nil {
			t.Fatal(err)
		}
		p, err := decodePayload(raw)
		if err != nil {
			t.Fatal(err)
		}
		m := machine{payload: p}
		for len(m.ops) > 0 {
			op := m.ops[0]
			m.ops = m.ops[1:]
			counts[op]++
			skip := map[byte]int{'S': 4, 'o': 3, 'w': 2, 'r': 1, 'B': 2}[op]
			if op == 'S' && objects[counts['S']+counts['o']-1].Type != ostree.ObjectFile {
				skip = 2
			}
			for range skip {
				var x uint64
				if err := m.numbers(&x); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := data.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return counts
}
