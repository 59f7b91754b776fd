package layout_test

import (
	"slices"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

func manifest(name string, paths ...string) rootfs.Package {
	m := &content.Manifest{NEVRA: rpm.NEVRA{Name: name, Arch: "noarch"}}
	m.NEVRA.Version, m.NEVRA.Release = "1", "1"
	for _, path := range paths {
		f := content.File{Path: path, Mode: rpm.ModeRegular | 0o644, User: "root", Group: "root", Content: content.DigestOf(nil)}
		if path[len(path)-1] == '/' {
			f.Path, f.Mode, f.Content = path[:len(path)-1], rpm.ModeDir|0o755, content.Digest{}
		}
		m.Files = append(m.Files, f)
	}
	return rootfs.Package{Name: m.NEVRA.String(), Manifest: m}
}

func TestFilterPackages(t *testing.T) {
	packages := []rootfs.Package{
		manifest("a", "/etc/a.conf", "/etc/d/", "/usr/share/doc/a/x", "/boot/vmlinuz", "/opt/m/x", "/var/lib/a/", "/usr/bin/shared"),
		manifest("b", "/usr/bin/shared", "/etc/a.conf"),
		manifest("a", "/usr/lib/32bit", "/etc/a.conf"),
	}
	for _, c := range []struct {
		name     string
		patterns []string
		gone     []string // of the first package
	}{
		{"the path in the commit", []string{"^/usr/etc/a\\.conf$"}, []string{"/etc/a.conf"}},
		{"not that of the package", []string{"^/etc/"}, nil},
		{"a search, not a match", []string{"share"}, []string{"/usr/bin/shared", "/usr/share/doc/a/x"}},
		{"a directory that the package does not own", []string{"^/usr/share/doc/a$"}, []string{"/usr/share/doc/a/x"}},
		{"boot, opt and var", []string{"^/usr/lib/ostree-boot/", "^/usr/lib/opt/m", "^/var/lib/a$"}, []string{"/boot/vmlinuz", "/opt/m/x", "/var/lib/a"}},
		{"everything", []string{".*"}, []string{"/boot/vmlinuz", "/etc/a.conf", "/etc/d", "/opt/m/x", "/usr/bin/shared", "/usr/share/doc/a/x", "/var/lib/a"}},
		{"classes of JavaScript", []string{`\/usr\/etc\/\w+\.conf`}, []string{"/etc/a.conf"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, report, err := layout.FilterPackages(packages, []layout.Removal{{Package: "a", Patterns: c.patterns}})
			if err != nil {
				t.Fatal(err)
			}
			var gone []string
			for _, f := range packages[0].Manifest.Files {
				if !slices.ContainsFunc(got[0].Manifest.Files, func(k content.File) bool { return k.Path == f.Path }) {
					gone = append(gone, f.Path)
				}
			}
			slices.Sort(gone)
			equal(t, "gone", gone, c.gone)
			if got[1].Manifest != packages[1].Manifest {
				t.Error("another package was touched")
			}
			var reported []string
			for _, r := range report.Removed {
				if !slices.Contains(reported, r.Path) && r.Path != "/usr/lib/32bit" {
					reported = append(reported, r.Path)
				}
			}
			equal(t, "reported", reported, c.gone)
		})
	}
	if len(packages[0].Manifest.Files) != 7 {
		t.Error("the manifest itself was changed")
	}
}

func TestFilterReports(t *testing.T) {
	_, report, err := layout.FilterPackages([]rootfs.Package{manifest("a", "/usr/x")}, []layout.Removal{
		{Package: "a", Patterns: []string{"^/usr/x$", "nothing"}}, {Package: "absent", Patterns: []string{"a", "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "unused", report.Unused, []string{"a: nothing", "absent: no such package"})
	for _, pattern := range []string{"(?=x)", `(a)\1`, "[", `\u0041`, "(?<!x)y"} {
		_, _, err := layout.FilterPackages(nil, []layout.Removal{{Package: "p", Patterns: []string{pattern}}})
		wantError(t, err, pattern[:1], "for p")
	}
}

// TestFilterKeepsSharedFiles assembles a filtered package beside another that
// has the same file.
func TestFilterKeepsSharedFiles(t *testing.T) {
	packages, _, err := layout.FilterPackages([]rootfs.Package{manifest("a", "/usr/bin/x", "/usr/bin/y"), manifest("b", "/usr/bin/x")},
		[]layout.Removal{{Package: "a", Patterns: []string{"^/usr/bin/"}}})
	if err != nil {
		t.Fatal(err)
	}
	tree, _, err := rootfs.Assemble(t.Context(), packages, rootfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if tree.Lookup("usr/bin/y") != nil || tree.Lookup("usr/bin/x") == nil || tree.PackageName(tree.Lookup("usr/bin/x")) != packages[1].Name {
		t.Errorf("got %q, want b's x alone", list(t, tree))
	}
}
