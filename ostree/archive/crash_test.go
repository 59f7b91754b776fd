package archive_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/ostreetest"
	"golang.org/x/sys/unix"
)

// Environment of a child: this program runs itself to be killed or confined.
const (
	childTask = "ARCHIVE_TEST_TASK"
	childRepo = "ARCHIVE_TEST_REPO"
	childArg  = "ARCHIVE_TEST_ARG"
)

// TestChild is what a child does. On its own it does nothing.
func TestChild(t *testing.T) {
	switch os.Getenv(childTask) {
	case "die":
		commitAndDie(t, os.Getenv(childRepo), os.Getenv(childArg))
	case "loop":
		commitForEver(t, os.Getenv(childRepo))
	case "prune":
		pruneAndDie(t, os.Getenv(childRepo), os.Getenv(childArg))
	case "fill":
		fillDisk(t, os.Getenv(childRepo))
	case "read":
		readOnly(t, os.Getenv(childRepo), os.Getenv(childArg))
	}
}

func child(t *testing.T, task, repo, arg string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), childTask+"="+task, childRepo+"="+repo, childArg+"="+arg)
	return cmd
}

func content(data string) archive.Content {
	return archive.Content{Size: int64(len(data)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(data)), nil
	}}
}

func die() error { return unix.Kill(os.Getpid(), unix.SIGKILL) }

// commitAndDie kills itself at a point of a commit, or while it writes.
func commitAndDie(t *testing.T, dir, point string) {
	repo := ostreetest.Open(t, dir)
	refs := 0
	repo.CrashAt(func(at string) error {
		if at == "ref" {
			refs++
		}
		if at == point || point == "second ref" && refs == 2 {
			return die()
		}
		return nil
	})
	txn, err := repo.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := ostreetest.WriteCommit(t, repo, txn, "a/b", ostreetest.RandomTree(2, 60), ostreetest.CommitOptions{})
	txn.SetCommitMeta(c, gvariant.Dict{{Key: "signed", Value: gvariant.Bool(true)}})
	txn.MarkPartial(ostree.Checksum{1})
	if err := errors.Join(txn.SetRef("a/b", c), txn.SetRef("new/ref", c)); err != nil {
		t.Fatal(err)
	}
	if point == "write" {
		large := strings.NewReader(strings.Repeat("large", 1<<20))
		_, err := txn.WriteFile(t.Context(), ostree.FileHeader{Mode: ostree.ModeRegular}, archive.Content{
			Size: large.Size(), Open: func() (io.ReadCloser, error) {
				if large.Len() == 0 { // the second reading
					return nil, die()
				}
				return io.NopCloser(large), nil
			}})
		t.Fatal(err)
	}
	if _, err := txn.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestKilled kills a process at each point. The refs are then old or new, the
// real ostree finds nothing wrong, and the next transaction cleans up.
func TestKilled(t *testing.T) {
	for _, point := range append(archive.CrashPoints(), "second ref", "write") {
		repo := ostreetest.NewRepo(t)
		old := ostreetest.Commit(t, repo, "a/b", ostreetest.RandomTree(1, 40), ostreetest.CommitOptions{})
		out, err := child(t, "die", repo.Path(), point).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Errorf("%s: got %v, want it killed\n%s", point, err, out)
			continue
		}
		if got, err := repo.ResolveRef("a/b"); err != nil || (got == old) == (point == "second ref") {
			t.Errorf("%s: ref: got %s, %v, the old commit is %s", point, got, err, old)
		}
		ostreetest.Ostree(t, "fsck", "--repo="+repo.Path())
		again := ostreetest.Commit(t, repo, "a/b", ostreetest.RandomTree(2, 60), ostreetest.CommitOptions{})
		if got, err := repo.ResolveRef("a/b"); err != nil || got != again {
			t.Errorf("%s: ref of the second run: got %s, %v, want %s", point, got, err, again)
		}
		ostreetest.Check(t, repo)
	}
}

// TestErrorAtEachPoint has Commit fail at each point.
func TestErrorAtEachPoint(t *testing.T) {
	broken := errors.New("broken")
	for _, point := range archive.CrashPoints() {
		repo := ostreetest.NewRepo(t)
		old := ostreetest.Commit(t, repo, "a", ostreetest.RandomTree(1, 20), ostreetest.CommitOptions{})
		repo.CrashAt(func(at string) error {
			if at == point {
				return broken
			}
			return nil
		})
		txn, err := repo.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c := ostreetest.WriteCommit(t, repo, txn, "a", ostreetest.RandomTree(2, 20), ostreetest.CommitOptions{})
		if err := txn.SetRef("a", c); err != nil {
			t.Fatal(err)
		}
		if _, err := txn.Commit(t.Context()); !errors.Is(err, broken) {
			t.Errorf("%s: got %v, want the error", point, err)
		}
		repo.CrashAt(nil)
		if got, err := repo.ResolveRef("a"); err != nil || got != old {
			t.Errorf("%s: ref: got %s, %v, want %s", point, got, err, old)
		}
		ostreetest.Check(t, repo)
	}
}

func TestCancelled(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	ctx, cancel := context.WithCancel(t.Context())
	repo.CrashAt(func(at string) error {
		if at == "object" {
			cancel()
		}
		return nil
	})
	txn, err := repo.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := ostreetest.WriteCommit(t, repo, txn, "a", ostreetest.RandomTree(2, 20), ostreetest.CommitOptions{})
	if err := txn.SetRef("a", c); err != nil {
		t.Fatal(err)
	}
	if _, err := txn.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: got %v, want context.Canceled", err)
	}
	if _, err := repo.ResolveRef("a"); !errors.Is(err, archive.ErrNotExist) {
		t.Errorf("ref: got %v, want none", err)
	}
	ostreetest.Check(t, repo)
}

// TestDiskFull writes to a small tmpfs until it is full.
func TestDiskFull(t *testing.T) {
	bwrap, err := exec.LookPath("bwrap")
	if err != nil {
		t.Fatal("the program bwrap is not installed: install the package bubblewrap (make test does)")
	}
	dir := t.TempDir()
	cmd := child(t, "fill", dir, "")
	cmd.Args = append([]string{bwrap, "--dev-bind", "/", "/", "--size", "6000000", "--tmpfs", dir, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = bwrap
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "filled twice") {
		t.Errorf("%v\n%s", err, out)
	}
}

func fillDisk(t *testing.T, dir string) {
	repo, err := archive.Init(filepath.Join(dir, "repo"), archive.InitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	old := ostreetest.Commit(t, repo, "a", ostreetest.Tree{"f": ostreetest.Regular("x")}, ostreetest.CommitOptions{})
	for _, percent := range []string{"3", "0"} {
		if err := repo.SetConfig("core", "min-free-space-percent", percent); err != nil {
			t.Fatal(err)
		}
		txn, err := repo.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// Small files fill it, then a large one finds it full.
		for i := byte(0); err == nil; i++ {
			_, err = txn.WriteFile(t.Context(), ostree.FileHeader{Mode: ostree.ModeRegular}, content(noise(i, 700_000)))
		}
		_, large := txn.WriteFile(t.Context(), ostree.FileHeader{Mode: ostree.ModeRegular}, content(noise('l', 9<<20)))
		for _, err := range []error{err, large} {
			var space *archive.SpaceError
			if percent == "0" && !errors.Is(err, unix.ENOSPC) || percent == "3" && !errors.As(err, &space) {
				t.Errorf("min-free-space-percent=%s: got %v", percent, err)
			}
		}
		if percent == "0" {
			// The commit itself must find it full too.
			for i := range 100_000 {
				if _, err := txn.WriteMeta(t.Context(), ostree.ObjectDirMeta, dirMeta(t, i)); err != nil {
					break
				}
			}
		}
		if err := txn.SetRef("b", old); err != nil {
			t.Error(err)
		}
		if percent == "0" {
			if _, err := txn.Commit(t.Context()); !errors.Is(err, unix.ENOSPC) {
				t.Errorf("Commit: got %v, want ENOSPC", err)
			}
		}
		if err := txn.Abort(); err != nil {
			t.Error(err)
		}
		if _, err := repo.ResolveRef("b"); !errors.Is(err, archive.ErrNotExist) {
			t.Errorf("ref of the transaction: got %v, want none", err)
		}
		if got, err := repo.ResolveRef("a"); err != nil || got != old {
			t.Errorf("ref: got %s, %v, want %s", got, err, old)
		}
		ostreetest.Check(t, repo)
		ostreetest.Commit(t, repo, "a"+percent, ostreetest.Tree{"g": ostreetest.Regular(percent)}, ostreetest.CommitOptions{})
	}
	t.Log("filled twice")
}

func dirMeta(t *testing.T, uid int) []byte {
	data, err := ostree.DirMeta{UID: uint32(uid), Mode: ostree.ModeDir}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// noise is what deflate does not make smaller.
func noise(seed byte, n int) string {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(data) // it has no errors
	return string(data)
}

func readOnly(t *testing.T, dir, want string) {
	repo := ostreetest.Open(t, dir)
	if c, err := repo.ResolveRev(t.Context(), "a"); err != nil || c.String() != want {
		t.Errorf("ResolveRev: got %s, %v, want %s", c, err, want)
	}
	if report, err := repo.Fsck(t.Context(), archive.FsckOptions{}); err != nil || !report.OK() || report.Commits != 1 {
		t.Errorf("Fsck: got %+v, %v", report, err)
	}
	if _, err := repo.Begin(t.Context()); err == nil {
		t.Error("Begin: got no error")
	}
	t.Log("it was read")
}

// TestBothToolsAtOnce commits with both tools to one repository.
func TestBothToolsAtOnce(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	trees := make([]ostreetest.Tree, 4)
	for i := range trees {
		trees[i] = ostreetest.RandomTree(uint64(i/2), 80).Map(func(_ string, f ostreetest.File) ostreetest.File {
			f.Xattrs = nil
			return f
		})
	}
	var wg sync.WaitGroup
	for i, tree := range trees {
		if i%2 == 0 {
			wg.Go(func() {
				for range 3 {
					ostreetest.Commit(t, repo, "ours/"+string(rune('a'+i)), tree, ostreetest.CommitOptions{})
				}
			})
			continue
		}
		tar := tree.WriteTar(t)
		wg.Go(func() {
			for range 3 {
				if _, err := ostreetest.TryOstree(t, "commit", "--repo="+repo.Path(), "-b", "theirs/"+string(rune('a'+i)), "--tree=tar="+tar); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	ostreetest.Check(t, repo)
	refs, err := repo.Refs(t.Context(), "")
	if err != nil || len(refs) != 4 {
		t.Fatalf("refs: got %v, %v, want four", refs, err)
	}
	for i := range 2 {
		compareCommits(t, repo, refs[i].Commit, repo, refs[i+2].Commit)
	}
}
