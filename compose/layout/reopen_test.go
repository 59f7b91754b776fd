package layout_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
)

func finished(t *testing.T, opts layout.FinishOptions) *rootfs.Tree {
	t.Helper()
	tree := newTree(t, item{path: "usr/lib/tmpfiles.d/var.conf", body: "d /var/lib 0755 - - -\nq /var/tmp 1777 root root 30d\nd /var/%b 0755 - - -\nf /var/file\nd /var/odd 9 - - -\nL /var/bad - - - - %h\nd /srv/x\n"},
		item{path: "etc/passwd", body: "root:x:0:0:::\nbin:x:1:1:::\nchrony:x:990:980:::\n"}, item{path: "etc/group", body: "root:x:0:\nbin:x:1:\nchrony:x:980:\nwheel:x:10:\n"},
		item{path: "var/lib/chrony/", mode: 0o750, owner: "chrony:990 chrony:980"}, item{path: "var/later/", owner: "later:0 77:77"}, item{path: "var/mail", target: " spool%"}, item{path: "var/tmp/", mode: 0o1777},
		item{path: "opt/m/x"}, item{path: "var/lib/alternatives/a"}, item{path: "run/r r/"}, item{path: "etc/nsswitch.conf", body: "passwd: files\ngroup: files\n"},
		item{path: "etc/selinux/t/contexts/files/file_contexts.subs_dist", body: "/var/home /home\n/etc/a /b\n"}, item{path: "usr/local/bin/"})
	finish(t, tree, opts)
	return tree
}

func TestReopen(t *testing.T) {
	tree := finished(t, layout.FinishOptions{EtcGroupMembers: []string{"wheel"}})
	if ok, err := layout.Reopen(tree, noRead); err != nil || !ok {
		t.Fatalf("got %t, %v", ok, err)
	}
	for path, want := range map[string]string{"etc/passwd": "root:x:0:0:::\nbin:x:1:1:::\nchrony:x:990:980:::\n", "etc/group": "root:x:0:\nbin:x:1:\nchrony:x:980:\nwheel:x:10:\n",
		"usr/lib/tmpfiles.d/rpm-ostree-autovar.conf": "# Directories and links of packages in /var, /run and /opt.\nL /opt/m - - - - ../../usr/lib/opt/m\n"} {
		if got := fileText(t, tree, path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"usr/etc", "usr/lib/passwd", "opt", "home", "tmp", "usr/local", "var/%b", "var/odd", "var/bad", "srv"} {
		if tree.Lookup(path) != nil {
			t.Errorf("%s is still there", path)
		}
	}
	tree.Detach("etc")
	tree.Detach("usr")
	equal(t, "tree", list(t, tree), []string{"0755 /dev/", "0755 /proc/", "0755 /run/r r/", "0755 /sys/", "0755 /sysroot/", "0755 0:77 /var/later/", "0777 /var/lib/alternatives -> ../../usr/lib/alternatives",
		"0750 990:980 /var/lib/chrony/", "0777 /var/mail ->  spool%", "1777 /var/tmp/"})
}

// TestReopenAndLayer puts a package on top of a finished tree.
func TestReopenAndLayer(t *testing.T) {
	for _, opts := range []layout.FinishOptions{{}, {OptUsrLocal: layout.OptRoot, TmpIsDir: true}, {OptUsrLocal: layout.OptStateOverlay, EtcGroupMembers: []string{"wheel"}}} {
		tree := finished(t, opts)
		want := list(t, tree)
		if _, err := layout.Reopen(tree, noRead); err != nil {
			t.Fatal(err)
		}
		report := finish(t, tree, opts)
		equal(t, "finished again", list(t, tree), want)
		equal(t, "dropped", dropped(report.Dropped), nil)

		if _, err := layout.Reopen(tree, noRead); err != nil {
			t.Fatal(err)
		}
		for path, n := range map[string]*rootfs.Node{"opt/new/x": rootfs.NewFile(0o755, nil), "etc/new": rootfs.NewFile(0o644, nil), "var/lib/new": rootfs.NewDir(0o700)} {
			if err := tree.Attach(path, n); err != nil {
				t.Fatal(err)
			}
		}
		passwd := tree.Lookup("etc/passwd")
		passwd.SetData(append(slices.Clone(passwd.Data), "new:x:5:5:::\n"...))
		finish(t, tree, opts)
		if got := fileText(t, tree, "usr/lib/passwd"); got != "bin:x:1:1:::\nchrony:x:990:980:::\nnew:x:5:5:::\n" {
			t.Errorf("got %q in /usr/lib/passwd", got)
		}
		lines := fileText(t, tree, "usr/lib/tmpfiles.d/rpm-ostree-autovar.conf")
		for _, line := range []string{"d /var/lib/new 0700 root root - -\n", "d /var/lib/chrony 0750 chrony chrony - -\n", `L /var/mail - - - - \x20spool%%`} {
			if !strings.Contains(lines, line) {
				t.Errorf("got the lines %q, want %q in them", lines, line)
			}
		}
		if tree.Lookup("usr/etc/new") == nil || opts.OptUsrLocal != layout.OptRoot && tree.Lookup("usr/lib/opt/new/x") == nil {
			t.Errorf("the package's files are not in their place: %q", list(t, tree))
		}
	}
}

func TestReopenOther(t *testing.T) {
	tree := newTree(t, item{path: "etc/x"}, item{path: "home", target: "var/home"})
	if ok, err := layout.Reopen(tree, noRead); ok || err != nil || tree.Lookup("home") == nil {
		t.Errorf("got %t, %v for a tree that was not finished", ok, err)
	}
	tree = finished(t, layout.FinishOptions{})
	tree.Lookup("usr/lib/passwd").SetData([]byte("bad\n"))
	_, err := layout.Reopen(tree, noRead)
	wantError(t, err, "/usr/lib/passwd, line 1")
}
