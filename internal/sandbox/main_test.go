package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/internal/sandbox"
)

// How a test process is told to be something else than the tests.
const (
	envTool   = "SANDBOX_TEST_TOOL"   // the built tool
	envSubuid = "SANDBOX_TEST_SUBUID" // a file to mount at /etc/subuid before
	envHang   = "SANDBOX_TEST_HANG"   // folder for a sandbox that is never closed
	envForbid = "SANDBOX_TEST_FORBID" // try to open a sandbox where there is no user namespace
	envFull   = "SANDBOX_TEST_FULL"   // the mapping must be this one
)

const nobody = 65534

func TestMain(m *testing.M) {
	if code, ok := sandbox.Helper(os.Args); ok {
		os.Exit(code)
	}
	if file := os.Getenv(envSubuid); file != "" {
		fmt.Fprintln(os.Stderr, becomeSubordinate(file))
		os.Exit(1)
	}
	if os.Getenv(envForbid) != "" {
		fmt.Println(openForbidden())
		os.Exit(0)
	}
	if dir := os.Getenv(envHang); dir != "" {
		fmt.Fprintln(os.Stderr, hang(dir))
		os.Exit(1)
	}
	remove, err := buildTool()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	remove()
	os.Exit(code)
}

// becomeSubordinate shows this process, which has a mount namespace of its own,
// file as /etc/subuid and /etc/subgid, and goes on as the user nobody.
func becomeSubordinate(file string) error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	for _, at := range []string{"/etc/subuid", "/etc/subgid"} {
		err = errors.Join(err, unix.Mount(file, at, "", unix.MS_BIND, ""))
	}
	if err = errors.Join(err, syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
		return err
	}
	env := []string{}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, envSubuid+"=") {
			env = append(env, e)
		}
	}
	return syscall.Exec("/proc/self/exe", os.Args, env)
}

// buildTool builds the programs of the tree once, for all users' tests.
func buildTool() (remove func(), err error) {
	if os.Getenv(envTool) != "" {
		return func() {}, nil
	}
	dir, err := os.MkdirTemp("", "treewright-sandbox-*")
	if err != nil {
		return nil, err
	}
	tool := filepath.Join(dir, "tool")
	cmd := exec.Command("go", "build", "-o", tool, "./testdata/tool")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the tree's programs: %w\n%s", err, out)
	}
	return func() { os.RemoveAll(dir) }, errors.Join(os.Chmod(dir, 0o755), os.Setenv(envTool, tool))
}

// reachable is a folder that other users may enter.
func reachable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, os.Chmod(dir, 0o755))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestOtherUsers runs all the tests as an ordinary user, without ids of his own
// and with such.
func TestOtherUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		return // the tests are those of an ordinary user as they are
	}
	for _, tc := range []struct {
		name, subuid, full string
	}{
		{"single", "", "false"},
		{"subuid", fmt.Sprintf("other:1:1\n%d:700000:40000\n%d:800000:40000\n", nobody, nobody), "true"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := reachable(t)
			home, subuid, program := filepath.Join(dir, "home"), filepath.Join(dir, "subuid"), filepath.Join(dir, "program")
			must(t, os.Mkdir(home, 0o755))
			must(t, os.Chown(home, nobody, nobody))
			must(t, os.WriteFile(subuid, []byte(tc.subuid), 0o644))
			self, err := os.ReadFile("/proc/self/exe")
			must(t, err)
			must(t, os.WriteFile(program, self, 0o755))
			cmd := exec.CommandContext(t.Context(), program, "-test.v", "-test.skip=^TestOtherUsers$")
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + home, envTool + "=" + os.Getenv(envTool), envFull + "=" + tc.full, envSubuid + "=" + subuid}
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("as user %d: %v\n%s", nobody, err, out)
			}
		})
	}
}

// openForbidden opens a sandbox in a namespace that may not have others in it.
func openForbidden() error {
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		return err
	}
	_, err := sandbox.Open(context.Background(), sandbox.Options{Lower: "/usr", Dir: os.Getenv(envForbid)})
	return err
}

func TestNamespacesForbidden(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "work")
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), envForbid+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if want := "the limit of the sysctl user.max_user_namespaces is reached: raise it"; err != nil || !strings.Contains(string(out), want) {
		t.Errorf("got %s, %v, want %q", out, err, want)
	}
}
