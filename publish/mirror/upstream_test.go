package mirror

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
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

// upstream is a repository made by flatpak and signed by gpg, with a server in
// front of it.
type upstream struct {
	t       *testing.T
	dir     string
	home    string // of gpg
	key     string
	keyring *sign.Keyring
	server  *httptest.Server

	mu       sync.Mutex
	requests []string
	before   func(path string) // hears of each request first
}

var made = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{t: t, dir: filepath.Join(t.TempDir(), "repo")}
	u.home, u.key = newGPGKey(t)
	var err error
	if u.keyring, err = sign.ReadKeyring(command(t, "gpg", "--homedir", u.home, "--batch", "--export", u.key)); err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(u.dir))
	u.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/")
		u.mu.Lock()
		u.requests = append(u.requests, path)
		before := u.before
		u.mu.Unlock()
		if before != nil {
			before(path)
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(u.server.Close)
	return u
}

func newGPGKey(t *testing.T) (home, fingerprint string) {
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
	command(t, "gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "upstream@example.org", "ed25519", "sign", "never")
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

// export builds an application and exports it, dated hours after made.
func (u *upstream) export(id, arch string, hours int, content string) string {
	u.t.Helper()
	needs(u.t, "flatpak", "flatpak")
	dir := u.t.TempDir()
	for name, text := range map[string]string{
		"metadata":      "[Application]\nname=" + id + "\nruntime=org.example.Platform/" + arch + "/1\n",
		"files/bin/app": content,
		"files/share/x": "common to all",
		"export/.keep":  "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			u.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			u.t.Fatal(err)
		}
	}
	stamp := made.Add(time.Duration(hours) * time.Hour).Format(time.RFC3339)
	command(u.t, "flatpak", "build-export", "--disable-sandbox", "--disable-fsync", "--no-update-summary", "--timestamp="+stamp,
		"--gpg-sign="+u.key, "--gpg-homedir="+u.home, "--arch="+arch, u.dir, dir, "stable")
	return "app/" + id + "/" + arch + "/stable"
}

// update writes the summary, its index and the catalogues, signed.
func (u *upstream) update(args ...string) {
	u.t.Helper()
	command(u.t, "flatpak", append([]string{"build-update-repo", "--gpg-sign=" + u.key, "--gpg-homedir=" + u.home, u.dir}, args...)...)
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

func (u *upstream) tip(ref string) ostree.Checksum {
	u.t.Helper()
	c, err := ostree.ParseChecksum(u.ostree("rev-parse", ref))
	if err != nil {
		u.t.Fatal(err)
	}
	return c
}

func object(c ostree.Checksum, typ ostree.ObjectType) string {
	return "objects/" + ostree.ObjectName{Checksum: c, Type: typ}.ArchivePath()
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
	if err := os.WriteFile(filepath.Join(u.dir, name), data, 0o644); err != nil {
		u.t.Fatal(err)
	}
}

func (u *upstream) remove(names ...string) {
	u.t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(u.dir, name)); err != nil {
			u.t.Fatal(err)
		}
	}
}

// asked returns the paths that were asked for since the last call.
func (u *upstream) asked() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	requests := u.requests
	u.requests = nil
	return requests
}

// ours is the repository that is mirrored into, and its key.
type ours struct {
	t      *testing.T
	repo   *archive.Repo
	key    *sign.Key
	signer sign.Signer
}

func newOurs(t *testing.T) *ours {
	t.Helper()
	repo, err := archive.Init(filepath.Join(t.TempDir(), "ours"), archive.InitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = repo.Close() })
	o := &ours{t: t, repo: repo}
	o.rotate()
	return o
}

// rotate replaces the key.
func (o *ours) rotate() {
	o.t.Helper()
	var err error
	if o.key, err = sign.Generate(rand.Reader, "ours", time.Now().Add(-time.Hour)); err != nil {
		o.t.Fatal(err)
	}
	if o.signer, err = o.key.Signer(time.Now); err != nil {
		o.t.Fatal(err)
	}
}

// commit makes a ref of our own.
func (o *ours) commit(ref string) ostree.Checksum {
	o.t.Helper()
	dir := o.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ours"), []byte(ref), 0o644); err != nil {
		o.t.Fatal(err)
	}
	c, err := ostree.ParseChecksum(ostreeTool(o.t, o.repo.Path(), "commit", "--branch="+ref, "--owner-uid=0", "--owner-gid=0", "--no-xattrs", "--tree=dir="+dir))
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

func (o *ours) tip(ref string) ostree.Checksum {
	o.t.Helper()
	c, err := o.repo.ResolveRef(ref)
	if errors.Is(err, archive.ErrNotExist) {
		return ostree.Checksum{}
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

func (o *ours) refs() []string {
	o.t.Helper()
	refs, err := o.repo.Refs(o.t.Context(), "")
	if err != nil {
		o.t.Fatal(err)
	}
	var names []string
	for _, r := range refs {
		names = append(names, r.Name)
	}
	return names
}

// options mirror refs of u into o, with everything verified.
func (o *ours) options(u *upstream, refs ...string) Options {
	return Options{Repo: o.repo, URL: u.server.URL, Name: "upstream", Refs: refs, Keyring: u.keyring, Signer: o.signer, Clock: time.Now}
}

func (o *ours) mirror(opts Options) *Result {
	o.t.Helper()
	result, err := Mirror(o.t.Context(), opts)
	if err != nil {
		o.t.Fatal(err)
	}
	return result
}

// snapshot lists what a reader can see, and the record of origins.
func (o *ours) snapshot() map[string]string {
	o.t.Helper()
	files := map[string]string{}
	dir := o.repo.Path()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, "lock") || strings.HasPrefix(name, "extensions/treewright/mirror/") {
			return nil // no reader sees locks and cached lists
		}
		data, err := os.ReadFile(path)
		files[name] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return files
}

func (o *ours) unchanged(before map[string]string) {
	o.t.Helper()
	after := o.snapshot()
	for name, sum := range after {
		if before[name] != sum {
			o.t.Errorf("the repository changed: %s", name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			o.t.Errorf("the repository lost %s", name)
		}
	}
}

// statuses lists "status ref" for each ref of a result.
func statuses(r *Result) []string {
	var all []string
	for _, ref := range r.Refs {
		all = append(all, string(ref.Status)+" "+ref.Ref)
	}
	return all
}

func wantStrings(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
