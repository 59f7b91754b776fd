package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/internal/rpmtest"
)

// buildBinary builds the program for tests that must kill it or run it as
// another user.
func buildBinary(t *testing.T) string {
	t.Helper()
	dir := publicDir(t)
	binary := filepath.Join(dir, "treewright")
	cmd := exec.Command("go", "build", "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// publicDir is a temporary folder that every user can enter.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "treewright-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// bulkyPackages is enough content for a compose that takes a while.
func bulkyPackages(count, files int) []rpmtest.Package {
	var packages []rpmtest.Package
	for i := range count {
		p := rpmtest.Package{Name: fmt.Sprintf("bulky%d", i), Compression: "zstd"}
		for j := range files {
			p.Files = append(p.Files, rpmtest.File{
				Path: fmt.Sprintf("/usr/share/bulky%d/file%d", i, j),
				Body: strings.Repeat(fmt.Sprintf("line %d of file %d\n", i*j, j), 400),
			})
		}
		packages = append(packages, p)
	}
	return packages
}

// composeFolder makes a folder with a repository of RPMs, a treefile that
// installs all of them, and an empty archive repository.
func composeFolder(t *testing.T, packages []rpmtest.Package) string {
	t.Helper()
	dir := publicDir(t)
	if err := rpmtest.WriteRepo(filepath.Join(dir, "rpms"), rpmtest.RepoOptions{}, packages...); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range packages {
		names = append(names, p.Name)
	}
	write(t, filepath.Join(dir, "rpms.repo"), "[rpms]\nname=rpms\nbaseurl=file://"+dir+"/rpms\ngpgcheck=0\n")
	write(t, filepath.Join(dir, "os.yaml"), "ref: test/os\nrepos: [rpms]\ncontainer: true\npackages: ["+strings.Join(names, ", ")+"]\n")
	mustRun(t, dir, "ostree", "init", "--mode=archive", "--repo=repo")
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func shellCommand(dir string, argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "SOURCE_DATE_EPOCH=1700000000")
	return cmd
}

func mustRun(t *testing.T, dir string, argv ...string) string {
	t.Helper()
	out, err := shellCommand(dir, argv...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", argv, err, out)
	}
	return string(out)
}

// TestKilledComposes kills a compose at points spread over its run, and wants a
// sound repository with the old ref after each, and a run that succeeds at the
// end with the checksum of an undisturbed one.
func TestKilledComposes(t *testing.T) {
	binary := buildBinary(t)
	dir := composeFolder(t, bulkyPackages(8, 150))
	args := []string{binary, "compose", "tree", "-q", "--repo=repo", "--cachedir=cache", "os.yaml"}

	start := time.Now()
	mustRun(t, dir, "ostree", "init", "--mode=archive", "--repo=calm")
	mustRun(t, dir, binary, "compose", "tree", "-q", "--repo=calm", "--cachedir=calmcache", "os.yaml")
	whole := time.Since(start)
	mustRun(t, dir, "ostree", "fsck", "--quiet", "--repo=calm")
	want := mustRun(t, dir, "ostree", "rev-parse", "--repo=calm", "test/os")

	const points = 10
	for i := range points {
		cmd := shellCommand(dir, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(whole*time.Duration(i)/points, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		mustRun(t, dir, "ostree", "fsck", "--quiet", "--repo=repo")
		if err == nil {
			break // it was done before it could be killed
		}
		if refs := mustRun(t, dir, "ostree", "refs", "--repo=repo"); refs != "" && refs != "test/os\n" {
			t.Fatalf("killed at point %d: refs: got %q", i, refs)
		}
	}
	// Forced, because the last one may have died when all was done but the cleaning.
	mustRun(t, dir, append(args, "--force-nocache", "--no-parent")...)
	mustRun(t, dir, "ostree", "fsck", "--quiet", "--repo=repo")
	if got := mustRun(t, dir, "ostree", "rev-parse", "--repo=repo", "test/os"); got != want {
		t.Errorf("commit: got %s, want %s", got, want)
	}
	for disturbed, undisturbed := range map[string]string{"repo": "calm", "cache": "calmcache"} {
		got, want := fileNames(t, filepath.Join(dir, disturbed)), fileNames(t, filepath.Join(dir, undisturbed))
		if diff := diffLines(strings.Join(want, "\n"), strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s: got other files than an undisturbed run leaves:\n%s", disturbed, diff)
		}
	}
}

// TestFullDisk fills a small tmpfs with a compose, its cache, a mirror, a pull
// and a publication: each says that space is missing and changes nothing.
func TestFullDisk(t *testing.T) {
	binary := buildBinary(t)
	dir := composeFolder(t, bulkyPackages(4, 200))
	mustRun(t, dir, binary, "key", "generate", "--uid=up", "--output=up.key")
	mustRun(t, dir, binary, "repo", "init", "up")
	mustRun(t, dir, binary, "compose", "tree", "-q", "--repo=up", "--cachedir=cache", "--sign-key=up.key", "os.yaml")
	mustRun(t, dir, binary, "publish", "-q", "--sign-key=up.key", "up")
	for _, tc := range []struct{ name, command string }{
		{"compose", "compose tree -q --repo=small/repo --cachedir=cache os.yaml"},
		{"cache", "compose tree -q --repo=small/repo --cachedir=small/cache os.yaml"},
		{"mirror", "mirror -q --key=up.key.pub small/repo up 'test/*'"},
		{"pull", "repo pull -q --key=up.key.pub small/repo up test/os"},
		{"publish", "publish -q --title=New small/repo"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			script := `set -e
mkdir -p small && mount -t tmpfs -o size=600k tmpfs small
ostree init --mode=archive --repo=small/repo
if test ` + tc.name + ` = publish; then
  mkdir tree && ostree commit --repo=small/repo --branch=a tree >/dev/null && rmdir tree
  ` + binary + ` publish -q small/repo >/dev/null 2>&1
  cp small/repo/summary small/repo/config .
  cat /dev/zero >small/rest 2>/dev/null || true
fi
ostree refs --repo=small/repo >refs
` + binary + ` ` + tc.command + ` 2>message && exit 3
cat message
ostree refs --repo=small/repo | cmp refs
if test ` + tc.name + ` = publish; then
  cmp summary small/repo/summary
  cmp config small/repo/config
else
  test -z "$(find small/repo/objects -type f)"
fi
rm -rf small/cache small/rest
ostree fsck --quiet --repo=small/repo
`
			out := mustRun(t, dir, "unshare", "--map-root-user", "--mount", "sh", "-c", script)
			if !strings.Contains(out, "space") {
				t.Errorf("message: got %q, want it to name the space that is missing", out)
			}
		})
	}
}
