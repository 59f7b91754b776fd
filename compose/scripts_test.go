package compose_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// programs is a package of this machine's shell and what scripts call.
func programs(t *testing.T) rpmtest.Package {
	t.Helper()
	p, err := rpmtest.Programs("sh", "cat", "chmod", "chown", "dd", "ln", "mkdir", "rm", "setsid", "sleep")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// accounts are the packages that scripts need: programs, root and nobody.
func accounts(t *testing.T) []rpmtest.Package {
	return []rpmtest.Package{programs(t), pkg("setup",
		file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"),
		file("/etc/group", "root:x:0:\nnobody:x:65534:\n"), rpmtest.File{Path: "/var/lib/"})}
}

// scripted is a package with scriptlets.
func scripted(name string, scripts []rpm.Scriptlet, files ...rpmtest.File) rpmtest.Package {
	p := pkg(name, files...)
	p.Scriptlets = scripts
	return p
}

// sh is a scriptlet of shell lines.
func sh(kind rpm.ScriptletKind, lines ...string) rpm.Scriptlet {
	return rpm.Scriptlet{Kind: kind, Interpreter: []string{"/bin/sh"}, Body: strings.Join(lines, "\n") + "\n"}
}

// busy are packages whose scripts do all that scripts do.
func busy(t *testing.T) []rpmtest.Package {
	watching := sh(rpm.FileTriggerIn, `cat >> /usr/share/seen`)
	watching.Paths = []string{"/usr/share/app"}
	all := sh(rpm.TransFileTriggerIn, `cat >> /usr/share/seen-all`)
	all.Paths = []string{"/usr/share/app", "/usr/lib/systemd"}
	asked := sh(rpm.TriggerIn, `echo "$1 $2" >> /usr/share/triggered`)
	asked.Triggers = []rpm.Dep{{Name: "app"}}
	lua := rpm.Scriptlet{Kind: rpm.PostIn, Interpreter: []string{"<lua>"},
		Body: "local f = io.open('/usr/share/lua', 'w')\nf:write(posix.stat('/usr/share/app/data', 'type'), ' ', rpm.expand('%{?nothing}'), '\\n')\nf:close()\n"}
	return append(accounts(t),
		scripted("app", []rpm.Scriptlet{
			sh(rpm.PreIn, `echo 'app:x:990:991::/:/bin/false' >> /etc/passwd`, `echo 'app:x:991:' >> /etc/group`),
			sh(rpm.PostIn, `chmod 0700 /usr/share/app/secret`, `rm /usr/share/app/gone`, `ln -s data /usr/share/app/link`, `chown app:app /usr/share/app/mine`,
				`mkdir -p /var/lib/made`, `echo x > /var/lib/made/file`, `echo "post $1 of $SYSTEMD_OFFLINE"`, `chown 0:0 /usr/share/app/back`),
			sh(rpm.PostTrans, `cat /usr/share/seen > /usr/share/seen-then`),
		}, rpmtest.File{Path: "/usr/share/app/"}, rpmtest.File{Path: "/usr/share/app/data", Body: "data", Mode: 0o4755, User: "app", Group: "app"},
			file("/usr/share/app/secret", "secret"), file("/usr/share/app/gone", ""), file("/usr/share/app/mine", ""),
			rpmtest.File{Path: "/usr/share/app/back", User: "nobody", Group: "nobody"},
			file("/usr/share/app/unwanted", ""), file("/usr/share/app/removed", ""), file("/var/lib/app", "lost"),
			rpmtest.File{Path: "/usr/bin/able", Mode: 0o755, Caps: "cap_net_raw=ep"},
			rpmtest.File{Path: "/var/lib/covered/"}, rpmtest.File{Path: "/var/lib/bare/", Mode: 0o700, User: "app"},
			file("/usr/lib/tmpfiles.d/app.conf", "d /var/lib/covered 0755 root root -\n"),
			rpmtest.File{Path: "/usr/share/app/one", Body: "linked"}, rpmtest.File{Path: "/usr/share/app/two", HardLink: "/usr/share/app/one"}),
		scripted("watching", []rpm.Scriptlet{watching, all, asked, lua}),
		pkg("system", file("/usr/lib/systemd/system/app.service", ""), file("/usr/lib/systemd/system/app.target", ""),
			file("/usr/lib/os-release", "ID=test\nVERSION=\"rolling\"\nPRETTY_NAME=\"Test rolling\"\n"),
			rpmtest.File{Path: "/etc/os-release", LinkTo: "../usr/lib/os-release"}))
}

// busyTree is a treefile that asks for all that a treefile can change.
const busyTree = osTree + `packages: [programs, setup, app, watching, system]
units: [app.service, missing.service]
default-target: app.target
mutate-os-release: rolling
automatic-version-prefix: "7"
add-files:
- [added, usr/share/added]
- {source: added, destination: etc/owned, owner: app, group: nobody, mode: "0640"}
remove-files: [usr/share/app/removed, usr/share/none]
remove-from-packages: [[app, /usr/share/app/unwan.*]]
postprocess:
- |
  #!/bin/sh
  echo first > /usr/share/order
  cat /usr/share/added >> /usr/share/order
- |
  #!/bin/sh
  echo second >> /usr/share/order
postprocess-script: post.sh
`

func busyWorkshop(t *testing.T) *workshop {
	w := newWorkshop(t, busyTree, busy(t)...)
	w.write("added", "added\n")
	w.write("post.sh", "#!/bin/sh\necho third >> /usr/share/order\nln -s /etc/passwd /etc/users\n")
	w.must(os.Chmod(filepath.Join(w.dir, "post.sh"), 0o755))
	return w
}

// TestScriptsRun composes a tree with every kind of script and reads the commit.
func TestScriptsRun(t *testing.T) {
	w := busyWorkshop(t)
	r := w.compose()
	for path, want := range map[string]string{
		"/usr/share/seen":      "/usr/share/app\n/usr/share/app/back\n/usr/share/app/data\n/usr/share/app/gone\n/usr/share/app/mine\n/usr/share/app/one\n/usr/share/app/removed\n/usr/share/app/secret\n/usr/share/app/two\n",
		"/usr/share/seen-then": "/usr/share/app\n/usr/share/app/back\n/usr/share/app/data\n/usr/share/app/gone\n/usr/share/app/mine\n/usr/share/app/one\n/usr/share/app/removed\n/usr/share/app/secret\n/usr/share/app/two\n",
		"/usr/share/triggered": "1 1\n", "/usr/share/lua": "regular \n", "/usr/share/order": "first\nadded\nsecond\nthird\n",
		"/usr/etc/passwd": "root:x:0:0::/root:/bin/sh\n", "/usr/lib/group": "nobody:x:65534:\napp:x:991:\n",
		"/usr/lib/os-release":                         "ID=test\nVERSION=\"7\"\nPRETTY_NAME=\"Test 7\"\nOSTREE_VERSION='7'\n",
		"/usr/lib/tmpfiles.d/rpm-ostree-autovar.conf": "# Directories and links of packages in /var, /run and /opt.\nd /var/lib 0755 root root - -\nd /var/lib/bare 0700 app root - -\nd /var/lib/made 0755 root root - -\n",
	} {
		if got := w.ostree("cat", r.Ref, path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	listed := w.ostree("ls", "-R", "-X", r.Ref)
	for _, want := range []string{
		"-04755 990 991 /usr/share/app/data", "-00700 0 0 /usr/share/app/secret", "l00777 0 0 /usr/share/app/link -> data",
		"-00644 990 991 /usr/share/app/mine", "-00644 65534 65534 /usr/share/app/back", "-00644 0 0 /usr/share/added", "-00640 990 65534 /usr/etc/owned",
		"l00777 0 0 /usr/etc/systemd/system/multi-user.target.wants/app.service -> /usr/lib/systemd/system/app.service",
		"l00777 0 0 /usr/lib/systemd/system/default.target -> app.target", "l00777 0 0 /usr/etc/users -> /etc/passwd",
	} {
		if !slices.Contains(lines(listed), want) {
			t.Errorf("there is no %s in\n%s", want, listed)
		}
	}
	for _, gone := range []string{"/usr/share/app/gone", "/usr/share/app/unwanted", "/usr/share/app/removed", "/var/lib"} {
		if strings.Contains(listed, gone+"\n") {
			t.Errorf("%s is in the commit", gone)
		}
	}
	if !strings.Contains(listed, "security.capability") {
		t.Error("no file has capabilities")
	}
	wantReport(t, r)
}

// lines are those of `ostree ls -RX` without sizes and attributes.
func lines(listed string) (list []string) {
	for line := range strings.Lines(listed) {
		f := strings.Fields(line)
		at := slices.IndexFunc(f, func(s string) bool { return strings.HasPrefix(s, "/") })
		if at > 3 {
			list = append(list, strings.Join(append(f[:3:3], f[at:]...), " "))
		}
	}
	return list
}

// wantReport wants the report for programs to tell all that happened.
func wantReport(t *testing.T, r *compose.Result) {
	t.Helper()
	data, err := json.Marshal(r.Report)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"package":"app-1-1.noarch","kind":"prein","interpreter":["/bin/sh"],"args":["1"]`, `"output":"post 1 of 1\n"`,
		`"kind":"filetriggerin"`, `"kind":"transfiletriggerin"`, `"kind":"triggerin","by":"app-1-1.noarch"`, `"interpreter":["\u003clua\u003e"]`,
		`"removed":["/usr/share/app/gone"]`, `{"path":"/usr/share/app/secret","package":"app-1-1.noarch","what":["mode"]}`,
		`{"path":"/usr/share/app/mine","package":"app-1-1.noarch","what":["owner"]}`, `"/usr/share/app/link"`,
		`{"path":"/var/lib/made/file","why":`, `{"path":"/var/lib/app","package":"app-1-1.noarch","why":`,
		`"tmpfiles-covered":1`, `"postprocess-script post.sh"`, `postprocess script 1 of `,
		`{"name":"app.service"}`, `{"name":"missing.service","missing":true}`, `"default-target":"app.target"`, `"os-release":"/usr/lib/os-release"`,
		`{"path":"/usr/share/app/removed","package":"app-1-1.noarch","entries":1}`, `"unclear":["/usr/share/app/back"]`, `"path":"/usr/share/none","entries":0`, `"source":"added"`,
		`{"path":"/usr/bin/able","package":"app-1-1.noarch","mode":"0755","capabilities":true}`, `"path":"/usr/share/app/data","package":"app-1-1.noarch","mode":"4755"`,
		`/usr/share/app/unwanted`,
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the report lacks %s:\n%s", want, data)
		}
	}
}

// TestScriptsSameForEveryUser composes with scripts as root and as an ordinary
// user, who has one id only.
func TestScriptsSameForEveryUser(t *testing.T) {
	w := busyWorkshop(t)
	dir := shared(t)
	program := self(t, dir)
	for _, name := range []string{"treefile", "rpms"} {
		w.must(os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(filepath.Dir(w.dir), name))))
	}
	w.dir, w.rpms = filepath.Join(dir, "treefile"), filepath.Join(dir, "rpms")
	w.write("test.repo", "[test]\nname=test\nbaseurl="+w.rpms+"\ngpgcheck=0\n")
	var nobody uint32
	if os.Geteuid() == 0 {
		nobody = 65534
	}
	commits := map[string]bool{}
	for i, uid := range []uint32{0, nobody, nobody} {
		job := childJob{Umask: 0o022 << i & 0o077, Now: now.Unix() + int64(i)*1e6,
			Repo: filepath.Join(dir, fmt.Sprintf("repo%d", i)), Cache: filepath.Join(dir, fmt.Sprintf("cache%d", i))}
		w.newRepo(job.Repo, uid)
		got, err := w.spawn(program, job, uid)
		if err != nil {
			t.Fatalf("as %d: %v", uid, err)
		}
		commits[got] = true
		wantNoScratch(t, job.Cache)
	}
	if len(commits) != 1 {
		t.Errorf("got the commits %v, want one", commits)
	}
}

// wantNoScratch wants nothing to be left of a tree on disk.
func wantNoScratch(t testing.TB, cache string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(cache, "content/tmp/*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left in the cache: %q, %v", left, err)
	}
}

// TestNothingRunsWithoutSandbox composes where there is no bwrap: a tree whose
// packages have nothing to run does not need it.
func TestNothingRunsWithoutSandbox(t *testing.T) {
	w := newWorkshop(t, osTree, append(accounts(t), scripted("removing", []rpm.Scriptlet{sh(rpm.PreUn, "false"), sh(rpm.PostUn, "false")}))...)
	t.Setenv("PATH", t.TempDir())
	r := w.compose()
	if n := len(r.Report.Changes); n != 0 {
		t.Errorf("the tree lay on disk %d times", n)
	}
	w = newWorkshop(t, osTree, scripted("running", []rpm.Scriptlet{sh(rpm.PostIn, "true")}))
	_, err := w.try()
	wantError(t, err, "bwrap")
}
