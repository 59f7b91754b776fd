package compose_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/progress"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

func strict(t *testing.T, text string) func(*compose.Options) {
	t.Helper()
	s, err := compose.ParseStrictness(text)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *compose.Options) { o.Strict = s }
}

// oddPackages have something of most classes of a report.
func oddPackages() []rpmtest.Package {
	return []rpmtest.Package{
		pkg("state", file("/var/lib/state/data", "lost"), rpmtest.File{Path: "/var/lib/state/"}, rpmtest.File{Path: "/srv/www/"}),
		{Name: "owner", Files: []rpmtest.File{{Path: "/usr/share/owned", Body: "x", User: "nobody-knows"}}},
		{Name: "script", Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Interpreter: []string{"/bin/sh"}, Body: "true\n"}}},
	}
}

func TestStrict(t *testing.T) {
	w := newWorkshop(t, osTree+"units: [absent.service]\nremove-files: [usr/share/absent]\nremove-from-packages: [[tools, /usr/none]]\npackages: [tools, state, owner, script]\n", append(base(), oddPackages()...)...)
	for class, want := range map[string]string{
		"dropped":             "/var/lib/state/data of state-1-1.noarch: a file of /var",
		"dropped-directories": "/srv/www",
		"unknown-owners":      "user nobody-knows: /usr/share/owned",
		"skipped-scriptlets":  "%post of script-1-1.noarch",
		"missing-units":       "absent.service",
		"unused-keys":         "/usr/share/absent",
		"all":                 "usr/none",
	} {
		_, err := w.try(skipScriptlets, strict(t, class))
		wantError(t, err, want, "--strict")
		var bad *compose.StrictError
		if !errors.As(err, &bad) || class != "all" && (len(bad.Findings) != 1 || bad.Findings[0].Class != class) {
			t.Errorf("%s: got %v", class, err)
		}
		if w.ref("test/x86_64/os") != "" {
			t.Fatalf("%s: the ref was written", class)
		}
	}
	if out := run(t, "find", w.repo+"/objects", "-type", "f"); out != "" {
		t.Errorf("objects were written:\n%s", out)
	}
	r := w.compose(skipScriptlets, strict(t, "devices,new-users,new-groups,new-privileged,unlabelled"))
	var text strings.Builder
	w.must(r.Report.WriteText(&text))
	for _, want := range []string{"dropped (1), files that the commit does not have: /var/lib/state/data", "unknown-owners (1)", "3 files have setuid, setgid or capabilities", ", tools-1:2-1.x86_64 200.0 kB", "2 users, 3 groups"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("got\n%s\nwant %q", &text, want)
		}
	}
	for _, line := range strings.Split(text.String(), "\n") {
		if len(line) > 500 {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
	if _, err := compose.ParseStrictness("dropped,nonsense"); err == nil || !strings.Contains(err.Error(), "unlabelled") {
		t.Errorf("got %v, want an error that names the classes", err)
	}
}

func TestReportSaysWhatIsNew(t *testing.T) {
	packages := base()
	w := newWorkshop(t, osTree, packages...)
	first := w.compose()
	if slices.ContainsFunc(first.Report.Privileged, func(p compose.PrivilegedFile) bool { return p.New }) || len(first.Report.Users) != 2 || first.Report.Users[0].New {
		t.Errorf("the first commit: got %+v and %+v", first.Report.Privileged, first.Report.Users)
	}
	var whole int64
	for _, s := range first.Report.Sizes {
		whole += s.Bytes
	}
	if whole != first.Report.Tree.Bytes || !strings.HasPrefix(first.Report.Sizes[0].Package, "tools-") && first.Report.Sizes[0].Package != "" {
		t.Errorf("sizes: got %+v of %d bytes", first.Report.Sizes, first.Report.Tree.Bytes)
	}
	packages[1].Files[0].Body += "ftp:x:14:50::/:/bin/false\n"
	packages[2].Files = append(packages[2].Files, rpmtest.File{Path: "/usr/bin/sudo", Mode: 0o4711, Body: "sudo"})
	packages[1].Release, packages[2].Release = "2", "2"
	w.setPackages(packages...)
	_, err := w.try(strict(t, "new-users,new-privileged"))
	wantError(t, err, "ftp (14)", "/usr/bin/sudo 4711 of tools-1:2-2.x86_64")
	if strings.Contains(err.Error(), "/usr/bin/su 4755") || strings.Contains(err.Error(), "mail") {
		t.Errorf("got %v, want nothing of before", err)
	}
}

func TestScriptletsAreOneStage(t *testing.T) {
	w := newWorkshop(t, osTree, append(base(), rpmtest.Package{Name: "lua", Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Interpreter: []string{"<lua>"}, Body: "x = 1\n"}}})...)
	var stages []string
	w.compose(func(o *compose.Options) {
		o.Progress = func(u progress.Update) {
			if !slices.Contains(stages, u.Stage) {
				stages = append(stages, u.Stage)
			}
		}
	})
	if !slices.Contains(stages, "scriptlets") || slices.ContainsFunc(stages, func(s string) bool { return strings.HasPrefix(s, "%") }) {
		t.Errorf("got the stages %q", stages)
	}
}
