package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const errPipe = syscall.EPIPE

// fixedFiles are those of a job before the output: command, arguments, stdin.
const fixedFiles = 3

// A job is a Command as the helper gets it.
type job struct {
	name   string // for messages
	limits runLimits
	files  []*os.File // command, bwrap's arguments, stdin, and perhaps the script
}

func newJob(opts Options, c Command) (*job, error) {
	j := &job{limits: c.limits()}
	args := append([]string{}, c.Args...)
	if c.Self {
		args = append([]string{SelfPath}, args...)
	}
	if c.Script != nil {
		args = append(append(args, ScriptPath), c.ScriptArgs...)
	}
	if len(args) == 0 {
		return nil, fmt.Errorf("running in the sandbox: no program is given")
	}
	j.name = args[0]
	bwrap, err := j.arguments(opts, c)
	if err != nil {
		return nil, err
	}
	if args, err = checked(args); err != nil {
		return nil, err
	}
	contents := []io.Reader{strings.NewReader(strings.Join(args, "\x00")), strings.NewReader(strings.Join(bwrap, "\x00") + "\x00"), c.Stdin}
	if c.Script != nil {
		contents = append(contents, bytes.NewReader(c.Script))
	}
	for _, content := range contents {
		f, err := fileOf(content)
		if err != nil {
			closeAll(j.files)
			return nil, fmt.Errorf("preparing the input of %s: %w", j.name, err)
		}
		j.files = append(j.files, f)
	}
	return j, nil
}

func (c Command) limits() runLimits {
	l := runLimits{TimeoutMillis: DefaultTimeout.Milliseconds(), MaxDisk: DefaultMaxDisk, MaxProcesses: DefaultMaxProcesses}
	if c.Timeout > 0 {
		l.TimeoutMillis = max(c.Timeout.Milliseconds(), 1)
	}
	if c.MaxDisk > 0 {
		l.MaxDisk = c.MaxDisk
	}
	if c.MaxProcesses > 0 {
		l.MaxProcesses = c.MaxProcesses
	}
	return l
}

// fileOf returns a file in memory with what r has; nil is an empty one.
func fileOf(r io.Reader) (*os.File, error) {
	fd, err := unix.MemfdCreate("treewright", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "memory")
	if r != nil {
		if _, err = io.Copy(f, r); err == nil {
			_, err = f.Seek(0, io.SeekStart)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// capabilities are what programs of the tree may do as root of their namespace:
// what installing files and users needs.
var capabilities = [...]string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETPCAP", "CAP_SYS_CHROOT", "CAP_SETFCAP"}

// environment is the same everywhere.
var environment = [...]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root", "SYSTEMD_OFFLINE=1"}

// arguments are bwrap's, but for the program.
func (j *job) arguments(opts Options, c Command) ([]string, error) {
	root := "--bind"
	if c.ReadOnly {
		root = "--ro-bind"
	}
	size := fmt.Sprint(j.limits.MaxDisk)
	args := []string{
		"--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try",
		"--new-session", "--hostname", "localhost", "--json-status-fd", fmt.Sprint(fdStatus),
		root, filepath.Join(opts.Dir, mergedDir), "/",
		"--dev", "/dev", "--size", size, "--perms", "1777", "--tmpfs", "/dev/shm", "--proc", "/proc",
		"--size", size, "--perms", "1777", "--tmpfs", "/tmp",
		"--size", size, "--tmpfs", "/run", "--perms", "0644", "--file", fmt.Sprint(fdEmpty), "/run/ostree-booted",
		"--tmpfs", "/sys",
	}
	for _, name := range []string{"block", "bus", "class", "dev", "devices"} {
		args = append(args, "--ro-bind-try", "/sys/"+name, "/sys/"+name)
	}
	args = append(args, "--remount-ro", "/sys")
	if _, err := os.Stat("/proc/keys"); err == nil {
		args = append(args, "--ro-bind", os.DevNull, "/proc/keys")
	}
	if c.Script != nil {
		args = append(args, "--perms", "0755", "--file", fmt.Sprint(fdScript), ScriptPath)
	}
	if c.Self {
		self, err := os.Readlink("/proc/self/exe")
		if len(opts.Self) > 0 {
			self, err = filepath.Abs(opts.Self[0])
		}
		if err != nil {
			return nil, fmt.Errorf("finding the running binary: %w", err)
		}
		args = append(args, "--ro-bind", self, SelfPath)
	}
	for _, b := range c.Binds {
		inside, err := j.bind(b)
		if err != nil {
			return nil, err
		}
		args = append(args, "--ro-bind", b.Host, inside)
	}
	args = append(args, "--cap-drop", "ALL")
	for _, name := range capabilities {
		args = append(args, "--cap-add", name)
	}
	args, err := appendEnv(append(args, "--clearenv"), environment[:], c.Env)
	if err != nil {
		return nil, err
	}
	return checked(append(args, "--chdir", path.Clean("/"+c.Dir)))
}

func appendEnv(args []string, lists ...[]string) ([]string, error) {
	for _, list := range lists {
		for _, env := range list {
			name, value, ok := strings.Cut(env, "=")
			if !ok || name == "" {
				return nil, fmt.Errorf("the environment %q of a program is not NAME=value", env)
			}
			args = append(args, "--setenv", name, value)
		}
	}
	return args, nil
}

// checked refuses what would end an argument early.
func checked(args []string) ([]string, error) {
	for _, a := range args {
		if strings.Contains(a, "\x00") {
			return nil, fmt.Errorf("%q has a zero byte: it cannot be handed to a program", a)
		}
	}
	return args, nil
}

// bind checks one Bind. A place in the tree itself is left to the helper.
func (j *job) bind(b Bind) (string, error) {
	inside := path.Clean(b.Inside)
	if !filepath.IsAbs(b.Host) || !path.IsAbs(inside) || inside == "/" {
		return "", fmt.Errorf("showing %q at %q in the sandbox: both must be absolute", b.Host, b.Inside)
	}
	if _, err := os.Stat(b.Host); err != nil {
		return "", fmt.Errorf("showing a file in the sandbox: %w", err)
	}
	if !strings.HasPrefix(inside, "/run/") && !strings.HasPrefix(inside, "/tmp/") {
		j.limits.NeedPaths = append(j.limits.NeedPaths, inside)
	}
	return inside, nil
}

// duration of a reply.
func (r *runReply) duration() time.Duration { return time.Duration(r.Nanos) }
