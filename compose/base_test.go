package compose_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// layeredTree is a treefile on top of what osTree makes.
const layeredTree = "ref: test/x86_64/layered\ncontainer: true\nbase: test/x86_64/os\n"

// onTop is what the tests put on top of base().
func onTop() []rpmtest.Package {
	return []rpmtest.Package{
		{Name: "extra", Version: "3", Arch: "x86_64", Requires: []string{"tools"}, Files: []rpmtest.File{
			{Path: "/bin/extra", Body: "extra", Mode: 0o755}, {Path: "/etc/extra.conf", Body: "x=1\n"},
			{Path: "/usr/lib64/libx.so.2", Body: "new", Mode: 0o755}, {Path: "/usr/bin/"}, {Path: "/var/lib/extra/", User: "mail", Group: "mail", Mode: 0o750},
			{Path: "/opt/extra/bin/x", Body: "opt"}}},
	}
}

// newBase composes base() and makes a workshop whose treefile is on top of it.
func newBase(t testing.TB, treefile string, more ...rpmtest.Package) *workshop {
	t.Helper()
	w := newWorkshop(t, osTree, base()...)
	w.compose()
	w.setPackages(append(base(), more...)...)
	w.write("tree.yaml", treefile)
	return w
}

// installed is what rpm says of the packages of a ref.
func (w *workshop) installed(ref string, args ...string) string {
	w.t.Helper()
	dir := w.checkout(ref)
	return run(w.t, "rpm", append([]string{"--dbpath", filepath.Join(dir, "usr/share/rpm"), "-q"}, args...)...)
}

// checkout checks a ref out with the real client.
func (w *workshop) checkout(ref string) string {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "tree")
	w.ostree("checkout", "-U", ref, dir)
	return dir
}

func TestBase(t *testing.T) {
	w := newBase(t, layeredTree+"packages: [extra, setup]\n", onTop()...)
	r := w.compose()
	if names := reported(r); names != "extra-3-1.x86_64" {
		t.Errorf("got the packages %s, want only the new one", names)
	}
	if b := r.Report.Base; b == nil || b.Commit.String() != w.ref("test/x86_64/os") || b.Packages != 3 {
		t.Errorf("got the base %+v, want three packages of %s", b, w.ref("test/x86_64/os"))
	}
	want := "extra-3-1.x86_64\nfilesystem-1-1.noarch\nsetup-1-1.noarch\ntools-1:2-1.x86_64\n"
	rows := strings.Split(strings.TrimSpace(w.installed("test/x86_64/layered", "-a", "--qf", "%{NEVRA}\n")), "\n")
	slices.Sort(rows)
	if got := strings.Join(rows, "\n") + "\n"; got != want {
		t.Errorf("rpm -qa: got\n%swant\n%s", got, want)
	}
	if list := w.commitKey(r.Commit, "rpmostree.rpmdb.pkglist"); !strings.Contains(list, "('setup', '0', '1', '1', 'noarch')") || !strings.Contains(list, "'extra'") {
		t.Errorf("got the package list %s", list)
	}
	before, after := w.list("test/x86_64/os"), w.list("test/x86_64/layered")
	for path, row := range before {
		if after[path] != row && !strings.Contains(path, "rpm") {
			t.Errorf("%s of the base: got %q, want %q", path, after[path], row)
		}
	}
	for _, path := range []string{"/usr/bin/extra", "/usr/etc/extra.conf", "/usr/lib64/libx.so.2", "/usr/lib/opt/extra/bin/x"} {
		if after[path] == "" {
			t.Errorf("%s is not in the tree", path)
		}
	}
	auto := w.ostree("cat", "test/x86_64/layered", "/usr/lib/tmpfiles.d/rpm-ostree-autovar.conf")
	for _, line := range []string{"d /var/lib/extra 0750 mail mail - -", "d /var/spool/mail 0775 mail mail - -"} {
		if !strings.Contains(auto, line+"\n") {
			t.Errorf("tmpfiles.d: got\n%swant the line %q", auto, line)
		}
	}
	w.ostree("fsck")
	var text strings.Builder
	w.must(r.Report.WriteText(&text))
	if !strings.Contains(text.String(), "on top of test/x86_64/os (") {
		t.Errorf("the report for people says\n%s", &text)
	}
	// The same once more makes nothing; forced, it makes the same tree.
	if again := w.compose(); again.Changed {
		t.Error("the same input made another commit")
	}
	if again := w.compose(force); again.Content != r.Content {
		t.Error("the same input made another tree")
	}
}

// list maps the paths of a ref to what the real client says of them.
func (w *workshop) list(ref string) map[string]string {
	w.t.Helper()
	rows := map[string]string{}
	for line := range strings.Lines(w.ostree("ls", "-R", "-X", "-C", ref)) {
		line = strings.TrimSpace(line)
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "d") {
			// Checksums of directories tell of what is in them.
			fields = slices.DeleteFunc(fields, func(f string) bool { return len(f) == 64 })
		}
		i := slices.IndexFunc(fields, func(f string) bool { return strings.HasPrefix(f, "/") })
		rows[fields[i]] = strings.Join(fields, " ")
	}
	return rows
}

func reported(r *compose.Result) string {
	var names []string
	for _, p := range r.Report.Packages {
		names = append(names, p.NEVRA)
	}
	return strings.Join(names, " ")
}

// TestBaseUnchangedContent: what the base has is neither read nor written again.
func TestBaseUnchangedContent(t *testing.T) {
	w := newBase(t, layeredTree+"packages: [extra]\n", onTop()...)
	object := contentObject(t, w, "test/x86_64/os", "/usr/lib64/libx.so.1")
	// Damaged beyond its header, it could not be read.
	data, err := os.ReadFile(object)
	w.must(err)
	w.must(os.Chmod(object, 0o644))
	w.must(os.WriteFile(object, append(data[:len(data)-20:len(data)-20], make([]byte, 20)...), 0o644))
	r := w.compose()
	if r.CacheHits < 8 {
		t.Errorf("got %d contents that were not read, want those of the base", r.CacheHits)
	}
}

func contentObject(t testing.TB, w *workshop, ref, path string) string {
	t.Helper()
	for _, field := range strings.Fields(w.ostree("ls", "-C", ref, path)) {
		if len(field) == 64 {
			return filepath.Join(w.repo, "objects", field[:2], field[2:]+".filez")
		}
	}
	t.Fatalf("ostree ls tells no checksum of %s", path)
	return ""
}

// TestBaseMoves: an updated base is another input.
func TestBaseMoves(t *testing.T) {
	w := newBase(t, layeredTree+"packages: [extra]\n", onTop()...)
	first := w.compose()
	w.write("tree.yaml", osTree+"packages: [tools]\n")
	newer := base()
	newer[2].Version = "4"
	w.setPackages(append(newer, onTop()...)...)
	w.compose()
	w.write("tree.yaml", layeredTree+"packages: [extra]\n")
	plan, err := w.plan()
	w.must(err)
	diff, err := plan.CompareTip(t.Context())
	w.must(err)
	if len(diff.Packages) != 1 || diff.Packages[0].Name != "tools" || diff.Packages[0].Change != compose.ChangeUpgraded {
		t.Errorf("got the changes %+v, want the base's update alone", diff.Packages)
	}
	var text strings.Builder
	w.must(plan.WriteText(&text))
	if !strings.Contains(text.String(), "base: test/x86_64/os, commit "+w.ref("test/x86_64/os")) {
		t.Errorf("the plan says\n%s", &text)
	}
	second := w.compose()
	if !second.Changed || second.InputHash == first.InputHash {
		t.Error("the base moved and the input hash did not")
	}
	if got := w.installed("test/x86_64/layered", "tools"); got != "tools-4-1.x86_64\n" {
		t.Errorf("got %s, want the base's new build", got)
	}
}

// TestBaseLabels: labels are those of the tree's own policy, or none; files that
// keep theirs keep their objects.
func TestBaseLabels(t *testing.T) {
	bare := "no-initramfs: true\n"
	under := append(base(), policyPackage(), pkg("kernel", file("/usr/lib/modules/6.1/vmlinuz", "kernel")))
	w := newWorkshop(t, "ref: test/x86_64/os\n"+bare, under...)
	w.compose()
	w.setPackages(append(under, onTop()...)...)
	w.write("tree.yaml", "ref: test/x86_64/layered\nbase: test/x86_64/os\npackages: [extra]\n"+bare)
	r := w.compose()
	before, after := w.list("test/x86_64/os"), w.list("test/x86_64/layered")
	for _, path := range []string{"/usr/bin/ping", "/usr/lib64/libx.so.1", "/usr/lib64"} {
		if before[path] != after[path] || !strings.Contains(after[path], "security.selinux") {
			t.Errorf("got\n%s\nwant it labelled, as in the base\n%s", after[path], before[path])
		}
	}
	if row := after["/usr/bin/extra"]; !strings.Contains(row, "security.selinux") || r.CacheHits < 8 {
		t.Errorf("got %s and %d contents that were not read", row, r.CacheHits)
	}
	w.write("tree.yaml", "ref: test/x86_64/layered\nbase: test/x86_64/os\npackages: [extra]\nselinux: false\n"+bare)
	w.compose()
	for path, row := range w.list("test/x86_64/layered") {
		if strings.Contains(row, "security.selinux") {
			t.Fatalf("%s has a label without a policy: %s", path, row)
		}
	}
	if row := w.list("test/x86_64/layered")["/usr/bin/ping"]; !strings.Contains(row, "security.capability") {
		t.Errorf("got %s, want its capability kept", row)
	}
}

// TestBaseWithoutPackages: a base needs no further package.
func TestBaseWithoutPackages(t *testing.T) {
	w := newBase(t, layeredTree+"packages: []\nremove-files: [usr/bin/ping]\n")
	r := w.compose()
	if !r.Changed || w.list("test/x86_64/layered")["/usr/bin/ping"] != "" {
		t.Error("the file was not removed from the base")
	}
	if got := reported(r); got != "" {
		t.Errorf("got the packages %s, want none", got)
	}
}

// TestBaseScriptlets: only what is put on top runs, in a tree with all files;
// triggers of the base fire.
func TestBaseScriptlets(t *testing.T) {
	watching := sh(rpm.FileTriggerIn, "cat >> /usr/share/triggered")
	watching.Paths = []string{"/usr/share/over"}
	under := scripted("under", []rpm.Scriptlet{sh(rpm.PostIn, "echo ran >> /usr/share/under-ran"), watching}, file("/usr/share/under", "under\n"))
	w := newWorkshop(t, osTree, append(accounts(t), under)...)
	w.compose()
	if got := w.ostree("cat", "test/x86_64/os", "/usr/share/under-ran"); got != "ran\n" {
		t.Fatalf("got %q, want the scriptlet of the base to have run", got)
	}
	over := scripted("over", []rpm.Scriptlet{sh(rpm.PostIn, "cat /usr/share/under /usr/share/over-file > /usr/share/both",
		"echo 'add:x:77:77::/:/bin/sh' >> /etc/passwd", "echo 'add:x:77:' >> /etc/group")}, file("/usr/share/over-file", "over\n"))
	over.Requires = []string{"under"}
	w.setPackages(append(accounts(t), under, over)...)
	w.write("tree.yaml", layeredTree+"packages: [over]\n")
	r := w.compose()
	for path, want := range map[string]string{
		"/usr/share/under-ran": "ran\n", "/usr/share/both": "under\nover\n", "/usr/share/triggered": "/usr/share/over-file\n",
	} {
		if got := w.ostree("cat", "test/x86_64/layered", path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if passwd := w.ostree("cat", "test/x86_64/layered", "/usr/lib/passwd"); !strings.Contains(passwd, "add:x:77") {
		t.Errorf("passwd: got\n%s\nwant the new user", passwd)
	}
	if again := w.compose(force); again.Content != r.Content {
		t.Error("the same input made another tree")
	}
}

func TestBaseConflicts(t *testing.T) {
	for name, c := range map[string]struct {
		pkg   rpmtest.Package
		words []string
	}{
		"content": {pkg("bad", file("/usr/bin/ping", "other")), []string{"/usr/bin/ping", "tools-1:2-1.x86_64", "bad-1-1.noarch"}},
		"below a link": {rpmtest.Package{Name: "bad", Files: []rpmtest.File{{Path: "/bin/su", Body: "other", Mode: 0o755}}},
			[]string{"/bin/su", "tools-1:2-1.x86_64"}},
		"type": {pkg("bad", file("/usr/lib64", "x")), []string{"/usr/lib64", "filesystem"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newBase(t, layeredTree+"packages: [bad]\n", c.pkg)
			_, err := w.try()
			wantError(t, err, c.words...)
			if w.ref("test/x86_64/layered") != "" {
				t.Error("there is a commit")
			}
		})
	}
	// The same file of two packages is no conflict.
	w := newBase(t, layeredTree+"packages: [good]\n", rpmtest.Package{Name: "good", Files: []rpmtest.File{
		{Path: "/usr/bin/ping", Body: "ping", Mode: 0o755, Caps: "cap_net_raw=ep"}, {Path: "/usr/bin/good", Body: "good"}}})
	w.compose()
}

func TestBaseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		treefile string
		words    []string
	}{
		"absent":     {"ref: a\ncontainer: true\nbase: not/there\npackages: [extra]\n", []string{"tree.yaml:3", "base", "not/there"}},
		"flatpak":    {"base: test/x86_64/os\npackages: [extra]\nflatpak: {id: a.b.c, build-runtime: true}\n", []string{"a flatpak has no use"}},
		"requires":   {layeredTree + "packages: [needy]\n", []string{"needy", "setup >= 9"}},
		"no keyring": {"ref: a\ncontainer: true\nbase: {repo: /nowhere, ref: a}\npackages: [extra]\n", []string{"/nowhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newBase(t, c.treefile, append(onTop(), rpmtest.Package{Name: "needy", Requires: []string{"setup >= 9"}})...)
			_, err := w.try()
			wantError(t, err, c.words...)
		})
	}
	w := newBase(t, "ref: a\ncontainer: true\nbase: empty\npackages: [extra]\n", onTop()...)
	dir := t.TempDir()
	w.ostree("commit", "-b", "empty", dir)
	_, err := w.try()
	wantError(t, err, "no package database")
}

// TestBaseCost: one small package on top of many files costs little.
func TestBaseCost(t *testing.T) {
	many := base()
	for i := range 12 {
		p := rpmtest.Package{Name: fmt.Sprintf("many%d", i)}
		for k := range 1000 {
			p.Files = append(p.Files, file(fmt.Sprintf("/usr/share/many%d/file%d", i, k), fmt.Sprintf("%d %d", i, k)))
		}
		many = append(many, p)
	}
	w := newWorkshop(t, osTree, many...)
	start := cpuTime(t)
	w.compose()
	all := cpuTime(t) - start
	w.setPackages(append(many, onTop()...)...)
	w.write("tree.yaml", layeredTree+"packages: [extra]\n")
	start = cpuTime(t)
	w.compose()
	used := cpuTime(t) - start
	t.Logf("one package on top of 12,000 files: %v of CPU; all of them: %v", used, all)
	if used.Seconds() > 2 && used > all/2 { // the race detector makes everything slow
		t.Errorf("got %v of CPU for one package on top of 12,000 files, want less than 2 s", used)
	}
}

// cpuTime is what this process has used.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
