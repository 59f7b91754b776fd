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

// ownPackages are small packages with what a deployed tree must still have, and
// the unit that looks around in the machine. Its package says version.
func ownPackages(version string) []rpmtest.Package {
	return append(rpmtest.Features(), rpmtest.Package{
		Name: "boottest-unit", Version: version,
		Files: []rpmtest.File{
			{Path: "/usr/lib/systemd/system/boottest.service", Body: reportUnit},
			{Path: "/usr/libexec/boottest-report", Body: reportScript, Mode: 0o755},
			{Path: "/usr/share/boottest/version", Body: version + "\n"},
			{Path: "/etc/boottest.conf", Body: "version=" + version + "\n", Flags: rpm.FileConfig},
		},
	})
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
