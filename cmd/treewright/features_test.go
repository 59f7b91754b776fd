package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// featureFolder is a folder with a repository of packages that have scriptlets
// and more, and of this machine's programs for them.
func featureFolder(t *testing.T) string {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	host, err := rpmtest.HostPrograms("host", "sh", "cat", "sort", "getent", "groupadd", "useradd", "systemd-sysusers")
	if err != nil {
		t.Fatal(err)
	}
	setup := rpmtest.Package{Name: "setup", Files: []rpmtest.File{
		{Path: "/etc/passwd", Body: "root:x:0:0:root:/root:/bin/sh\nmail:x:8:8::/var/mail:/bin/false\n", Flags: rpm.FileConfig},
		{Path: "/etc/group", Body: "root:x:0:\nmail:x:8:\n", Flags: rpm.FileConfig},
		{Path: "/etc/shadow", Body: "root:*::0:99999:7:::\nmail:*::0:99999:7:::\n", Mode: 0o600, Flags: rpm.FileConfig},
		{Path: "/etc/gshadow", Body: "root:*::\nmail:*::\n", Mode: 0o600, Flags: rpm.FileConfig},
		{Path: "/etc/login.defs", Body: "SYS_UID_MIN 201\nSYS_UID_MAX 999\nSYS_GID_MIN 201\nSYS_GID_MAX 999\nUSERGROUPS_ENAB yes\n"},
		{Path: "/etc/nsswitch.conf", Body: "passwd: files\ngroup: files\n"},
		{Path: "/var/"}, {Path: "/tmp/", Mode: 0o1777},
	}}
	dir := composeFolder(t, append(rpmtest.Features(), host, setup))
	file, err := os.OpenFile(filepath.Join(dir, "os.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("sysusers: compose-forced\n"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestFeaturesAreComposed runs sysusers, useradd and file triggers as different
// users, and wants one commit that has what the packages ask for.
func TestFeaturesAreComposed(t *testing.T) {
	binary := buildBinary(t)
	dir := featureFolder(t)
	views := []view{
		{name: "plain", umask: "0022", env: []string{"TZ=UTC"}},
		{name: "private", umask: "0077", env: []string{"TZ=Pacific/Kiritimati", "LC_ALL=tr_TR.UTF-8", "GOMAXPROCS=1"}},
	}
	if os.Geteuid() == 0 {
		views = append(views, view{name: "nobody", umask: "0022", user: otherUser, env: []string{"GOMAXPROCS=2"}})
	}
	want := ""
	for i, v := range views {
		own := filepath.Join(dir, fmt.Sprint("own", i))
		if err := os.Mkdir(own, 0o755); err != nil {
			t.Fatal(err)
		}
		if v.user != 0 {
			if err := os.Chown(own, int(v.user), sharedGroup); err != nil {
				t.Fatal(err)
			}
		}
		v.run(t, own, binary, "repo", "init", "repo")
		v.run(t, own, binary, "compose", "tree", "-q", "--repo=repo", "--cachedir=cache", "../os.yaml")
		got := mustRun(t, own, "ostree", "rev-parse", "--repo=repo", "test/os")
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", v.name, got, want)
		}
	}
	checkFeatures(t, filepath.Join(dir, "own0"))
}

// checkFeatures looks at the commit with the real client.
func checkFeatures(t *testing.T, dir string) {
	t.Helper()
	cat := func(path string) string { return mustRun(t, dir, "ostree", "cat", "--repo=repo", "test/os", path) }
	list := func(path string) string {
		return strings.Join(strings.Fields(mustRun(t, dir, "ostree", "ls", "-X", "-C", "--repo=repo", "test/os", path)), " ")
	}
	users, groups := accountIDs(cat("/usr/lib/passwd")), accountIDs(cat("/usr/lib/group"))
	for _, name := range []string{"mail", "ft-sys", "ft-add"} {
		if users[name] == "" || groups[name] == "" {
			t.Errorf("%s: got the ids %q and %q, want some in /usr/lib", name, users[name], groups[name])
		}
	}
	for path, want := range map[string]string{
		"/usr/share/feature/of-sysusers": "-00640 " + users["ft-sys"] + " " + groups["ft-sys"] + " ",
		"/usr/bin/feature-setgid":        "-02755 " + users["ft-add"] + " " + groups["ft-add"] + " ",
		"/usr/bin/feature-setuid":        "-04755 0 0 ",
		"/usr/bin/feature-caps":          "-00755 0 0 ",
	} {
		if got := list(path); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want it to start with %q", path, got, want)
		}
	}
	if got := list("/usr/bin/feature-caps"); !strings.Contains(got, "security.capability") {
		t.Errorf("got %q, want a capability", got)
	}
	sum := regexp.MustCompile(`[0-9a-f]{64}`)
	first := sum.FindString(list("/usr/share/feature/link1"))
	for _, path := range []string{"/usr/share/feature/link2", "/usr/share/feature/link3"} {
		if got := sum.FindString(list(path)); got != first || got == "" {
			t.Errorf("%s: got the object %s, want %s", path, got, first)
		}
	}
	for path, want := range map[string]string{
		"/usr/share/feature.log":   "file /usr/share/feature.d/one\nfile /usr/share/feature.d/two\n",
		"/usr/share/feature.index": "/usr/share/feature.d/one\n/usr/share/feature.d/two\n",
	} {
		if got := cat(path); strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if got, want := cat("/usr/lib/tmpfiles.d/rpm-ostree-autovar.conf"), "d /var/lib/ft-add 0750 ft-add ft-add - -"; !strings.Contains(got, want) {
		t.Errorf("got %q, want a line %q", got, want)
	}
}

// accountIDs reads the names and ids of passwd or group.
func accountIDs(text string) map[string]string {
	ids := map[string]string{}
	for line := range strings.Lines(text) {
		if fields := strings.Split(line, ":"); len(fields) > 2 {
			ids[fields[0]] = fields[2]
		}
	}
	return ids
}
