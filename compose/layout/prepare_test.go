package layout_test

import (
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
)

// prepared are the entries of every prepared tree.
var prepared = []string{
	"0777 /usr/etc -> ../etc", "0644 /usr/lib/rpm/macros.d/macros.rpm-ostree = %_dbpath /usr/share/rpm\n",
	"0777 /usr/lib/sysimage/rpm -> ../../share/rpm", "0777 /var/lib/rpm -> ../../usr/share/rpm",
}

func prepare(t *testing.T, opts layout.PrepareOptions, items ...item) (*rootfs.Tree, *layout.Prepared) {
	t.Helper()
	tree := newTree(t, items...)
	report, err := layout.Prepare(tree, noRead, opts)
	if err != nil {
		t.Fatal(err)
	}
	return tree, report
}

func TestPrepareRPM(t *testing.T) {
	tree, report := prepare(t, layout.PrepareOptions{TreefileJSON: []byte("{}")}, item{path: "var/lib/rpm/", pkg: "rpm"}, item{path: "var/lib/rpm/Packages", pkg: "rpm"},
		item{path: "usr/lib/sysimage/rpm/x/"}, item{path: "usr/lib/rpm/macros.d/macros.rpm-ostree", body: "other", pkg: "p"}, item{path: "usr/etc/a", pkg: "q"}, item{path: "etc/b"})
	equal(t, "tree", list(t, tree), []string{"0644 /etc/a = ", "0644 /etc/b = ", prepared[0], prepared[1], prepared[2],
		"0644 /usr/share/rpm-ostree/treefile.json = {}", prepared[3]})
	equal(t, "dropped", dropped(report.Dropped), []string{"/usr/lib/sysimage/rpm/x", "/var/lib/rpm/Packages rpm"})
	equal(t, "replaced", dropped(report.Replaced), []string{"/usr/lib/rpm/macros.d/macros.rpm-ostree p"})
	if again, err := layout.Prepare(tree, noRead, layout.PrepareOptions{}); err != nil || len(again.Dropped) != 0 {
		t.Errorf("the second time: got %v, %v", again, err)
	}
	if _, err := layout.Finish(tree, noRead, layout.FinishOptions{}); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"usr/etc/a", "usr/etc/b"} {
		if n := tree.Lookup(path); n == nil || !n.IsRegular() {
			t.Errorf("the finished tree has no file %s", path)
		}
	}
}

func TestUnits(t *testing.T) {
	tree, report := prepare(t, layout.PrepareOptions{Units: []string{"sshd.service", "getty@tty1.service", "gone.service", "on.service"}, DefaultTarget: "graphical.target", OptUsrLocal: layout.OptStateOverlay},
		item{path: "usr/lib/systemd/system/sshd.service"}, item{path: "usr/lib/systemd/system/getty@.service"}, item{path: "etc/systemd/system/multi-user.target.wants/on.service", target: "x"},
		item{path: "usr/lib/systemd/system/default.target", target: "multi-user.target", pkg: "systemd"}, item{path: "lib", target: "usr/lib"})
	for path, want := range map[string]string{
		"etc/systemd/system/multi-user.target.wants/sshd.service":                                  "/usr/lib/systemd/system/sshd.service",
		"etc/systemd/system/multi-user.target.wants/gone.service":                                  "/usr/lib/systemd/system/gone.service",
		"etc/systemd/system/multi-user.target.wants/on.service":                                    "x",
		"usr/lib/systemd/system/default.target":                                                    "graphical.target",
		"usr/lib/systemd/system/local-fs.target.requires/ostree-state-overlay@usr-lib-opt.service": "../ostree-state-overlay@usr-lib-opt.service",
		"usr/lib/systemd/system/local-fs.target.requires/ostree-state-overlay@usr-local.service":   "../ostree-state-overlay@usr-local.service",
	} {
		if n := tree.Lookup(path); n == nil || n.Target != want {
			t.Errorf("%s: got %v, want a link to %s", path, n, want)
		}
	}
	want := []layout.Unit{{Name: "getty@tty1.service"}, {Name: "gone.service", Missing: true}, {Name: "on.service", Already: true, Missing: true}, {Name: "sshd.service"}}
	for i := range want {
		if i >= len(report.Units) || report.Units[i] != want[i] {
			t.Errorf("got %+v, want %+v", report.Units, want)
			break
		}
	}
	equal(t, "warnings", report.Warnings, []string{"default-target: the tree has no unit graphical.target",
		"opt-usrlocal: the tree has no unit ostree-state-overlay@usr-lib-opt.service", "opt-usrlocal: the tree has no unit ostree-state-overlay@usr-local.service"})
	equal(t, "replaced", dropped(report.Replaced), []string{"/usr/lib/systemd/system/default.target systemd"})
	for _, unit := range []string{"../x.service", "", ".."} {
		_, err := layout.Prepare(newTree(t), noRead, layout.PrepareOptions{Units: []string{unit}})
		wantError(t, err, "units")
	}
}

func TestOSRelease(t *testing.T) {
	const before = "NAME=Fedora\nVERSION=\"33 (Container Image)\"\nID=fedora\nVERSION_ID=33\n\nPRETTY_NAME=\"Fedora 33\"\nCPE_NAME=\"cpe:/o:fedora:33\"\nOSTREE_VERSION='old'"
	for version, quoted := range map[string]string{"33.4": "'33.4'", "33'4": `'33'\''4'`} {
		tree, report := prepare(t, layout.PrepareOptions{MutateOSRelease: "33", Version: version},
			item{path: "etc/os-release", target: "/../usr/lib/os-release"}, item{path: "usr/lib/os-release", body: before, mode: 0o640})
		want := "NAME=Fedora\nVERSION=\"" + version + " (Container Image)\"\nID=fedora\nVERSION_ID=33\nPRETTY_NAME=\"Fedora " + version + "\"\nCPE_NAME=\"cpe:/o:fedora:33\"\nOSTREE_VERSION=" + quoted + "\n"
		if got := fileText(t, tree, "usr/lib/os-release"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if report.OSRelease != "/usr/lib/os-release" || tree.Lookup("usr/lib/os-release").Mode&0o7777 != 0o640 {
			t.Errorf("got %s with mode %o", report.OSRelease, tree.Lookup("usr/lib/os-release").Mode)
		}
	}
	tree, report := prepare(t, layout.PrepareOptions{MutateOSRelease: "33"}, item{path: "etc/os-release", body: before})
	if got := fileText(t, tree, "etc/os-release"); got != before || len(report.Warnings) != 1 {
		t.Errorf("without a version: got %q and %q, want no change and a warning", got, report.Warnings)
	}
	_, err := layout.Prepare(newTree(t, item{path: "etc/os-release", target: "os-release"}), noRead, layout.PrepareOptions{MutateOSRelease: "1", Version: "1.1"})
	wantError(t, err, "mutate-os-release", "os-release")
	_, err = layout.Prepare(newTree(t), noRead, layout.PrepareOptions{MutateOSRelease: "1", Version: "1.1"})
	wantError(t, err, "no /etc/os-release")
}

func TestRemoveFiles(t *testing.T) {
	tree, report := prepare(t, layout.PrepareOptions{RemoveFiles: []string{"usr/share/doc", "./lib//x", "usr/etc/e", "gone/away", "l"}},
		item{path: "usr/share/doc/a/b", pkg: "p"}, item{path: "lib", target: "usr/lib"}, item{path: "usr/lib/x", pkg: "q"}, item{path: "etc/e"}, item{path: "etc/keep..it"}, item{path: "l", target: "etc"})
	equal(t, "tree", list(t, tree), []string{"0644 /etc/keep..it = ", "0777 /lib -> usr/lib", prepared[0], prepared[1], prepared[2], "0755 /usr/share/", prepared[3]})
	want := []layout.Removed{{Path: "/etc/e", Entries: 1}, {Path: "/gone/away"}, {Path: "/l", Entries: 1}, {Path: "/usr/lib/x", Package: "q", Entries: 1}, {Path: "/usr/share/doc", Entries: 3}}
	for i := range want {
		if i >= len(report.Removed) || report.Removed[i] != want[i] {
			t.Fatalf("got %+v, want %+v", report.Removed, want)
		}
	}
	for _, name := range []string{"/etc/x", "a/../../b", "", ".", ".."} {
		_, err := layout.Prepare(newTree(t), noRead, layout.PrepareOptions{RemoveFiles: []string{name}})
		wantError(t, err, "remove-files")
	}
}

func TestAddFiles(t *testing.T) {
	stored := layout.AddFile{Dest: "usr/share/x/stored", Content: content.DigestOf([]byte("s")), Size: 1}
	tree, report := prepare(t, layout.PrepareOptions{RemoveFiles: []string{"etc/a"}, AddFiles: []layout.AddFile{
		{Dest: "usr/etc/a", Source: "one", Data: []byte("1"), Mode: 0o600}, {Dest: "etc/b", Data: []byte("2"), Mode: 0o4755, User: "u", Group: "5"}, {Dest: "lib/new/f", Data: []byte("3"), Mode: 0o644, User: "77"},
		{Dest: "etc/a", Source: "two", Data: []byte("4"), Mode: 0o644}, stored,
	}}, item{path: "etc/a", pkg: "p"}, item{path: "etc/b", target: "nowhere", pkg: "p"}, item{path: "lib", target: "/usr/lib"},
		item{path: "etc/passwd", body: "u:x:9:9:::\n"}, item{path: "usr/lib/group", body: "g:x:5:\n"})
	equal(t, "tree", list(t, tree), []string{"0644 /etc/a = 4", "4755 9:5 /etc/b = 2", "0644 /etc/passwd = u:x:9:9:::\n", "0777 /lib -> /usr/lib", prepared[0], "0644 /usr/lib/group = g:x:5:\n",
		"0644 77:0 /usr/lib/new/f = 3", prepared[1], prepared[2], "0000 /usr/share/x/stored = ", prepared[3]})
	if n := tree.Lookup("usr/share/x/stored"); n.Data != nil || n.Size != 1 || n.Content != stored.Content {
		t.Errorf("got %+v, want the stored content", n)
	}
	if n := tree.Lookup("etc/b"); n.User != "u" || n.Group != "g" {
		t.Errorf("got the owner %s:%s, want u:g", n.User, n.Group)
	}
	want := []layout.Added{{Path: "/etc/a", Source: "one"}, {Path: "/etc/a", Source: "two", Replaced: "add-files"}, {Path: "/etc/b", Replaced: "p"}, {Path: "/usr/lib/new/f"}, {Path: "/usr/share/x/stored"}}
	for i := range want {
		if i >= len(report.Added) || report.Added[i] != want[i] {
			t.Fatalf("got %+v, want %+v", report.Added, want)
		}
	}
	for word, f := range map[string]layout.AddFile{
		`no user "nobody"`: {Dest: "etc/x", User: "nobody"}, `no group "-1"`: {Dest: "etc/x", Group: "-1"}, "relative": {Dest: "/etc/x"}, `".."`: {Dest: "usr/../../x"},
		"a directory is there": {Dest: "usr/lib"}, "no directory": {Dest: "etc/passwd/x"}, "circle": {Dest: "loop/x"},
	} {
		_, err := layout.Prepare(newTree(t, item{path: "usr/lib/"}, item{path: "etc/passwd"}, item{path: "loop", target: "loop"}), noRead, layout.PrepareOptions{AddFiles: []layout.AddFile{f}})
		wantError(t, err, "add-files", word)
	}
}

// TestLinksNeverLeaveTheRoot puts links on every way that Prepare and Finish
// write to.
func TestLinksNeverLeaveTheRoot(t *testing.T) {
	tree := newTree(t, item{path: "usr/lib/systemd", target: "../../../../../outside"}, item{path: "usr/share/rpm-ostree", target: "/../../tmp/x"}, item{path: "etc/systemd", target: "../../.."})
	if _, err := layout.Prepare(tree, noRead, layout.PrepareOptions{Units: []string{"a.service"}, DefaultTarget: "b.target", TreefileJSON: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"outside/system/default.target", "tmp/x/treefile.json", "system/multi-user.target.wants/a.service"} {
		if tree.Lookup(path) == nil {
			t.Errorf("%s is not in the tree", path)
		}
	}
}
