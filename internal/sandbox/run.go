package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Descriptors that bwrap gets.
const (
	fdArgs   = 3 + iota // its arguments
	fdEmpty             // an empty file
	fdStatus            // where it tells that the program has been started
	fdScript
)

// watchInterval is how often a run's use of the disk and processes is looked at.
const watchInterval = 50 * time.Millisecond

// run runs one program in bwrap. Files: command, arguments, stdin, output, script.
func (h *helper) run(l runLimits, files []*os.File) (*runReply, error) {
	started := monotonic()
	command, err := io.ReadAll(files[0])
	if err != nil {
		return nil, fmt.Errorf("reading what to run: %w", err)
	}
	if err := checkMountPoints(filepath.Join(h.setup.Dir, mergedDir)); err != nil {
		return nil, err
	}
	for _, path := range l.NeedPaths {
		if err := h.checkPlain(path); err != nil {
			return nil, err
		}
	}
	empty, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer empty.Close()
	status, statusW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer status.Close()
	defer statusW.Close()
	cmd := &exec.Cmd{Path: h.setup.Bubblewrap, Args: append([]string{"bwrap", "--args", fmt.Sprint(fdArgs), "--"}, strings.Split(string(command), "\x00")...),
		Env: []string{}, Dir: "/", Stdin: files[2], Stdout: files[3], Stderr: files[3],
		ExtraFiles: append([]*os.File{files[1], empty, statusW}, files[4:]...)}
	answer := &runReply{}
	err = h.execute(cmd, l, answer, func() { statusW.Close(); closeAll(files) })
	if err != nil {
		return nil, err
	}
	answer.Nanos = monotonic() - started
	answer.Started = toldStart(status)
	answer.Exit = exitStatus(cmd.ProcessState)
	answer.DiskFull = answer.DiskFull || answer.Exit == 128+int(unix.SIGXFSZ)
	return answer, nil
}

// execute starts cmd and waits until no process of it is left. It calls
// afterStart when cmd has its descriptors.
func (h *helper) execute(cmd *exec.Cmd, l runLimits, answer *runReply, afterStart func()) error {
	listener, err := h.startFiltered(cmd)
	afterStart()
	if err != nil {
		return err
	}
	if listener >= 0 {
		defer h.supervise(listener)()
	}
	setLimits(cmd.Process.Pid, l)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // ProcessState tells
	}()
	h.watch(done, l, answer)
	if !answer.TimedOut && !answer.DiskFull && !answer.TooMany {
		answer.Leftover = leftovers()
		answer.DiskFull = h.disk.over(l.MaxDisk, false)
	}
	h.killAll()
	return h.reap()
}

// startFiltered starts cmd on a thread that has the filter of system calls. A
// filter cannot be taken off: the thread ends then. What is waiting at the
// listener is the program's calls to answer; it is -1 when there are none.
func (h *helper) startFiltered(cmd *exec.Cmd) (listener int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if listener, err = installFilter(h.filter, h.owners != nil); err != nil {
			err = fmt.Errorf("filtering system calls: %w: this needs Linux 5.5 or later with CONFIG_SECCOMP_FILTER", err)
			return
		}
		if err = cmd.Start(); err != nil {
			err = fmt.Errorf("starting %s: %w", cmd.Path, err)
			if listener >= 0 {
				unix.Close(listener)
			}
		}
	}()
	<-done
	return listener, err
}

// supervise starts to answer at the listener; the result ends that.
func (h *helper) supervise(listener int) (stop func()) {
	r, w, err := os.Pipe()
	if err != nil {
		unix.Close(listener) // calls fail with ENOSYS, which programs report
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.owners.supervise(listener, r)
	}()
	return func() {
		w.Close()
		<-done
		r.Close()
		unix.Close(listener)
	}
}

// watch waits for done, and ends everything when a limit is reached before.
func (h *helper) watch(done <-chan struct{}, l runLimits, answer *runReply) {
	timeout := time.NewTimer(time.Duration(l.TimeoutMillis) * time.Millisecond)
	defer timeout.Stop()
	look := time.NewTicker(watchInterval)
	defer look.Stop()
	if h.isKilled() { // before there was something to kill
		h.killAll()
	}
	for {
		select {
		case <-done:
			return
		case <-timeout.C:
			answer.TimedOut = true
		case <-look.C:
			answer.DiskFull = h.disk.over(l.MaxDisk, true)
			answer.TooMany = !answer.DiskFull && len(processes()) > l.MaxProcesses
		}
		if answer.TimedOut || answer.DiskFull || answer.TooMany {
			h.killAll()
			<-done
			return
		}
	}
}

// reap waits for all that was killed. A process that hangs in the kernel is an
// error: the sandbox cannot be used any more.
func (h *helper) reap() error {
	for deadline := monotonic() + int64(killGrace)/2; ; {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return nil
		case pid > 0 || errors.Is(err, unix.EINTR):
		case monotonic() > deadline:
			return fmt.Errorf("processes that were killed do not end: %s", strings.Join(names(processes()), ", "))
		default:
			h.killAll() // one may have been forking
			time.Sleep(200 * time.Microsecond)
		}
	}
}

// threadsEach is how many threads are allowed for each process of MaxProcesses.
const threadsEach = 8

// openFiles is how many files a program may have open, as on most systems: some
// programs close all that there could be.
const openFiles = 1024

// setLimits limits bwrap, and thereby what it starts, but not this process. The
// hard limits stay. Root's processes are not counted: watch looks at those.
func setLimits(pid int, l runLimits) {
	for _, limit := range []struct {
		resource int
		soft     int64
	}{{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_NOFILE, openFiles}, {unix.RLIMIT_FSIZE, l.MaxDisk}, {unix.RLIMIT_NPROC, int64(l.MaxProcesses+threadsEach) * threadsEach}} {
		var r unix.Rlimit
		if unix.Prlimit(pid, limit.resource, nil, &r) == nil {
			r.Cur = min(uint64(limit.soft), r.Max)
			_ = unix.Prlimit(pid, limit.resource, &r, nil) // it has ended already
		}
	}
}

// toldStart reads bwrap's status: it has an exit code once the program ran.
func toldStart(status io.Reader) bool {
	data, _ := io.ReadAll(io.LimitReader(status, 1<<16))
	return bytes.Contains(data, []byte(`"exit-code"`))
}

func exitStatus(state *os.ProcessState) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return state.ExitCode()
}

func monotonic() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail
	return ts.Nano()
}

// checkPlain refuses a mount point that is not there, or behind a symbolic link:
// bwrap would make it, or follow the link out of the tree.
func (h *helper) checkPlain(path string) error {
	root, err := openHandle(h.setup.Dir + "/" + mergedDir)
	if err != nil {
		return err
	}
	defer unix.Close(root)
	fd, err := unix.Openat2(root, path, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS})
	if err != nil {
		return fmt.Errorf("%s of the tree: %w: a file of the host can be shown below /run or /tmp, or at a path "+
			"that is there and not behind a symbolic link", path, err)
	}
	return unix.Close(fd)
}
