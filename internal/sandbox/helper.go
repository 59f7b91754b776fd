package sandbox

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// How a process is told to be the helper: the name as its first or last but one
// argument, then a stage.
const (
	helperName = "treewright-sandbox"
	stageServe = "serve" // answer requests on descriptor 3
	stageWait  = "wait"  // before that, wait on descriptor 4 until ids are mapped
)

// Helper is called first of all in main, with os.Args. When this process was
// started as a sandbox's helper it does that, and ok is true: the caller exits
// with code.
func Helper(args []string) (code int, ok bool) {
	n := len(args)
	if n < 2 || args[n-2] != helperName {
		return 0, false
	}
	err := errors.New("it is started by treewright itself only")
	switch args[n-1] {
	case stageServe:
		// Here kill(-1) means the processes of one sandbox; elsewhere, all of a user.
		if os.Getpid() == 1 {
			err = serve()
		}
	case stageWait:
		err = waitForIDs(slices.Clone(args))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", helperName, err)
		return 1, true
	}
	return 0, true
}

// waitForIDs executes this program again once its ids are mapped: a program that
// is executed before loses the capabilities in its namespace.
func waitForIDs(args []string) error {
	ready := os.NewFile(4, "ready")
	if _, err := io.ReadFull(ready, make([]byte, 1)); err != nil {
		return fmt.Errorf("waiting for the ids: %w", err)
	}
	ready.Close()
	args[len(args)-1] = stageServe
	return syscall.Exec("/proc/self/exe", args, []string{})
}

// A helper is the first process of its user, mount and process namespaces: when
// it ends, whatever way, the kernel ends all the others and the mounts.
type helper struct {
	conn   *net.UnixConn
	setup  setup
	owners *owners // nil in a full mapping
	filter []unix.SockFilter
	disk   diskUse

	mu      sync.Mutex
	running uint64 // the number of the run, 0 between runs
	killed  bool   // by opKill
}

func serve() error {
	conn, err := fileConn(3)
	if err != nil {
		return fmt.Errorf("reading descriptor 3: %w", err)
	}
	// What the caller itself was started with is not for programs of the tree.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("keeping open files to this process: %w: this needs Linux 5.11 or later", err)
	}
	// No key of the caller's session is to be seen. A kernel without keys has none.
	_, _ = unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	unix.Umask(0o022)
	h := &helper{conn: conn}
	err = h.loop()
	if h.setup.Dir != "" {
		// The caller is gone without Close: nobody else may remove this.
		h.killAll()
		h.reap()
		_ = h.remove(h.setup.Dir)
		_ = os.Remove(h.setup.Dir)
	}
	return err
}

// loop answers requests until the caller closes the socket.
func (h *helper) loop() error {
	var working sync.WaitGroup
	for {
		var r request
		files, err := receive(h.conn, &r)
		if err != nil {
			h.kill(h.current())
			working.Wait()
			if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
				return nil
			}
			return err
		}
		if r.Op == opKill {
			h.kill(r.Seq)
			continue
		}
		working.Wait() // the one before has been answered: its files are being closed
		if r.Op == opRun {
			h.begin(r.Seq) // from here on opKill means it
		}
		working.Go(func() {
			defer closeAll(files)
			_ = send(h.conn, h.answer(r, files)) // the caller is gone: loop notices
		})
	}
}

func (h *helper) answer(r request, files []*os.File) reply {
	var answer reply
	var err error
	switch {
	case r.Op == opSetup && r.Setup != nil:
		err = h.mount(*r.Setup)
	case r.Op == opRun && r.Limits != nil && len(files) >= 4:
		answer.Run, err = h.run(*r.Limits, files)
		h.finish()
	case r.Op == opChanges && len(files) == 1:
		err = h.changes(files[0])
	case r.Op == opRemove:
		if err = h.remove(r.Dir); err == nil {
			h.setup.Dir = ""
		}
	default:
		err = fmt.Errorf("a request %q with %d files", r.Op, len(files))
	}
	if err != nil {
		answer.Err = err.Error()
		errors.As(err, &answer.Errno)
	}
	return answer
}

func (h *helper) begin(seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running, h.killed = seq, false
}

func (h *helper) finish() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running = 0
}

func (h *helper) isKilled() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.killed
}

func (h *helper) current() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running
}

// kill ends the run seq when it is still going on.
func (h *helper) kill(seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if seq != 0 && h.running == seq {
		h.killed = true
		h.killAll()
	}
}

// killAll ends every process but this one.
func (h *helper) killAll() {
	if os.Getpid() == 1 {
		_ = unix.Kill(-1, unix.SIGKILL)
	}
}
