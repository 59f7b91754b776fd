package compose_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
	"github.com/treewright/treewright/publish"
)

const (
	runtimeRef = "runtime/org.example.Platform/x86_64/1"
	appRef     = "app/org.example.Hello/x86_64/stable"
)

const runtimeTree = `
flatpak: {id: org.example.Platform, branch: "1", build-runtime: true, finish-args: [--socket=wayland]}
`

const appTree = `
flatpak:
  id: org.example.Hello
  branch: stable
  runtime: org.example.Platform/x86_64/1
  finish-args: --share=network
  tags: [demo]
`

func runtimePackages() []rpmtest.Package {
	return []rpmtest.Package{
		{Name: "filesystem", Files: []rpmtest.File{
			{Path: "/usr/bin/"}, {Path: "/bin", LinkTo: "usr/bin"}, {Path: "/lib64", LinkTo: "usr/lib64"}, {Path: "/sbin", LinkTo: "usr/bin"},
			{Path: "/usr/sbin", LinkTo: "bin"}, {Path: "/var/lib/"}, {Path: "/etc/"}}},
		{Name: "libfoo", Version: "2.5", Provides: []string{"libfoo.so.2()(64bit)"}, Requires: []string{"filesystem"}, Files: []rpmtest.File{
			{Path: "/lib64/libfoo.so.2", Body: "foo", Mode: 0o755}, {Path: "/etc/foo.conf", Body: "x=1\n", Mode: 0o600},
			{Path: "/usr/bin/sh", Body: "#!", Mode: 0o4755}, {Path: "/var/lib/foo/state", Body: "lost"}}},
	}
}

func appPackages() []rpmtest.Package {
	return []rpmtest.Package{
		{Name: "hello", Requires: []string{"libfoo.so.2()(64bit)", "libfoo >= 2", "/bin/sh", "/usr/sbin/sh", "/etc/foo.conf", "hello-data"},
			Conflicts: []string{"libfoo < 2"}, Files: []rpmtest.File{
				{Path: "/app/bin/hello", Body: "#!/bin/sh\n", Mode: 0o775, Group: "games"},
				{Path: "/app/share/applications/org.example.Hello.desktop", Body: "[Desktop Entry]\nType=Application\nName=Hello\nExec=hello\n"},
				{Path: "/app/share/applications/other.desktop", Body: "[Desktop Entry]\n"},
				{Path: "/usr/share/licenses/hello/", Body: ""}, {Path: "/usr/share/licenses/hello/COPYING", Body: "MIT"}}},
		{Name: "hello-data", Files: []rpmtest.File{
			{Path: "/app/share/metainfo/org.example.Hello.metainfo.xml", Body: "<component/>"}, {Path: "/app/share/hello/", Mode: 0o700}, {Path: "/app/share/hello/data", Body: "data"}}},
	}
}

// newApp composes the runtime, and returns a workshop for the application.
func newApp(t *testing.T) *workshop {
	t.Helper()
	runtime := newWorkshop(t, runtimeTree, runtimePackages()...)
	if r := runtime.compose(); r.Ref != runtimeRef {
		t.Fatalf("got the ref %s", r.Ref)
	}
	app := newWorkshop(t, appTree, appPackages()...)
	app.repo = runtime.repo
	return app
}

// tree lists a ref: mode and path.
func (w *workshop) tree(ref string) []string {
	w.t.Helper()
	lines := strings.Split(strings.TrimSpace(w.ostree("ls", "-R", ref)), "\n")
	for i, l := range lines {
		f := strings.Fields(l)
		lines[i] = strings.Join(append(f[:3:3], f[4:]...), " ")
	}
	return lines
}

func TestRuntime(t *testing.T) {
	w := newWorkshop(t, runtimeTree, runtimePackages()...)
	r := w.compose()
	want := []string{
		"d00755 0 0 /", "-00644 0 0 /metadata", "d00755 0 0 /files", "l00777 0 0 /files/sbin -> bin",
		"d00755 0 0 /files/bin", "-00755 0 0 /files/bin/sh", "d00755 0 0 /files/etc", "-00644 0 0 /files/etc/foo.conf",
		"d00755 0 0 /files/lib64", "-00755 0 0 /files/lib64/libfoo.so.2", "d00755 0 0 /files/share",
		"d00755 0 0 /files/share/treewright", "-00644 0 0 /files/share/treewright/packages.json",
	}
	if got := w.tree(r.Ref); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	w.ostree("fsck", "--verify-bindings")
	f := r.Report.Flatpak
	if len(f.LeftOut) != 1 || f.LeftOut[0].Folder != "/var" || f.LeftOut[0].Files != 1 || !slices.Equal(f.Privileges, []string{"/files/bin/sh"}) {
		t.Errorf("got the report %+v", f)
	}
	packages := w.ostree("cat", r.Ref, "/files/share/treewright/packages.json")
	for _, want := range []string{`"name":"libfoo","epoch":0,"version":"2.5"`, `"provides":["libfoo.so.2()(64bit)","libfoo = 2.5-1"]`} {
		if !strings.Contains(packages, want) {
			t.Errorf("got %s, want %s in it", packages, want)
		}
	}
}

func TestApp(t *testing.T) {
	w := newApp(t)
	r := w.compose()
	want := []string{
		"d00755 0 0 /", "-00644 0 0 /metadata", "d00755 0 0 /export", "d00755 0 0 /export/share",
		"d00755 0 0 /export/share/applications", "-00644 0 0 /export/share/applications/org.example.Hello.desktop",
		"d00755 0 0 /export/share/metainfo", "-00644 0 0 /export/share/metainfo/org.example.Hello.metainfo.xml",
		"d00755 0 0 /files", "d00755 0 0 /files/bin", "-00755 0 0 /files/bin/hello", "d00755 0 0 /files/share",
		"d00755 0 0 /files/share/applications", "-00644 0 0 /files/share/applications/org.example.Hello.desktop",
		"-00644 0 0 /files/share/applications/other.desktop", "d00755 0 0 /files/share/hello", "-00644 0 0 /files/share/hello/data",
		"d00755 0 0 /files/share/metainfo", "-00644 0 0 /files/share/metainfo/org.example.Hello.metainfo.xml",
	}
	if got := w.tree(r.Ref); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	metadata := w.ostree("cat", r.Ref, "/metadata")
	for _, want := range []string{"[Application]\nname=org.example.Hello\nruntime=org.example.Platform/x86_64/1\n", "tags=demo;", "command=hello\n",
		"shared=network;", "sockets=wayland;"} {
		if !strings.Contains(metadata, want) {
			t.Errorf("metadata: got\n%s\nwant %q in it", metadata, want)
		}
	}
	for key, want := range map[string]string{
		"xa.ref":                    "'" + appRef + "'",
		"ostree.ref-binding":        "['" + appRef + "']",
		"ostree.collection-binding": "''",
		"xa.installed-size":         "uint64 4096", // eight files of one block each
		"rpmostree.rpmdb.pkglist":   "[('hello', '0', '1', '1', 'noarch'), ('hello-data', '0', '1', '1', 'noarch')]",
	} {
		if got := strings.TrimSpace(w.ostree("show", "--print-metadata-key="+key, r.Ref)); got != want {
			t.Errorf("%s: got %s, want %s", key, got, want)
		}
	}
	if got := w.ostree("show", r.Ref); !strings.Contains(got, "Export org.example.Hello") || !strings.Contains(got, "Built with: treewright test") {
		t.Errorf("got %s", got)
	}
	f := r.Report.Flatpak
	if len(f.RefusedExports) != 1 || f.RefusedExports[0].Source != "share/applications/other.desktop" || len(f.Exports) != 2 ||
		len(f.LeftOut) != 1 || f.LeftOut[0].Folder != "/usr/share/licenses" {
		t.Errorf("got the report %+v", f)
	}
	if again := w.compose(); again.Changed {
		t.Error("the same input makes another commit")
	}
	// Clients refuse to go back in time: a second commit is later.
	if next := w.compose(force); next.Timestamp != r.Timestamp+1 || next.Content != r.Content {
		t.Errorf("got the time %d, want %d", next.Timestamp, r.Timestamp+1)
	}
	if next := w.compose(force, func(o *compose.Options) { o.NoParent = true }); next.Timestamp != r.Timestamp+2 {
		t.Errorf("without a parent: got the time %d, want %d", next.Timestamp, r.Timestamp+2)
	}
}

// TestAppFollowsItsRuntime: what an application may use comes from the runtime.
func TestAppFollowsItsRuntime(t *testing.T) {
	w := newApp(t)
	w.compose()
	runtime := newWorkshop(t, strings.Replace(runtimeTree, "wayland", "x11", 1), runtimePackages()...)
	runtime.repo = w.repo
	runtime.compose()
	if r := w.compose(); !r.Changed || !strings.Contains(w.ostree("cat", r.Ref, "/metadata"), "x11") {
		t.Errorf("got %+v, want a commit with the new permission", r)
	}
}

func TestFlatpakRefusals(t *testing.T) {
	misplaced := append(appPackages(), pkg("base", file("/usr/bin/base", ""), file("/usr/lib/systemd/x.service", "")))
	for _, tc := range []struct {
		name, treefile string
		packages       []rpmtest.Package
		want           []string
	}{
		{"files outside /app", appTree, misplaced, []string{"base-1-1.noarch", "/usr/bin/base", "prefix /app"}},
		{"no /app at all", appTree, []rpmtest.Package{pkg("x", file("/usr/share/doc/x", ""))}, []string{"no /app"}},
		{"something that the runtime lacks", appTree, []rpmtest.Package{{Name: "x", Requires: []string{"libbar.so.1()(64bit)"}}}, []string{"libbar.so.1()(64bit)"}},
		{"a newer package than the runtime's", appTree, []rpmtest.Package{{Name: "x", Requires: []string{"libfoo >= 3"}}}, []string{"libfoo >= 3"}},
		{"an unknown runtime", strings.Replace(appTree, "Platform/x86_64/1", "Platform/x86_64/2", 1), appPackages(),
			[]string{"runtime/org.example.Platform/x86_64/2", "compose it"}},
		{"a foreign runtime", strings.Replace(appTree, "Platform/x86_64/1", "Foreign/x86_64/1", 1), appPackages(), []string{"packages.json", "did not compose it"}},
		{"no merged /usr", runtimeTree, []rpmtest.Package{pkg("x", file("/lib64/libx.so", ""), file("/usr/x", ""))}, []string{"merged /usr", "x-1-1.noarch", "/lib64/libx.so"}},
		{"keys of an OS", runtimeTree + "container-cmd: [bash]\n", runtimePackages(), []string{"container-cmd", "no use"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runtime := newApp(t)
			repo := ostreetest.Open(t, runtime.repo)
			ostreetest.Commit(t, repo, "runtime/org.example.Foreign/x86_64/1",
				ostreetest.Tree{"metadata": ostreetest.Regular("[Runtime]\nname=org.example.Foreign\n"), "files": ostreetest.Dir()}, ostreetest.CommitOptions{})
			w := newWorkshop(t, tc.treefile, tc.packages...)
			w.repo = runtime.repo
			_, err := w.try()
			wantError(t, err, tc.want...)
		})
	}
}

// TestInteropFlatpakInstalls installs the application with the real client, and
// updates it.
func TestInteropFlatpakInstalls(t *testing.T) {
	packages := appPackages()
	w := newApp(t)
	first := w.compose()
	publishRepo(t, w.repo)
	home := t.TempDir()
	t.Setenv("FLATPAK_USER_DIR", filepath.Join(home, "flatpak"))
	t.Setenv("HOME", home)
	t.Setenv("XDG_DATA_HOME", filepath.Join(home, "data"))
	// flatpak asks the system's bus about parental controls, unless root
	// installs; there may be none, so this one answers.
	flatpak := func(args ...string) string {
		return run(t, "dbus-run-session", append([]string{"--", "sh", "-c",
			`DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS exec flatpak --user "$@"`, "sh"}, args...)...)
	}
	flatpak("remote-add", "--no-gpg-verify", "ours", "file://"+w.repo)
	flatpak("install", "-y", "--noninteractive", "ours", "org.example.Hello")
	deployed := filepath.Join(home, "flatpak/app/org.example.Hello/current/active")
	if data, err := os.ReadFile(filepath.Join(deployed, "files/share/hello/data")); string(data) != "data" || err != nil {
		t.Errorf("got %q, %v", data, err)
	}
	if got := flatpak("info", "--show-commit", "org.example.Hello"); strings.TrimSpace(got) != first.Commit.String() {
		t.Errorf("got the commit %s, want %s", got, first.Commit)
	}
	packages[1].Release, packages[1].Files[2].Body = "2", "new data"
	w.setPackages(packages...)
	w.compose()
	publishRepo(t, w.repo)
	flatpak("update", "-y", "--noninteractive")
	if data, err := os.ReadFile(filepath.Join(deployed, "files/share/hello/data")); string(data) != "new data" || err != nil {
		t.Errorf("after the update: got %q, %v", data, err)
	}
}

func publishRepo(t *testing.T, dir string) {
	t.Helper()
	repo, err := archive.Open(dir, archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	if _, err := publish.Publish(t.Context(), publish.Options{Repo: repo}); err != nil {
		t.Fatal(err)
	}
}
