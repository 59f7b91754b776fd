package compose_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// bootTree is a treefile of a tree that boots, but for its initramfs.
const bootTree = "ref: test/x86_64/os\nselinux: false\nno-initramfs: true\n"

// keyPackages are what TestKeysHaveEffect composes.
func keyPackages() []rpmtest.Package {
	wants := pkg("wants", rpmtest.File{Path: "/usr/bin/tool", Mode: 0o755}, rpmtest.File{Path: "/opt/x/"})
	wants.Recommends = []string{"wanted"}
	return []rpmtest.Package{pkg("kernel", file("/usr/lib/modules/6/vmlinuz", "k")), wants, pkg("wanted", file("/usr/share/wanted", "")),
		pkg("accounts", file("/etc/passwd", "root:x:0:0::/:/bin/sh\napp:x:77:78::/:/bin/sh\n"), file("/etc/group", "root:x:0:\napp:x:78:\nwheel:x:10:\n"),
			rpmtest.File{Path: "/usr/share/owned", User: "app", Group: "app"})}
}

// TestKeysHaveEffect sets one key after the other and looks at the commit, in
// which lines of `ostree ls -R` are there, or after "! " are not.
func TestKeysHaveEffect(t *testing.T) {
	const tree = bootTree + "packages: [kernel, wants, accounts]\n"
	for _, tc := range []struct {
		key, yaml string
		want      []string
		err       string // instead
	}{
		{"nothing", tree, []string{"-00644 0 0 /usr/share/wanted", "-00755 0 0 /usr/bin/tool", "l00777 0 0 /tmp -> sysroot/tmp", "l00777 0 0 /opt -> var/opt",
			"-00644 0 0 /usr/etc/machine-id", "d00755 0 0 /usr/lib/ostree-boot", "-00644 77 78 /usr/share/owned"}, ""},
		{"recommends", tree + "recommends: false\n", []string{"! -00644 0 0 /usr/share/wanted"}, ""},
		{"exclude-packages", tree + "exclude-packages: [wanted]\n", []string{"! -00644 0 0 /usr/share/wanted"}, ""},
		{"repo-packages", tree + "repo-packages:\n- {repo: test, packages: [wanted]}\nrecommends: false\n", []string{"-00644 0 0 /usr/share/wanted"}, ""},
		{"packages-x86_64", tree + "recommends: false\npackages-x86_64: [wanted]\npackages-s390x: [none]\n", []string{"-00644 0 0 /usr/share/wanted"}, ""},
		{"releasever", tree + "releasever: rpms\n", []string{"-00644 0 0 /usr/share/wanted"}, ""},
		{"repovars", tree + "repovars: {word: rpms}\n", []string{"-00644 0 0 /usr/share/wanted"}, ""},
		{"readonly-executables", tree + "readonly-executables: true\n", []string{"-00555 0 0 /usr/bin/tool"}, ""},
		{"tmp-is-dir", tree + "tmp-is-dir: true\n", []string{"d01777 0 0 /tmp"}, ""},
		{"opt-usrlocal", tree + "opt-usrlocal: root\n", []string{"d00755 0 0 /opt/x"}, ""},
		{"machineid-compat", tree + "machineid-compat: false\n", []string{"! -00644 0 0 /usr/etc/machine-id"}, ""},
		{"boot-location", tree + "boot-location: modules\n", []string{"! d00755 0 0 /usr/lib/ostree-boot", "-00644 0 0 /usr/lib/modules/6/vmlinuz"}, ""},
		{"rpmdb", tree + "rpmdb: bdb\nrpmdb-normalize: false\n", []string{"-00644 0 0 /usr/share/rpm/rpmdb.sqlite"}, ""},
		{"check-passwd", tree + "check-passwd: {type: data, entries: {root: 0, app: 76}}\n", nil, "app"},
		{"check-groups", tree + "check-groups: {type: data, entries: {root: 0, app: 79}}\n", nil, "app"},
		{"ignore-removed-users", tree + "check-passwd: {type: data, entries: {gone: 70, app: [77, 78]}}\nignore-removed-users: [gone]\n", []string{"-00644 77 78 /usr/share/owned"}, ""},
		{"ignore-removed-groups", tree + "check-groups: {type: data, entries: {gone: 70}}\nignore-removed-groups: ['*']\n", []string{"-00644 77 78 /usr/share/owned"}, ""},
		{"cliwrap-binaries", tree + "cliwrap-binaries: [kernel-install]\n", nil, "cliwrap-binaries"},
		{"container", "ref: test/x86_64/os\ncontainer: true\npackages: [wants]\n", []string{"d01777 0 0 /tmp", "! d00755 0 0 /usr/lib/ostree-boot"}, ""},
	} {
		t.Run(tc.key, func(t *testing.T) {
			w := newWorkshop(t, tc.yaml, keyPackages()...)
			switch tc.key {
			case "releasever":
				w.write("test.repo", "[test]\nname=test\nbaseurl="+strings.TrimSuffix(w.rpms, "rpms")+"$releasever\ngpgcheck=0\n")
			case "repovars":
				w.write("test.repo", "[test]\nname=test\nbaseurl="+strings.TrimSuffix(w.rpms, "rpms")+"$word\ngpgcheck=0\n")
			}
			if tc.err != "" {
				w.wantUntouched([]string{tc.err})
				return
			}
			listed := w.ostree("ls", "-R", "-X", w.compose().Ref)
			for _, want := range tc.want {
				line, absent := strings.CutPrefix(want, "! ")
				if slices.Contains(lines(listed), line) == absent {
					t.Errorf("%s, there: %v, in\n%s", line, !absent, listed)
				}
			}
		})
	}
}

// TestAccountsStayTheSame: preserve-passwd keeps the ids of the previous commit,
// whatever a scriptlet would choose now; etc-group-members stay in /etc.
func TestAccountsStayTheSame(t *testing.T) {
	with := func(id string) []rpmtest.Package {
		return []rpmtest.Package{programs(t), pkg("kernel", file("/usr/lib/modules/6/vmlinuz", "k")),
			pkg("setup", file("/etc/passwd", "root:x:0:0::/:/bin/sh\n"), file("/etc/group", "root:x:0:\nwheel:x:10:\n")),
			scripted("app", []rpm.Scriptlet{sh(rpm.PreIn,
				"while read l; do case $l in app:*) exit 0;; esac; done < /etc/passwd", "echo app:x:"+id+":"+id+"::/:/bin/sh >> /etc/passwd", "echo app:x:"+id+": >> /etc/group")},
				rpmtest.File{Path: "/usr/share/app", User: "app", Group: "app"})}
	}
	w := newWorkshop(t, bootTree+"etc-group-members: [wheel]\n", with("500")...)
	ref := w.compose().Ref
	if got := w.ostree("cat", ref, "/usr/etc/group"); got != "root:x:0:\nwheel:x:10:\n" {
		t.Errorf("etc/group: got %q", got)
	}
	w.setPackages(with("600")...)
	w.compose(force)
	if listed := w.ostree("ls", ref, "/usr/share/app"); !strings.HasPrefix(listed, "-00644 500 500 ") {
		t.Errorf("got %s, want the ids of the previous commit", listed)
	}
}

// TestRepoMetadata moves the list of repositories, or leaves it out.
func TestRepoMetadata(t *testing.T) {
	for where, want := range map[string][2]bool{"inline": {true, false}, "detached": {false, true}, "disabled": {}} {
		w := newWorkshop(t, osTree+"repo-metadata: "+where+"\n", pkg("a", file("/usr/a", "")))
		r := w.compose()
		raw, detached := w.ostree("show", "--raw", r.Ref), ""
		if want[1] {
			detached = w.ostree("show", "--print-detached-metadata-key=rpmostree.rpmmd-repos", r.Ref)
		}
		if got := strings.Contains(raw, "rpmostree.rpmmd-repos"); got != want[0] || strings.Contains(detached, "'test'") != want[1] {
			t.Errorf("%s: in the commit: %v, detached: %q", where, got, detached)
		}
	}
}
