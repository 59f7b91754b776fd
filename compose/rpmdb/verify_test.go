package rpmdb_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/compose/rpmdb"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// TestInteropVerify lays two packages out and lets rpm -V compare.
func TestInteropVerify(t *testing.T) {
	owner := func(f rpmtest.File) rpmtest.File {
		f.User, f.Group = "root", "root"
		return f
	}
	p := rpmtest.Package{Name: "tool", Arch: "x86_64", Files: []rpmtest.File{
		owner(rpmtest.File{Path: "/usr/share/doc/tool/README", Body: "read me\n", Flags: rpm.FileDoc}),
		owner(rpmtest.File{Path: "/usr/share/locale/de/tool.mo", Body: "hallo\n", Lang: "de"}),
		owner(rpmtest.File{Path: "/usr/lib/tool.so", Body: "32\n", Color: 1}),
		owner(rpmtest.File{Path: "/usr/bin/tool", Mode: 0o755, Body: "#!/bin/sh\n"}),
	}}
	files := build(t, p)
	pkg := fromFile(t, files[0])
	states := map[string]rpmdb.FileState{
		"/usr/share/doc/tool/README":   rpmdb.StateNotInstalled,
		"/usr/share/locale/de/tool.mo": rpmdb.StateNetShared,
		"/usr/lib/tool.so":             rpmdb.StateWrongColor,
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	header, err := rpm.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	list, err := header.Files()
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		pkg.States = append(pkg.States, states[list[i].Path])
	}
	root, _ := write(t, []rpmdb.Package{pkg})
	for i := range list {
		switch states[list[i].Path] {
		case rpmdb.StateNormal:
			layOut(t, root, &list[i], "#!/bin/sh\n")
		case rpmdb.StateWrongColor:
			layOut(t, root, &list[i], "of another package")
		}
	}
	args := rpmArgs(root, "-V", "--nodeps", "tool")
	if os.Getuid() != 0 { // the files belong to whoever runs the test
		args = append(args, "--nouser", "--nogroup")
	}
	if out, err := try(t, "rpm", args...); err != nil || out != "" {
		t.Errorf("rpm -V: got %q, %v, want nothing", out, err)
	}
	if err := os.WriteFile(filepath.Join(root, "usr/bin/tool"), []byte("changed"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := try(t, "rpm", args...); err == nil || !strings.Contains(out, "/usr/bin/tool") || strings.Contains(out, "missing") {
		t.Errorf("rpm -V after a change: got %q, %v", out, err)
	}
}

func layOut(t *testing.T, root string, f *rpm.File, body string) {
	t.Helper()
	path := filepath.Join(root, f.Path)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(body), 0o600)
	}
	if err == nil {
		err = os.Chmod(path, os.FileMode(f.Mode&0o777))
	}
	if err == nil {
		err = os.Chtimes(path, time.Time{}, time.Unix(int64(f.MTime), 0))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestNamesOfAnyKind writes and reads files whose names mean something in URIs.
func TestNamesOfAnyKind(t *testing.T) {
	pkgs := fromFiles(t, build(t, rpmtest.Package{Name: "a"}))
	for _, name := range []string{"a b", "a#b", "a?mode=memory", "a%41", "a&b", "ä"} {
		file := filepath.Join(t.TempDir(), name)
		if err := rpmdb.Write(t.Context(), file, pkgs, rpmdb.Options{}); err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if all, err := rpmdb.Read(t.Context(), file); err != nil || len(all) != 1 {
			t.Errorf("%q: got %d packages, %v", name, len(all), err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	var list []rpmtest.File
	for i := range 200 {
		list = append(list, rpmtest.File{Path: fmt.Sprintf("/usr/share/bench/%d/file%d", i/20, i), Body: "x"})
	}
	data, err := rpmtest.Package{Name: "bench", Files: list}.Build()
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "bench.rpm")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		b.Fatal(err)
	}
	pkgs := make([]rpmdb.Package, 200)
	for i := range pkgs {
		pkgs[i] = fromFile(b, file)
	}
	for b.Loop() {
		if err := rpmdb.Write(b.Context(), filepath.Join(b.TempDir(), "rpmdb.sqlite"), pkgs, rpmdb.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/op")
}
