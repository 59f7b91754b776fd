package rpmtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Features returns small packages that each have one thing which few packages
// of a small system have, and which a deployed tree must still have: a user of
// sysusers.d, a user that %pre makes, file triggers, capabilities and a setuid
// file, hard links. They need /bin/sh, cat, sort, getent, groupadd and useradd.
func Features() []Package {
	shell := []string{"/bin/sh"}
	return []Package{
		{
			Name: "feature-sysusers",
			Files: []File{
				{Path: "/usr/lib/sysusers.d/feature.conf", Body: "u ft-sys - \"Feature, sysusers\"\n"},
				{Path: "/usr/share/feature/of-sysusers", Body: "sysusers\n", Mode: 0o640, User: "ft-sys", Group: "ft-sys"},
			},
		},
		{
			Name: "feature-useradd", PreRequires: []string{"/bin/sh", "/usr/sbin/useradd"},
			Scriptlets: []rpm.Scriptlet{{Kind: rpm.PreIn, Body: "getent group ft-add >/dev/null || groupadd --system ft-add || exit\n" +
				"getent passwd ft-add >/dev/null || useradd --system --gid ft-add --home-dir /var/lib/ft-add --shell /usr/sbin/nologin ft-add\n"}},
			Files: []File{
				{Path: "/usr/bin/feature-setgid", Body: "setgid\n", Mode: 0o2755, User: "ft-add", Group: "ft-add"},
				{Path: "/var/lib/ft-add/", Mode: 0o750, User: "ft-add", Group: "ft-add"},
			},
		},
		{
			Name: "feature-triggers", PreRequires: shell,
			Files: []File{{Path: "/usr/share/feature.d/"}},
			Scriptlets: []rpm.Scriptlet{
				{Kind: rpm.FileTriggerIn, Paths: []string{"/usr/share/feature.d/"}, Body: "while read -r path; do echo \"file $path\"; done >>/usr/share/feature.log\n"},
				{Kind: rpm.TransFileTriggerIn, Paths: []string{"/usr/share/feature.d/"}, Body: "sort >/usr/share/feature.index\n"},
			},
		},
		{
			Name: "feature-dropins", Requires: []string{"feature-triggers"},
			Files: []File{{Path: "/usr/share/feature.d/one", Body: "1\n"}, {Path: "/usr/share/feature.d/two", Body: "2\n"}},
		},
		{
			Name: "feature-caps",
			Files: []File{
				{Path: "/usr/bin/feature-caps", Body: "caps\n", Mode: 0o755, Caps: "cap_net_raw=ep"},
				{Path: "/usr/bin/feature-setuid", Body: "setuid\n", Mode: 0o4755},
			},
		},
		{
			Name: "feature-links",
			Files: []File{
				{Path: "/usr/share/feature/link1", Body: "linked\n"},
				{Path: "/usr/share/feature/link2", HardLink: "/usr/share/feature/link1"},
				{Path: "/usr/share/feature/link3", HardLink: "/usr/share/feature/link1"},
			},
		},
	}
}

// libraries finds the files that ldd names.
var libraries = regexp.MustCompile(`/\S+`)

// HostPrograms returns a package of this machine's programs, with the libraries
// that they load, for a tree with a merged /usr. It provides the shell's path
// and requires nothing.
func HostPrograms(name string, programs ...string) (Package, error) {
	p := Package{Name: name, Arch: "x86_64", Compression: "none", Files: []File{
		{Path: "/bin", LinkTo: "usr/bin"}, {Path: "/sbin", LinkTo: "usr/sbin"}, {Path: "/lib", LinkTo: "usr/lib"}, {Path: "/lib64", LinkTo: "usr/lib64"},
		{Path: "/usr/bin/"}, {Path: "/usr/sbin/"}, {Path: "/usr/lib/"}, {Path: "/usr/lib64/"},
	}, Provides: []string{"/bin/sh"}}
	have := map[string]bool{}
	for _, program := range programs {
		found, err := exec.LookPath(program)
		if err != nil {
			return p, fmt.Errorf("%s: %w", program, err)
		}
		paths := []string{found}
		if out, err := exec.Command("ldd", found).Output(); err == nil { // else it is static
			paths = append(paths, libraries.FindAllString(string(out), -1)...)
		}
		for _, path := range paths {
			to := mergedPath(path)
			if have[to] {
				continue
			}
			have[to] = true
			data, err := os.ReadFile(path)
			if err != nil {
				return p, err
			}
			p.Files = append(p.Files, File{Path: to, Body: string(data), Mode: 0o755})
		}
	}
	return p, nil
}

// mergedPath is where a file lies when /bin, /sbin and /lib are in /usr.
func mergedPath(path string) string {
	path = filepath.Clean(path)
	if !strings.HasPrefix(path, "/usr/") {
		path = "/usr" + path
	}
	return path
}
