package flatpak_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/flatpak"
	"github.com/treewright/treewright/compose/rootfs"
	internal "github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree"
)

// build makes a tree of paths: "/d/" a directory, "/l -> x" a link, others files
// of the package whose index precedes them.
func build(t *testing.T, packages []string, paths ...string) *rootfs.Tree {
	t.Helper()
	tree := rootfs.New()
	tree.Packages = packages
	for _, p := range paths {
		var err error
		if path, target, ok := strings.Cut(p, " -> "); ok {
			err = tree.AddSymlink(path, target)
		} else if strings.HasSuffix(p, "/") {
			_, err = tree.Mkdir(p)
		} else if err = tree.AddFile(p, 0o4751, []byte(p)); err == nil {
			tree.Lookup(p).Package = len(p) % len(packages)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

func paths(t *testing.T, tree *rootfs.Tree) []string {
	t.Helper()
	var list []string
	err := tree.Walk(func(path string, n *rootfs.Node) error {
		if n.UID != 0 || n.GID != 0 || n.Mode&0o7022 != 0 && !n.IsSymlink() || len(n.Xattrs) > 0 {
			return fmt.Errorf("%s has the mode %o and the owner %d:%d", path, n.Mode, n.UID, n.GID)
		}
		if !n.IsDir() {
			list = append(list, path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return list
}

func TestRuntimeTree(t *testing.T) {
	src := build(t, []string{"a", "b"}, "/bin -> usr/bin", "/lib64 -> /usr/lib64", "/usr/bin/x", "/usr/lib64/y", "/etc/z", "/usr/etc/w", "/boot/vmlinuz", "/var/empty/", "/srv -> var/srv")
	src.Lookup("/usr/bin/x").Xattrs = []ostree.Xattr{{Name: "security.capability"}}
	tree, report, err := flatpak.Runtime(src)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := paths(t, tree), []string{"/files/bin/x", "/files/etc/w", "/files/etc/z", "/files/lib64/y"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	var left []string
	for _, l := range report.LeftOut {
		left = append(left, fmt.Sprintf("%s %d %s", l.Folder, l.Files, l.Packages))
	}
	if want := []string{"/boot 1 [b]", "/srv 1 [no package]"}; !slices.Equal(left, want) {
		t.Errorf("got %q left out, want %q", left, want)
	}
	if len(report.Privileges) != 4 {
		t.Errorf("got the privileges of %q", report.Privileges)
	}
}

func TestTreesRefuse(t *testing.T) {
	app := func(paths ...string) error {
		_, _, err := flatpak.App(build(t, []string{"a"}, paths...))
		return err
	}
	runtime := func(paths ...string) error {
		_, _, err := flatpak.Runtime(build(t, []string{"a"}, paths...))
		return err
	}
	for _, tc := range []struct {
		name string
		err  error
		want []string
	}{
		{"an app without /app", app("/usr/bin/x"), []string{"no /app"}},
		{"an app with files elsewhere", app("/app/x", "/usr/bin/1", "/usr/bin/2", "/usr/bin/3", "/usr/bin/4", "/etc/x"), []string{"prefix /app", "a: /etc/x, /usr/bin/1, /usr/bin/2 and 2 more"}},
		{"a runtime without /usr", runtime("/etc/x"), []string{"no /usr"}},
		{"a runtime with files beside /usr", runtime("/usr/x", "/lib64/y"), []string{"merged /usr", "a: /lib64/y"}},
		{"a runtime with two of a file", runtime("/usr/etc/x", "/etc/x"), []string{"/files/etc/x"}},
	} {
		for _, want := range tc.want {
			if tc.err == nil || !strings.Contains(tc.err.Error(), want) {
				t.Errorf("%s: got %v, want an error with %q", tc.name, tc.err, want)
			}
		}
	}
	var misplaced *flatpak.MisplacedError
	if err := app("/app/x", "/usr/bin/1"); !errors.As(err, &misplaced) || misplaced.Files[0] != (flatpak.MisplacedFile{Path: "/usr/bin/1", Package: "a"}) {
		t.Errorf("got %v", err)
	}
}

func TestFinish(t *testing.T) {
	src := build(t, []string{"a"}, "/app/bin/one", "/app/share/applications/org.example.App.desktop", "/app/share/applications/x.desktop",
		"/app/share/icons/org.example.App.png -> elsewhere", "/usr/share/doc/a/README", "/usr/lib/.build-id/00/1 -> x")
	tree, report, err := flatpak.App(src)
	if err != nil {
		t.Fatal(err)
	}
	if got := flatpak.Executables(tree); !slices.Equal(got, []string{"one"}) {
		t.Errorf("got the programs %q", got)
	}
	m, err := internal.ParseMetadata([]byte("[Application]\nname=org.example.App\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := flatpak.Finish(tree, m, report); err != nil {
		t.Fatal(err)
	}
	want := []string{"/export/share/applications/org.example.App.desktop", "/files/bin/one", "/files/share/applications/org.example.App.desktop",
		"/files/share/applications/x.desktop", "/files/share/icons/org.example.App.png", "/metadata"}
	if got := paths(t, tree); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(report.LeftOut) != 2 || len(report.RefusedExports) != 1 || len(report.Exports) != 1 {
		t.Errorf("got %+v", report)
	}
}
