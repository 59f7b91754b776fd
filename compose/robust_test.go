package compose_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// shared makes a folder that every user can reach, which t.TempDir is not.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "compose-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// spawn composes in another process, as the user uid when that is not zero, and
// returns what it printed.
func (w *workshop) spawn(program string, job childJob, uid uint32) (string, error) {
	w.t.Helper()
	job.Dir = w.dir
	data, err := json.Marshal(job)
	w.must(err)
	cmd := exec.CommandContext(w.t.Context(), program)
	cmd.Env = append(os.Environ(), childEnv+"="+string(data))
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, &stderr)
	}
	return strings.TrimSpace(out.String()), nil
}

// self is this test as a program that every user can run.
func self(t *testing.T, dir string) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "compose.test")
	if err := os.WriteFile(copied, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return copied
}

func (w *workshop) newRepo(dir string, uid uint32) {
	w.t.Helper()
	r, err := archive.Init(dir, archive.InitOptions{})
	w.must(err)
	w.must(r.Close())
	if uid == 0 {
		return
	}
	w.must(filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		return errors.Join(err, os.Chown(path, int(uid), int(uid)))
	}))
}

// TestSameCommitEverywhere composes the same input with other caches, umasks,
// clocks and, when it may, as another user.
func TestSameCommitEverywhere(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	dir := shared(t)
	program := self(t, dir)
	// The inputs must be readable for the other user.
	for _, name := range []string{"treefile", "rpms"} {
		w.must(os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(filepath.Dir(w.dir), name))))
	}
	w.dir, w.rpms = filepath.Join(dir, "treefile"), filepath.Join(dir, "rpms")
	w.write("test.repo", "[test]\nname=test\nbaseurl="+w.rpms+"\ngpgcheck=0\n")
	var nobody uint32
	if os.Geteuid() == 0 {
		nobody = 65534
	}
	var want string
	for i, tc := range []struct {
		job childJob
		uid uint32
	}{
		{childJob{Umask: 0o022, Now: now.Unix()}, 0},
		{childJob{Umask: 0o077, Now: now.Unix() + 1e6}, 0},
		{childJob{Umask: 0o002, Now: now.Unix() + 1}, nobody},
		{childJob{Umask: 0, Now: now.Unix() - 1e6}, nobody},
	} {
		tc.job.Repo, tc.job.Cache = filepath.Join(dir, fmt.Sprintf("repo%d", i)), filepath.Join(dir, fmt.Sprintf("cache%d", i))
		w.newRepo(tc.job.Repo, tc.uid)
		got, err := w.spawn(program, tc.job, tc.uid)
		w.must(err)
		if want == "" {
			want = got
		}
		if got != want || len(got) != 64 {
			t.Errorf("compose %d: got %s, want %s", i, got, want)
		}
		run(t, "ostree", "fsck", "--repo="+tc.job.Repo)
	}
}

// TestGroupWritableRepository composes as Pungi does: umask 0002, the objects
// of other members of the group are there already.
func TestGroupWritableRepository(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	program := self(t, t.TempDir())
	if _, err := w.spawn(program, childJob{Umask: 0o002, Now: now.Unix(), Cache: w.cache, Repo: w.repo}, 0); err != nil {
		t.Fatal(err)
	}
	err := filepath.Walk(filepath.Join(w.repo, "objects"), func(path string, info fs.FileInfo, err error) error {
		if err == nil && info.IsDir() && path != filepath.Join(w.repo, "objects") && info.Mode().Perm()&0o020 == 0 {
			t.Errorf("%s has the mode %v: others of the group cannot add objects", path, info.Mode())
		}
		return err
	})
	w.must(err)
	w.ostree("fsck")
}

// TestKilled kills a compose at many points. The repository stays whole, no ref
// appears early, and the next compose succeeds and cleans up.
func TestKilled(t *testing.T) {
	program := self(t, t.TempDir())
	for _, at := range []childJob{
		{KillAt: "metadata"}, {KillAt: "fetch"}, {KillAt: "fetch", KillCount: 1}, {KillAt: "import", KillCount: 1}, {KillAt: "import", KillCount: 3},
		{KillAt: "assemble"}, {KillAt: "assemble", KillCount: atEnd}, {KillAt: "objects", KillCount: atEnd},
		{KillAt: "commit"}, {KillAt: "commit", KillCount: atEnd},
	} {
		t.Run(fmt.Sprintf("%s %d", at.KillAt, at.KillCount), func(t *testing.T) {
			w := newWorkshop(t, osTree, base()...)
			at.Repo, at.Cache, at.Now = w.repo, w.cache, now.Unix()
			out, err := w.spawn(program, at, 0)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("got %q, %v, want that it is killed", out, err)
			}
			if tip := w.ref("test/x86_64/os"); tip != "" {
				t.Errorf("the ref shows %s before the compose was done", tip)
			}
			w.ostree("fsck")
			w.compose(force)
			w.ostree("fsck")
			for _, pattern := range []string{filepath.Join(w.cache, "content/tmp/*"), filepath.Join(w.repo, "tmp/treewright-*")} {
				if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
					t.Errorf("left over: %v, %v", left, err)
				}
			}
		})
	}
}

// TestDamagedCache damages every cached content: the compose finds out and
// unpacks the packages again.
func TestDamagedCache(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"bytes": func(path string) error { return os.WriteFile(path, []byte("damaged"), 0o600) },
		"gone":  os.Remove,
		"empty": func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t, osTree, base()...)
			first := w.compose(func(o *compose.Options) { o.NoParent = true })
			w.must(filepath.Walk(filepath.Join(w.cache, "content/files"), func(path string, info fs.FileInfo, err error) error {
				if err != nil || info.IsDir() {
					return err
				}
				return damage(path)
			}))
			w.repo = filepath.Join(t.TempDir(), "repo")
			w.newRepo(w.repo, 0)
			r := w.compose()
			if r.Commit != first.Commit || len(r.Report.Warnings) == 0 {
				t.Errorf("got %s and the warnings %q, want %s", r.Commit, r.Report.Warnings, first.Commit)
			}
			w.ostree("fsck")
		})
	}
}

// TestSharedCache composes twice at once with one cache.
func TestSharedCache(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	second := *w
	second.repo = filepath.Join(t.TempDir(), "repo")
	w.newRepo(second.repo, 0)
	var results [2]*compose.Result
	var errs [2]error
	var wait sync.WaitGroup
	for i, each := range []*workshop{w, &second} {
		p, err := each.plan()
		w.must(err)
		wait.Go(func() { results[i], errs[i] = p.Execute(t.Context()) })
	}
	wait.Wait()
	w.must(errors.Join(errs[:]...))
	if results[0].Commit != results[1].Commit {
		t.Errorf("got %s and %s", results[0].Commit, results[1].Commit)
	}
}

func TestPruneCache(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	first := w.compose()
	done, err := compose.PruneCache(t.Context(), w.cache, 0)
	if err != nil || done.Packages != 3 || done.Kept != 0 || done.Freed == 0 {
		t.Errorf("got %+v, %v", done, err)
	}
	if r := w.compose(force); r.Content != first.Content {
		t.Errorf("got %+v, want the same tree", r)
	}
}

// TestWrongIndex: an index that names another object than a content makes does
// no harm: what is written is hashed.
func TestWrongIndex(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	first := w.compose()
	s, err := content.Open(t.Context(), filepath.Join(w.cache, "content"))
	w.must(err)
	header := ostree.FileHeader{Mode: ostree.ModeRegular | 0o4755}
	s.SetObject(content.DigestOf([]byte("su")), header, ostree.ChecksumOf([]byte("another")))
	w.must(errors.Join(s.SaveIndex(t.Context()), s.Close()))
	w.repo = filepath.Join(t.TempDir(), "repo")
	w.newRepo(w.repo, 0)
	if r := w.compose(); r.Commit != first.Commit {
		t.Errorf("got %s, want %s", r.Commit, first.Commit)
	}
	w.ostree("fsck")
}
