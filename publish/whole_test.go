package publish_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/sign"
	"github.com/treewright/treewright/publish"
	"github.com/treewright/treewright/publish/mirror"
	"github.com/treewright/treewright/server"
	"github.com/treewright/treewright/treefile"
)

// house is a machine that composes, mirrors, publishes and serves.
type house struct {
	*publish.Client
	t    *testing.T
	repo *archive.Repo
	key  *publish.Key
	now  time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{Client: publish.NewClient(t), t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	h.key = publish.NewKey(t, "House <packages@example.org>")
	var err error
	if h.repo, err = archive.Init(h.Path("repo"), archive.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.repo.Close(); err != nil {
			t.Error(err)
		}
	})
	h.Write("rpms.repo", "[rpms]\nname=rpms\nbaseurl=file://"+h.Path("rpms")+"\ngpgcheck=0\n", 0o644)
	return h
}

// compose makes a commit of a treefile.
func (h *house) compose(name, text string) *compose.Result {
	h.t.Helper()
	h.Write(name, text, 0o644)
	tf, err := treefile.Load(h.Path(name), treefile.Options{Arch: publish.HostArch})
	if err != nil {
		h.t.Fatal(err)
	}
	plan, err := compose.NewPlan(h.t.Context(), compose.Options{Treefile: tf, Repo: h.repo, CacheDir: h.Path("cache"), Now: h.now,
		SourceDate: h.now, Tool: "treewright test", Signer: h.key.Signer})
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() {
		if err := plan.Close(); err != nil {
			h.t.Error(err)
		}
	}()
	result, err := plan.Execute(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return result
}

func (h *house) publish() *publish.Result {
	h.t.Helper()
	result, err := publish.Publish(h.t.Context(), publish.Options{Repo: h.repo, Signers: []sign.Signer{h.key.Signer}, Clock: func() time.Time { return h.now }})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, w := range result.Warnings {
		h.t.Errorf("publishing: got the warning %q, want none", w)
	}
	return result
}

// serve returns the address of the repository.
func (h *house) serve() string {
	h.t.Helper()
	s, err := server.New(server.Options{Repo: h.Path("repo")})
	if err != nil {
		h.t.Fatal(err)
	}
	web := httptest.NewServer(s)
	h.t.Cleanup(func() {
		web.Close()
		if err := s.Close(); err != nil {
			h.t.Error(err)
		}
	})
	return web.URL
}

const (
	runtimeTree = `repos: [rpms]
packages: [base]
flatpak:
  id: org.example.Runtime
  branch: "1"
  build-runtime: true
`
	appTree = `repos: [rpms]
packages: [hello]
flatpak:
  id: org.example.Hello
  runtime: org.example.Runtime//1
  command: hello
  finish-args: --share=ipc --talk-name=org.example.Service
`
	osTree = `ref: os/stable
repos: [rpms]
packages: [base]
container: true
no-initramfs: true
`
)

// rpms writes the RPM repository with a given release of the application.
func (h *house) rpms(release, program string) {
	h.t.Helper()
	desktop := "[Desktop Entry]\nType=Application\nName=Hello\nExec=hello\nIcon=org.example.Hello\n"
	err := rpmtest.WriteRepo(h.Path("rpms"), rpmtest.RepoOptions{Revision: release},
		rpmtest.Package{Name: "base", Arch: publish.HostArch, Files: []rpmtest.File{
			{Path: "/usr/bin/"}, {Path: "/usr/bin/ldconfig", Mode: 0o755, Body: program}, {Path: "/etc/"},
			{Path: "/etc/os-release", Body: "ID=example\n"}, {Path: "/usr/share/base", Body: strings.Repeat("base ", 1000)},
		}},
		rpmtest.Package{Name: "hello", Release: release, Arch: publish.HostArch, Requires: []string{"base"}, Files: []rpmtest.File{
			{Path: "/app/bin/hello", Mode: 0o755, Body: program},
			{Path: "/app/share/applications/org.example.Hello.desktop", Body: desktop},
			{Path: "/app/share/hello/help", Body: "help"},
		}})
	if err != nil {
		h.t.Fatal(err)
	}
}

// TestWholePath is one repository as a client sees it that has both
// verifications on and knows our key alone: a composed application with its
// composed runtime, an application of an upstream, an OS tree; then an update.
func TestWholePath(t *testing.T) {
	upstream, h, user := newHouse(t), newHouse(t), publish.NewClient(t)
	upstream.upstream()

	h.rpms("1", publish.StaticProgram(t, "hello, one"))
	h.compose("runtime.yaml", runtimeTree)
	h.compose("app.yaml", appTree)
	h.compose("os.yaml", osTree)
	h.mirror(upstream)
	h.publish()
	url := h.serve()

	user.Write("key", string(h.key.Public), 0o644)
	user.Run("flatpak", "--user", "remote-add", "--gpg-import="+user.Path("key"), "house", url)
	got := user.Run("flatpak", "--user", "remote-ls", "--all", "--columns=ref,installed-size", "house")
	for _, ref := range []string{"app/org.example.Hello/", "runtime/org.example.Runtime/", "app/org.example.App/", "runtime/org.example.Platform/"} {
		if !strings.Contains(got, ref) {
			t.Errorf("remote-ls: got %q, want %s in it", got, ref)
		}
	}
	user.Run("flatpak", "--user", "install", "-y", "--noninteractive", "house", "org.example.Hello", "org.example.App")
	run := func(id, want string) {
		t.Helper()
		if got := user.Run("flatpak", "--user", "run", id); !strings.Contains(got, want) {
			t.Errorf("flatpak run %s: got %q, want %q", id, got, want)
		}
	}
	run("org.example.Hello", "hello, one")
	run("org.example.App", "from upstream")
	if _, err := os.Stat(user.Path("user/exports/share/applications/org.example.Hello.desktop")); err != nil {
		t.Errorf("exported desktop file: %v", err)
	}

	h.rpms("2", publish.StaticProgram(t, "hello, two"))
	h.compose("app.yaml", appTree)
	if got := h.publish(); len(got.Changes) != 1 {
		t.Errorf("changes: got %v, want the application alone", got.Changes)
	}
	user.Run("flatpak", "--user", "update", "-y", "--noninteractive")
	run("org.example.Hello", "hello, two")

	bare := "--repo=" + user.Path("bare")
	user.Run("ostree", bare, "init", "--mode=bare-user")
	user.Run("ostree", bare, "remote", "add", "--gpg-import="+user.Path("key"), "--set=gpg-verify-summary=true", "house", url)
	user.Run("ostree", bare, "pull", "house", "os/stable")
	user.Run("ostree", bare, "fsck")
	h.Run("ostree", "--repo="+h.Path("repo"), "fsck")
}

// upstream fills a house with what flatpak itself builds and signs.
func (h *house) upstream() {
	h.t.Helper()
	for _, b := range []struct{ group, id, dir, branch, file, program string }{
		{"Runtime", "org.example.Platform", "usr", "1", "ldconfig", ""},
		{"Application", "org.example.App", "files", "stable", "app", "from upstream"},
	} {
		platform := "org.example.Platform/" + publish.HostArch + "/1"
		h.Write(b.id+"/metadata", fmt.Sprintf("[%s]\nname=%s\nruntime=%s\nsdk=%s\ncommand=app\n", b.group, b.id, platform, platform), 0o644)
		h.Write(b.id+"/"+b.dir+"/bin/"+b.file, publish.StaticProgram(h.t, b.program), 0o755)
		h.Write(b.id+"/files/share/keep", "", 0o644)
		h.Write(b.id+"/export/share/keep", "", 0o644)
		args := []string{"build-export", "--disable-sandbox", "--no-update-summary", "--arch=" + publish.HostArch, "--timestamp=2026-01-01T00:00:00Z"}
		if b.group == "Runtime" {
			args = append(args, "--runtime")
		}
		h.Run("flatpak", append(args, h.Path("repo"), h.Path(b.id), b.branch)...)
	}
	h.key.SignCommits(h.t, h.repo)
	h.publish()
}

// mirror brings all applications and runtimes of an upstream here.
func (h *house) mirror(upstream *house) {
	h.t.Helper()
	keyring, err := sign.ReadKeyring(upstream.key.Public)
	if err != nil {
		h.t.Fatal(err)
	}
	result, err := mirror.Mirror(h.t.Context(), mirror.Options{Repo: h.repo, Name: "upstream", URL: upstream.serve(), Refs: []string{"app/*", "runtime/*"},
		Keyring: keyring, Signer: h.key.Signer, Clock: func() time.Time { return h.now }})
	if err != nil {
		h.t.Fatal(err)
	}
	if len(result.Refs) != 2 {
		h.t.Errorf("mirrored: got %v, want two refs", result.Refs)
	}
}
