package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// killGrace is how long a helper may take to end a run before it is ended itself.
const killGrace = 15 * time.Second

// A peer is the helper process, as the one who uses the sandbox sees it.
type peer struct {
	conn   *net.UnixConn
	cmd    *exec.Cmd
	stderr bytes.Buffer // to be read after ended
	ended  chan struct{}
	seq    uint64
}

// startPeer starts the helper in new namespaces.
func startPeer(opts Options) (*peer, idMap, error) {
	m := chooseMap(opts)
	p, err := startMapped(opts, m)
	if err != nil && m.newuidmap != "" {
		m = singleMap(err.Error())
		p, err = startMapped(opts, m)
	}
	return p, m, err
}

func startMapped(opts Options, m idMap) (*peer, error) {
	conn, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("making a socket for the sandbox: %w", err)
	}
	defer theirs.Close()
	p := &peer{conn: conn, ended: make(chan struct{})}
	p.cmd = &exec.Cmd{Path: "/proc/self/exe", Args: []string{helperName, stageServe}, Env: []string{}, Dir: "/",
		Stderr: &p.stderr, ExtraFiles: []*os.File{theirs}}
	if len(opts.Self) > 0 {
		p.cmd.Path = opts.Self[0]
		p.cmd.Args = append(append([]string{}, opts.Self...), p.cmd.Args...)
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID, Setsid: true,
	}
	if m.newuidmap == "" {
		p.cmd.SysProcAttr.UidMappings, p.cmd.SysProcAttr.GidMappings = m.uids, m.gids
		p.cmd.SysProcAttr.GidMappingsEnableSetgroups = m.setgroups
		err = p.cmd.Start()
	} else {
		err = p.startWaiting(m)
	}
	if err != nil {
		conn.Close()
		return nil, explainNamespace(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // what went wrong, the closed socket tells
	}()
	return p, nil
}

// startWaiting starts the helper without ids; it waits until they are written.
func (p *peer) startWaiting(m idMap) error {
	wait, ready, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	defer wait.Close()
	p.cmd.Args[len(p.cmd.Args)-1] = stageWait
	p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, wait)
	if err := p.cmd.Start(); err != nil {
		return err
	}
	err = m.write(p.cmd.Process.Pid)
	if err == nil {
		_, err = ready.Write([]byte{1})
	}
	if err != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
	return err
}

func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	theirs := os.NewFile(uintptr(fds[1]), "socket")
	conn, err := fileConn(fds[0])
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn, theirs, nil
}

func fileConn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("not a local socket")
	}
	return u, nil
}

// call sends a request and waits for its reply. The files are closed. When ctx
// ends, the helper is told to end the run, and ended itself when it does not.
func (p *peer) call(ctx context.Context, r request, files ...*os.File) (reply, error) {
	p.seq++
	r.Seq = p.seq
	err := send(p.conn, r, files...)
	closeAll(files)
	if err != nil {
		return reply{}, p.lost(err)
	}
	var force *time.Timer
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		force = time.AfterFunc(killGrace, func() { _ = p.cmd.Process.Kill() })
		_ = send(p.conn, request{Op: opKill, Seq: r.Seq})
	})
	var answer reply
	got, err := receive(p.conn, &answer)
	closeAll(got)
	if !stop() {
		<-told
		force.Stop()
	}
	if err != nil {
		return reply{}, p.lost(err)
	}
	return answer, nil
}

// lost says what is known of a helper that does not answer.
func (p *peer) lost(err error) error {
	p.end()
	if text := bytes.TrimSpace(p.stderr.Bytes()); len(text) > 0 {
		return fmt.Errorf("the sandbox's helper ended: %s", text[:min(len(text), 2000)])
	}
	return fmt.Errorf("the sandbox's helper ended (%v): %w", p.cmd.ProcessState, err)
}

// end closes the socket, whereupon the helper ends, and waits for that.
func (p *peer) end() {
	p.conn.Close()
	force := time.AfterFunc(killGrace, func() { _ = p.cmd.Process.Kill() })
	<-p.ended
	force.Stop()
}

// kill ends a helper that has nothing left to do; all its processes go with it.
func (p *peer) kill() {
	_ = p.cmd.Process.Kill() // it has ended already
	p.end()
}
