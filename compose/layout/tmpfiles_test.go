package layout_test

import (
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/layout"
)

// autovar finishes a tree and returns the lines for /var.
func autovar(t *testing.T, items ...item) ([]string, *layout.Report) {
	t.Helper()
	tree := newTree(t, append([]item{{path: "usr/"}}, items...)...)
	report := finish(t, tree, layout.FinishOptions{})
	lines := strings.Split(strings.TrimSuffix(fileText(t, tree, "usr/lib/tmpfiles.d/rpm-ostree-autovar.conf"), "\n"), "\n")[1:]
	if report.TmpfilesLines != len(lines) {
		t.Errorf("the report counts %d lines, want %d", report.TmpfilesLines, len(lines))
	}
	if n := tree.Lookup("var"); len(n.Children()) != 0 || n.Mode&0o7777 != 0o755 {
		t.Errorf("/var has the mode %o and %d entries, want an empty 0755", n.Mode, len(n.Children()))
	}
	return lines, report
}

const testPasswd = "root:x:0:0::/root:/bin/sh\nchrony:x:990:980::/:/bin/false\nalias:x:990:980::/:/bin/false\n"

func TestVarBecomesLines(t *testing.T) {
	accounts := []item{{path: "etc/passwd", body: testPasswd}, {path: "etc/group", body: "root:x:0:\nchrony:x:980:\nmail:x:12:\n"}}
	for _, c := range []struct {
		name    string
		items   []item
		want    []string
		dropped []string
		covered int
	}{
		{"a directory", []item{{path: "var/cache/", pkg: "fs"}}, []string{"d /var/cache 0755 root root - -"}, nil, 0},
		{"owners are names", []item{{path: "var/lib/chrony/", mode: 0o750, owner: "chrony:990 chrony:980"}},
			[]string{"d /var/lib 0755 root root - -", "d /var/lib/chrony 0750 chrony chrony - -"}, nil, 0},
		{"the node's own name of two", []item{{path: "var/a/", owner: "alias:990 chrony:980"}, {path: "var/b/", owner: "x:990 980:980"}},
			[]string{"d /var/a 0755 alias chrony - -", "d /var/b 0755 chrony chrony - -"}, nil, 0},
		{"accounts that the tree does not have", []item{{path: "var/a/", owner: "later:0 root:0"}, {path: "var/b/", owner: "x:77 y:88"}, {path: "var/c/", owner: "root;rm:0 x:0"}},
			[]string{"d /var/a 0755 later root - -", "d /var/b 0755 77 88 - -", "d /var/c 0755 root x - -"}, nil, 0},
		{"sticky and setgid", []item{{path: "var/spool/mail/", mode: 0o2775, owner: "root:0 mail:12"}, {path: "var/tmp/", mode: 0o1777}},
			[]string{"d /var/spool 0755 root root - -", "d /var/spool/mail 2775 root mail - -", "d /var/tmp 1777 root root - -"}, nil, 0},
		{"links", []item{{path: "var/mail", target: "spool/mail"}, {path: "var/run", target: "../run"}},
			[]string{"L /var/mail - - - - spool/mail", "L /var/run - - - - ../run"}, nil, 0},
		{"run and var/run", []item{{path: "run/lock/lvm/", mode: 0o700}, {path: "var/run/x/", pkg: "p"}, {path: "run/f", pkg: "p"}},
			[]string{"d /run/lock 0755 root root - -", "d /run/lock/lvm 0700 root root - -", "d /run/x 0755 root root - -"}, []string{"/run/f p"}, 0},
		{"files are dropped", []item{{path: "var/lib/x/db", pkg: "p"}, {path: "var/log/wtmp"}},
			[]string{"d /var/lib 0755 root root - -", "d /var/lib/x 0755 root root - -", "d /var/log 0755 root root - -"}, []string{"/var/lib/x/db p", "/var/log/wtmp"}, 0},
		{"the package database", []item{{path: "var/lib/rpm/", pkg: "rpm"}, {path: "var/lib/rpm/Packages", pkg: "rpm"}, {path: "var/lib/rpm-state/", pkg: "rpm"}},
			[]string{"d /var/lib 0755 root root - -"}, []string{"/var/lib/rpm-state rpm", "/var/lib/rpm/Packages rpm"}, 0},
		{"alternatives", []item{{path: "var/lib/alternatives/x", pkg: "a"}, {path: "var/lib/vagrant/"}, {path: "var/lib/alternatives-x/"}},
			[]string{"d /var/lib 0755 root root - -", "L /var/lib/alternatives - - - - ../../usr/lib/alternatives", "d /var/lib/alternatives-x 0755 root root - -",
				"L /var/lib/vagrant - - - - ../../usr/lib/vagrant"}, nil, 0},
		{"strange names", []item{{path: "var/a b/"}, {path: "var/it's"}, {path: "var/it's dir/"}, {path: "var/50%/"}, {path: "var/new\nline/"}, {path: "var/back\\slash/"}, {path: "var/ünï/"},
			{path: "var/l", target: " lead %h"}, {path: "var/m", target: "-"}, {path: "var/n", target: "trail "}, {path: "var/o", target: "a\\b"}, {path: "var/p", target: "x\ny\xff"}},
			[]string{"d '/var/50%%' 0755 root root - -", "d '/var/a b' 0755 root root - -", `d '/var/back\\slash' 0755 root root - -`, `d '/var/it'\''s dir' 0755 root root - -`,
				"d '/var/ünï' 0755 root root - -",
				`L /var/l - - - - \x20lead %%h`, `L /var/m - - - - \x2d`, `L /var/n - - - - trail\x20`, `L /var/o - - - - a\\b`, `L /var/p - - - - x\x0ay\xff`}, []string{"/var/it's", "/var/new\nline"}, 0},
		{"files of packages come first", []item{{path: "var/cache/"}, {path: "var/tmp/", mode: 0o1777}, {path: "var/log/journal/"}, {path: "var/a b/"}, {path: "var/run/x/"}, {path: "var/home/"}, {path: "var/gone/"},
			{path: "usr/lib/tmpfiles.d/var.conf", body: "# c\n\nd /var/cache 0755 - - -\nq\t/var/tmp/ 1777 root root 30d\nz /var/log/journal 2755 root root -\nr! /var/gone\n  d+ \"/var/a\\x20b\"\nd /var/run/x\nbroken\nd 'unfinished\n"},
			{path: "usr/lib/tmpfiles.d/ignored.txt", body: "d /var/gone\n"}, {path: "usr/lib/tmpfiles.d/masked.conf", target: "/dev/null"}, {path: "usr/lib/tmpfiles.d/link.conf", target: "../other"},
			{path: "usr/lib/other", body: "d /var/log\n"}},
			[]string{"d /var/gone 0755 root root - -", "d /var/log/journal 0755 root root - -"}, nil, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines, report := autovar(t, append(c.items, accounts...)...)
			equal(t, "lines", lines, c.want)
			equal(t, "dropped", dropped(report.Dropped), c.dropped)
			if report.TmpfilesCovered != c.covered {
				t.Errorf("got %d covered paths, want %d", report.TmpfilesCovered, c.covered)
			}
		})
	}
}

func TestVarIsNoDirectory(t *testing.T) {
	lines, report := autovar(t, item{path: "var", target: "x", pkg: "p"}, item{path: "run", target: "var", pkg: "p"})
	equal(t, "lines", lines, nil)
	equal(t, "dropped", dropped(report.Dropped), []string{"/run p", "/var p"})
}

func TestSELinuxStore(t *testing.T) {
	semanage := item{path: "etc/selinux/semanage.conf", body: "module-store = direct\n", pkg: "lib"}
	tree := newTree(t, semanage, item{path: "usr/"}, item{path: "etc/selinux/targeted/policy/"}, item{path: "var/lib/selinux/targeted/active/modules/100/x/cil", body: "c", pkg: "sel"},
		item{path: "var/lib/selinux/targeted/semanage.trans.LOCK"}, item{path: "var/lib/selinux/stray", pkg: "sel"})
	report := finish(t, tree, layout.FinishOptions{})
	if got, want := fileText(t, tree, "usr/etc/selinux/semanage.conf"), "module-store = direct\n\nstore-root=/etc/selinux\n"; got != want {
		t.Errorf("semanage.conf: got %q, want %q", got, want)
	}
	fileText(t, tree, "usr/etc/selinux/targeted/active/modules/100/x/cil")
	equal(t, "dropped", dropped(report.Dropped), []string{"/usr/etc/selinux/targeted/semanage.trans.LOCK", "/var/lib/selinux/stray sel"})
	if len(report.Moved) != 1 || report.Moved[0] != (layout.Moved{From: "/var/lib/selinux/targeted", To: "/usr/etc/selinux/targeted"}) {
		t.Errorf("got %v moved", report.Moved)
	}
	if strings.Contains(fileText(t, tree, "usr/lib/tmpfiles.d/rpm-ostree-autovar.conf"), "selinux") {
		t.Error("the store has a line of its own")
	}
}

func TestMoveSELinuxStoreEarly(t *testing.T) {
	tree := newTree(t, item{path: "etc/selinux/semanage.conf", body: "a\nstore-root=/etc/selinux\n"}, item{path: "var/lib/selinux/t/x", body: "1"}, item{path: "etc/selinux/t/x", body: "2"})
	_, err := layout.MoveSELinuxStore(tree, noRead)
	wantError(t, err, "/etc/selinux/t/x")
	tree = newTree(t, item{path: "etc/selinux/semanage.conf", body: "a\nstore-root=/etc/selinux\n"}, item{path: "var/lib/selinux/t/x", body: "1"})
	moved, err := layout.MoveSELinuxStore(tree, noRead)
	if err != nil || len(moved) != 1 {
		t.Fatalf("got %v, %v", moved, err)
	}
	equal(t, "tree", list(t, tree), []string{"0644 /etc/selinux/semanage.conf = a\nstore-root=/etc/selinux\n", "0644 /etc/selinux/t/x = 1", "0755 /var/lib/selinux/"})
	if moved, err := layout.MoveSELinuxStore(tree, noRead); err != nil || moved != nil {
		t.Errorf("the second time: got %v, %v", moved, err)
	}
}

func TestSubstitutions(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "/run /var/run\n", "/run /var/run\n# Where a deployment has its directories.\n/home /var/home\n/usr/etc /etc\n/usr/lib/opt /opt\n"},
		{"var/home and aliases", "/var/home /home\n/etc/systemd/system /usr/lib/systemd/system\n/usr/etc /etc\n",
			"# /var/home /home\n/etc/systemd/system /usr/lib/systemd/system\n/usr/etc /etc\n# Where a deployment has its directories.\n" +
				"/home /var/home\n/usr/etc/systemd/system /usr/lib/systemd/system\n/usr/lib/opt /opt\n"},
		{"everything is there", "/home /var/home\n/usr/etc /etc\n/usr/lib/opt /opt\n", "/home /var/home\n/usr/etc /etc\n/usr/lib/opt /opt\n"},
	} {
		tree := newTree(t, item{path: "usr/"}, item{path: "etc/selinux/targeted/contexts/files/file_contexts.subs_dist", body: c.text}, item{path: "etc/selinux/config"})
		finish(t, tree, layout.FinishOptions{})
		if got := fileText(t, tree, "usr/etc/selinux/targeted/contexts/files/file_contexts.subs_dist"); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
