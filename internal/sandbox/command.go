package sandbox

import (
	"io"
	"time"
)

// Limits of a Command that does not say others.
const (
	DefaultTimeout      = 30 * time.Minute
	DefaultMaxOutput    = 256 << 10
	DefaultMaxDisk      = 16 << 30
	DefaultMaxProcesses = 4096
)

// Paths inside of the sandbox.
const (
	ScriptPath = "/run/treewright/script" // Command.Script
	SelfPath   = "/run/treewright/self"   // this program, for Command.Self
)

// A Command is one program to run in the tree, as its root, from its root folder.
type Command struct {
	// Args are the program, searched in the PATH of the sandbox, and its
	// arguments. With Self they are the arguments of our own binary.
	Args []string
	// Script, when not nil, is put into an executable file, whose path (ScriptPath)
	// follows Args, and then ScriptArgs. Without Args the file itself is run: by
	// /bin/sh when it has no "#!" line.
	Script []byte
	// ScriptArgs follow the path of the script.
	ScriptArgs []string
	// Self runs our own binary, bound read-only, instead of a program of the tree.
	Self bool
	// Env is added to the environment, NAME=value each. There is otherwise:
	// PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root SYSTEMD_OFFLINE=1.
	Env []string
	// Dir is the working folder; / by default.
	Dir string
	// Stdin is read to its end before the program starts. Nil is an empty one.
	Stdin io.Reader
	// Output, when not nil, is called with each line of standard output and
	// standard error as it comes, without its end; a longer one than 64 KiB comes
	// in pieces. The bytes are the function's until it returns.
	Output func(line []byte)
	// ReadOnly lets the program change nothing but /tmp and /run.
	ReadOnly bool
	// Binds show files or folders of the host inside, read-only.
	Binds []Bind
	// Timeout, MaxOutput, MaxDisk and MaxProcesses limit what the program uses;
	// 0 is the default above. MaxDisk counts what all commands together have
	// written into the tree, and each of /tmp, /run and /dev/shm by itself.
	Timeout      time.Duration
	MaxOutput    int64
	MaxDisk      int64
	MaxProcesses int
}

// A Bind shows Host, of the host, at Inside: below /run or /tmp, or at a path
// that is there in the tree.
type Bind struct{ Host, Inside string }

// A Result is how a program ended.
type Result struct {
	// Exit is the exit status. A program that a signal ended has 128 and its number.
	Exit int
	// Signal is the name of that signal ("SIGSEGV"), or "". A program that exits
	// with such a status by itself cannot be told apart.
	Signal string
	// TimedOut, DiskFull and TooMany tell which limit ended it: Timeout, MaxDisk
	// or MaxProcesses.
	TimedOut, DiskFull, TooMany bool
	// Leftover are the names of processes that were still there when the program
	// ended. They were killed.
	Leftover []string
	// Output is the end of what came on standard output and standard error.
	Output []byte
	// Truncated tells that Output lacks its beginning.
	Truncated bool
	// Duration is the time from start to end.
	Duration time.Duration
}

// OK tells that the program ended by itself, with success.
func (r *Result) OK() bool {
	return r.Exit == 0 && !r.TimedOut && !r.DiskFull && !r.TooMany
}
