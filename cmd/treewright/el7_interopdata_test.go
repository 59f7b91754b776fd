//go:build interopdata

package main

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// el7Set is what the trees of these tests ask for.
const el7Set = "bash coreutils systemd kernel yum openssh-server NetworkManager"

// placeholder is the vendor of packages that stand in for ones too large to
// keep: their files are empty, whatever their headers say, and nobody signed
// them.
const placeholder = "stub-from-repodata"

func dataDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("TREEWRIGHT_DATA")
	if dir == "" {
		t.Fatal("TREEWRIGHT_DATA is not set: run `make interop-data DATA=…`")
	}
	return dir
}

func el7Folder(t *testing.T, repoOptions string) string {
	t.Helper()
	dir := publicDir(t)
	data := dataDir(t)
	write(t, filepath.Join(dir, "el7.repo"), "[el7]\nname=el7\nbaseurl=file://"+data+"/rpms/el7\n"+repoOptions+"\n")
	write(t, filepath.Join(dir, "os.yaml"), "ref: el7/os\nrepos: [el7]\nselinux: false\nno-initramfs: true\npackages: ["+
		strings.ReplaceAll(el7Set, " ", ", ")+"]\n")
	mustRun(t, dir, "ostree", "init", "--mode=archive", "--repo=repo")
	return dir
}

// TestInteropDataEL7 composes a real system and compares it with dnf's answer,
// with what the RPM headers state, and with itself composed by another user.
func TestInteropDataEL7(t *testing.T) {
	binary := buildBinary(t)
	dir := el7Folder(t, "gpgcheck=0")
	mustRun(t, dir, binary, "compose", "tree", "-q", "--repo=repo", "--cachedir=cache", "--write-report-to=report.json", "os.yaml")
	mustRun(t, dir, "ostree", "fsck", "--quiet", "--repo=repo")

	var report struct {
		Packages []struct{ NEVRA string }
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range report.Packages {
		got = append(got, p.NEVRA)
	}
	slices.Sort(got)
	if want := dnfAnswer(t, dir); !slices.Equal(got, want) {
		t.Errorf("packages: got %d %q\nwant dnf's %d %q", len(got), got, len(want), want)
	}
	checkTree(t, dir, got)
	checkOtherUser(t, binary, dir)
}

// dnfAnswer is the set that dnf would install into an empty root.
func dnfAnswer(t *testing.T, dir string) []string {
	t.Helper()
	argv := append([]string{"dnf", "--installroot=" + dir + "/root", "--repofrompath=el7,file://" + dataDir(t) + "/rpms/el7", "--repo=el7",
		"--nogpgcheck", "--releasever=7", "--setopt=cachedir=" + dir + "/dnf", "--setopt=reposdir=/nonexistent", "--assumeno", "install"}, strings.Fields(el7Set)...)
	out, _ := shellCommand(dir, argv...).Output() // dnf ends with 1 when it is told no
	_, table, ok := strings.Cut(string(out), "Installing:")
	if !ok {
		t.Fatalf("dnf's answer: %s", out)
	}
	table, _, _ = strings.Cut(table, "Transaction Summary")
	row := regexp.MustCompile(`(\S+)\s+(x86_64|i686|noarch)\s+(\S+)\s+el7\s`)
	var answer []string
	for _, m := range row.FindAllStringSubmatch(table, -1) {
		answer = append(answer, m[1]+"-"+m[3]+"."+m[2])
	}
	slices.Sort(answer)
	return answer
}

// headerFile is a file as an RPM header states it.
type headerFile struct {
	pkg, path, digest, mode, user, group string
	ghost                                bool
}

func headerFiles(t *testing.T, dir string, nevras []string) []headerFile {
	t.Helper()
	rpms, err := filepath.Glob(filepath.Join(dataDir(t), "rpms/el7/Packages/*.rpm"))
	if err != nil || len(rpms) == 0 {
		t.Fatalf("no packages: %v", err)
	}
	format := `[%{=VENDOR}\t%{=NEVRA}\t%{FILENAMES}\t%{FILEDIGESTS}\t%{FILEMODES:octal}\t%{FILEUSERNAME}\t%{FILEGROUPNAME}\t%{FILEFLAGS:fflags}|\n]`
	out := mustRun(t, dir, append([]string{"rpm", "-qp", "--nosignature", "--qf", format}, rpms...)...)
	var files []headerFile
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 8 || f[0] == placeholder || !slices.Contains(nevras, f[1]) {
			continue
		}
		files = append(files, headerFile{f[1], f[2], f[3], f[4], f[5], f[6], strings.Contains(f[7], "g")})
	}
	return files
}

// machinesOwn are paths of packages that a commit has elsewhere, or not at all:
// the comparison with dnf's root is about them.
var machinesOwn = regexp.MustCompile(`^/(boot|usr/local|var|run)/`)

// written are files that scriptlets write (the caches of iconv and info, accounts)
// and those that the layout edits.
var written = map[string]bool{
	"/usr/lib64/gconv/gconv-modules.cache": true, "/usr/share/info/dir": true,
	"/etc/passwd": true, "/etc/group": true, "/etc/shadow": true, "/etc/gshadow": true,
	"/etc/nsswitch.conf": true, "/etc/default/useradd": true,
}

// checkTree compares each file of the commit with its header.
func checkTree(t *testing.T, dir string, nevras []string) {
	t.Helper()
	mustRun(t, dir, "ostree", "checkout", "-U", "--repo=repo", "el7/os", "tree")
	tree := filepath.Join(dir, "tree")
	listed := listing(t, dir)
	users, groups := idsOf(t, tree, "passwd"), idsOf(t, tree, "group")
	checked := 0
	for _, f := range headerFiles(t, dir, nevras) {
		if f.ghost || machinesOwn.MatchString(f.path) {
			continue
		}
		path, err := inTree(tree, f.path)
		if err != nil {
			t.Errorf("%s: %s: %v", f.pkg, f.path, err)
			continue
		}
		if f.digest != "" && !written[f.path] {
			checked++
			if got := digestOf(t, filepath.Join(tree, path), len(f.digest)); got != f.digest {
				t.Errorf("%s: %s: digest: got %s, want %s", f.pkg, f.path, got, f.digest)
			}
		}
		var mode uint32
		fmt.Sscanf(f.mode, "%o", &mode)
		uid, knownUser := users[f.user]
		gid, knownGroup := groups[f.group]
		perm := mode & 0o7777
		if !knownUser || !knownGroup {
			perm &^= 0o6000
		}
		if mode&syscall.S_IFMT == syscall.S_IFDIR {
			continue // several packages may own one; the tests of compose/rootfs cover it
		}
		want := fmt.Sprintf("%05o %s %s", perm, orZero(uid), orZero(gid))
		if got := listed["/"+path]; got != want {
			t.Errorf("%s: %s: mode and owner: got %q, want %q", f.pkg, f.path, got, want)
		}
	}
	t.Logf("%d regular files have the digest of their header", checked)
	if checked < 5000 {
		t.Errorf("only %d files were compared", checked)
	}
}

func orZero(id string) string {
	if id == "" {
		return "0"
	}
	return id
}

// listing is `ostree ls -RX` as a map from path to mode, uid and gid.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	listed := map[string]string{}
	line := regexp.MustCompile(`^.(\d{5}) (\d+) (\d+) +\d+ (?:\{.*?\} )?(/[^>]*?)(?: -> .*)?$`)
	for text := range strings.Lines(mustRun(t, dir, "ostree", "ls", "-R", "--repo=repo", "el7/os")) {
		if m := line.FindStringSubmatch(strings.TrimSuffix(text, "\n")); m != nil {
			listed[m[4]] = m[1] + " " + m[2] + " " + m[3]
		}
	}
	return listed
}

// idsOf reads the tree's own passwd or group, both parts of it.
func idsOf(t *testing.T, tree, name string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, line := range joinedLines(t, filepath.Join(tree, "usr/etc", name), filepath.Join(tree, "usr/lib", name)) {
		f := strings.Split(line, ":")
		found[f[0]] = f[2]
	}
	return found
}

// inTree is where a package's path lies in the tree: /etc is usr/etc, and
// symlinks of directories are followed.
func inTree(tree, path string) (string, error) {
	path = strings.TrimPrefix(path, "/")
	if path == "etc" || strings.HasPrefix(path, "etc/") {
		path = "usr/" + path
	}
	parts := strings.Split(filepath.Dir(path), "/")
	dir := ""
	for i := 0; i < len(parts); i++ {
		next := filepath.Join(dir, parts[i])
		target, err := os.Readlink(filepath.Join(tree, next))
		if err != nil {
			dir = next
			continue
		}
		if filepath.IsAbs(target) {
			dir = strings.TrimPrefix(target, "/")
		} else {
			dir = filepath.Join(dir, target)
		}
	}
	found := filepath.Join(dir, filepath.Base(path))
	_, err := os.Lstat(filepath.Join(tree, found))
	return found, err
}

func digestOf(t *testing.T, path string, length int) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return ""
	}
	if length == 2*md5.Size {
		sum := md5.Sum(data)
		return hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// checkOtherUser composes as an ordinary user, with another umask and cache.
func checkOtherUser(t *testing.T, binary, dir string) {
	t.Helper()
	want := mustRun(t, dir, "ostree", "rev-parse", "--repo=repo", "el7/os")
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o777); err != nil {
		t.Fatal(err)
	}
	os.Chmod(home, 0o777)
	script := "umask 0002; cd home && ostree init --mode=archive --repo=repo && " + binary +
		" compose tree -q --repo=repo --cachedir=cache ../os.yaml && ostree rev-parse --repo=repo el7/os"
	cmd := shellCommand(dir, "sh", "-c", script)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	cmd.Env = append(cmd.Env, "HOME="+home)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("composing as another user: %v\n%s", err, out)
	}
	if !strings.HasSuffix(string(out), "\n"+want) {
		t.Errorf("commit of another user: got %s, want %s", out, want)
	}
}

// TestInteropDataEL7Signatures wants the placeholders refused by name, and
// nothing else.
func TestInteropDataEL7Signatures(t *testing.T) {
	binary := buildBinary(t)
	dir := el7Folder(t, "gpgcheck=1\ngpgkey=file://"+dataDir(t)+"/rpms/RPM-GPG-KEY-CentOS-7")
	out, err := shellCommand(dir, binary, "compose", "tree", "-q", "--repo=repo", "--cachedir=cache", "os.yaml").CombinedOutput()
	if err == nil {
		t.Fatalf("unsigned packages were accepted:\n%s", out)
	}
	rpms, _ := filepath.Glob(filepath.Join(dataDir(t), "rpms/el7/Packages/*.rpm"))
	refused := 0
	for line := range strings.Lines(mustRun(t, dir, append([]string{"rpm", "-qp", "--nosignature", "--qf", `%{VENDOR}\t%{NEVRA}\n`}, rpms...)...)) {
		vendor, nevra, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if named := strings.Contains(string(out), nevra); named != (vendor == placeholder) {
			t.Errorf("%s of %s: named as refused: %t", nevra, vendor, named)
		} else if named {
			refused++
		}
	}
	if refused != 6 {
		t.Errorf("refused packages: got %d, want 6\n%s", refused, out)
	}
	if refs := mustRun(t, dir, "ostree", "refs", "--repo=repo"); refs != "" {
		t.Errorf("refs: got %q, want none", refs)
	}
}
