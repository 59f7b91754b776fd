package ostreetest

import (
	"bytes"
	"crypto/sha256"
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
	"github.com/treewright/treewright/ostree/sign"
)

// Made is when commits of fixtures are dated; keys are from today.
func Made(hours int) time.Time {
	return time.Date(2024, 1, 1, hours, 0, 0, 0, time.UTC)
}

// Upstream is a folder for a repository that other programs make and gpg
// signs, with a server in front of it.
type Upstream struct {
	T       *testing.T
	Dir     string // of the repository; it is not made
	Home    string // of gpg
	Key     string // fingerprint
	Keyring *sign.Keyring
	Server  *httptest.Server

	mu       sync.Mutex
	requests []string
	answer   func(w http.ResponseWriter, path string) bool
	wrapper  func(http.Handler) http.Handler
}

// NewUpstream starts the server of an empty upstream.
func NewUpstream(t *testing.T) *Upstream {
	t.Helper()
	u := &Upstream{T: t, Dir: filepath.Join(t.TempDir(), "repo")}
	u.Home, u.Key = NewGPGKey(t, "upstream@example.org")
	var err error
	if u.Keyring, err = sign.ReadKeyring(u.GPG("--export", u.Key)); err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(u.Dir))
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/")
		u.mu.Lock()
		u.requests = append(u.requests, path)
		answer, serve := u.answer, http.Handler(files)
		if u.wrapper != nil {
			serve = u.wrapper(files)
		}
		u.mu.Unlock()
		if answer == nil || !answer(w, path) {
			serve.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(u.Server.Close)
	return u
}

// Intercept has answer see each request first, and tell whether it has
// answered it; nil: no more.
func (u *Upstream) Intercept(answer func(w http.ResponseWriter, path string) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = answer
}

// Wrap changes how files are served; nil: not at all.
func (u *Upstream) Wrap(wrapper func(http.Handler) http.Handler) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.wrapper = wrapper
}

// Asked returns the paths with that end that were asked for since the last call.
func (u *Upstream) Asked(suffix string) []string {
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

// GPG runs gpg with the upstream's keys.
func (u *Upstream) GPG(args ...string) []byte {
	u.T.Helper()
	return Command(u.T, "gpg", append([]string{"--homedir", u.Home, "--batch", "--quiet"}, args...)...)
}

// Ostree runs the real ostree on the upstream's repository.
func (u *Upstream) Ostree(args ...string) string {
	u.T.Helper()
	return Tool(u.T, u.Dir, args...)
}

// Tip returns the commit that a ref shows.
func (u *Upstream) Tip(ref string) ostree.Checksum {
	u.T.Helper()
	c, err := ostree.ParseChecksum(u.Ostree("rev-parse", ref))
	if err != nil {
		u.T.Fatal(err)
	}
	return c
}

// Read returns a file of the repository.
func (u *Upstream) Read(name string) []byte {
	u.T.Helper()
	data, err := os.ReadFile(filepath.Join(u.Dir, name))
	if err != nil {
		u.T.Fatal(err)
	}
	return data
}

// Write makes or replaces a file of the repository.
func (u *Upstream) Write(name string, data []byte) {
	u.T.Helper()
	path := filepath.Join(u.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		u.T.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		u.T.Fatal(err)
	}
}

// Remove deletes files and folders of the repository.
func (u *Upstream) Remove(names ...string) {
	u.T.Helper()
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(u.Dir, name)); err != nil {
			u.T.Fatal(err)
		}
	}
}

// ObjectFile returns where a repository keeps an object.
func ObjectFile(c ostree.Checksum, typ ostree.ObjectType) string {
	return "objects/" + ostree.ObjectName{Checksum: c, Type: typ}.ArchivePath()
}

// Tool runs the real ostree on a repository and returns what it prints.
func Tool(t *testing.T, repo string, args ...string) string {
	t.Helper()
	Needs(t, "ostree", "ostree")
	return strings.TrimSpace(string(Command(t, "ostree", append([]string{"--repo=" + repo}, args...)...)))
}

// Needs fails the test when a program is not installed.
func Needs(t *testing.T, program, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("this test needs %s: install the package %s", program, pkg)
	}
}

// Command runs a program, which must succeed, and returns what it prints.
func Command(t *testing.T, name string, args ...string) []byte {
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

// NewGPGKey makes a key in a new folder of gpg.
func NewGPGKey(t *testing.T, uid string) (home, fingerprint string) {
	t.Helper()
	Needs(t, "gpg", "gnupg (Fedora: gnupg2)")
	home, err := os.MkdirTemp("", "gpg") // its socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	Command(t, "gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", uid, "ed25519", "sign", "never")
	for line := range strings.Lines(string(Command(t, "gpg", "--homedir", home, "--batch", "--with-colons", "--list-keys"))) {
		if f := strings.Split(line, ":"); f[0] == "fpr" {
			return home, f[9]
		}
	}
	t.Fatal("gpg lists no key")
	return "", ""
}

// Snapshot lists the files of a folder with their checksums, but for locks and
// those whose names start with one of hidden.
func Snapshot(t *testing.T, dir string, hidden ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		isHidden := slices.ContainsFunc(hidden, func(h string) bool { return strings.HasPrefix(name, h) })
		if err != nil || isHidden || strings.HasSuffix(name, "lock") {
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

// Unchanged fails the test when the folder is not as in the Snapshot before.
func Unchanged(t *testing.T, dir string, before map[string]string, hidden ...string) {
	t.Helper()
	after := Snapshot(t, dir, hidden...)
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
