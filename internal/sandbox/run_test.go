package sandbox_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/sandbox"
)

func scriptOf(lines ...string) sandbox.Command {
	return sandbox.Command{Script: []byte(strings.Join(lines, "\n"))}
}

func TestMapping(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		got := w.Mapping()
		single := strings.HasSuffix(t.Name(), "/single")
		want := !single && (os.Geteuid() == 0 || os.Getenv(envFull) == "true")
		if got.Full != want || got.Why == "" {
			t.Errorf("got %+v, want Full=%v and a reason", got, want)
		}
		if want := "0 0\n"; w.script("id") != want {
			t.Errorf("got another id than %q", want)
		}
		out := w.script("setid 5", "id")
		if want := map[bool]string{true: "5 5\n", false: "0 0\n"}[got.Full]; out != want {
			t.Errorf("after setting the ids to 5: got %q, want %q", out, want)
		}
	})
}

func TestRun(t *testing.T) {
	w := newWorld(t, sandbox.Options{Self: []string{os.Getenv(envTool)}})
	host := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(host, []byte("of the host\n"), 0o600))
	bind := []sandbox.Bind{{Host: host, Inside: "/run/given/file"}, {Host: host, Inside: "/etc/passwd"}}
	for _, tc := range []struct {
		name string
		c    sandbox.Command
		want string
	}{
		{"arguments", sandbox.Command{Args: []string{"tool", "args", "a b", ""}}, `["tool" "args" "a b" ""]`},
		{"bytes", sandbox.Command{Args: []string{"tool", "echo", "\xff\xfe"}}, "\xff\xfe"},
		{"interpreter", sandbox.Command{Args: []string{"/bin/sh"}, Script: []byte("echo $1 $2"), ScriptArgs: []string{"x", "y"}}, "x y"},
		{"no #! line", sandbox.Command{Script: []byte("echo $1"), ScriptArgs: []string{"z"}}, "z"},
		{"#! line", sandbox.Command{Script: []byte("#!/bin/sh\necho yes")}, "yes"},
		{"stdin", sandbox.Command{Args: []string{"tool", "cat"}, Stdin: strings.NewReader("in\nput\n")}, "in\nput"},
		{"no stdin", sandbox.Command{Args: []string{"tool", "cat"}}, ""},
		{"self", sandbox.Command{Self: true, Args: []string{"args", "1"}}, `["/run/treewright/self" "args" "1"]`},
		{"self with script", sandbox.Command{Self: true, Args: []string{"cat"}, Script: []byte("body")}, "body"},
		{"folder", sandbox.Command{Args: []string{"tool", "cat", "passwd"}, Dir: "/etc"}, "root"},
		{"bind", sandbox.Command{Args: []string{"tool", "cat", "/run/given/file"}, Binds: bind}, "of the host"},
		{"bind in the tree", sandbox.Command{Args: []string{"tool", "cat", "/etc/passwd"}, Binds: bind}, "of the host"},
		{"bind is read-only", scriptBinds(bind, "try write /run/given/file x"), "write: open /run/given/file: read-only file system"},
		{"read-only", sandbox.Command{ReadOnly: true, Script: []byte("write /tmp/x x\nwrite /run/x x\ntry write /etc/x x\ntry chown 1 1 /etc/passwd")},
			"write: open /etc/x: read-only file system\nchown: chown /etc/passwd: read-only file system"},
		{"environment", sandbox.Command{Args: []string{"tool", "env"}, Env: []string{"A=b=c", "HOME=/x"}},
			"PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C.UTF-8\nHOME=/x\nSYSTEMD_OFFLINE=1\nA=b=c\nPWD=/"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res, err := w.Run(t.Context(), tc.c)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(string(res.Output)); got != tc.want || !res.OK() || res.Duration <= 0 {
				t.Errorf("got %+v %q, want %q", res, got, tc.want)
			}
		})
	}
	w.wantChanges("")
}

func scriptBinds(b []sandbox.Bind, lines ...string) sandbox.Command {
	c := scriptOf(lines...)
	c.Binds = b
	return c
}

func TestStatus(t *testing.T) {
	eachMapping(t, func(t *testing.T, w *world) {
		for _, tc := range []struct {
			line   string
			exit   int
			signal string
		}{
			{"exit 0", 0, ""}, {"exit 3", 3, ""}, {"exit 128", 128, ""}, {"signal 15", 143, "SIGTERM"}, {"signal 9", 137, "SIGKILL"}, {"cat /none", 1, ""},
		} {
			if res := w.run(scriptOf(tc.line)); res.Exit != tc.exit || res.Signal != tc.signal || res.TimedOut || res.DiskFull || res.Leftover != nil {
				t.Errorf("%s: got %+v, want status %d, signal %q", tc.line, res, tc.exit, tc.signal)
			}
		}
	})
}

func TestLines(t *testing.T) {
	w := newWorld(t, sandbox.Options{Self: []string{os.Getenv(envTool)}})
	var lines []string
	c := scriptOf("spam 1000", "echo end")
	c.MaxOutput, c.Output = 20, func(l []byte) { lines = append(lines, string(l)) }
	res := w.run(c)
	if got, want := string(res.Output), "8\nline 998\nline 999\nend\n"; !res.Truncated || got != want[len(want)-20:] {
		t.Errorf("got %q, want the last 20 bytes of %q", got, want)
	}
	if len(lines) != 1001 || lines[17] != "line 17" || lines[1000] != "end" {
		t.Errorf("got %d lines, want 1001: %q", len(lines), lines[max(0, len(lines)-3):])
	}
}

func TestErrors(t *testing.T) {
	w := newWorld(t, sandbox.Options{Self: []string{os.Getenv(envTool)}})
	must(t, os.MkdirAll(filepath.Join(w.t.TempDir(), "x"), 0o755))
	for _, tc := range []struct {
		name string
		c    sandbox.Command
		want string
	}{
		{"no program", sandbox.Command{}, "no program is given"},
		{"missing", sandbox.Command{Args: []string{"/usr/bin/none"}}, "the program cannot be started: /usr/bin/none: No such file"},
		{"interpreter", sandbox.Command{Script: []byte("#!/usr/bin/perl\n")}, "the program cannot be started: /run/treewright/script: No such file"},
		{"folder", sandbox.Command{Args: []string{"tool"}, Dir: "/none"}, "bwrap could not prepare the sandbox (status 1): Can't chdir to /none"},
		{"environment", sandbox.Command{Args: []string{"tool"}, Env: []string{"A"}}, `"A" of a program is not NAME=value`},
		{"zero byte", sandbox.Command{Args: []string{"tool"}, Env: []string{"A=\x00"}}, "zero byte"},
		{"zero byte in an argument", sandbox.Command{Args: []string{"tool", "a\x00b"}}, "zero byte"},
		{"bind of nothing", bindOf("/nonexistent", "/run/x"), "no such file"},
		{"bind of a relative path", bindOf("x", "/run/x"), "both must be absolute"},
		{"bind at nothing", bindOf("/etc", "/usr/none"), "/usr/none of the tree: no such file or directory: a file of the host can be shown below /run"},
		{"bind behind a link", bindOf("/etc", "/usr/link"), "too many levels of symbolic links"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.script("try symlink /etc /usr/link")
			res, err := w.Run(t.Context(), tc.c)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %+v, %v, want an error with %q", res, err, tc.want)
			}
			if got, want := errors.Is(err, sandbox.ErrProgram), strings.HasPrefix(tc.want, sandbox.ErrProgram.Error()); got != want {
				t.Errorf("is ErrProgram: got %v, want %v", got, want)
			}
		})
	}
	must(t, w.Close())
	if _, err := w.Run(t.Context(), scriptOf("id")); err == nil {
		t.Error("after Close: got no error")
	}
}

func bindOf(host, inside string) sandbox.Command {
	return sandbox.Command{Args: []string{"tool"}, Binds: []sandbox.Bind{{Host: host, Inside: inside}}}
}

func TestOpenErrors(t *testing.T) {
	dir, full := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(full, "file"), nil, 0o600))
	for _, tc := range []struct {
		name string
		opts sandbox.Options
		want string
	}{
		{"nothing", sandbox.Options{}, "Lower and Dir are needed"},
		{"no tree", sandbox.Options{Lower: dir + "/none", Dir: dir + "/w"}, "no such file"},
		{"a file", sandbox.Options{Lower: full + "/file", Dir: dir + "/w"}, "it is not a folder"},
		{"used", sandbox.Options{Lower: dir, Dir: full}, "is not empty: it has file"},
		{"bwrap", sandbox.Options{Lower: dir, Dir: dir + "/w", Bubblewrap: dir + "/bwrap"}, "install the package bubblewrap"},
		{"no helper", sandbox.Options{Lower: dir, Dir: dir + "/w", Self: []string{"/bin/false"}}, "the sandbox's helper ended (exit status 1)"},
		{"file system", sandbox.Options{Lower: dir, Dir: fmt.Sprintf("/proc/%d", os.Getpid())}, "is not empty"},
	} {
		if s, err := sandbox.Open(t.Context(), tc.opts); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, %v, want an error with %q", tc.name, s, err, tc.want)
		}
	}
	if _, err := os.Stat(filepath.Join(full, "file")); err != nil {
		t.Errorf("a folder that is not ours: got %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("after errors: got %v, %v, want nothing left", entries, err)
	}
}
