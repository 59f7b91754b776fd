package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/internal/rpmtest"
)

const (
	ourApp          = "org.example.Hello"
	ourAppRef       = "app/org.example.Hello/HOST/stable"
	ourRuntimeRef   = "runtime/org.example.Platform/HOST/1"
	ourOS           = "example/HOST/os"
	theirApp        = "org.upstream.Hello"
	theirAppRef     = "app/org.upstream.Hello/HOST/stable"
	theirRuntime    = "org.upstream.Platform"
	theirRuntimeRef = "runtime/org.upstream.Platform/HOST/1"
)

// forHost puts this machine's architecture into a ref.
func forHost(ref string) string { return strings.Replace(ref, "HOST", hostArch, 1) }

// A house is a machine on which people compose, mirror and publish with the
// treewright program alone.
type house struct {
	*machine
	treewright string
	hello      string // a static program that prints /app/share/hello/greeting
	url        string
}

// newHouse makes an empty repository, serves it, and says so in a
// .flatpakrepo file.
func newHouse(t *testing.T, dir string) *house {
	t.Helper()
	h := &house{machine: newMachine(t, dir), treewright: buildBinary(t)}
	h.env = append(h.env, "SOURCE_DATE_EPOCH=1700000000")
	program := h.path("hello")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", program, "../demo/hello")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	body, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	h.hello = string(body)
	h.write("rpms.repo", "[rpms]\nname=rpms\nbaseurl=file://"+h.path("rpms")+"\ngpgcheck=0\n")
	h.write("os.yaml", "ref: example/${basearch}/os\nrepos: [rpms]\npackages: [setup]\ncontainer: true\n")
	h.write("runtime.yaml", "repos: [rpms]\npackages: [base]\nflatpak:\n  id: org.example.Platform\n  branch: \"1\"\n  build-runtime: true\n")
	h.write("app.toml", "repos = [\"rpms\"]\npackages = [\"hello\"]\n[flatpak]\nid = \"org.example.Hello\"\nruntime = \"org.example.Platform//1\"\ncommand = \"hello\"\n"+
		"finish-args = [\"--share=ipc\"]\n")
	h.do("key", "generate", "--uid", "House <trees@example.org>", "--output", "house.key")
	h.do("repo", "init", "repo")
	h.publish("--title=House", "--url=http://localhost/")
	h.url = h.serve(h.treewright, "--flatpakrepo=house.flatpakrepo", "repo")
	return h
}

// do runs a treewright command.
func (h *house) do(args ...string) string {
	h.t.Helper()
	return h.run(append([]string{h.treewright}, args...)...)
}

// publish signs, publishes and writes the .flatpakrepo file; a warning fails
// the test.
func (h *house) publish(args ...string) {
	h.t.Helper()
	args = append([]string{"publish", "--sign-key=house.key", "--client-key=house.key.pub", "--flatpakrepo=house.flatpakrepo", "repo"}, args...)
	if h.url != "" {
		args = append(args, "--url="+h.url)
	}
	if out := h.do(args...); strings.Contains(out, "warning") {
		h.t.Errorf("publishing: got %q, want no warning", out)
	}
}

// packages writes the RPM repository: release and greeting are those of the
// application.
func (h *house) packages(release, greeting string) {
	h.t.Helper()
	desktop := "[Desktop Entry]\nType=Application\nName=Hello\nExec=hello\n"
	err := rpmtest.WriteRepo(h.path("rpms"), rpmtest.RepoOptions{},
		rpmtest.Package{Name: "base", Arch: hostArch, Files: []rpmtest.File{
			{Path: "/etc/os-release", Body: "ID=example\n"}, {Path: "/usr/bin/"}, {Path: "/usr/lib/"},
			{Path: "/usr/share/base", Body: strings.Repeat("base ", 1000)},
		}},
		rpmtest.Package{Name: "hello", Release: release, Arch: hostArch, Requires: []string{"base"}, Files: []rpmtest.File{
			{Path: "/app/bin/hello", Mode: 0o755, Body: h.hello},
			{Path: "/app/bin/again", LinkTo: "hello"},
			{Path: "/app/share/applications/org.example.Hello.desktop", Body: desktop},
			{Path: "/app/share/hello/greeting", Body: greeting},
		}},
		rpmtest.Package{Name: "setup", Requires: []string{"base"}, Files: []rpmtest.File{
			{Path: "/etc/passwd", Body: "root:x:0:0:root:/root:/bin/sh\n"},
			{Path: "/etc/group", Body: "root:x:0:\ngames:x:20:\n"},
			{Path: "/usr/bin/score", Mode: 0o2755, Group: "games", Body: "#!/bin/sh\n"},
		}})
	if err != nil {
		h.t.Fatal(err)
	}
}

// compose commits what a treefile says, signed.
func (h *house) compose(treefile string, args ...string) {
	h.t.Helper()
	h.do(append([]string{"compose", "tree", "--repo=repo", "--cachedir=cache", "--sign-key=house.key", treefile}, args...)...)
}

// commit is what a ref of the repository names.
func (h *house) commit(ref string) string {
	h.t.Helper()
	return h.output("ostree", "rev-parse", "--repo=repo", forHost(ref))
}

// date is the time of a ref's commit.
func (h *house) date(ref string) time.Time {
	h.t.Helper()
	_, rest, _ := strings.Cut(h.output("ostree", "show", "--repo=repo", forHost(ref)), "\nDate:  ")
	line, _, _ := strings.Cut(rest, "\n")
	date, err := time.Parse("2006-01-02 15:04:05 -0700", line)
	if err != nil {
		h.t.Fatal(err)
	}
	return date
}

// An upstream is somebody else's machine: flatpak builds and publishes there,
// gpg signs.
type upstream struct {
	*machine
	key string // fingerprint
}

// newUpstream makes a runtime, and installs it where its applications are
// built.
func newUpstream(t *testing.T, dir string) *upstream {
	t.Helper()
	u := &upstream{machine: newMachine(t, dir)}
	t.Cleanup(func() { u.run("gpgconf", "--kill", "all") })
	u.run("gpg", "--batch", "--passphrase", "", "--quick-gen-key", "Upstream <packages@upstream.example>", "rsa2048", "sign", "never")
	for line := range strings.Lines(u.output("gpg", "--batch", "--list-keys", "--with-colons")) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			u.key = fields[9]
		}
	}
	u.run("gpg", "--batch", "--armor", "--output", "upstream.asc", "--export", u.key)

	name := strings.TrimPrefix(forHost(theirRuntimeRef), "runtime/")
	u.write("runtime/metadata", "[Runtime]\nname="+theirRuntime+"\nruntime="+name+"\nsdk="+name+"\n")
	u.write("runtime/usr/share/upstream", strings.Repeat("upstream ", 1000))
	u.write("runtime/files/share/keep", "")
	u.export("--runtime", "repo", "runtime", "1")
	u.flatpak("remote-add", "--gpg-import=upstream.asc", "local", "file://"+u.path("repo"))
	u.flatpak("install", "-y", "--noninteractive", "local", theirRuntime)
	return u
}

// export commits with flatpak build-export, and publishes.
func (u *upstream) export(args ...string) {
	u.t.Helper()
	signing := []string{"--gpg-sign=" + u.key, "--gpg-homedir=" + u.path("gnupg")}
	u.run(append(append([]string{"flatpak", "build-export", "--disable-sandbox", "--no-update-summary"}, signing...), args...)...)
	u.run(append(append([]string{"flatpak", "build-update-repo", "--title=Upstream"}, signing...), "repo")...)
}

// release builds the upstream's application around a program.
func (u *upstream) release(program, greeting string) {
	u.t.Helper()
	if err := os.RemoveAll(u.path("app")); err != nil {
		u.t.Fatal(err)
	}
	u.run("flatpak", "build-init", "app", theirApp, theirRuntime, theirRuntime, "1")
	u.write("app/files/bin/hello", program)
	if err := os.Chmod(filepath.Join(u.dir, "app/files/bin/hello"), 0o755); err != nil {
		u.t.Fatal(err)
	}
	u.write("app/files/share/hello/greeting", greeting)
	u.run("flatpak", "build-finish", "--command=hello", "app")
	u.export("repo", "app", "stable")
}
