package compose_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/progress"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// everything lists all below dir: types, modes, owners, sizes, targets.
func everything(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(d.Name(), "lock") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target, _ := os.Readlink(path)
		size := info.Size()
		if d.IsDir() {
			size = 0
		}
		st := info.Sys().(*syscall.Stat_t)
		fmt.Fprintln(&b, strings.TrimPrefix(path, dir), info.Mode(), st.Uid, st.Gid, size, target)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// wantNoProcess wants no process to be left whose command has the mark.
func wantNoProcess(t testing.TB, mark string) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if line, err := os.ReadFile(name); err == nil && strings.Contains(string(line), mark) {
			t.Errorf("%s is left: %q", name, line)
		}
	}
}

// wantNoMount wants no mount below dir to be left.
func wantNoMount(t testing.TB, dir string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("a mount below %s is left, or %v", dir, err)
	}
}

// wantUntouched runs a compose that must fail with words, and wants nothing but
// the cache's contents to be left of it.
func (w *workshop) wantUntouched(words []string, adjust ...func(*compose.Options)) error {
	w.t.Helper()
	before := everything(w.t, w.repo)
	_, err := w.try(adjust...)
	wantError(w.t, err, words...)
	if after := everything(w.t, w.repo); after != before {
		w.t.Errorf("the repository changed: got\n%s\nwant\n%s", after, before)
	}
	wantNoScratch(w.t, w.cache)
	wantNoMount(w.t, filepath.Dir(w.dir))
	return err
}

// longSleep is a time that no other process sleeps for.
const longSleep = "86.4e3"

// TestBadScripts composes with scripts that go wrong, as scriptlets and as
// postprocess scripts.
func TestBadScripts(t *testing.T) {
	for _, tc := range []struct {
		name   string
		script []string
		words  []string
		adjust func(*compose.Options)
	}{
		{"fails", []string{"echo one; echo two >&2", "exit 3"}, []string{"exit status 3", "one\n", "two"}, nil},
		{"killed", []string{"kill -SEGV $$"}, []string{"SIGSEGV"}, nil},
		{"hangs", []string{"echo starting", "sleep " + longSleep}, []string{"starting"},
			func(o *compose.Options) { o.ScriptTimeout = time.Second }},
		{"hangs without care", []string{"trap '' TERM INT HUP", "setsid sleep " + longSleep + " & wait"}, []string{},
			func(o *compose.Options) { o.ScriptTimeout = time.Second }},
		{"fills the disk", []string{"dd if=/dev/zero of=/usr/lib/full bs=1048576 2>/dev/null", "sleep " + longSleep}, []string{"wrote more than"},
			func(o *compose.Options) { o.ScriptMaxDisk = 4 << 20 }},
		{"leaves no shell", []string{"rm -rf /usr", "rm -rf /bin"}, nil, nil},
	} {
		for _, post := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", tc.name, post), func(t *testing.T) {
				packages, tree, words := accounts(t), osTree, tc.words
				if post {
					tree += "packages: [programs, setup, bad]\npostprocess:\n- |\n  #!/bin/sh\n  " + strings.Join(tc.script, "\n  ") + "\n"
					packages = append(packages, pkg("bad"))
					words = append(words, "postprocess script 1 of ", "tree.yaml:")
				} else {
					packages = append(packages, scripted("bad", []rpm.Scriptlet{sh(rpm.PostIn, tc.script...)}))
					words = append(words, "%post of bad-1-1.noarch")
				}
				if tc.name == "leaves no shell" {
					words = nil
				}
				w := newWorkshop(t, tree, packages...)
				adjust := tc.adjust
				if adjust == nil {
					adjust = func(*compose.Options) {}
				}
				w.wantUntouched(words, adjust)
				wantNoProcess(t, longSleep)
			})
		}
	}
}

// TestDaemonOfScriptEnds wants a daemon that a scriptlet starts to be ended, and
// named in the report.
func TestDaemonOfScriptEnds(t *testing.T) {
	w := newWorkshop(t, osTree, append(accounts(t),
		scripted("daemon", []rpm.Scriptlet{sh(rpm.PostIn, "setsid sleep "+longSleep+" >/dev/null 2>&1 &", "echo started")}))...)
	r := w.compose()
	steps := r.Report.Scriptlets.Steps
	if len(steps) != 1 || len(steps[0].Leftover) == 0 || steps[0].Output != "started\n" {
		t.Errorf("got %+v, want a process that was left", steps)
	}
	wantNoProcess(t, longSleep)
	wantNoScratch(t, w.cache)
}

// TestScriptsCannotLeave has scriptlets try to reach the machine that composes.
func TestScriptsCannotLeave(t *testing.T) {
	outside := t.TempDir()
	w := newWorkshop(t, osTree, append(accounts(t), scripted("burglar", []rpm.Scriptlet{sh(rpm.PostIn,
		"mkdir -p "+outside+" && echo x > "+outside+"/in",
		"echo y > /../../../../../.."+outside+"/up",
		"ln -s / /usr/lib/root && echo z > /usr/lib/root"+outside+"/linked",
		"echo w > /proc/1/root"+outside+"/proc",
		"cat /proc/1/environ > /usr/lib/environ",
		"exit 0")}))...)
	w.compose()
	if left, err := os.ReadDir(outside); err != nil || len(left) != 0 {
		t.Errorf("got %v in the host's folder, %v", left, err)
	}
	if got := w.ostree("cat", "test/x86_64/os", "/usr/lib/environ"); strings.Contains(got, "HOME="+os.Getenv("HOME")+"\x00TREEWRIGHT") || strings.Contains(got, outside) {
		t.Errorf("the environment of the compose is visible: %q", got)
	}
	wantNoScratch(t, w.cache)
}

// TestScriptRemovesUsr wants a compose whose scripts take /usr away to fail.
func TestScriptRemovesUsr(t *testing.T) {
	w := newWorkshop(t, osTree, append(accounts(t),
		scripted("vandal", []rpm.Scriptlet{sh(rpm.PostIn, "rm -rf /usr", "exit 0")}),
		scripted("watching", []rpm.Scriptlet{sh(rpm.PostTrans, "true")}))...)
	w.wantUntouched([]string{"%posttrans of watching-1-1.noarch", "/bin/sh"})
	w = newWorkshop(t, osTree, append(accounts(t), scripted("vandal", []rpm.Scriptlet{sh(rpm.PostTrans, "rm -rf /usr", "exit 0")}))...)
	w.wantUntouched([]string{"/usr"})
}

// TestInterruptedScript ends a compose while a scriptlet runs.
func TestInterruptedScript(t *testing.T) {
	w := newWorkshop(t, osTree, append(accounts(t), scripted("slow", []rpm.Scriptlet{sh(rpm.PostIn, "sleep "+longSleep)}))...)
	before := everything(t, w.repo)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p, err := w.plan(func(o *compose.Options) {
		o.Progress = func(u progress.Update) {
			if u.Stage == "scriptlets" && u.Done == 0 {
				time.AfterFunc(200*time.Millisecond, stop)
			}
		}
	})
	w.must(err)
	if _, err := p.Execute(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was ended", err)
	}
	wantNoProcess(t, longSleep)
	wantNoScratch(t, w.cache)
	if after := everything(t, w.repo); after != before {
		t.Errorf("the repository changed: got\n%s\nwant\n%s", after, before)
	}
}

// TestLinksThatLeadOut has packages whose links point out of the root, and
// others that write below them.
func TestLinksThatLeadOut(t *testing.T) {
	outside := t.TempDir()
	for _, tc := range []struct {
		name, link, target string
		writes             string
		want               string // path in the commit; empty: none
		words, scripted    []string
	}{
		{"up", "/usr/share/data", "/../../../../../.." + outside, "/usr/share/data/file", "", nil, []string{"%post of b-1-1.noarch"}},
		{"relative", "/usr/share/data", "../../../../../../.." + outside, "/usr/share/data/file", "", nil, []string{"%post of b-1-1.noarch"}},
		{"absolute", "/usr/share/data", "/usr/lib/host", "/usr/share/data/file", "/usr/lib/host/file", nil, nil},
		{"etc", "/etc", "/../../host", "/etc/file", "", []string{"/etc of a-1-1.noarch is no directory"}, []string{"/etc of a-1-1.noarch is no directory"}},
	} {
		for _, run := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", tc.name, run), func(t *testing.T) {
				packages := []rpmtest.Package{programs(t), pkg("a", rpmtest.File{Path: tc.link, LinkTo: tc.target}), pkg("b", file(tc.writes, "through\n"))}
				words, body := tc.words, "through\n"
				if run {
					packages[2].Scriptlets = []rpm.Scriptlet{sh(rpm.PostIn, "echo more >> "+tc.writes)}
					words, body = tc.scripted, "through\nmore\n"
				}
				w := newWorkshop(t, osTree, packages...)
				switch {
				case words != nil:
					w.wantUntouched(words)
				case tc.want != "":
					if got := w.ostree("cat", w.compose().Ref, tc.want); got != body {
						t.Errorf("%s: got %q, want %q", tc.want, got, body)
					}
				default:
					data, err := json.Marshal(w.compose().Report.Layout.Dropped)
					if err != nil || !strings.Contains(string(data), outside) {
						t.Errorf("dropped: got %s, %v, want %s", data, err, outside)
					}
				}
				if left, err := os.ReadDir(outside); err != nil || len(left) != 0 {
					t.Errorf("got %v in the host's folder, %v", left, err)
				}
				wantNoScratch(t, w.cache)
			})
		}
	}
}

// TestKernels composes with two kernels, and with none.
func TestKernels(t *testing.T) {
	const tree = "ref: test/x86_64/os\nselinux: false\nno-initramfs: true\n"
	kernel := func(version string) rpmtest.Package {
		return pkg("kernel-"+version, file("/usr/lib/modules/"+version+"/vmlinuz", "kernel "+version), file("/usr/lib/modules/"+version+"/modules.order", ""))
	}
	w := newWorkshop(t, tree, append(accounts(t), kernel("5.1"), kernel("6.2"))...)
	w.wantUntouched([]string{"5.1", "6.2", "kernel"})
	w = newWorkshop(t, tree, accounts(t)...)
	w.wantUntouched([]string{"no kernel", "container: true"})
	w = newWorkshop(t, tree, append(accounts(t), kernel("5.1"))...)
	if r := w.compose(); r.Report.Kernel == nil {
		t.Error("the report has no kernel")
	}
}

// TestRemovedUserThatOwnsAFile wants a user of the previous commit that is gone
// to be missed when a file is his.
func TestRemovedUserThatOwnsAFile(t *testing.T) {
	tree := strings.Replace(osTree, "container: true\n", "selinux: false\nboot-location: modules\nno-initramfs: true\n", 1) + "preserve-passwd: false\n"
	with := func(passwd string) []rpmtest.Package {
		return []rpmtest.Package{programs(t), pkg("kernel", file("/usr/lib/modules/6/vmlinuz", "")), pkg("setup", file("/etc/passwd", passwd), file("/etc/group", "root:x:0:\n")),
			scripted("app", []rpm.Scriptlet{sh(rpm.PostIn, "chown 77 /usr/share/app")}, file("/usr/share/app", ""))}
	}
	w := newWorkshop(t, tree, with("root:x:0:0::/:/bin/sh\napp:x:77:0::/:/bin/sh\n")...)
	w.compose()
	w.setPackages(with("root:x:0:0::/:/bin/sh\n")...)
	w.wantUntouched([]string{"user app (id 77) is gone", "/usr/share/app", "ignore-removed-users"}, force)
	w.write("tree.yaml", tree+"packages: [programs, kernel, setup, app]\nignore-removed-users: [app]\n")
	w.compose(force)
}
