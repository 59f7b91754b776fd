package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/sign"
)

// upstream is a repository that the ostree program makes and gpg signs, with a
// server in front of it.
type upstream struct {
	t       *testing.T
	dir     string // of the repository
	home    string // of gpg
	key     string // fingerprint
	keyring *sign.Keyring
	server  *httptest.Server

	mu       sync.Mutex
	requests []string
	answer   func(w http.ResponseWriter, path string) bool // true: it has answered
	wrapper  func(http.Handler) http.Handler
}

// made is when the fixtures' commits are dated; keys are from today.
var made = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func newUpstream(t *testing.T, initArgs ...string) *upstream {
	t.Helper()
	u := &upstream{t: t, dir: filepath.Join(t.TempDir(), "repo")}
	u.home, u.key = newGPGKey(t, "upstream@example.org")
	var err error
	if u.keyring, err = sign.ReadKeyring(u.gpg("--export", u.key)); err != nil {
		t.Fatal(err)
	}
	u.ostree(append([]string{"init", "--mode=archive"}, initArgs...)...)
	files := http.FileServer(http.Dir(u.dir))
	u.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		u.requests = append(u.requests, strings.TrimPrefix(r.URL.Path, "/"))
		answer, serve := u.answer, http.Handler(files)
		if u.wrapper != nil {
			serve = u.wrapper(files)
		}
		u.mu.Unlock()
		if answer == nil || !answer(w, strings.TrimPrefix(r.URL.Path, "/")) {
			serve.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(u.server.Close)
	return u
}

// newGPGKey makes a key in a new folder of gpg.
func newGPGKey(t *testing.T, uid string) (home, fingerprint string) {
	t.Helper()
	needs(t, "gpg", "gnupg (Fedora: gnupg2)")
	home, err := os.MkdirTemp("", "gpg") // its socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	command(t, "gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", uid, "ed25519", "sign", "never")
	for line := range strings.Lines(string(command(t, "gpg", "--homedir", home, "--batch", "--with-colons", "--list-keys"))) {
		if f := strings.Split(line, ":"); f[0] == "fpr" {
			return home, f[9]
		}
	}
	t.Fatal("gpg lists no key")
	return "", ""
}

func needs(t *testing.T, program, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("this test needs %s: install the package %s", program, pkg)
	}
}

func command(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, stderr.String())
	}
	return out
}

func (u *upstream) gpg(args ...string) []byte {
	u.t.Helper()
	return command(u.t, "gpg", append([]string{"--homedir", u.home, "--batch", "--quiet"}, args...)...)
}

func (u *upstream) ostree(args ...string) string {
	u.t.Helper()
	return ostreeTool(u.t, u.dir, args...)
}

func ostreeTool(t *testing.T, repo string, args ...string) string {
	t.Helper()
	needs(t, "ostree", "ostree")
	return strings.TrimSpace(string(command(t, "ostree", append([]string{"--repo=" + repo}, args...)...)))
}

// tree is the content of files by path; a content "-> x" is a symlink to x.
type tree map[string]string

// commit commits a tree to ref, dated hours after made, and signed.
func (u *upstream) commit(ref string, hours int, files tree, args ...string) ostree.Checksum {
	u.t.Helper()
	dir := u.t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			u.t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			u.t.Fatal(err)
		}
	}
	stamp := made.Add(time.Duration(hours) * time.Hour).Format("2006-01-02 15:04:05 -0700")
	all := append([]string{"commit", "--branch=" + ref, "--owner-uid=0", "--owner-gid=0", "--no-xattrs", "--timestamp=" + stamp,
		"--gpg-sign=" + u.key, "--gpg-homedir=" + u.home, "--tree=dir=" + dir}, args...)
	c, err := ostree.ParseChecksum(u.ostree(all...))
	if err != nil {
		u.t.Fatal(err)
	}
	return c
}

// summarize writes a signed summary.
func (u *upstream) summarize() {
	u.t.Helper()
	u.ostree("summary", "-u", "--gpg-sign="+u.key, "--gpg-homedir="+u.home)
}

// object returns the path of an object below the repository.
func object(c ostree.Checksum, typ ostree.ObjectType) string {
	return "objects/" + ostree.ObjectName{Checksum: c, Type: typ}.ArchivePath()
}

// file returns the path of the object of a file in a commit.
func (u *upstream) file(rev, path string) string {
	u.t.Helper()
	// -00644 0 0 5 CHECKSUM /path
	fields := strings.Fields(u.ostree("ls", "-C", rev, path))
	c, err := ostree.ParseChecksum(fields[4])
	if err != nil {
		u.t.Fatal(err)
	}
	return object(c, ostree.ObjectFile)
}

func (u *upstream) read(name string) []byte {
	u.t.Helper()
	data, err := os.ReadFile(filepath.Join(u.dir, name))
	if err != nil {
		u.t.Fatal(err)
	}
	return data
}

func (u *upstream) write(name string, data []byte) {
	u.t.Helper()
	path := filepath.Join(u.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		u.t.Fatal(err)
	}
}

func (u *upstream) remove(name string) {
	u.t.Helper()
	if err := os.Remove(filepath.Join(u.dir, name)); err != nil {
		u.t.Fatal(err)
	}
}

// intercept has answer see each request first.
func (u *upstream) intercept(answer func(w http.ResponseWriter, path string) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = answer
}

// wrap changes how files are served; nil: not at all.
func (u *upstream) wrap(wrapper func(http.Handler) http.Handler) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.wrapper = wrapper
}

// asked returns the paths that were asked for since the last call.
func (u *upstream) asked(suffix string) []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	var found []string
	for _, r := range u.requests {
		if strings.HasSuffix(r, suffix) {
			found = append(found, r)
		}
	}
	u.requests = nil
	return found
}

// verified are options that want signatures on commits.
func (u *upstream) verified() Options {
	return Options{Keyring: u.keyring, GPGVerify: true, Clock: time.Now, sleep: noSleep}
}

func noSleep(context.Context, time.Duration) error { return nil }

func (u *upstream) open(opts Options) *Remote {
	u.t.Helper()
	return openRemote(u.t, u.server.URL, opts)
}

func openRemote(t *testing.T, url string, opts Options) *Remote {
	t.Helper()
	if opts.sleep == nil {
		opts.sleep = noSleep
	}
	r, err := Open(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// newRepo makes an empty repository to pull into.
func newRepo(t *testing.T) *archive.Repo {
	t.Helper()
	repo, err := archive.Init(filepath.Join(t.TempDir(), "dst"), archive.InitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = repo.Close() })
	return repo
}

// snapshot lists what a reader of a repository can see, by path.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || strings.HasSuffix(name, "lock") {
			return err
		}
		data, err := os.ReadFile(path)
		files[name] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// unchanged fails the test when the repository is not as before.
func unchanged(t *testing.T, dir string, before map[string]string) {
	t.Helper()
	after := snapshot(t, dir)
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if before[name] != after[name] {
			t.Errorf("the repository changed: %s", name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			t.Errorf("the repository lost %s", name)
		}
	}
}

func wantRef(t *testing.T, repo *archive.Repo, ref string, want ostree.Checksum) {
	t.Helper()
	got, err := repo.ResolveRef(ref)
	if want.IsZero() && errors.Is(err, archive.ErrNotExist) {
		return
	}
	if err != nil || got != want {
		t.Errorf("ref %s: got %v, %v, want %v", ref, got, err, want)
	}
}
