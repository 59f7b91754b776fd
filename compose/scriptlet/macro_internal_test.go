package scriptlet

import (
	"os/exec"
	"strings"
	"testing"
)

// testMacros are defined for the expander and, by --define, for the real rpm.
func testMacros() []string {
	return []string{
		"tw_dir /usr/bin",
		"tw_deep %{tw_dir}/x",
		"tw_two() [%1|%2|%*|%#|%0]",
		"tw_opt(n:x) %{-n:n=%{-n*}}%{-x:x}%{!-x:nox} %{?1} %{-n}",
		"tw_raw(-) (%*)",
		"tw_empty %{nil}",
		"tw_escape %%{tw_dir}",
		"tw_lines a\\\nb",
	}
}

func testTable() *macros {
	m := &macros{table: map[string]macro{}}
	for _, d := range testMacros() {
		m.load("%" + d + "\n")
	}
	return m
}

// TestExpandAsRPM compares expansions with those of the real rpm.
func TestExpandAsRPM(t *testing.T) {
	for _, text := range []string{
		"plain", "", "100%", "%%", "%%%%", "%", "% x", "%-x", "%5", "%|",
		"%tw_dir", "%{tw_dir}", "%{tw_dir}x", "%tw_dirx", "%{tw_deep}", "%tw_deep/y",
		"%tw_none", "%{tw_none}", "%{tw_none %{tw_dir}}", "%{tw_none:%{tw_dir}}", "%{tw_dir:arg}",
		"%{?tw_dir}", "%{?tw_none}", "%{!?tw_none:x}", "%{!?tw_dir:x}", "%{?tw_dir:yes %{tw_dir}}", "%{?tw_none:yes}", "%?tw_dir", "%!?tw_none", "%{!?tw_none}",
		"%{?!tw_none:x}", "%{??tw_dir}", "%{!!?tw_dir:x}", "%{?tw_dir:}", "%{?tw_empty:x}", "%{tw_empty}",
		"%{nil}", "%nil", "%{?nil:x}", "%{expand:%%{tw_dir}}", "%{expand:%tw_escape}", "%{tw_escape}",
		"%{basename:/a/b.c}", "%{dirname:/a/b.c}", "%{suffix:/a/b.c}", "%{shrink: a   b }", "%{shescape:it's}", "%{basename:%{tw_dir}}",
		"%tw_two a b", "%{tw_two a b}", "%{tw_two:a b}", "%{tw_two}", "%tw_two\nnext", "%tw_two a\nnext", "x%{tw_two %tw_dir}",
		"%{tw_opt -n 5 -x word}", "%{tw_opt word}", "%{tw_opt -n7}", "%{tw_raw -a -b}",
		"a %dnl comment\nb", "%{dnl comment}x", "#!/bin/sh\necho %{tw_dir} $((5 %% 3)) ${x%%y} ${x%.*}", "%{?tw_none", "${x%y}", "date +%Y-%m-%d", "printf '%s\\n' %d", "%{tw_lines}",
		"%{?_undefined_thing:%{lua:x}}", "a%{}b", "%{ }", "%{?}", "%()", "%{!?tw_none:%{!?tw_none:%{tw_dir}}}",
	} {
		got, err := testTable().expand(text)
		if text == "%()" {
			if err == nil {
				t.Errorf("%q: got %q, want an error", text, got)
			}
			continue
		}
		var args []string
		for _, d := range testMacros() {
			args = append(args, "--define", d)
		}
		out, rpmErr := exec.CommandContext(t.Context(), "rpm", append(args, "--eval", text)...).Output()
		if (err != nil) != (rpmErr != nil) {
			t.Errorf("%q: got %q and %v; rpm has %q and %v", text, got, err, out, rpmErr)
			continue
		}
		if want := strings.TrimSuffix(string(out), "\n"); err == nil && got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestExpandRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"a\nb %{lua:print(1)}":  "line 2",
		"%(id)":                 "would run a program",
		"\n\n%{?tw_dir:%(id)}":  "line 3",
		"%[1+1]":                "expression",
		"%{load:/etc/passwd}":   "cannot be expanded",
		"%{getenv:HOME}":        "cannot be expanded",
		"%define x y":           "cannot be expanded",
		"%{uncompress:/x}":      "cannot be expanded",
		"%{tw_dir":              "has no end",
		"%{quote:a b}":          "cannot be expanded",
		"%{tw_opt -q}":          "no option -q",
		"%{tw_loop}":            "call themselves",
		"%{expand:%%{tw_loop}}": "call themselves",
	} {
		m := testTable()
		m.load("%tw_loop %{tw_loop}%{tw_loop}\n")
		if got, err := m.expand(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %q and %v, want an error with %q", text, got, err, want)
		}
	}
}

func TestLoadMacros(t *testing.T) {
	m := &macros{table: map[string]macro{}}
	m.load("# %no comment\n%simple  a b  \n  %indented x\nnot a macro\n%more a\\\nb\n%braces {\nx\n}\n%par(n:) %{-n*}\n%open %{expand:\nx}\n%last y")
	for name, want := range map[string]string{
		"simple": "a b", "indented": "x", "more": "a\nb", "braces": "\nx\n", "par": "%{-n*}", "open": "%{expand:\nx}", "last": "y",
	} {
		if got, ok := m.table[name]; !ok || got.body != want {
			t.Errorf("%s: got %q, want %q", name, got.body, want)
		}
	}
	if len(m.table) != 7 {
		t.Errorf("got %d macros, want 7: %v", len(m.table), m.table)
	}
}

func FuzzExpand(f *testing.F) {
	for _, s := range []string{"%{?x:%{y}}", "%tw_two a b", "%{tw_opt -n 5}", "%{!?a", "%{expand:%%x}", "%%", "%-x*", "%{**}"} {
		f.Add(s, "%x %y\n%y(a:) %1 %{-a*}\n")
	}
	f.Fuzz(func(t *testing.T, text, file string) {
		m := testTable()
		m.load(file)
		if out, err := m.expand(text); err == nil && len(out) > 2*maxMacroOutput+len(text)+len(file) {
			t.Errorf("the output has %d bytes", len(out))
		}
	})
}
