package scriptlet_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/scriptlet"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// TestQueryFormatAsRPM fills in query formats and compares with rpm -qp.
func TestQueryFormatAsRPM(t *testing.T) {
	formats := []string{
		"plain", "%{NAME} %{VERSION}-%{RELEASE}", "%{name}", "%{RPMTAG_NAME}", "100%%", `a\nb\tc\\d`,
		"%{EPOCH}", "%{EPOCHNUM}", "%{EVR}|%{NVR}|%{NEVR}|%{NEVRA}|%{NVRA}", "%-20{NAME}|%20{NAME}|%3{NAME}",
		"[%{REQUIRENAME}\n]", "[%{REQUIRENAME} %{REQUIREFLAGS:depflags} %{REQUIREVERSION}\n]", "[%{=NAME}: %{REQUIRENAME}\n]", "%{REQUIRENAME}",
		"[%{FILENAMES} %{FILEMODES:octal} %{FILESIZES}\n]", "%{#FILENAMES}", "%{FILENAMES:arraysize}", "%{SUMMARY:shescape}", "%{BUILDTIME:hex}", "%{SIZE}",
		"%|EPOCH?{has %{EPOCH}}:{none}|", "%|NAME?{%{NAME}}|.", "%|VENDOR?{x}|.", "[%{OBSOLETENAME}]", "%{OBSOLETENAME}", "%{SUMMARY}", "[a]", "%{NAME:octal}",
		"[%{FILENAMES} %|NAME?{y}|;]",
	}
	script := rpm.Scriptlet{Kind: rpm.PostIn, Flags: rpm.ScriptletQFormat}
	for _, epoch := range []uint32{0, 3} {
		for _, format := range formats {
			script.Body = format
			pkgs, files := build(t, rpmtest.Package{
				Name: "itis", Epoch: epoch, Version: "2.5", Summary: "it's what it is", Requires: []string{"a >= 1", "b", "c < 3-4"},
				Files:      []rpmtest.File{{Path: "/usr/a", Body: "12345"}, {Path: "/usr/b/", Mode: 0o700}},
				Scriptlets: []rpm.Scriptlet{script},
			})
			p, err := scriptlet.NewPlan(pkgs, scriptlet.Options{})
			if err != nil {
				t.Errorf("%q: %v", format, err)
				continue
			}
			want, err := exec.CommandContext(t.Context(), "rpm", "-qp", "--nosignature", "--qf", format, files[0]).Output()
			if err != nil {
				t.Errorf("%q: %v", format, err)
			}
			if got := p.Steps[0].Script; got != string(want) {
				t.Errorf("%q: got %q, want %q", format, got, want)
			}
		}
	}
}

func TestQueryFormatRefuses(t *testing.T) {
	for format, want := range map[string]string{
		"%{NOSUCHTAG}": "NOSUCHTAG", "a\n%{NAME": "line 2", "%x{NAME}": "no width", "[%{NAME}": "ends before", "]": "unexpected",
		"%{BUILDTIME:date}": `"date"`, "%|NAME{x}|": "no ?{", "%|NAME?{x}": "does not end", "[%{REQUIRENAME}%{FILENAMES}]": "4 and 2", "%NAME": "no {",
		strings.Repeat("[", 100): "nested",
	} {
		pkgs, _ := build(t, rpmtest.Package{
			Name: "a", Requires: []string{"b"}, Files: []rpmtest.File{{Path: "/a"}, {Path: "/b"}},
			Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Flags: rpm.ScriptletQFormat, Body: format}},
		})
		_, err := scriptlet.NewPlan(pkgs, scriptlet.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "%post of a-1-1.noarch") {
			t.Errorf("%q: got %v, want an error with %q", format, err, want)
		}
	}
}

func FuzzQueryFormat(f *testing.F) {
	for _, s := range []string{"%{NAME}", "[%{FILENAMES} %-5{=NAME}\\n]", "%|EPOCH?{a}:{b}|", "%{#FILENAMES}", "%{NAME:shescape}"} {
		f.Add(s)
	}
	pkgs, _ := build(f, rpmtest.Package{Name: "a", Files: []rpmtest.File{{Path: "/a"}}, Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Flags: rpm.ScriptletQFormat, Body: "x"}}})
	f.Fuzz(func(_ *testing.T, format string) {
		pkgs[0].Manifest.Scriptlets[0].Body = format
		_, _ = scriptlet.NewPlan(pkgs, scriptlet.Options{})
	})
}
