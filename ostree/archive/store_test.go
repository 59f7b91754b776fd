package archive_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
	"golang.org/x/sys/unix"
)

func TestStore(t *testing.T) {
	ostreetest.TestStore(t, ostreetest.NewStore)
}

// TestStoreFaults does without fsync, which no fault of this suite is about.
func TestStoreFaults(t *testing.T) {
	ostreetest.TestFaults(t, func(tb testing.TB) ostree.Store {
		repo := ostreetest.NewRepo(tb)
		if err := repo.SetConfig("core", "fsync", "false"); err != nil {
			tb.Fatal(err)
		}
		return archive.Store{Repo: repo}
	})
}

// TestStoreOnNFS plays a network file system.
func TestStoreOnNFS(t *testing.T) {
	ostreetest.TestStore(t, func(tb testing.TB) ostree.Store {
		repo := ostreetest.NewRepo(tb)
		repo.PlayNFS()
		return archive.Store{Repo: repo}
	})
}

func TestWithoutLocks(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	repo.PlayNoLocks()
	_, err := repo.Begin(t.Context())
	if err == nil || !strings.Contains(err.Error(), "locking=false") {
		t.Errorf("Begin: got %v, want an error that names the setting", err)
	}
	repo = ostreetest.NewRepo(t)
	if err := repo.SetConfig("core", "locking", "false"); err != nil {
		t.Fatal(err)
	}
	repo.PlayNoLocks()
	ostreetest.Commit(t, repo, "a", ostreetest.Tree{}, ostreetest.CommitOptions{})
	ostreetest.Check(t, repo)
}

// TestOldFoldersGo has time tell which temporary folders are dead where no
// lock can.
func TestOldFoldersGo(t *testing.T) {
	now := time.Now()
	repo, err := archive.Init(filepath.Join(t.TempDir(), "repo"), archive.InitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(repo.SetConfig("core", "locking", "false"), repo.Close()); err != nil {
		t.Fatal(err)
	}
	repo, err = archive.Open(repo.Path(), archive.Options{Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	repo.PlayNoLocks()
	for name, age := range map[string]time.Duration{"treewright-old": 25 * time.Hour, "treewright-young": time.Hour} {
		dir := filepath.Join(repo.Path(), "tmp", name)
		err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "lock"), nil, 0o644), os.Chtimes(dir, now.Add(-age), now.Add(-age)))
		if err != nil {
			t.Fatal(err)
		}
	}
	ostreetest.Commit(t, repo, "a", ostreetest.Tree{}, ostreetest.CommitOptions{})
	left, err := filepath.Glob(filepath.Join(repo.Path(), "tmp", "treewright-*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "treewright-young" {
		t.Errorf("left: got %v, %v, want the young one", left, err)
	}
}

// modes lists what is in a repository, but for what only one tool makes.
func modes(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	out := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, "tmp/") || strings.HasPrefix(name, "extensions/") {
			return nil
		}
		info, err := e.Info()
		if err == nil {
			out[name] = info.Mode()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestModesAreTheirs compares the modes of all that both tools make.
func TestModesAreTheirs(t *testing.T) {
	tree := ostreetest.Tree{"d/f": ostreetest.Regular("x"), "l": ostreetest.Symlink("d/f")}
	for _, umask := range []int{0, 0o002, 0o022, 0o027, 0o077} {
		base := t.TempDir()
		theirs := filepath.Join(base, "theirs")
		source := tree.WriteDir(t)
		func() {
			defer unix.Umask(unix.Umask(umask))
			if err := unix.Chmod(base, 0o2777); err != nil {
				t.Fatal(err)
			}
			repo, err := archive.Init(filepath.Join(base, "ours"), archive.InitOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer repo.Close()
			c := ostreetest.Commit(t, repo, "a/b", tree, ostreetest.CommitOptions{})
			ostreetest.Ostree(t, "init", "--mode=archive", "--repo="+theirs)
			ostreetest.Ostree(t, "commit", "--repo="+theirs, "-b", "x/y", "--tree=dir="+source, "--owner-uid=0", "--owner-gid=0")
			ostreetest.Ostree(t, "pull-local", "--untrusted", "--repo="+theirs, repo.Path(), c.String())
			ostreetest.Ostree(t, "refs", "--repo="+theirs, "--create=a/b", c.String())
		}()
		want := modes(t, theirs)
		for name, got := range modes(t, filepath.Join(base, "ours")) {
			if got != want[name] {
				t.Errorf("umask %03o: %s: got %v, want %v", umask, name, got, want[name])
			}
		}
	}
}

func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a/b/repo")
	repo, err := archive.Init(dir, archive.InitOptions{CollectionID: "org.example.Test"})
	if err != nil {
		t.Fatal(err)
	}
	if got := repo.CollectionID(); got != "org.example.Test" || repo.Path() != dir {
		t.Errorf("Init: got collection %q at %s", got, repo.Path())
	}
	if err := errors.Join(repo.SetConfig("archive", "zlib-level", "9"), repo.Close(), repo.Close()); err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(t.TempDir(), "theirs")
	ostreetest.Ostree(t, "init", "--mode=archive", "--collection-id=org.example.Test", "--repo="+theirs)
	want, err := os.ReadFile(filepath.Join(theirs, "config"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "config"))
	if err != nil || string(got) != string(want)+"\n[archive]\nzlib-level=9\n" {
		t.Errorf("config: got %q, %v, want %q and zlib-level", got, err, want)
	}
	again, err := archive.Init(dir, archive.InitOptions{})
	if err != nil {
		t.Fatalf("Init again: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if _, err := archive.Init(dir, archive.InitOptions{CollectionID: "org.example.Other"}); err == nil {
		t.Error("Init with another collection: got no error")
	}
	if _, err := archive.Init(filepath.Join(t.TempDir(), "x"), archive.InitOptions{CollectionID: "bad"}); err == nil {
		t.Error("Init with a bad collection: got no error")
	}
}

func TestOpenRefuses(t *testing.T) {
	bare := filepath.Join(t.TempDir(), "bare")
	ostreetest.Ostree(t, "init", "--mode=bare-user", "--repo="+bare)
	if _, err := archive.Open(bare, archive.Options{}); err == nil || !strings.Contains(err.Error(), "bare-user") {
		t.Errorf("Open of a bare-user repository: got %v, want an error that names the mode", err)
	}
	if _, err := archive.Open(t.TempDir(), archive.Options{}); !errors.Is(err, archive.ErrNotExist) {
		t.Errorf("Open of an empty folder: got %v, want ErrNotExist", err)
	}
	for _, config := range []string{
		"", "[core]\nrepo_version=2\nmode=archive\n", "[core]\nrepo_version=1\nmode=archive\nfsync=maybe\n", "nonsense",
		"[core]\nrepo_version=1\nmode=archive\nmin-free-space-percent=3\nmin-free-space-size=1GB\n",
		"[core]\nrepo_version=1\nmode=archive\nmin-free-space-size=1\n",
		"[core]\nrepo_version=1\nmode=archive\n[archive]\nzlib-level=10\n",
	} {
		repo := ostreetest.NewRepo(t)
		if err := os.WriteFile(filepath.Join(repo.Path(), "config"), []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Open(repo.Path(), archive.Options{}); err == nil {
			t.Errorf("Open with config %q: got no error", config)
		}
	}
	repo := ostreetest.NewRepo(t)
	if err := repo.SetConfig("core", "fsync", "maybe"); err == nil {
		t.Error("SetConfig to a bad value: got no error")
	}
}

// TestLocksAreTheirs sees that each tool respects the other's locks.
func TestLocksAreTheirs(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	if err := repo.SetConfig("core", "lock-timeout-secs", "1"); err != nil {
		t.Fatal(err)
	}
	source := ostreetest.Tree{"f": ostreetest.Regular("x")}.WriteDir(t)
	commit := []string{"commit", "--repo=" + repo.Path(), "-b", "a", "--tree=dir=" + source}
	txn, err := repo.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ostreetest.Ostree(t, commit...)
	if _, err := ostreetest.TryOstree(t, "prune", "--repo="+repo.Path()); err == nil {
		t.Error("their prune during our transaction: got no error")
	}
	if _, err := repo.LockExclusive(t.Context()); err == nil || !strings.Contains(err.Error(), "lock-timeout-secs") {
		t.Errorf("LockExclusive during a transaction: got %v, want a timeout", err)
	}
	if err := txn.Abort(); err != nil {
		t.Fatal(err)
	}
	lock, err := repo.LockExclusive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ostreetest.TryOstree(t, commit...); err == nil {
		t.Error("their commit during our prune: got no error")
	}
	if _, err := repo.Begin(t.Context()); err == nil {
		t.Error("our transaction during our prune: got no error")
	}
	if err := errors.Join(lock.Unlock(), lock.Unlock()); err != nil {
		t.Error(err)
	}
	ostreetest.Ostree(t, commit...)
	ostreetest.Check(t, repo)
}

func TestFreeSpace(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	for key, value := range map[string]string{"min-free-space-percent": "99", "min-free-space-size": "1000TB"} {
		if err := repo.SetConfig("core", key, value); err != nil {
			t.Fatal(err)
		}
		txn, err := repo.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range []string{"small", strings.Repeat("large", 1<<20)} {
			_, err = txn.WriteFile(t.Context(), ostree.FileHeader{Mode: ostree.ModeRegular}, content(data))
			var space *archive.SpaceError
			if !errors.As(err, &space) || space.Missing <= 0 || !strings.Contains(err.Error(), key) {
				t.Errorf("%s=%s: got %v, want a SpaceError that names the key", key, value, err)
			}
		}
		if _, err := txn.WriteMeta(t.Context(), ostree.ObjectDirTree, []byte{0}); err != nil {
			t.Errorf("metadata is exempt: got %v", err)
		}
		if err := errors.Join(txn.Abort(), repo.SetConfig("core", key, "")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReadOnly reads a repository that cannot be written.
func TestReadOnly(t *testing.T) {
	repo := ostreetest.NewRepo(t)
	c := ostreetest.Commit(t, repo, "a", ostreetest.Tree{"f": ostreetest.Regular("x")}, ostreetest.CommitOptions{})
	bwrap, err := exec.LookPath("bwrap")
	if err != nil {
		t.Fatal("the program bwrap is not installed: install the package bubblewrap (make test does)")
	}
	cmd := child(t, "read", repo.Path(), c.String())
	cmd.Args = append([]string{bwrap, "--dev-bind", "/", "/", "--ro-bind", repo.Path(), repo.Path(), cmd.Path}, cmd.Args[1:]...)
	cmd.Path = bwrap
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "was read") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestCompressionLevels has the real ostree inflate what each level makes, of
// files that are compressed at once and in blocks.
func TestCompressionLevels(t *testing.T) {
	tree := ostreetest.RandomTree(8, 20)
	tree["noise"] = ostreetest.Regular(noise('n', 2<<20+1))
	tree["zeros"] = ostreetest.Regular(strings.Repeat("\x00", 5<<20))
	tree["block"] = ostreetest.Regular(strings.Repeat("a block", 3<<20)[:3<<20])
	for _, level := range []string{"1", "6", "7", "9"} {
		repo := ostreetest.NewRepo(t)
		if err := repo.SetConfig("archive", "zlib-level", level); err != nil {
			t.Fatal(err)
		}
		repo = ostreetest.Open(t, repo.Path())
		ostreetest.Commit(t, repo, "a", tree, ostreetest.CommitOptions{})
		ostreetest.Check(t, repo)
	}
}
