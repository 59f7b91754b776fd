package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// otherUser and thirdUser are two members of one group, without anything else.
const (
	otherUser, thirdUser = 65534, 65533
	sharedGroup          = 65532
)

// A view is one of the ways in which a machine can look to a compose.
type view struct {
	name    string
	umask   string
	user    uint32   // 0: the one who runs the test
	env     []string // in addition
	inverse bool     // the files of the inputs were made in another order, elsewhere
}

// command is treewright in a folder of dir, as the view wants it.
func (v view) command(dir, binary string, args ...string) *exec.Cmd {
	quoted := append([]string{"-c", `umask ` + v.umask + `; exec "$0" "$@"`, binary}, args...)
	cmd := exec.Command("/bin/sh", quoted...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "SOURCE_DATE_EPOCH=1700000000"}, v.env...)
	if v.user != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: v.user, Gid: sharedGroup}}
	}
	return cmd
}

func (v view) run(t *testing.T, dir, binary string, args ...string) string {
	t.Helper()
	out, err := v.command(dir, binary, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: treewright %s: %v\n%s", v.name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// oddPackages have all that an ordinary user could get wrong.
func oddPackages() []rpmtest.Package {
	return []rpmtest.Package{
		{Name: "setup", Files: []rpmtest.File{
			{Path: "/etc/passwd", Body: "root:x:0:0:root:/root:/bin/sh\ndaemon:x:2:2::/sbin:/bin/false\n"},
			{Path: "/etc/group", Body: "root:x:0:\ndaemon:x:2:\ntape:x:33:\n"},
			{Path: "/etc/shadow", Mode: rpm.ModeRegular, Body: "root:*::0:99999:7:::\n", Flags: rpm.FileConfig},
		}},
		{Name: "odd", Compression: "xz", Requires: []string{"setup"}, Files: []rpmtest.File{
			{Path: "/usr/bin/su", Mode: 0o4755, Body: "su\n"},
			{Path: "/usr/bin/ping", Mode: 0o755, Body: "ping\n", Caps: "cap_net_raw=ep"},
			{Path: "/usr/bin/wall", Mode: 0o2711, Group: "tape", Body: "wall\n"},
			{Path: "/usr/bin/one", Mode: 0o755, Body: "linked\n"},
			{Path: "/usr/bin/two", HardLink: "/usr/bin/one"},
			{Path: "/usr/share/odd/", Mode: 0o1777, User: "daemon"},
			{Path: "/usr/share/odd/\u00fcml\u00e4ut", Body: "text\n", User: "nosuchuser"},
			{Path: "/usr/share/odd/secret", Mode: rpm.ModeRegular | 0o400, User: "daemon", Group: "daemon", Body: "secret\n"},
			{Path: "/usr/lib/link", LinkTo: "../share/odd"},
		}},
	}
}

// TestSameBytesEverywhere composes one input as different users, with other
// umasks, time zones, languages and numbers of CPUs, from files that were made
// in another order in another place.
func TestSameBytesEverywhere(t *testing.T) {
	binary := buildBinary(t)
	packages := append(oddPackages(), bulkyPackages(2, 20)...)
	straight := composeFolder(t, packages)
	slices.Reverse(packages)
	inverse := composeFolder(t, packages)
	views := []view{
		{name: "plain", umask: "0022", env: []string{"TZ=UTC"}},
		{name: "private", umask: "0077", env: []string{"TZ=Pacific/Kiritimati", "LC_ALL=tr_TR.UTF-8", "GOMAXPROCS=1"}},
		{name: "open", umask: "0000", env: []string{"TZ=America/St_Johns", "LC_ALL=C", "GOMAXPROCS=7"}, inverse: true},
	}
	if os.Geteuid() == 0 {
		views = append(views,
			view{name: "nobody", umask: "0022", user: otherUser},
			view{name: "nobody, private", umask: "0077", user: otherUser, env: []string{"GOMAXPROCS=3"}, inverse: true})
	}
	want := ""
	for i, v := range views {
		dir := straight
		if v.inverse {
			dir = inverse
		}
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
		v.run(t, own, binary, "compose", "tree", "-q", "--repo=repo", "--cachedir=cache", "--write-commitid-to=id", "../os.yaml")
		id, err := os.ReadFile(filepath.Join(own, "id"))
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = string(id)
		}
		if string(id) != want {
			t.Errorf("%s: got %s, want %s", v.name, id, want)
		}
		mustRun(t, own, "ostree", "fsck", "--quiet", "--repo=repo")
		if info, err := os.Stat(filepath.Join(own, "cache")); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: cache: got %v, %v, want 0700", v.name, info.Mode(), err)
		}
	}
}

// TestTwoComposesShareACache runs two composes of overlapping packages at the
// same time, again and again from an empty cache.
func TestTwoComposesShareACache(t *testing.T) {
	binary := buildBinary(t)
	dir := composeFolder(t, append(oddPackages(), bulkyPackages(3, 60)...))
	want := ""
	for round := range 3 {
		var running []*exec.Cmd
		for i := range 3 {
			name := fmt.Sprintf("repo%d-%d", round, i)
			mustRun(t, dir, "ostree", "init", "--mode=archive", "--repo="+name)
			cmd := shellCommand(dir, binary, "compose", "tree", "-q", "--repo="+name, fmt.Sprint("--cachedir=cache", round), "os.yaml")
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			running = append(running, cmd)
		}
		for i, cmd := range running {
			if err := cmd.Wait(); err != nil {
				t.Fatalf("round %d, compose %d: %v", round, i, err)
			}
			got := mustRun(t, dir, "ostree", "rev-parse", fmt.Sprintf("--repo=repo%d-%d", round, i), "test/os")
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("round %d, compose %d: got %s, want %s", round, i, got, want)
			}
		}
	}
}

// TestGroupWritableRepository has two users of one group write to one
// repository in turn, each with the umask that such groups have.
func TestGroupWritableRepository(t *testing.T) {
	binary := buildBinary(t)
	dir := composeFolder(t, append(oddPackages(), bulkyPackages(1, 20)...))
	first, second := view{name: "first", umask: "0002"}, view{name: "second", umask: "0002"}
	if os.Geteuid() == 0 {
		first.user, second.user = otherUser, thirdUser
	}
	shared := filepath.Join(dir, "shared")
	if err := os.Mkdir(shared, 0o775); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(shared, -1, sharedGroup); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(shared, 0o775|fs.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	for name, ref := range map[string]string{"one": "group/one", "two": "group/two"} {
		write(t, filepath.Join(dir, name+".yaml"), "include: os.yaml\nref: "+ref+"\n")
	}
	first.run(t, shared, binary, "repo", "init", "repo")
	first.run(t, shared, binary, "key", "generate", "--uid=first", "--output=first.key")
	first.run(t, shared, binary, "repo", "init", "up")
	compose := func(v view, name string, args ...string) {
		t.Helper()
		args = append([]string{"compose", "tree", "-q", "--repo=repo", "--cachedir=cache-" + v.name, "../" + name + ".yaml"}, args...)
		v.run(t, shared, binary, args...)
	}
	compose(first, "one")
	compose(second, "two")
	compose(second, "one", "--force-nocache", "--add-metadata-string=version=2")
	second.run(t, shared, binary, "publish", "-q", "--title=Second", "repo")
	compose(first, "two", "--force-nocache", "--add-metadata-string=version=3")
	first.run(t, shared, binary, "publish", "-q", "--title=First", "repo")
	first.run(t, shared, binary, "compose", "tree", "-q", "--repo=up", "--cachedir=cache-first", "--sign-key=first.key", "../os.yaml")
	first.run(t, shared, binary, "publish", "-q", "--sign-key=first.key", "up")
	second.run(t, shared, binary, "mirror", "-q", "--key=first.key.pub", "repo", "up", "test/os")
	first.run(t, shared, binary, "mirror", "-q", "--key=first.key.pub", "repo", "up", "test/os")
	second.run(t, shared, binary, "publish", "-q", "repo")
	first.run(t, shared, binary, "repo", "sign", "--sign-key=first.key", "repo", "group/one", "group/two")
	mustRun(t, shared, "ostree", "fsck", "--quiet", "--repo=repo")
	wantGroup(t, filepath.Join(shared, "repo"))
}

// wantGroup wants every folder of a repository to be writable for its group,
// and every object readable for all.
func wantGroup(t *testing.T, repo string) {
	t.Helper()
	err := filepath.WalkDir(repo, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if e.IsDir() && e.Name() == "tmp" {
			return fs.SkipDir // the C tool keeps something of its own there
		}
		stat := info.Sys().(*syscall.Stat_t)
		if os.Geteuid() == 0 && stat.Gid != sharedGroup {
			t.Errorf("%s: group: got %d, want %d", path, stat.Gid, sharedGroup)
		}
		switch {
		case e.IsDir() && info.Mode().Perm()&0o020 == 0:
			t.Errorf("%s: got %v, want a folder that the group can write to", path, info.Mode())
		case strings.Contains(path, "/objects/") && !e.IsDir() && info.Mode().Perm() != 0o644:
			t.Errorf("%s: got %v, want 0644", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestReadOnlyRepository wants every command that writes to say that it cannot,
// and those that read to work.
func TestReadOnlyRepository(t *testing.T) {
	binary := buildBinary(t)
	dir := composeFolder(t, oddPackages())
	v := view{name: "reader", umask: "0022"}
	if os.Geteuid() == 0 { // who may write anywhere
		v.user = otherUser
	}
	mustRun(t, dir, binary, "key", "generate", "--uid=up", "--output=up.key")
	mustRun(t, dir, binary, "repo", "init", "up")
	mustRun(t, dir, binary, "compose", "tree", "-q", "--repo=up", "--cachedir=cache", "--sign-key=up.key", "os.yaml")
	mustRun(t, dir, binary, "publish", "-q", "--sign-key=up.key", "up")
	mustRun(t, dir, binary, "compose", "tree", "-q", "--repo=repo", "--cachedir=cache", "os.yaml")
	mustRun(t, dir, binary, "publish", "-q", "repo")
	mustRun(t, dir, "chmod", "-R", "a-w", "repo")
	t.Cleanup(func() { mustRun(t, dir, "chmod", "-R", "u+w", "repo") })
	before, err := listFolder(filepath.Join(dir, "repo"))
	if err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o777); err != nil {
		t.Fatal(err)
	}
	mustRun(t, dir, "chmod", "777", "work")
	for _, args := range [][]string{
		{"compose", "tree", "-q", "--repo=../repo", "--cachedir=cache", "--force-nocache", "../os.yaml"},
		{"publish", "-q", "--title=New", "../repo"},
		{"mirror", "-q", "--key=../up.key.pub", "../repo", "../up", "*"},
		{"repo", "pull", "-q", "--key=../up.key.pub", "../repo", "../up", "test/os"},
	} {
		out, err := v.command(work, binary, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), filepath.Join(dir, "repo")) || !strings.Contains(string(out), "permission denied") {
			t.Errorf("%s: got %v, %s, want an error that names the repository and says that it cannot be written", args[0], err, out)
		}
	}
	for _, args := range [][]string{
		{"compose", "tree", "-q", "--repo=../repo", "--cachedir=cache", "../os.yaml"}, // unchanged
		{"compose", "tree", "-q", "--repo=../repo", "--cachedir=cache", "--dry-run", "--force-nocache", "../os.yaml"},
		{"repo", "refs", "../repo"},
		{"repo", "fsck", "../repo"},
		{"repo", "ls", "-R", "../repo", "test/os"},
	} {
		v.run(t, work, binary, args...)
	}
	after, err := listFolder(filepath.Join(dir, "repo"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := diffLines(before, after); diff != "" {
		t.Errorf("the repository changed:\n%s", diff)
	}
}
