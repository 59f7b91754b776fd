//go:build amd64

// Package syscalltest runs a program and makes its n-th change of the file
// system fail, or kills it there: the program under test has no seam for it,
// and nothing that it writes is missed, whichever package writes it.
//
// It traces every thread of the program with ptrace(2). Only tests import it,
// and it knows the registers of amd64 alone.
package syscalltest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Fault is what happens to a program. The zero Fault only counts.
type Fault struct {
	At    int           // which change of the file system it happens at; the first is 1
	Errno syscall.Errno // what the call returns, undone; 0: the program is killed instead
	Stays bool          // every later change fails, too, as on a disk that is full or gone
}

// Outcome is how the program ended.
type Outcome struct {
	Changes int             // how many there were
	Hit     string          // the call that the fault happened at; "" when there were fewer
	Status  unix.WaitStatus // of the program
	Output  string          // both streams
}

// OK reports whether the program ended well.
func (o *Outcome) OK() bool { return o.Status.Exited() && o.Status.ExitStatus() == 0 }

// Run runs a program that was not started to its end. The programs that it
// starts are left alone.
func Run(cmd *exec.Cmd, fault Fault) (_ *Outcome, err error) {
	output, err := os.CreateTemp("", "syscalltest-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, output.Close(), os.Remove(output.Name())) }()
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}

	t := &tracer{fault: fault, known: map[int]bool{}, failing: map[int]bool{}}
	failed := make(chan error)
	go func() { // ptrace wants one thread; it ends with the goroutine
		runtime.LockOSThread()
		failed <- t.run(cmd)
	}()
	if err := <-failed; err != nil {
		return nil, fmt.Errorf("tracing %s: %w", cmd.Path, err)
	}
	text, err := os.ReadFile(output.Name())
	t.outcome.Output = string(text)
	return &t.outcome, err
}

type tracer struct {
	fault   Fault
	pid     int
	known   map[int]bool // threads that have begun
	failing map[int]bool // threads whose present call shall fail
	outcome Outcome
}

func (t *tracer) run(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	t.pid = cmd.Process.Pid
	var status unix.WaitStatus
	if _, err := unix.Wait4(t.pid, &status, unix.WALL, nil); err != nil {
		return err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.pid, options); err != nil {
		return err
	}
	t.known[t.pid] = true
	if err := unix.PtraceSyscall(t.pid, 0); err != nil {
		return err
	}
	for {
		thread, err := unix.Wait4(-t.pid, &status, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case !status.Stopped() && thread == t.pid:
			t.outcome.Status = status
			return cmd.Process.Release()
		case !status.Stopped():
			continue
		}
		// A thread may die at any time: of SIGKILL, or with the program.
		if err := t.stopped(thread, status); err != nil && err != unix.ESRCH {
			return errors.Join(err, unix.Kill(t.pid, unix.SIGKILL))
		}
	}
}

// stopped deals with a thread that stopped, and lets it go on.
func (t *tracer) stopped(thread int, status unix.WaitStatus) error {
	deliver := 0
	switch sig := status.StopSignal(); {
	case sig == unix.SIGTRAP|0x80:
		if err := t.call(thread); err != nil {
			return err
		}
	case sig == unix.SIGTRAP:
	case sig == unix.SIGSTOP && !t.known[thread]:
		t.known[thread] = true
	default:
		deliver = int(sig)
	}
	return unix.PtraceSyscall(thread, deliver)
}

// call sees a thread enter or leave a system call.
func (t *tracer) call(thread int) error {
	info, err := callInfo(thread)
	if err != nil {
		return err
	}
	if info.op == opExit && t.failing[thread] {
		delete(t.failing, thread)
		return failCall(thread, t.fault.Errno)
	}
	if info.op != opEntry {
		return nil
	}
	name := t.change(info)
	if name == "" {
		return nil
	}
	t.outcome.Changes++
	switch {
	case t.outcome.Changes == t.fault.At:
		t.outcome.Hit = name
	case t.outcome.Hit == "" || !t.fault.Stays:
		return nil
	}
	if t.fault.Errno == 0 {
		return unix.Kill(t.pid, unix.SIGKILL)
	}
	t.failing[thread] = true
	return skipCall(thread)
}

// change names the call if it changes the file system.
func (t *tracer) change(info *syscallInfo) string {
	name := changes[info.nr]
	switch {
	case name == "openat" && info.args[2]&unix.O_CREAT == 0:
		return ""
	case onFile[info.nr] && !t.isFile(info.args[0]):
		return ""
	}
	return name
}

// isFile tells a file or folder from sockets, pipes and the like, and from
// the streams of the program.
func (t *tracer) isFile(fd uint64) bool {
	if int32(fd) <= 2 {
		return false
	}
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, int32(fd)))
	return err == nil && strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "/dev/")
}
