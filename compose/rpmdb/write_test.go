package rpmdb_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/rpmdb"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// several packages have every kind of value that rpm indexes.
func several() []rpmtest.Package {
	sh := []string{"/bin/sh"}
	return []rpmtest.Package{
		{Name: "base", Arch: "noarch", Provides: []string{"feature", "feature = 2"}, Files: []rpmtest.File{
			{Path: "/usr/"}, {Path: "/usr/share/base/"}, {Path: "/usr/share/base/data", Body: "data\n"}}},
		{Name: "tool", Epoch: 1, Version: "2", Arch: "x86_64", Requires: []string{"base >= 1", "(a if (b or c) else d)", "((x and y) unless z else (w if v))"},
			PreRequires: []string{"base"}, Conflicts: []string{"(old-tool or older-tool)"}, Obsoletes: []string{"tools < 2"},
			Recommends: []string{"tool-doc"}, Suggests: []string{"(tool-x if x)"}, Supplements: []string{"(base and tool-y)"}, Enhances: []string{"base"},
			Files: []rpmtest.File{
				{Path: "/usr/bin/tool", Mode: 0o755, Body: "#!/bin/sh\n", Color: 2},
				{Path: "/usr/share/doc/tool/README", Body: "read me\n", Flags: rpm.FileDoc},
				{Path: "/etc/tool.conf", Body: "a=1\n", Flags: rpm.FileConfig},
				{Path: "/var/log/tool", Flags: rpm.FileGhost},
			}},
		{Name: "triggers", Format: rpmtest.FormatEL7, Files: []rpmtest.File{{Path: "/usr/lib/t", LinkTo: "../bin/tool"}}, Scriptlets: []rpm.Scriptlet{
			{Kind: rpm.PostIn, Interpreter: sh, Body: "true\n"},
			{Kind: rpm.TriggerIn, Interpreter: sh, Body: "echo\n", Triggers: []rpm.Dep{{Name: "base"}, {Name: "tool"}}},
			{Kind: rpm.TriggerUn, Interpreter: sh, Body: "echo\n", Triggers: []rpm.Dep{{Name: "tool"}}},
			{Kind: rpm.FileTriggerIn, Interpreter: sh, Body: "cat\n", Paths: []string{"/usr/lib", "/usr/share"}},
			{Kind: rpm.FileTriggerIn, Interpreter: sh, Body: "cat 2\n", Paths: []string{"/etc"}},
			{Kind: rpm.TransFileTriggerIn, Interpreter: sh, Body: "cat\n", Paths: []string{"/usr/bin"}},
		}},
		{Name: "large", Format: rpmtest.FormatV4Large, Files: []rpmtest.File{{Path: "/usr/lib/large", Body: "x"}}},
		{Name: "new", Format: rpmtest.FormatV6, Files: []rpmtest.File{{Path: "/usr/lib/new", Body: "x"}}},
		{Name: "empty"},
	}
}

func TestInteropSameAsRPM(t *testing.T) {
	files := build(t, several()...)
	want := installReal(t, files)
	_, got := write(t, inOrder(t, want, fromFiles(t, files)))
	compare(t, got, want)
}

func TestWriteIsDeterministic(t *testing.T) {
	pkgs := fromFiles(t, build(t, several()...))
	var first []byte
	for range 3 {
		_, file := write(t, pkgs)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = data
		}
		if !bytes.Equal(data, first) {
			t.Error("the same packages made another file")
		}
		names, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
		if err != nil || len(names) != 1 {
			t.Errorf("got the files %v, %v, want rpmdb.sqlite alone", names, err)
		}
	}
	if i := bytes.Index(first, []byte("\x00\x2e\x63\x01")); i != 96 {
		t.Errorf("the version of SQLite lies at %d, want it at 96", i)
	}
}

// TestInteropQueries asks the real rpm and dnf.
func TestInteropQueries(t *testing.T) {
	root, file := write(t, fromFiles(t, build(t, several()...)))
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args string
		want string
	}{
		{"-qa --qf %{name}_", "base_empty_large_new_tool_triggers_"},
		{"-qf /usr/bin/tool", "tool-2-1.x86_64\n"},
		{"-ql base", "/usr\n/usr/share/base\n/usr/share/base/data\n"},
		{"-q --whatprovides feature", "base-1-1.noarch\nbase-1-1.noarch\n"},
		{"-q --whatrequires base", "tool-2-1.x86_64\n"},
		{"-q --whatrequires c", "tool-2-1.x86_64\n"},
		{"-q --whatconflicts older-tool", "tool-2-1.x86_64\n"},
		{"-q --whatrecommends tool-doc", "tool-2-1.x86_64\n"},
		{"-q --triggeredby tool", "triggers-1-1.noarch\n"},
		{"-q --qf %{installtime}:%{installtid}:%{installcolor} base", "1600000000:1600000000:3"},
	} {
		args := rpmArgs(root, strings.Fields(tc.args)...)
		got := run(t, "rpm", args...)
		if strings.Contains(tc.args, "-qa") {
			names := strings.Split(strings.TrimSuffix(got, "_"), "_")
			slices.Sort(names)
			got = strings.Join(names, "_") + "_"
		}
		if got != tc.want {
			t.Errorf("rpm %s: got %q, want %q", tc.args, got, tc.want)
		}
	}
	if got := run(t, "rpm", rpmArgs(root, "-q", "--triggers", "triggers")...); !strings.Contains(got, "base") {
		t.Errorf("rpm -q --triggers: got %q", got)
	}
	if got := run(t, "rpm", rpmArgs(root, "-qi", "tool")...); !strings.Contains(got, "Epoch       : 1") {
		t.Errorf("rpm -qi: got %q", got)
	}
	run(t, "rpmdb", rpmArgs(root, "--verifydb")...)
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, before) {
		t.Errorf("queries changed the file: %v", err)
	}
}

func TestInteropDNF(t *testing.T) {
	root, file := write(t, fromFiles(t, build(t, several()...)))
	where := filepath.Join(root, "var/lib/rpm")
	if err := os.MkdirAll(filepath.Dir(where), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../usr/share/rpm", where); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(root, "root/.rpmdb") // where Debian's rpm looks
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(file), home); err != nil {
		t.Fatal(err)
	}
	got := run(t, "dnf", "-q", "--installroot", root, "--releasever", "1", "--disablerepo", "*", "repoquery", "--installed", "--qf", "%{name}")
	if names := strings.Fields(got); len(names) != len(several()) || names[0] != "base" {
		t.Errorf("got %q", got)
	}
}

// TestInteropChanges lets the real rpm write into the database.
func TestInteropChanges(t *testing.T) {
	root, file := write(t, fromFiles(t, build(t, several()...)))
	run(t, "rpm", rpmArgs(root, "-e", "--justdb", "--nodeps", "--noscripts", "--notriggers", "tool")...)
	more := build(t, rpmtest.Package{Name: "more", Arch: "noarch"})
	run(t, "rpm", rpmArgs(root, "-i", "--justdb", "--nodeps", "--nosignature", more[0])...)
	run(t, "rpmdb", rpmArgs(root, "--verifydb")...)
	got := strings.Fields(run(t, "rpm", rpmArgs(root, "-qa", "--qf", "%{name} ")...))
	slices.Sort(got)
	if want := "base empty large more new triggers"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	all, err := rpmdb.Read(t.Context(), file)
	if err != nil || len(all) != len(got) {
		t.Errorf("got %d packages, %v, want %d", len(all), err, len(got))
	}
}

func TestWriteRefusals(t *testing.T) {
	good := fromFiles(t, build(t, rpmtest.Package{Name: "good", Files: []rpmtest.File{{Path: "/usr/lib/x", Body: "x"}}}))[0]
	header, err := good.Header()
	if err != nil {
		t.Fatal(err)
	}
	ancient := withoutRegion(t, header)
	for _, tc := range []struct {
		name string
		pkg  rpmdb.Package
		opts rpmdb.Options
		want string
	}{
		{"no header", rpmdb.Package{Header: func() ([]byte, error) { return nil, errors.New("lost") }}, options(), "lost"},
		{"an empty header", rpmdb.Package{Header: func() ([]byte, error) { return nil, nil }}, options(), "reading the signature header"},
		{"without region", rpmdb.Package{Header: func() ([]byte, error) { return ancient, nil }}, options(), "no immutable region"},
		{"sources", fromFiles(t, build(t, rpmtest.Package{Name: "s", Arch: "src"}))[0], options(), "source package"},
		{"too many states", rpmdb.Package{Header: good.Header, States: make([]rpmdb.FileState, 2)}, options(), "2 states for 1 files"},
		{"a time before rpm's", good, rpmdb.Options{InstallTime: options().InstallTime.AddDate(-100, 0, 0)}, "outside of 1970 to 2106"},
		{"a damaged package of another database", rpmdb.Package{Installed: func() ([]byte, error) { return []byte("x"), nil }}, options(), "are no header"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			tc.pkg.Name = "pkg-1-1.noarch"
			err := rpmdb.Write(t.Context(), filepath.Join(dir, "rpmdb.sqlite"), []rpmdb.Package{tc.pkg}, tc.opts)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "pkg-1-1.noarch") {
				t.Errorf("got %v, want an error with %q and the package", err, tc.want)
			}
			if names, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(names) > 0 {
				t.Errorf("left behind: %v, %v", names, err)
			}
			if names, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(names) > 0 {
				t.Errorf("left behind: %v, %v", names, err)
			}
		})
	}
}

// withoutRegion makes a main header like those before rpm 4, which had none.
func withoutRegion(t *testing.T, headers []byte) []byte {
	t.Helper()
	p, err := rpm.OpenHeaders(bytes.NewReader(headers))
	if err != nil {
		t.Fatal(err)
	}
	h := slices.Clone(p.Header.Raw())
	h[11]-- // there are fewer than 256 entries
	return append(slices.Clone(headers[:p.HeaderStart]), append(h[:16:16], h[32:]...)...)
}
