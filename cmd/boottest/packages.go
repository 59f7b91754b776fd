package main

import (
	"context"
	_ "embed"
	"os"
	"path/filepath"

	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

//go:embed guest/report.sh
var reportScript string

//go:embed guest/boottest.service
var reportUnit string

//go:embed guest/altfiles.c
var altfilesSource string

// features lists the names of packages that each have one thing which a
// deployed tree must still have.
var features = []string{
	"boottest-sysusers", "boottest-useradd", "boottest-triggers", "boottest-dropins",
	"boottest-caps", "boottest-links", "boottest-unit",
}

// ownPackages are the packages of features; boottest-unit says version.
func ownPackages(version string) []rpmtest.Package {
	return []rpmtest.Package{
		{
			Name: "boottest-sysusers",
			Files: []rpmtest.File{
				{Path: "/usr/lib/sysusers.d/boottest.conf", Body: "u bt-sys - \"Boot test, sysusers\"\n"},
				{Path: "/usr/share/boottest/of-sysusers", Body: "sysusers\n", Mode: 0o640, User: "bt-sys", Group: "bt-sys"},
			},
		},
		{
			Name: "boottest-useradd", PreRequires: []string{"/bin/sh", "passwd"},
			Scriptlets: []rpm.Scriptlet{{Kind: rpm.PreIn, Body: "getent group bt-add >/dev/null || groupadd --system bt-add\n" +
				"getent passwd bt-add >/dev/null || useradd --system --gid bt-add --home-dir /var/lib/bt-add --shell /usr/sbin/nologin bt-add\n"}},
			Files: []rpmtest.File{
				{Path: "/usr/bin/boottest-setgid", Body: "setgid\n", Mode: 0o2755, User: "bt-add", Group: "bt-add"},
				{Path: "/var/lib/bt-add/", Mode: 0o750, User: "bt-add", Group: "bt-add"},
			},
		},
		{
			Name: "boottest-triggers", PreRequires: []string{"/bin/sh"},
			Files: []rpmtest.File{{Path: "/usr/share/boottest.d/"}},
			Scriptlets: []rpm.Scriptlet{
				{Kind: rpm.FileTriggerIn, Paths: []string{"/usr/share/boottest.d"}, Body: "while read -r path; do echo \"file $path\"; done >>/usr/share/boottest.log\n"},
				{Kind: rpm.TransFileTriggerIn, Paths: []string{"/usr/share/boottest.d"}, Body: "sort >/usr/share/boottest.index\n"},
			},
		},
		{
			Name: "boottest-dropins", Requires: []string{"boottest-triggers"},
			Files: []rpmtest.File{{Path: "/usr/share/boottest.d/one", Body: "1\n"}, {Path: "/usr/share/boottest.d/two", Body: "2\n"}},
		},
		{
			Name: "boottest-caps",
			Files: []rpmtest.File{{Path: "/usr/bin/boottest-caps", Body: "caps\n", Mode: 0o755, Caps: "cap_net_raw=ep"},
				{Path: "/usr/bin/boottest-setuid", Body: "setuid\n", Mode: 0o4755}},
		},
		{
			Name: "boottest-links",
			Files: []rpmtest.File{
				{Path: "/usr/share/boottest/link1", Body: "linked\n"},
				{Path: "/usr/share/boottest/link2", HardLink: "/usr/share/boottest/link1"},
				{Path: "/usr/share/boottest/link3", HardLink: "/usr/share/boottest/link1"},
			},
		},
		{
			Name: "boottest-unit", Version: version,
			Files: []rpmtest.File{
				{Path: "/usr/lib/systemd/system/boottest.service", Body: reportUnit},
				{Path: "/usr/libexec/boottest-report", Body: reportScript, Mode: 0o755},
				{Path: "/usr/share/boottest/version", Body: version + "\n"},
				{Path: "/etc/boottest.conf", Body: "version=" + version + "\n", Flags: rpm.FileConfig},
			},
		},
	}
}

// altfilesPackage finds users and groups in /usr/lib for the machine's C
// library: not every distribution has nss-altfiles. Not every C library looks
// into /usr/lib64 by itself: ldconfig's cache counts.
func altfilesPackage(library []byte) rpmtest.Package {
	return rpmtest.Package{
		Name: "boottest-altfiles", Arch: "x86_64",
		Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Interpreter: []string{"/sbin/ldconfig"}}},
		Files: []rpmtest.File{
			{Path: "/etc/ld.so.conf.d/boottest.conf", Body: "/usr/lib64\n"},
			{Path: "/usr/lib64/libnss_altfiles.so.2", Body: string(library), Mode: 0o755},
		},
	}
}

// writeOwn makes the repository of our own packages.
func (t *bootTest) writeOwn(version string) error {
	packages := ownPackages(version)
	if t.altfiles != nil {
		packages = append(packages, altfilesPackage(t.altfiles))
	}
	if err := os.RemoveAll(t.path("own")); err != nil {
		return err
	}
	return rpmtest.WriteRepo(t.path("own"), rpmtest.RepoOptions{}, packages...)
}

// buildAltfiles compiles the library.
func (t *bootTest) buildAltfiles(ctx context.Context) error {
	source, library := t.path("altfiles.c"), t.path("libnss_altfiles.so.2")
	if err := os.WriteFile(source, []byte(altfilesSource), 0o644); err != nil {
		return err
	}
	err := command(ctx, "gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-fno-stack-protector", "-Wl,-soname,"+filepath.Base(library), "-o", library, source)
	if err != nil {
		return err
	}
	t.altfiles, err = os.ReadFile(library)
	return err
}
