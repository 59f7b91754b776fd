package scriptlet_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/compose/lua"
	"github.com/treewright/treewright/compose/scriptlet"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/internal/sandbox"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

func TestMain(m *testing.M) {
	if code, ok := sandbox.Helper(os.Args); ok {
		os.Exit(code)
	}
	if code, ok := lua.Helper(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// A recorder is a Runner that writes down what it is to run.
type recorder struct {
	commands []sandbox.Command
	result   func(n int) (*sandbox.Result, error)
}

func (r *recorder) Run(_ context.Context, c sandbox.Command) (*sandbox.Result, error) {
	r.commands = append(r.commands, c)
	if r.result != nil {
		return r.result(len(r.commands))
	}
	return &sandbox.Result{}, nil
}

func withLua() scriptlet.Options {
	return scriptlet.Options{LuaCommand: lua.Command, CheckLua: lua.Check}
}

func TestCommands(t *testing.T) {
	pkgs, _ := build(t, rpmtest.Package{Name: "a", Files: []rpmtest.File{{Path: "/usr/share/a/f"}}, Scriptlets: []rpm.Scriptlet{
		{Kind: rpm.PreTrans, Interpreter: []string{"<lua>"}, Body: "x = 1"},
		{Kind: rpm.PreIn, Interpreter: []string{"/bin/bash", "-e", "-u"}, Body: "true"},
		{Kind: rpm.PostIn, Interpreter: []string{"/sbin/ldconfig"}},
		{Kind: rpm.PostTrans, Body: "true\n"},
		{Kind: rpm.TransFileTriggerIn, Paths: []string{"/usr/share"}, Interpreter: []string{"/usr/bin/prog"}},
	}})
	p := plan(t, pkgs, withLua())
	r := &recorder{}
	var stages []string
	report, err := p.Run(t.Context(), r, scriptlet.RunOptions{Timeout: time.Minute, Progress: func(stage string, done, total int64) {
		stages = append(stages, fmt.Sprintf("%s %d/%d", stage, done, total))
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range r.commands {
		stdin := ""
		if c.Stdin != nil {
			data, _ := io.ReadAll(c.Stdin)
			stdin = string(data)
		}
		got = append(got, fmt.Sprintf("%q %q script=%v %q self=%v stdin=%q %s", c.Args, c.Script, c.Script != nil, c.ScriptArgs, c.Self, stdin, c.Timeout))
	}
	want := []string{
		`["lua-scriptlet" "%pretrans of a-1-1.noarch" "1" "1"] "x = 1" script=true [] self=true stdin="" 1m0s`,
		`["/bin/bash" "-e" "-u"] "true" script=true ["1"] self=false stdin="" 1m0s`,
		`["/sbin/ldconfig"] "" script=false [] self=false stdin="" 1m0s`,
		`["/bin/sh"] "true\n" script=true ["1"] self=false stdin="" 1m0s`,
		`["/usr/bin/prog"] "" script=true ["1"] self=false stdin="/usr/share/a/f\n" 1m0s`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(stages) != 6 || stages[2] != "%post of a-1-1.noarch 2/5" || stages[5] != "scriptlets 5/5" {
		t.Errorf("got the progress %q", stages)
	}
	data, err := json.Marshal(report)
	if err != nil || !strings.Contains(string(data), `"kind":"postin"`) {
		t.Errorf("got the report %s, %v", data, err)
	}
}

func TestFailures(t *testing.T) {
	pkgs, _ := build(t,
		rpmtest.Package{Name: "a", Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Body: "x"}, {Kind: rpm.PostTrans, Interpreter: []string{"/usr/bin/perl"}, Body: "x"}}},
		rpmtest.Package{Name: "b", Requires: []string{"a"}, Scriptlets: []rpm.Scriptlet{{Kind: rpm.TriggerIn, Triggers: []rpm.Dep{{Name: "a"}}, Body: "x"}}})
	opts := withLua()
	opts.Tree = memoryTree{"/bin/sh": ""}
	p := plan(t, pkgs, opts)
	for _, test := range []struct {
		at     int
		result *sandbox.Result
		want   string
	}{
		{1, &sandbox.Result{Exit: 3, Output: []byte("one\ntwo\n")}, "%post of a-1-1.noarch failed: exit status 3; its last output:\n  one\n  two"},
		{1, &sandbox.Result{Exit: 1}, "failed: exit status 1; it wrote nothing"},
		{2, &sandbox.Result{Exit: 139, Signal: "SIGSEGV"}, "%triggerin of b-1-1.noarch, fired by a-1-1.noarch failed: signal SIGSEGV"},
		{2, &sandbox.Result{TimedOut: true, Duration: 10 * time.Minute}, "did not end within 10m0s"},
		{2, &sandbox.Result{DiskFull: true}, "wrote more than"},
		{2, &sandbox.Result{TooMany: true}, "too many processes"},
		{3, &sandbox.Result{Exit: 127}, "no package of the tree has /usr/bin/perl: add the one that provides it"},
		{3, nil, "running %posttrans of a-1-1.noarch: no such program: no package of the tree has /usr/bin/perl"},
	} {
		r := &recorder{result: func(n int) (*sandbox.Result, error) {
			switch {
			case n != test.at:
				return &sandbox.Result{}, nil
			case test.result == nil:
				return nil, errors.New("no such program")
			}
			return test.result, nil
		}}
		report, err := p.Run(t.Context(), r, scriptlet.RunOptions{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
		if len(r.commands) != test.at || len(report.Steps) < test.at-1 {
			t.Errorf("%d commands ran, and the report has %d steps; want %d", len(r.commands), len(report.Steps), test.at)
		}
	}
}

func TestLuaIsChecked(t *testing.T) {
	pkgs, _ := build(t, rpmtest.Package{Name: "a", Scriptlets: []rpm.Scriptlet{{Kind: rpm.PreTrans, Interpreter: []string{"<lua>"}, Body: "x = 1\nif ("}}})
	_, err := scriptlet.NewPlan(pkgs, withLua())
	if err == nil || !strings.Contains(err.Error(), "%pretrans of a-1-1.noarch") || !strings.Contains(err.Error(), ":2:") {
		t.Errorf("got %v, want an error with the package and the line", err)
	}
}

// TestRunAsRPM runs scriptlets in the sandbox, and compares what they see with
// what they see under the real rpm.
func TestRunAsRPM(t *testing.T) {
	on := []rpm.Dep{{Name: "a"}, {Name: "c"}}
	list := []rpmtest.Package{
		oldRPM(t),
		{Name: "a", Files: []rpmtest.File{{Path: "/usr/a/f"}, {Path: "/usr/a/g"}}, Scriptlets: []rpm.Scriptlet{{Kind: rpm.PreTrans}, {Kind: rpm.PreIn}, {Kind: rpm.PostIn}, {Kind: rpm.PostTrans}}},
		{Name: "b", Requires: []string{"a"}, Scriptlets: []rpm.Scriptlet{{Kind: rpm.TriggerIn, Triggers: on}, {Kind: rpm.FileTriggerIn, Paths: []string{"/usr"}}, {Kind: rpm.TransFileTriggerIn, Paths: []string{"/usr"}}}},
		{Name: "c", Requires: []string{"b"}, Files: []rpmtest.File{{Path: "/usr/c/f"}}, Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn}}},
	}
	for i := range list {
		for j, s := range list[i].Scriptlets {
			list[i].Scriptlets[j] = logging(fmt.Sprintf("%s.%d", list[i].Name, j), s)
		}
	}
	list = append(list,
		rpmtest.Package{Name: "d", Requires: []string{"c"}, Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Interpreter: []string{"<lua>"},
			Body: `local f = io.open("/log", "a") f:write(":postin d.0 "..tostring(arg[2]).."\n") f:close()`}}},
		rpmtest.Package{Name: "e", Requires: []string{"d"}, Scriptlets: []rpm.Scriptlet{{Kind: rpm.TransFileTriggerIn, Interpreter: []string{"<lua>"}, Paths: []string{"/usr/a"},
			Body: `local f = io.open("/log", "a") f:write(":transfiletriggerin e.0 "..tostring(arg[2]).."\n") file = rpm.next_file() while file do f:write(file.."\n") file = rpm.next_file() end f:close()`}}})
	pkgs, files := build(t, list...)
	lower := makeRoot(t)
	s, err := sandbox.Open(t.Context(), sandbox.Options{Lower: lower, Dir: filepath.Join(t.TempDir(), "sandbox")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := plan(t, pkgs, withLua()).Run(t.Context(), s, scriptlet.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	result, err := s.Run(t.Context(), sandbox.Command{Args: []string{"/bin/cat", "/log"}})
	if err != nil {
		t.Fatal(err)
	}
	got, want := entries(string(result.Output)), inStages(install(t, makeRoot(t), files))
	got = slices.DeleteFunc(got, func(s string) bool { return s == "" })
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, ""), strings.Join(want, ""))
	}
}

// TestEmptyProgram runs a program that is an empty file, which execv refuses:
// like a shell, the sandbox runs it as a script that does nothing.
func TestEmptyProgram(t *testing.T) {
	pkgs, _ := build(t, rpmtest.Package{Name: "a", Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Interpreter: []string{"/sbin/ldconfig"}}, {Kind: rpm.PostTrans, Interpreter: []string{"/sbin/gone"}}}})
	lower := makeRoot(t)
	if err := os.MkdirAll(filepath.Join(lower, "sbin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(lower, "sbin/ldconfig"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := sandbox.Open(t.Context(), sandbox.Options{Lower: lower, Dir: filepath.Join(t.TempDir(), "sandbox")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	opts := withLua()
	opts.Tree = memoryTree{"/sbin/ldconfig": ""}
	report, err := plan(t, pkgs, opts).Run(t.Context(), s, scriptlet.RunOptions{})
	if err == nil || !strings.Contains(err.Error(), "%posttrans of a-1-1.noarch") || !strings.Contains(err.Error(), "/sbin/gone: add the one") {
		t.Errorf("got %v, want an error that names the program", err)
	}
	if len(report.Steps) == 0 || report.Steps[0].Exit != 0 {
		t.Errorf("got %+v, want an empty program to do nothing", report.Steps)
	}
}
