package publish

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// testNow is when the tests take place: after every commit that they make.
var testNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func testClock() time.Time { return testNow }

// A Client is a machine of its own: programs run with its folders and see
// nothing of the real user's.
type Client struct {
	t    *testing.T
	home string
}

func NewClient(t *testing.T) *Client {
	t.Helper()
	c := &Client{t: t, home: t.TempDir()}
	if err := os.Mkdir(c.Path("run"), 0o700); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Client) Path(name string) string { return filepath.Join(c.home, filepath.FromSlash(name)) }

// quietBus is a message bus with no services: flatpak asks the system's bus
// about parental controls for ordinary users, and learns that there are none.
const quietBus = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
`

// Try runs a program and returns what it printed on both outputs. What flatpak
// asks of message buses, a quiet one answers.
func (c *Client) Try(name string, args ...string) (string, error) {
	c.t.Helper()
	if name == "flatpak" {
		c.Write("bus.conf", quietBus, 0o644)
		name, args = "dbus-run-session", append([]string{"--config-file=" + c.Path("bus.conf"), "--",
			"sh", "-c", `DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS exec flatpak "$@"`, "sh"}, args...)
	}
	program, err := exec.LookPath(name)
	if err != nil {
		c.t.Fatalf("%s is missing: make clients installs it", name)
	}
	cmd := exec.CommandContext(c.t.Context(), program, args...)
	cmd.Dir = c.home
	cmd.Env = append(os.Environ(), "HOME="+c.home, "XDG_RUNTIME_DIR="+c.Path("run"), "XDG_DATA_HOME="+c.Path("data"),
		"XDG_CACHE_HOME="+c.Path("cache"), "FLATPAK_USER_DIR="+c.Path("user"), "FLATPAK_SYSTEM_DIR="+c.Path("system"),
		"FLATPAK_SYSTEM_CACHE_DIR="+c.Path("system-cache"), "LC_ALL=C.UTF-8", "TZ=UTC")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Run is Try for programs that must succeed.
func (c *Client) Run(name string, args ...string) string {
	c.t.Helper()
	out, err := c.Try(name, args...)
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func (c *Client) Write(name, content string, perm os.FileMode) {
	c.t.Helper()
	if err := os.MkdirAll(filepath.Dir(c.Path(name)), 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(c.Path(name), []byte(content), perm); err != nil {
		c.t.Fatal(err)
	}
}

// A build is what the tests commit with flatpak build-export.
type build struct {
	runtime  bool
	id       string
	branch   string
	metadata string            // appended to what every build has
	files    map[string]string // executable, below bin/
	options  []string          // of build-export
}

var (
	// HostArch is this machine's architecture as RPM and flatpak name it.
	HostArch = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}[runtime.GOARCH]
	// foreignArch is another one.
	foreignArch = map[bool]string{true: "aarch64", false: "x86_64"}[HostArch == "x86_64"]

	platformRef = "runtime/org.example.Platform/" + HostArch + "/1"
	appRef      = "app/org.example.App/" + HostArch + "/stable"

	platformBuild = build{runtime: true, id: "org.example.Platform", branch: "1", files: map[string]string{"tool": "tool"}}
	appBuild      = build{id: "org.example.App", branch: "stable", files: map[string]string{"app": "app one"}}
)

// export commits a build into the client's folder repo.
func (c *Client) export(b build) {
	c.t.Helper()
	dir := "build-" + b.id
	if err := os.RemoveAll(c.Path(dir)); err != nil {
		c.t.Fatal(err)
	}
	group, files := "Application", "files"
	options := []string{"build-export", "--disable-sandbox", "--no-update-summary", "--arch=" + HostArch}
	if b.runtime {
		group, files = "Runtime", "usr"
		options = append(options, "--runtime")
	}
	c.Write(dir+"/metadata", "["+group+"]\nname="+b.id+"\nruntime="+platformRef[len("runtime/"):]+"\nsdk="+platformRef[len("runtime/"):]+"\n"+b.metadata, 0o644)
	for name, content := range b.files {
		c.Write(dir+"/"+files+"/bin/"+name, content, 0o755)
	}
	for _, sub := range []string{"files", "export"} {
		if err := os.MkdirAll(c.Path(dir+"/"+sub), 0o755); err != nil {
			c.t.Fatal(err)
		}
	}
	c.Run("flatpak", append(append(options, b.options...), c.Path("repo"), c.Path(dir), b.branch)...)
}

// open opens the client's folder repo as an archive repository.
func (c *Client) open() *archive.Repo {
	c.t.Helper()
	repo, err := archive.Open(c.Path("repo"), archive.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := repo.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return repo
}

// A Key signs, and its public part lies in a file for clients.
type Key struct {
	*sign.Key
	Signer *sign.OpenPGPSigner
}

func NewKey(t *testing.T, uid string) *Key {
	t.Helper()
	k, err := sign.Generate(rand.Reader, uid, testNow.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := k.Signer(testClock)
	if err != nil {
		t.Fatal(err)
	}
	return &Key{k, signer}
}

// SignCommits appends the key's signature to the commit of every ref.
func (k *Key) SignCommits(t *testing.T, repo *archive.Repo) {
	t.Helper()
	refs, err := repo.Refs(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		raw, err := repo.ReadMeta(t.Context(), ostree.ObjectName{Checksum: ref.Commit, Type: ostree.ObjectCommit})
		if err != nil {
			t.Fatal(err)
		}
		err = repo.UpdateCommitMeta(t.Context(), ref.Commit, func(d gvariant.Dict) (gvariant.Dict, error) {
			if done, err := k.Signer.Signed(t.Context(), raw, d); err != nil || done {
				return d, err
			}
			s, err := k.Signer.Sign(t.Context(), raw)
			if err != nil {
				return nil, err
			}
			return sign.Append(d, s), nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// publish signs every commit and publishes.
func (c *Client) publish(k *Key, o Options) *Result {
	c.t.Helper()
	if o.Repo == nil {
		o.Repo = c.open()
	}
	if k != nil {
		k.SignCommits(c.t, o.Repo)
		o.Signers = []sign.Signer{k.Signer}
	}
	if o.Clock == nil {
		o.Clock = testClock
	}
	result, err := Publish(c.t.Context(), o)
	if err != nil {
		c.t.Fatal(err)
	}
	return result
}

// A webServer hands out a folder and remembers what was asked for.
type webServer struct {
	*httptest.Server
	mu    sync.Mutex
	paths []string
}

func serve(t *testing.T, dir string) *webServer {
	t.Helper()
	s := &webServer{}
	files := http.FileServer(http.Dir(dir))
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.paths = append(s.paths, r.URL.Path)
		s.mu.Unlock()
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// asked returns what was asked for since the last call.
func (s *webServer) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	paths := s.paths
	s.paths = nil
	return paths
}

// StaticProgram builds a program that prints message; under the name ldconfig
// it does what flatpak wants of one: an empty cache.
func StaticProgram(t *testing.T, message string) string {
	t.Helper()
	dir := t.TempDir()
	source := `package main

import (
	"fmt"
	"os"
	"path/filepath"
)

var message string

func main() {
	if filepath.Base(os.Args[0]) != "ldconfig" {
		fmt.Println(message)
		return
	}
	for i, a := range os.Args {
		if a == "-C" {
			if err := os.WriteFile(os.Args[i+1], nil, 0o644); err != nil {
				panic(err)
			}
		}
	}
}
`
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w -X 'main.message="+message+"'", "-o", "program", "main.go")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	program, err := os.ReadFile(filepath.Join(dir, "program"))
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(program))
}
