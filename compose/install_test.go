package compose_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/treefile"
)

// dirOptions are those of the steps that begin with a directory.
func (w *workshop) dirOptions() compose.Options {
	w.t.Helper()
	t, err := treefile.Load(filepath.Join(w.dir, "tree.yaml"), treefile.Options{Arch: "x86_64"})
	w.must(err)
	repo, err := archive.Open(w.repo, archive.Options{})
	w.must(err)
	w.t.Cleanup(func() {
		if err := repo.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return compose.Options{Treefile: t, Repo: repo, CacheDir: w.cache, Now: now}
}

func (w *workshop) install(dest string, o compose.DirOptions, adjust ...func(*compose.Options)) *compose.Result {
	w.t.Helper()
	p, err := w.plan(append(adjust, force)...)
	w.must(err)
	r, err := p.Install(w.t.Context(), dest, o)
	w.must(err)
	return r
}

func (w *workshop) postprocess(dir string, o compose.DirOptions) *compose.Result {
	w.t.Helper()
	opts := w.dirOptions()
	opts.Repo = nil
	r, err := compose.PostprocessDir(w.t.Context(), opts, dir, o)
	w.must(err)
	return r
}

func (w *workshop) commitDir(dir string, metadata ...string) *compose.Result {
	w.t.Helper()
	o := w.dirOptions()
	o.MetadataStrings = metadata
	r, err := compose.CommitDir(w.t.Context(), o, dir)
	w.must(err)
	return r
}

// stepTree uses what a compose has and a directory could lose.
const stepTree = osTree + `
etc-group-members: [tty]
add-files: [[motd, /usr/etc/motd]]
units: [sample.service]
mutate-os-release: "1"
automatic-version-prefix: "1"
remove-files: [usr/share/gone]
`

func stepPackages() []rpmtest.Package {
	return append(base(),
		rpmtest.Package{Name: "sample", Files: []rpmtest.File{
			{Path: "/usr/lib/systemd/system/sample.service", Body: "[Service]\n"}, {Path: "/usr/share/gone", Body: "x"},
			{Path: "/usr/lib/os-release", Body: "VERSION=1\nPRETTY_NAME=\"Sample 1\"\n"}, {Path: "/etc/os-release", LinkTo: "../usr/lib/os-release"},
			{Path: "/opt/sample/run", Body: "run", Mode: 0o755}, {Path: "/var/lib/sample/", Mode: 0o700, User: "mail", Group: "mail"},
			{Path: "/var/cache/sample/file", Body: "lost"}, {Path: "/etc/secret", Body: "s", Mode: 0o600, User: "mail", Group: "tty"},
			{Path: "/root/.profile", Body: "p"}, {Path: "/home/"}, {Path: "/usr/libexec/closed", Mode: 0o4711, Body: "c"},
			{Path: "/usr/share/dark", Mode: 0o000, Body: "d"},
		}})
}

// policyPackage has labels for everything.
func policyPackage() rpmtest.Package {
	return pkg("policy", file("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n"),
		file("/etc/selinux/targeted/contexts/files/file_contexts", "/.*\tsystem_u:object_r:default_t:s0\n/usr(/.*)?\tsystem_u:object_r:usr_t:s0\n/etc(/.*)?\tsystem_u:object_r:etc_t:s0\n"),
		file("/etc/selinux/targeted/contexts/files/file_contexts.subs_dist", "/usr/lib64 /usr/lib\n"))
}

func TestStepsGiveTheTreeOfACompose(t *testing.T) {
	t.Run("plain", func(t *testing.T) { compareSteps(t, newWorkshop(t, stepTree, stepPackages()...)) })
	t.Run("labelled", func(t *testing.T) {
		w := newWorkshop(t, strings.Replace(stepTree, "container: true", "no-initramfs: true\nboot-location: new", 1),
			append(stepPackages(), policyPackage(), pkg("kernel", file("/usr/lib/modules/6.1/vmlinuz", "kernel"), file("/usr/lib/modules/6.1/kernel/a.ko", "a")))...)
		compareSteps(t, w)
		if out := w.ostree("ls", "-X", "test/x86_64/os", "/usr/bin/su"); !strings.Contains(out, "security.selinux") {
			t.Errorf("the last commit has no labels: %s", out)
		}
		if out := w.ostree("show", "--print-metadata-key=ostree.linux", "test/x86_64/os"); strings.TrimSpace(out) != "'6.1'" {
			t.Errorf("ostree.linux: got %s", out)
		}
	})
}

func compareSteps(t *testing.T, w *workshop) {
	t.Helper()
	w.write("motd", "hello\n")
	want := w.compose(force)
	for name, o := range map[string]compose.DirOptions{"root": {}, "bare-user": {BareUser: true}, "at once": {BareUser: true, Postprocess: true}} {
		dest := filepath.Join(t.TempDir(), "dest")
		r := w.install(dest, o, func(o *compose.Options) {
			o.MetadataStrings, o.Repo = []string{"version=" + want.Version}, nil // no previous commit, as for the compose
		})
		root := filepath.Join(dest, "rootfs")
		if r.Directory != root {
			t.Errorf("%s: got the directory %s", name, r.Directory)
		}
		if link, err := os.Readlink(filepath.Join(root, "home")); err != nil || link != "var/home" {
			t.Errorf("%s: /home: got %q, %v", name, link, err)
		}
		if _, err := os.Lstat(filepath.Join(root, "etc")); !os.IsNotExist(err) {
			t.Errorf("%s: /etc: got %v, want none", name, err)
		}
		if out := run(t, "rpm", "--root", root, "--dbpath", "/usr/share/rpm", "-qa"); !strings.Contains(out, "tools-2-1.x86_64") || len(strings.Fields(out)) < 4 {
			t.Errorf("%s: rpm -qa: got %s", name, out)
		}
		if w.postprocess(root, o).Changed == o.Postprocess {
			t.Errorf("%s: the first postprocessing: it changed something: %t", name, !o.Postprocess)
		}
		if w.postprocess(root, o).Changed {
			t.Errorf("%s: the second postprocessing changed something", name)
		}
		got := w.commitDir(root, "version="+want.Version, "rpmostree.inputhash=abc")
		if got.Content != want.Content {
			t.Errorf("%s: another tree:\n%s", name, w.ostree("diff", want.Commit.String(), got.Commit.String()))
			t.Log(run(t, "sh", "-c", "ostree ls -R -X --repo=$0 $1 >$0/a; ostree ls -R -X --repo=$0 $2 >$0/b; diff $0/a $0/b || true",
				w.repo, want.Commit.String(), got.Commit.String()))
		}
		if hash := w.ostree("show", "--print-metadata-key=rpmostree.inputhash", got.Commit.String()); strings.TrimSpace(hash) != "'abc'" {
			t.Errorf("%s: the input hash: got %s", name, hash)
		}
		list := w.ostree("show", "--print-metadata-key=rpmostree.rpmdb.pkglist", got.Commit.String())
		if was := w.ostree("show", "--print-metadata-key=rpmostree.rpmdb.pkglist", want.Commit.String()); list != was {
			t.Errorf("%s: the packages: got %s, want %s", name, list, was)
		}
	}
}

// TestDirectoryIsCommitted takes a tree that no compose made.
func TestDirectoryIsCommitted(t *testing.T) {
	w := newWorkshop(t, osTree+"ignore-devices: true\n", base()...)
	dir := t.TempDir()
	sh := exec.CommandContext(t.Context(), "sh", "-exc", `mkdir -p etc usr/bin usr/share var/lib/rpm dev
echo root:x:0:0::/root:/bin/sh >etc/passwd; echo root:x:0: >etc/group; printf 'daemon:x:2:2::/:/bin/sh\n' >>etc/passwd
echo kept >usr/share/kept; chmod 4755 usr/share/kept; ln usr/share/kept usr/share/twin; mkfifo usr/share/fifo; ln -s /etc/passwd usr/share/link
mknod usr/share/whiteout c 0 0; mknod dev/null c 1 3; echo x >dev/file; mkdir -m 2770 var/lib/thing`)
	sh.Dir = dir
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.must(os.Chown(filepath.Join(dir, "usr/bin"), 2, 7))
	r := w.commitDir(dir)
	got := w.ostree("ls", "-R", r.Commit.String())
	for _, line := range []string{"-04755 0 0      5 /usr/share/kept", "-04755 0 0      5 /usr/share/twin", "d00755 2 7      0 /usr/bin",
		"-00000 0 0      0 /usr/share/.ostree-wh.whiteout", "/usr/share/link -> /etc/passwd", "/usr/lib/passwd", "/usr/etc/group"} {
		if !strings.Contains(got, line) {
			t.Errorf("got\n%s\nwant a line with %s", got, line)
		}
	}
	for _, path := range []string{"fifo", "/dev/", "/share/whiteout", " /etc/group"} {
		if strings.Contains(got, path) {
			t.Errorf("%s is in the commit:\n%s", path, got)
		}
	}
	paths := map[string]bool{}
	for _, d := range r.Report.LeftOut {
		paths[d.Path] = true
	}
	if !paths["/usr/share/fifo"] || !paths["/dev/*"] {
		t.Errorf("got %v left out", r.Report.LeftOut)
	}
}

func TestHostileDirectories(t *testing.T) {
	w := newWorkshop(t, osTree+"ignore-devices: false\n", base()...)
	for name, tc := range map[string]struct {
		make func(dir string) error
		want string
	}{
		"a device": {func(dir string) error { return unix.Mkfifo(filepath.Join(dir, "usr/f"), 0o600) }, "FIFO"},
		"no attribute of ours": {func(dir string) error {
			return unix.Setxattr(filepath.Join(dir, "usr"), "user.ostreemeta", []byte("x"), 0)
		}, "ostreemeta"},
		"another type": {func(dir string) error {
			return unix.Setxattr(filepath.Join(dir, "usr"), "user.ostreemeta", append(make([]byte, 10), 0o201, 0o244), 0)
		}, "another type"},
	} {
		dir := t.TempDir()
		w.must(os.Mkdir(filepath.Join(dir, "usr"), 0o755))
		w.must(tc.make(dir))
		_, err := compose.CommitDir(t.Context(), w.dirOptions(), dir)
		wantError(t, err, tc.want)
		if w.ref("test/x86_64/os") != "" {
			t.Errorf("%s: the ref was written", name)
		}
	}
	p, err := w.plan()
	w.must(err)
	dest := t.TempDir()
	w.must(os.MkdirAll(filepath.Join(dest, "rootfs/x"), 0o755))
	_, err = p.Install(t.Context(), dest, compose.DirOptions{})
	wantError(t, err, "not empty")
}
