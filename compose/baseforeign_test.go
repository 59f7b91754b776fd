package compose_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// foreignBase commits, with the real client, a tree that no compose made: files
// of packages with /etc in its old place moved by hand, and a database that the
// real rpm wrote.
func foreignBase(t *testing.T, w *workshop, packages ...rpmtest.Package) {
	t.Helper()
	w.setPackages(packages...)
	files, err := filepath.Glob(filepath.Join(w.rpms, "Packages", "*.rpm"))
	w.must(err)
	dir := filepath.Join(t.TempDir(), "root")
	db := filepath.Join(dir, "usr/share/rpm")
	w.must(os.MkdirAll(db, 0o755))
	run(t, "rpm", append([]string{"--dbpath", db, "--define=_db_backend sqlite", "-i", "--justdb", "--nodeps", "--nosignature", "--noscripts", "--ignorearch"}, files...)...)
	for _, p := range packages {
		for _, f := range p.Files {
			name := filepath.Join(dir, strings.Replace(strings.Replace(f.Path, "/bin/", "/usr/bin/", 1), "/usr/usr/", "/usr/", 1))
			if f.Path == "/bin" || f.Path == "/lib64" {
				name = filepath.Join(dir, f.Path)
			}
			name = strings.Replace(name, dir+"/etc", dir+"/usr/etc", 1)
			w.must(os.MkdirAll(filepath.Dir(name), 0o755))
			switch {
			case strings.HasSuffix(f.Path, "/"):
				w.must(os.MkdirAll(name, 0o755))
			case f.LinkTo != "":
				w.must(os.Symlink(f.LinkTo, name))
			default:
				w.must(os.WriteFile(name, []byte(f.Body), 0o755))
			}
		}
	}
	run(t, "ostree", "commit", "--repo="+w.repo, "--branch=foreign", "--owner-uid=0", "--owner-gid=0", "--no-xattrs", dir)
}

// TestForeignBase: packages go on top of a commit that others made.
func TestForeignBase(t *testing.T) {
	w := newWorkshop(t, "ref: test/x86_64/layered\ncontainer: true\nbase: foreign\npackages: [extra]\n", base()...)
	foreignBase(t, w, base()...)
	w.setPackages(append(base(), onTop()...)...)
	r := w.compose()
	got := strings.Fields(w.installed("test/x86_64/layered", "-a", "--qf", "%{NEVRA} "))
	if len(got) != 4 || r.Report.Base.Packages != 3 {
		t.Errorf("rpm -qa: got %q, want three packages of the base and the new one", got)
	}
	list := w.list("test/x86_64/layered")
	for _, path := range []string{"/usr/etc/passwd", "/usr/lib/passwd", "/usr/bin/extra", "/usr/etc/extra.conf", "/usr/lib64/libx.so.1", "/usr/lib/tmpfiles.d/rpm-ostree-autovar.conf"} {
		if list[path] == "" {
			t.Errorf("%s is not in the tree", path)
		}
	}
	for path := range list {
		if regexp.MustCompile(`^/usr/share/rpm/.*(-shm|-wal|lock)$|^/etc/`).MatchString(path) {
			t.Errorf("%s is in the tree", path)
		}
	}
	// What was committed by another program is no other input.
	if w.compose().Changed {
		t.Error("the same input made another commit")
	}
}

// TestLayeredVerifies: the real rpm finds all files of all packages in a checkout
// as they should be.
func TestLayeredVerifies(t *testing.T) {
	w := newBase(t, layeredTree+"packages: [extra]\n", onTop()...)
	w.compose()
	dir := w.checkout("test/x86_64/layered")
	w.must(os.Rename(filepath.Join(dir, "usr/etc"), filepath.Join(dir, "etc")))
	out := verifyRoot(t, dir)
	for line := range strings.Lines(out) {
		// A checkout of a user has no owners, modes with setuid or capabilities,
		// and accounts are split.
		fields := strings.Fields(line)
		what, path := fields[0], fields[len(fields)-1]
		gone := what == "missing"
		switch {
		case gone && (strings.Contains(line, "/var/") || strings.Contains(line, "/opt") || strings.Contains(line, "/tmp")):
		case !gone && strings.ContainsAny(what, "5L") && path != "/etc/passwd" && path != "/etc/group" && path != "/etc/shadow":
			t.Errorf("rpm -V: %s", line)
		case gone:
			t.Errorf("rpm -V: %s", line)
		}
	}
}

// verifyRoot is rpm -Va of a tree, without a change of root.
func verifyRoot(t *testing.T, dir string) string {
	t.Helper()
	cmd := "rpm --root " + dir + " --dbpath /usr/share/rpm -Va --nodeps --nouser --nogroup --nomtime --nomode --nocaps --noscripts || :"
	if os.Geteuid() != 0 {
		cmd = "unshare -r " + cmd
	}
	return run(t, "sh", "-c", cmd)
}

// bootable are packages that make a system with a kernel, whose dracut and depmod
// are scripts.
func bootable(t *testing.T) []rpmtest.Package {
	t.Helper()
	image, err := os.ReadFile("initramfs/testdata/early-gzip.img")
	if err != nil {
		t.Fatal(err)
	}
	tool := func(path, body string) rpmtest.File { return rpmtest.File{Path: path, Body: body, Mode: 0o755} }
	return append(accounts(t),
		pkg("kernel", file("/usr/lib/modules/6.1/vmlinuz", "kernel"), file("/usr/lib/modules/6.1/kernel/a.ko", "a")),
		pkg("dracut", tool("/usr/bin/dracut", "#!/bin/sh\nwhile [ \"$1\" != -f ]; do shift; done\ncat /usr/share/image > \"$2\"\n"),
			tool("/usr/sbin/depmod", "#!/bin/sh\necho a.ko: > \"/usr/lib/modules/$2/modules.dep\"\n"),
			file("/usr/lib/dracut/modules.d/98ostree/module-setup.sh", "install() { :; }\n"), file("/usr/share/image", string(image))))
}

// TestBaseInitramfs: the initramfs of a base stays until something that it
// depends on is another.
func TestBaseInitramfs(t *testing.T) {
	plain := pkg("plain", file("/usr/share/plain", "plain"))
	hook := pkg("hook", file("/usr/lib/dracut/modules.d/99hook/module-setup.sh", "install() { :; }\n"))
	w := newWorkshop(t, "ref: test/x86_64/os\nselinux: false\n", bootable(t)...)
	w.compose()
	want := w.image("test/x86_64/os")
	w.setPackages(append(bootable(t), plain, hook)...)
	for name, restored := range map[string]bool{"plain": true, "hook": false} {
		w.write("tree.yaml", "ref: test/"+name+"\nselinux: false\nbase: test/x86_64/os\npackages: ["+name+"]\n")
		// Another cache: the initramfs can be from the base alone.
		r := w.compose(func(o *compose.Options) { o.CacheDir = filepath.Join(t.TempDir(), "cache") })
		if k := r.Report.Kernel; k == nil || k.Restored != restored || k.Kernel != "6.1" {
			t.Errorf("%s: got the kernel %+v, want its initramfs kept: %v", name, k, restored)
		}
		if got := w.image("test/" + name); got != want {
			t.Errorf("%s: got the initramfs %s, want %s", name, got, want)
		}
		if got := w.commitKey(r.Commit, "ostree.linux"); got != "'6.1'" {
			t.Errorf("%s: got the kernel %s in the commit", name, got)
		}
	}
}

// image is the checksum of the initramfs of a ref.
func (w *workshop) image(ref string) string {
	w.t.Helper()
	return w.ostree("ls", "-C", ref, "/usr/lib/modules/6.1/initramfs.img")
}

// TestBaseLostContent: content that the cache has lost comes from the commit
// again.
func TestBaseLostContent(t *testing.T) {
	over := scripted("over", []rpm.Scriptlet{sh(rpm.PostIn, "cat /usr/share/under > /usr/share/copy")})
	under := pkg("under", file("/usr/share/under", strings.Repeat("under", 2000)))
	w := newWorkshop(t, osTree, append(accounts(t), under)...)
	w.compose()
	w.setPackages(append(accounts(t), under, over)...)
	w.write("tree.yaml", layeredTree+"packages: [over]\n")
	first := w.compose()
	w.must(filepath.WalkDir(filepath.Join(w.cache, "content", "files"), func(path string, d os.DirEntry, err error) error {
		if info, err2 := d.Info(); err == nil && err2 == nil && info.Size() == 10000 {
			return os.Remove(path)
		}
		return err
	}))
	var warned []string
	again := w.compose(force, func(o *compose.Options) { o.Warn = func(text string) { warned = append(warned, text) } })
	if again.Content != first.Content {
		t.Error("the same input made another tree")
	}
	if len(warned) == 0 || !strings.Contains(strings.Join(warned, "\n"), "read again") {
		t.Errorf("got the warnings %q, want one of the lost file", warned)
	}
}

// TestPartialBase: a commit without its tree is no base.
func TestPartialBase(t *testing.T) {
	w := newBase(t, layeredTree+"packages: [extra]\n", onTop()...)
	sum, err := ostree.ParseChecksum(w.ref("test/x86_64/os"))
	w.must(err)
	w.must(os.MkdirAll(filepath.Join(w.repo, "state"), 0o755))
	w.must(os.WriteFile(filepath.Join(w.repo, "state", sum.String()+".commitpartial"), nil, 0o644))
	_, err = w.try()
	wantError(t, err, "only a part")
}
