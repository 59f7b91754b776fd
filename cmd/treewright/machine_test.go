package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// hostArch is this machine's architecture as RPM and flatpak name it.
var hostArch = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}[runtime.GOARCH]

// A machine is a folder with an environment that keeps programs inside it:
// they see nothing of the real user's files, settings, keys or message bus.
type machine struct {
	t   *testing.T
	dir string
	env []string
}

func newMachine(t *testing.T, dir string) *machine {
	t.Helper()
	m := &machine{t: t, dir: dir}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{"home", "run", "gnupg", "user", "services"} {
		if err := os.Mkdir(m.path(private), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.env = []string{
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC",
		"HOME=" + m.path("home"), "GNUPGHOME=" + m.path("gnupg"), "XDG_RUNTIME_DIR=" + m.path("run"),
		"XDG_DATA_HOME=" + m.path("home/data"), "XDG_CACHE_HOME=" + m.path("home/cache"), "XDG_CONFIG_HOME=" + m.path("home/config"),
		"XDG_DATA_DIRS=" + m.path("user/exports/share"), "FLATPAK_CONFIG_DIR=" + m.path("etc"), "FLATPAK_USER_DIR=" + m.path("user"),
		"FLATPAK_SYSTEM_DIR=" + m.path("system"), "FLATPAK_SYSTEM_CACHE_DIR=" + m.path("system-cache"),
		"DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + m.path("run/bus"),
	}
	return m
}

func (m *machine) path(name string) string { return filepath.Join(m.dir, filepath.FromSlash(name)) }

func (m *machine) write(name, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.path(name)), 0o755); err != nil {
		m.t.Fatal(err)
	}
	write(m.t, m.path(name), text)
}

func (m *machine) command(argv ...string) *exec.Cmd {
	m.t.Helper()
	program, err := exec.LookPath(argv[0])
	if err != nil {
		m.t.Fatalf("%s is missing: `make clients` installs it", argv[0])
	}
	cmd := exec.Command(program, argv[1:]...)
	cmd.Dir, cmd.Env = m.dir, m.env
	return cmd
}

// run returns what a program that must succeed prints on both outputs.
func (m *machine) run(argv ...string) string {
	m.t.Helper()
	out, err := m.command(argv...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return string(out)
}

// output is run for programs whose standard output alone counts.
func (m *machine) output(argv ...string) string {
	m.t.Helper()
	out, err := m.command(argv...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = exit.Stderr
		}
		m.t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// busConfig is of a message bus that has only the services in a folder.
// flatpak asks the system's bus about parental controls for ordinary users:
// here it learns that there are none.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=MACHINE/run/bus</listen>
  <servicedir>MACHINE/services</servicedir>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
`

// onBus is the command line of a program that has a message bus.
func (m *machine) onBus(argv ...string) []string {
	m.t.Helper()
	m.write("bus.conf", strings.ReplaceAll(busConfig, "MACHINE", m.dir))
	return append([]string{"dbus-run-session", "--config-file=" + m.path("bus.conf"), "--"}, argv...)
}

// flatpak runs flatpak for the machine's only user, and returns its standard
// output.
func (m *machine) flatpak(args ...string) string {
	m.t.Helper()
	return m.output(m.onBus(append([]string{"flatpak", "--user"}, args...)...)...)
}

// serve runs `treewright serve` until the test ends, which it must do well,
// and returns its address.
func (m *machine) serve(binary string, args ...string) string {
	m.t.Helper()
	cmd := m.command(append([]string{binary, "serve", "--json", "--listen=127.0.0.1:0"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			m.t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			m.t.Errorf("treewright serve, when told to end: %v", err)
		}
	})
	var said struct{ URL string }
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err = errors.Join(err, json.Unmarshal(line, &said)); err != nil {
		m.t.Fatalf("treewright serve says %q: %v", line, err)
	}
	return said.URL
}

// wantNoProcesses reports programs that still run in a folder. One that is
// about to end is waited for.
func wantNoProcesses(t *testing.T, dir string) {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, proc := range procs {
		command, environ := procFile(t, proc+"/cmdline"), procFile(t, proc+"/environ")
		if !strings.Contains(command, dir) && !strings.Contains(environ, "="+dir) {
			continue
		}
		if !processEnds(t, filepath.Base(proc)) {
			t.Errorf("still running: %s", strings.ReplaceAll(command, "\x00", " "))
		}
	}
}

// procFile is empty for processes that are gone or another user's.
func procFile(t *testing.T, name string) string {
	data, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.ESRCH) {
		t.Error(err)
	}
	return string(data)
}

// processEnds waits at most ten seconds for a process that is no child.
func processEnds(t *testing.T, name string) bool {
	var pid int
	if err := json.Unmarshal([]byte(name), &pid); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
		if !errors.Is(err, unix.EINTR) {
			return n == 1 && err == nil
		}
	}
}
