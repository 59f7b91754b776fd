//go:build interopdata

package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// el7Whole has a treefile of every package of the folder.
func el7Whole(t *testing.T) (dir string, names []string) {
	t.Helper()
	dir = el7Folder(t, "gpgcheck=0")
	rpms, err := filepath.Glob(filepath.Join(dataDir(t), "rpms/el7/Packages/*.rpm"))
	if err != nil || len(rpms) == 0 {
		t.Fatalf("no packages: %v", err)
	}
	out := mustRun(t, dir, append([]string{"rpm", "-qp", "--nosignature", "--qf", `%{NAME}\n`}, rpms...)...)
	names = strings.Fields(out)
	write(t, filepath.Join(dir, "os.yaml"), "ref: el7/os\nrepos: [el7]\nselinux: false\nno-initramfs: true\npackages: ["+strings.Join(names, ", ")+"]\n")
	return dir, names
}

// TestInteropDataEL7Scriptlets runs the scriptlets of a real system: as root and
// as an ordinary user, twice each, to the same commit. rpm must be content with
// what comes out, and dnf must make the same of the packages, file by file.
func TestInteropDataEL7Scriptlets(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root: dnf --installroot, and a checkout with owners")
	}
	binary := buildBinary(t)
	dir, names := el7Whole(t)
	commits := map[string]bool{}
	var last string
	for _, v := range []view{{name: "root", umask: "0022"}, {name: "nobody", umask: "0002", user: otherUser}} {
		own := filepath.Join(dir, v.name)
		if err := os.Mkdir(own, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(own, int(v.user), int(v.user)); err != nil {
			t.Fatal(err)
		}
		v.run(t, own, binary, "repo", "init", "repo")
		for range 2 {
			v.run(t, own, binary, "compose", "tree", "-q", "--force-nocache", "--no-parent", "--repo=repo", "--cachedir=cache",
				"--write-commitid-to=id", "--write-report-to=report.json", "../os.yaml")
			id, err := os.ReadFile(filepath.Join(own, "id"))
			if err != nil {
				t.Fatal(err)
			}
			last = string(id)
			commits[last] = true
		}
	}
	if len(commits) != 1 {
		t.Errorf("commits: got %q, want one", slices.Sorted(maps.Keys(commits)))
	}
	mustRun(t, dir, "ostree", "fsck", "--quiet", "--repo=nobody/repo")
	mustRun(t, dir, "ostree", "checkout", "--repo=nobody/repo", last, "tree")
	checkWithRPM(t, dir, len(names))
	checkWithDNF(t, dir, names)
}

// verified are the lines of rpm -V, but for times, which a commit does not have.
var verified = []expected{
	{`\.M\.{7} {4}/.*`, "folders without write permission for their owner have it in a commit: see the comparison with dnf"},
	{`\.M\.{7}  g /etc/pki/ca-trust/extracted/.*`, "update-ca-trust makes them 0444, in dnf's root too"},
	{`\.{4}L\.{4} {4}/(home|media|mnt|opt|root|srv|tmp|usr/local)`, "links to /var, /run and /sysroot"},
	{`(\.{6}G|\.M\.{4}G)[.T]\. {4}/.*`, "the group stands in /usr/lib/group, which libnss_altfiles finds and rpm, which reads /etc/group, does not"},
	{`\.{5}U\.{3} {4}/(etc|usr/share)/polkit-1/rules.d`, "the same of its user"},
	{`S\.5\.{4}T\.  c /etc/default/useradd`, "HOME=/var/home"},
	{`missing     /(boot|var)/.*`, "kernels lie in /usr/lib/modules, and /var is made when the machine boots"},
	{`missing     /usr/local/.*`, "likewise"},
}

// checkWithRPM asks rpm about a checkout whose usr/etc is bound at etc.
func checkWithRPM(t *testing.T, dir string, packages int) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, "tree/etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	ask := func(args string) []string {
		script := `mount --bind tree/usr/etc tree/etc && rpm --root "$PWD/tree" --dbpath=/usr/share/rpm ` + args
		cmd := shellCommand(dir, "sh", "-c", script)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		out, err := cmd.CombinedOutput()
		if err != nil && !strings.HasPrefix(args, "-V") { // which says so when there are differences
			t.Fatalf("rpm %s: %v\n%s", args, err, out)
		}
		return slices.Collect(strings.Lines(string(out)))
	}
	if got := ask("-qa"); len(got) != packages {
		t.Errorf("rpm -qa: got %d packages, want %d", len(got), packages)
	}
	if got := strings.Join(ask("-qf --qf '%{NAME}\\n' /usr/bin/bash /etc/passwd /usr/lib64/libc.so.6"), ""); got != "bash\nsetup\nglibc\n" {
		t.Errorf("rpm -qf: got %q", got)
	}
	var lines []string
	for _, line := range ask("-V -a --nodeps --noscripts") {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, ".......T. ") {
			lines = append(lines, line)
		}
	}
	wantDifferences(t, lines, verified)
	if err := os.Remove(filepath.Join(dir, "tree/etc")); err != nil {
		t.Fatal(err)
	}
}

// dnfDifferences are those between a commit and what dnf makes, whose /etc is
// compared with /usr/etc.
var dnfDifferences = []expected{
	{`/(home|media|mnt|opt|root|srv|tmp|usr/local): kind link, not folder; .*`, "the layout of an OSTree root"},
	{`/(ostree|sysroot): only here, .*`, "the same"},
	{`/usr/local/.*: only dnf, a folder`, "a machine's own; made when it boots"},
	{`/boot/.*: only dnf, a file`, "in /usr/lib/modules and /usr/lib/ostree-boot"},
	{`/usr/lib/(modules/.*/vmlinuz|ostree-boot(/.*)?): only here, .*`, "the same"},
	{`/usr/lib/modules/.*/modules\.[a-z.]+: only here, a file`, "depmod, which the kernel's %posttrans runs; the placeholder of the package has none"},
	{`/var/.*: only dnf, .*`, "a line of tmpfiles.d makes folders and links of packages: checked; files are in the report: checked"},
	{`/run/.*: only dnf, .*`, "empty on a machine that boots; the same"},
	{`/usr/etc/(group-|gshadow-|passwd-|shadow-|\.pwd\.lock): only dnf, a file`, "leftovers of useradd, removed"},
	{`/usr/etc/(passwd|group): content .*`, "root alone; the others are in /usr/lib: the joined files are compared below"},
	{`/usr/lib/(passwd|group): only here, a file`, "the same"},
	{`/usr/etc/shadow: content .*`, "the day of the last change is taken off locked accounts"},
	{`/usr/etc/nsswitch.conf: content .*`, "altfiles"},
	{`/usr/etc/default/useradd: content .*`, "HOME=/var/home"},
	{`/usr/etc/machine-id: only here, a file`, "empty: the machine makes its own"},
	{`/usr/etc/pki/ca-trust/extracted/java/cacerts: content .*`, "without the time of the run"},
	{`/usr/lib/alternatives(/.*)?: only here, .*`, "of /var/lib/alternatives, with a link made at boot"},
	{`/usr/lib/(rpm/macros\.d/macros\.rpm-ostree|sysimage(/.*)?): only here, .*`, "rpm's database"},
	{`/usr/share/rpm(-ostree)?(/.*)?: only here, .*`, "the same, and the treefile"},
	{`/usr/lib/tmpfiles.d/rpm-ostree-.*: only here, a file`, "made when the machine boots"},
	{`/usr/etc/dnf(/.*)?: only dnf, .*`, "dnf's own"},
	{`/root/.*: only dnf, .*`, "rpm's database, where Debian's rpm keeps it"},
	{`/(dev|tmp)/.*: only dnf, .*`, "dnf's own: /dev/null, and its cache"},
	{`/.*: mode 0755, not 0555`, "owners can write to folders of a commit"},
}

// checkWithDNF compares the commit with what dnf installs.
func checkWithDNF(t *testing.T, dir string, names []string) {
	t.Helper()
	root := filepath.Join(dir, "dnfroot")
	mustRun(t, dir, append([]string{"dnf", "--installroot=" + root, "--repofrompath=el7,file://" + dataDir(t) + "/rpms/el7", "--repo=el7",
		"--nogpgcheck", "--releasever=7", "--setopt=cachedir=" + dir + "/dnf", "--setopt=reposdir=/nonexistent", "--setopt=plugins=0", "-y", "install"}, names...)...)
	ours, theirs := scanRoot(t, filepath.Join(dir, "tree")), map[string]rootEntry{}
	for path, e := range scanRoot(t, root) {
		if path == "/etc" || strings.HasPrefix(path, "/etc/") {
			path = "/usr" + path
		}
		theirs[path] = e
	}
	lines, same := differencesOf(ours, theirs, "dnf")
	t.Logf("%d paths are the same", same)
	if same < 18_000 {
		t.Errorf("only %d paths are the same", same)
	}
	wantDifferences(t, lines, dnfDifferences)
	for _, name := range []string{"passwd", "group"} {
		got := joinedLines(t, filepath.Join(dir, "tree/usr/etc", name), filepath.Join(dir, "tree/usr/lib", name))
		if want := joinedLines(t, filepath.Join(root, "etc", name)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want dnf's %q", name, got, want)
		}
	}
	checkVar(t, dir, theirs)
}

func joinedLines(t *testing.T, files ...string) (lines []string) {
	t.Helper()
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(strings.TrimSpace(string(data)), "\n")...)
	}
	slices.Sort(lines)
	return lines
}

// elsewhere are paths below /var and /run of dnf's root that nothing makes on a
// machine and that no report names.
var elsewhere = []expected{
	{`/var/lib/dnf(/.*)?|/var/cache/dnf(/.*)?|/var/log/(dnf|hawkey)\..*`, "dnf's own"},
	{`/run/blkid`, "a scriptlet's mkdir in /run, which is empty when it ends"},
	{`/var/lib/alternatives/.*`, "in /usr/lib/alternatives"},
	{`/var/cache/ldconfig/aux-cache`, "a cache; the report says that it was removed"},
	{`/var/run`, "a link that systemd makes, to /run"},
}

// checkVar looks in tmpfiles.d and in the report for what dnf has in /var and
// /run.
func checkVar(t *testing.T, dir string, theirs map[string]rootEntry) {
	t.Helper()
	made := map[string][]string{} // path to mode, user, group, or target
	files, err := filepath.Glob(filepath.Join(dir, "tree/usr/lib/tmpfiles.d/*.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range joinedLines(t, files...) {
		if f := strings.Fields(line); len(f) >= 5 && (f[0][0] == 'd' || f[0][0] == 'D' || f[0][0] == 'L') {
			made[strings.Replace(f[1], "/var/run/", "/run/", 1)] = f
		}
	}
	var report struct {
		Layout struct{ Dropped []struct{ Path string } }
	}
	readJSON(t, filepath.Join(dir, "nobody/report.json"), &report)
	dropped := map[string]bool{}
	for _, d := range report.Layout.Dropped {
		dropped[strings.Replace(d.Path, "/var/run/", "/run/", 1)] = true
	}
	users, groups := namesOf(t, filepath.Join(dir, "dnfroot/etc/passwd")), namesOf(t, filepath.Join(dir, "dnfroot/etc/group"))
	var lines []string
	for _, path := range slices.Sorted(maps.Keys(theirs)) {
		e, f := theirs[path], made[path]
		if !strings.HasPrefix(path, "/var/") && !strings.HasPrefix(path, "/run/") || strings.HasPrefix(path, dir) || strings.HasPrefix(dir, path+"/") && f == nil {
			continue
		}
		uid, gid, _ := strings.Cut(e.owner, ":")
		switch {
		case path == "/var/lib/alternatives" || path == "/var/lib/rpm":
			if f == nil || f[0][0] != 'L' {
				t.Errorf("%s: %q makes it, want a link to /usr", path, f)
			}
		case f == nil && !dropped[path]:
			lines = append(lines, path)
		case f != nil && e.kind == "folder" && (f[0][0] == 'L' || !sameMode(f[2], e.mode) || f[3] != users[uid] || f[4] != groups[gid]):
			t.Errorf("%s: %q makes it, want %+v", path, f, e)
		case f != nil && e.kind == "link" && (f[0][0] != 'L' || f[len(f)-1] != e.content):
			t.Errorf("%s: %q makes it, want %+v", path, f, e)
		}
	}
	wantDifferences(t, lines, elsewhere)
}

// sameMode compares two octal modes; 0555 is made 0755.
func sameMode(a, b string) bool {
	return strings.TrimLeft(a, "0") == strings.TrimLeft(b, "0") || strings.HasSuffix(a, "755") && strings.HasSuffix(b, "555")
}

// namesOf reads the names of a passwd or group file by their ids.
func namesOf(t *testing.T, file string) map[string]string {
	t.Helper()
	names := map[string]string{}
	for _, line := range joinedLines(t, file) {
		if f := strings.Split(line, ":"); len(f) > 2 {
			names[f[2]] = f[0]
		}
	}
	return names
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
