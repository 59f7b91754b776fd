package sandbox

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// What the one who uses a sandbox asks of its helper. Each request is one packet
// on a socket, with open files beside it; each but opKill has one reply.
const (
	opSetup   = "setup"   // mount the overlay
	opRun     = "run"     // files: program and arguments, bwrap's arguments, stdin, output, script
	opKill    = "kill"    // end the run Seq
	opChanges = "changes" // files: where the tar stream goes
	opRemove  = "remove"  // remove all in Dir
)

const (
	maxPacket = 64 << 10
	maxFiles  = 8
)

type request struct {
	Op     string
	Seq    uint64     `json:",omitempty"`
	Setup  *setup     `json:",omitempty"`
	Limits *runLimits `json:",omitempty"`
	Dir    string     `json:",omitempty"`
}

// setup is what the helper has to know of Options.
type setup struct {
	Lower, Dir, Bubblewrap string
	// Record is set in a mapping of one user: ownership is written down.
	Record bool
}

type runLimits struct {
	TimeoutMillis int64
	MaxDisk       int64
	MaxProcesses  int
	// NeedPaths must be there in the tree, without a symbolic link on the way.
	NeedPaths []string
}

type reply struct {
	Err   string        `json:",omitempty"`
	Errno syscall.Errno `json:",omitempty"` // of Err, when there is one
	Run   *runReply     `json:",omitempty"`
}

type runReply struct {
	Exit                        int
	TimedOut, DiskFull, TooMany bool
	Started                     bool // bwrap could start the program
	Leftover                    []string
	Nanos                       int64
}

func send(conn *net.UnixConn, v any, files ...*os.File) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(data) > maxPacket {
		return fmt.Errorf("a message of %d bytes", len(data))
	}
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	_, _, err = conn.WriteMsgUnix(data, rights, nil)
	return err
}

// receive reads one packet into v. The files are the caller's to close.
func receive(conn *net.UnixConn, v any) ([]*os.File, error) {
	data, oob := make([]byte, maxPacket), make([]byte, unix.CmsgSpace(4*maxFiles))
	n, oobn, flags, _, err := conn.ReadMsgUnix(data, oob)
	if err != nil {
		return nil, err
	}
	files := filesOf(oob[:oobn])
	if n == 0 && len(files) == 0 {
		return nil, net.ErrClosed
	}
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		err = fmt.Errorf("a message that is too long")
	} else {
		err = json.Unmarshal(data[:n], v)
	}
	if err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

func filesOf(oob []byte) (files []*os.File) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
