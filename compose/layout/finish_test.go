package layout_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// boilerplate are the files of every finished tree; tests of other rules leave
// them out.
var boilerplate = []string{
	"usr/lib/tmpfiles.d/rpm-ostree-0-integration.conf", "usr/lib/tmpfiles.d/rpm-ostree-0-integration-opt-usrlocal.conf",
	"usr/lib/tmpfiles.d/rpm-ostree-0-integration-opt-usrlocal-compat.conf", "usr/lib/tmpfiles.d/rpm-ostree-autovar.conf",
}

// strictTop is the root directory of a deployment, but for /usr.
var strictTop = []string{
	"0755 /dev/", "0777 /home -> var/home", "0777 /media -> run/media", "0777 /mnt -> var/mnt", "0777 /opt -> var/opt",
	"0777 /ostree -> sysroot/ostree", "0755 /proc/", "0777 /root -> var/roothome", "0755 /run/", "0777 /srv -> var/srv",
	"0755 /sys/", "0755 /sysroot/", "0777 /tmp -> sysroot/tmp", "0644 /usr/etc/machine-id = ", "0777 /usr/local -> ../var/usrlocal", "0755 /var/",
}

type finishCase struct {
	name    string
	items   []item
	opts    layout.FinishOptions
	want    []string // of the tree, beyond strictTop
	without []string // lines of strictTop that the tree does not have
	dropped []string
	moved   []string // "from to"
	lines   []string // of autovar
	wantErr []string
}

func finishCases() []finishCase {
	return []finishCase{
		{name: "etc moves", items: []item{{path: "etc/a", body: "1", pkg: "p"}, {path: "usr/etc/b", body: "2"}, {path: "usr/etc/d/"}, {path: "etc/d/c", mode: 0o600}},
			want: []string{"0644 /usr/etc/a = 1", "0644 /usr/etc/b = 2", "0600 /usr/etc/d/c = "}},
		{name: "the same file in etc and usr/etc", items: []item{{path: "etc/a", body: "1", pkg: "p"}, {path: "usr/etc/a", body: "1", pkg: "q"}},
			want: []string{"0644 /usr/etc/a = 1"}},
		{name: "etc and usr/etc differ", items: []item{{path: "etc/a", body: "1", pkg: "p"}, {path: "usr/etc/a", body: "2", pkg: "q"}},
			wantErr: []string{"/usr/etc/a", "p", "q"}},
		{name: "etc is a link", items: []item{{path: "etc", target: "usr/share", pkg: "p"}, {path: "usr/share/"}}, wantErr: []string{"/etc of p"}},
		{name: "links where the layout writes", items: []item{{path: "usr/lib", target: "/etc/b"}}, wantErr: []string{"/usr/lib/tmpfiles.d", `"lib"`}},
		{name: "no usr", items: []item{{path: "bin/sh"}}, wantErr: []string{"/usr"}},
		{name: "compat links and boot are carried over", items: []item{{path: "usr/bin/"}, {path: "bin", target: "usr/bin"}, {path: "lib64/x"},
			{path: "boot/vmlinuz-1", pkg: "k"}},
			want: []string{"0777 /bin -> usr/bin", "0644 /boot/vmlinuz-1 = ", "0644 /lib64/x = ", "0755 /usr/bin/"}},
		{name: "other entries of the root are dropped, and named", items: []item{{path: "usr/"}, {path: "data/x/y", pkg: "p"}, {path: "root/", mode: 0o550, pkg: "fs"},
			{path: "root/.bashrc", pkg: "rootfiles"}, {path: "srv/www/", pkg: "httpd"}, {path: "proc/", mode: 0o555, pkg: "fs"}, {path: "mnt", target: "elsewhere", pkg: "q"},
			{path: "ostree", target: "sysroot/ostree", pkg: "o"}, {path: "afs/", pkg: "fs"}, {path: "tmp/junk"}},
			dropped: []string{"/afs fs", "/data", "/data/x", "/data/x/y p", "/mnt q", "/root/.bashrc rootfiles", "/srv/www httpd", "/tmp/junk"}},
		{name: "tmp-is-dir", items: []item{{path: "usr/"}, {path: "tmp", target: "var/tmp", pkg: "p"}}, opts: layout.FinishOptions{TmpIsDir: true},
			without: []string{"0777 /tmp -> sysroot/tmp"}, want: []string{"1777 /tmp/"}, dropped: []string{"/tmp p"}},
		{name: "opt moves to usr/lib", items: []item{{path: "usr/"}, {path: "opt/", pkg: "fs"}, {path: "opt/mega corp/bin/x", pkg: "m"}, {path: "opt/l", target: "a%b", pkg: "m"}},
			want:  []string{"0777 /usr/lib/opt/l -> a%b", "0644 /usr/lib/opt/mega corp/bin/x = "},
			moved: []string{"/opt/l /usr/lib/opt/l", "/opt/mega corp /usr/lib/opt/mega corp"},
			lines: []string{"L '/opt/mega corp' - - - - ../../usr/lib/opt/mega corp", "L /opt/l - - - - ../../usr/lib/opt/l"}},
		{name: "opt stays in root mode", items: []item{{path: "usr/"}, {path: "opt/m/x", pkg: "m"}, {path: "usr/local/bin/y", pkg: "m"}},
			opts:    layout.FinishOptions{OptUsrLocal: layout.OptRoot},
			without: []string{"0777 /opt -> var/opt", "0777 /usr/local -> ../var/usrlocal"},
			want: []string{"0644 /opt/m/x = ", "0644 /usr/local/bin/y = ", "0755 /usr/local/etc/", "0755 /usr/local/games/", "0755 /usr/local/include/",
				"0755 /usr/local/lib/", "0755 /usr/local/sbin/", "0755 /usr/local/share/", "0755 /usr/local/src/"}},
		{name: "opt in root mode is a directory even of a link", items: []item{{path: "usr/local/bin/y"}, {path: "opt", target: "x", pkg: "m"}},
			opts:    layout.FinishOptions{OptUsrLocal: layout.OptRoot},
			without: []string{"0777 /opt -> var/opt", "0777 /usr/local -> ../var/usrlocal"},
			want: []string{"0755 /opt/", "0644 /usr/local/bin/y = ", "0755 /usr/local/etc/", "0755 /usr/local/games/", "0755 /usr/local/include/",
				"0755 /usr/local/lib/", "0755 /usr/local/sbin/", "0755 /usr/local/share/", "0755 /usr/local/src/"},
			dropped: []string{"/opt m"}},
		{name: "state overlays", items: []item{{path: "usr/"}, {path: "opt/m/x", pkg: "m"}, {path: "usr/local/bin", target: "../bin", pkg: "m"}},
			opts:    layout.FinishOptions{OptUsrLocal: layout.OptStateOverlay},
			without: []string{"0777 /opt -> var/opt", "0777 /usr/local -> ../var/usrlocal"},
			want: []string{"0777 /opt -> usr/lib/opt", "0644 /usr/lib/opt/m/x = ", "0777 /usr/local/bin -> ../bin", "0755 /usr/local/etc/", "0755 /usr/local/games/",
				"0755 /usr/local/include/", "0755 /usr/local/lib/", "0755 /usr/local/sbin/", "0755 /usr/local/share/", "0755 /usr/local/src/"},
			moved: []string{"/opt/m /usr/lib/opt/m"}},
		{name: "usr/local in var mode", items: []item{{path: "usr/local/bin/", pkg: "fs"}, {path: "usr/local/bin/x", pkg: "p"}, {path: "usr/local/libexec/", pkg: "fs"}},
			dropped: []string{"/usr/local/bin/x p", "/usr/local/libexec fs"}},
		{name: "transient root", items: []item{{path: "usr/lib/ostree/prepare-root.conf", body: "[root]\ntransient=true\n", pkg: "c"}, {path: "data/x", pkg: "p"},
			{path: "opt/m/x", pkg: "m"}, {path: "mnt", target: "var/mnt"}, {path: "srv/www/"}, {path: "root/x"}},
			opts:    layout.FinishOptions{TmpIsDir: true},
			without: []string{"0777 /opt -> var/opt", "0777 /usr/local -> ../var/usrlocal", "0777 /tmp -> sysroot/tmp", "0777 /mnt -> var/mnt", "0777 /media -> run/media", "0777 /srv -> var/srv"},
			want: []string{"0644 /data/x = ", "0755 /media/", "0755 /mnt/", "0644 /opt/m/x = ", "0755 /srv/www/", "1777 /tmp/", "0644 /usr/lib/ostree/prepare-root.conf = [root]\ntransient=true\n",
				"0755 /usr/local/bin/", "0755 /usr/local/etc/", "0755 /usr/local/games/", "0755 /usr/local/include/", "0755 /usr/local/lib/", "0755 /usr/local/sbin/", "0755 /usr/local/share/", "0755 /usr/local/src/"},
			dropped: []string{"/mnt", "/root/x"}},
		{name: "transient root needs a tmp", items: []item{{path: "etc/ostree/prepare-root.conf", body: "[root]\ntransient=1\n"}}, wantErr: []string{"tmp-is-dir"}},
		{name: "a bad prepare-root.conf", items: []item{{path: "usr/lib/ostree/prepare-root.conf", body: "[root]\ntransient=maybe\n", pkg: "c"}}, wantErr: []string{"prepare-root.conf", "c", "maybe"}},
		{name: "etc's prepare-root.conf wins", items: []item{{path: "usr/lib/ostree/prepare-root.conf", body: "[root]\ntransient=true\n"}, {path: "etc/ostree/prepare-root.conf", body: "[root]\ntransient=false\n"}},
			want: []string{"0644 /usr/etc/ostree/prepare-root.conf = [root]\ntransient=false\n", "0644 /usr/lib/ostree/prepare-root.conf = [root]\ntransient=true\n"}},
		{name: "devices are refused", items: []item{{path: "usr/x", mode: 0o600, pkg: "p", owner: "device:0 x:0"}}, wantErr: []string{"/usr/x of p", "ignore-devices"}},
		{name: "leftovers", items: []item{{path: "etc/passwd-", body: "x"}, {path: "etc/.pwd.lock"}, {path: "usr/share/rpm/__db.001"}, {path: "usr/share/rpm/rpmdb.sqlite"},
			{path: "etc/selinux/targeted/semanage.read.LOCK", pkg: "sel"}, {path: "etc/subgid-"}, {path: "usr/share/rpm/.rpm.lock"}},
			want:    []string{"0755 /usr/etc/selinux/targeted/", "0644 /usr/share/rpm/rpmdb.sqlite = "},
			dropped: []string{"/usr/etc/.pwd.lock", "/usr/etc/passwd-", "/usr/etc/selinux/targeted/semanage.read.LOCK sel", "/usr/etc/subgid-", "/usr/share/rpm/.rpm.lock", "/usr/share/rpm/__db.001"}},
		{name: "machine-id is emptied", items: []item{{path: "etc/machine-id", body: "abc\n", mode: 0o444}}, without: []string{"0644 /usr/etc/machine-id = "},
			want: []string{"0444 /usr/etc/machine-id = "}},
		{name: "no machine-id", items: []item{{path: "etc/machine-id", body: "abc\n"}}, opts: layout.FinishOptions{NoMachineID: true}, without: []string{"0644 /usr/etc/machine-id = "},
			want: []string{"0755 /usr/etc/"}, dropped: []string{"/usr/etc/machine-id"}},
		{name: "no machine-id in containers", items: []item{{path: "etc/x"}}, opts: layout.FinishOptions{Container: true}, without: []string{"0644 /usr/etc/machine-id = "},
			want: []string{"0644 /usr/etc/x = "}},
		{name: "directories can be written to", items: []item{{path: "usr/bin/", mode: 0o555, pkg: "fs"}, {path: "usr/lib/x/", mode: 0o2510}},
			want: []string{"0755 /usr/bin/", "2710 /usr/lib/x/"}},
		{name: "useradd", items: []item{{path: "etc/default/useradd", body: "GROUP=100\nHOME=/home\nSHELL=/bin/sh", mode: 0o600}},
			want: []string{"0600 /usr/etc/default/useradd = GROUP=100\nHOME=/var/home\nSHELL=/bin/sh"}},
	}
}

func TestFinish(t *testing.T) {
	for _, c := range finishCases() {
		t.Run(c.name, func(t *testing.T) {
			tree := newTree(t, c.items...)
			if c.items[0].path != "bin/sh" {
				tree = newTree(t, append([]item{{path: "usr/"}}, c.items...)...)
			}
			if n := tree.Lookup("usr/x"); n != nil && n.User == "device" {
				n.Mode = 0o020600
			}
			report, err := layout.Finish(tree, noRead, c.opts)
			if c.wantErr != nil {
				wantError(t, err, c.wantErr...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			autovar := fileText(t, tree, boilerplate[3])
			for _, path := range boilerplate {
				tree.Detach(path)
			}
			if n := tree.Lookup("usr/lib/tmpfiles.d"); n != nil && len(n.Children()) == 0 {
				tree.Detach("usr/lib/tmpfiles.d")
				if lib := tree.Lookup("usr/lib"); len(lib.Children()) == 0 {
					tree.Detach("usr/lib")
				}
			}
			want := slices.Clone(c.want)
			for _, line := range strictTop {
				if !slices.Contains(c.without, line) {
					want = append(want, line)
				}
			}
			byPath := func(a, b string) int { return strings.Compare(a[5:], b[5:]) }
			got := list(t, tree)
			slices.SortFunc(got, byPath)
			slices.SortFunc(want, byPath)
			equal(t, "tree", got, want)
			equal(t, "dropped", dropped(report.Dropped), c.dropped)
			var moved []string
			for _, m := range report.Moved {
				moved = append(moved, m.From+" "+m.To)
			}
			equal(t, "moved", moved, c.moved)
			equal(t, "lines", strings.Split(strings.TrimSpace(autovar), "\n")[1:], append([]string{}, c.lines...))
		})
	}
}

func TestFinishDropsDevices(t *testing.T) {
	tree := newTree(t, item{path: "usr/lib/x/null", pkg: "p"}, item{path: "dev/fifo"})
	tree.Lookup("usr/lib/x/null").Mode = 0o020666
	tree.Lookup("dev/fifo").Mode = 0o010666
	report := finish(t, tree, layout.FinishOptions{DropDevices: true})
	equal(t, "dropped", dropped(report.Dropped), []string{"/dev/fifo", "/usr/lib/x/null p"})
}

func TestFinishTwice(t *testing.T) {
	tree := newTree(t, item{path: "usr/"}, item{path: "etc/passwd", body: "root:x:0:0:::\nu:x:5:5:::\n"}, item{path: "var/lib/x/"})
	finish(t, tree, layout.FinishOptions{})
	before := list(t, tree)
	report := finish(t, tree, layout.FinishOptions{TmpIsDir: true, NoMachineID: true})
	if !report.AlreadyFinished {
		t.Error("got no word of a tree that is finished already")
	}
	equal(t, "tree", list(t, tree), before)
}

func TestRootDirectory(t *testing.T) {
	tree := newTree(t, item{path: "usr/"})
	tree.Root.Mode, tree.Root.UID, tree.Root.User = ostree.ModeDir|0o555, 7, "x"
	finish(t, tree, layout.FinishOptions{})
	if n := tree.Root; n.Mode != ostree.ModeDir|0o755 || n.UID != 0 || n.User != "root" {
		t.Errorf("got mode %o and owner %s (%d), want root's 0755", n.Mode, n.User, n.UID)
	}
}

func TestEmptyBoot(t *testing.T) {
	tree := newTree(t, item{path: "boot/", mode: 0o555, pkg: "fs"}, item{path: "boot/grub2/x", pkg: "g"})
	got, err := layout.EmptyBoot(tree)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "dropped", dropped(got), []string{"/boot/grub2", "/boot/grub2/x g"})
	equal(t, "tree", list(t, tree), []string{"0755 /boot/"})
	if got, err := layout.EmptyBoot(rootfs.New()); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v for a tree without /boot", got, err)
	}
}

func TestIntegration(t *testing.T) {
	for mode, want := range map[layout.OptUsrLocal][]string{
		layout.OptVar:          {"d /var/opt 0755 root root -", "d /var/usrlocal 0755 root root -"},
		layout.OptRoot:         {"d /var/opt 0755 root root -", "d /var/usrlocal 0755 root root -"},
		layout.OptStateOverlay: {"L /var/opt - - - - ../usr/lib/opt", "L /var/usrlocal - - - - ../usr/local"},
	} {
		tree := newTree(t, item{path: "usr/"})
		finish(t, tree, layout.FinishOptions{OptUsrLocal: mode})
		got := map[string]bool{}
		for _, path := range boilerplate[:3] {
			if n := tree.Lookup(path); n != nil {
				for line := range strings.Lines(string(n.Data)) {
					if line[0] != '#' {
						got[strings.TrimSpace(line)] = true
					}
				}
			}
		}
		want = append(want, "d /var/home 0755 root root -", "d /var/srv 0755 root root -", "d /var/roothome 0700 root root -", "d /var/mnt 0755 root root -",
			"d /run/media 0755 root root -", "L /var/lib/rpm - - - - ../../usr/share/rpm", "L /var/lib/selinux - - - - ../../etc/selinux")
		for _, dir := range []string{"bin", "etc", "games", "include", "lib", "sbin", "share", "src"} {
			want = append(want, "d /usr/local/"+dir+" 0755 root root -")
		}
		slices.Sort(want)
		equal(t, "lines", slices.Sorted(maps.Keys(got)), want)
	}
}
