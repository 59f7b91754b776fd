package sandbox

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioctlIDValid is SECCOMP_IOCTL_NOTIF_ID_VALID.
const ioctlIDValid = 0x40082102

// notification is struct seccomp_notif of linux/seccomp.h.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	call  int32
	arch  uint32
	ip    uint64
	args  [6]uint64
	_     [64]byte // for what later kernels may add
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	val   int64
	err   int32
	flags uint32
}

// target is the file that a call means, and who it is given to.
type target struct {
	dirFD    int32
	path     uint64 // where the path is in the caller's memory
	whole    bool   // there is no path: dirFD is meant
	uid, gid uint32
	flags    int
}

func commonTarget(call int32, args [6]uint64) (target, bool) {
	switch call {
	case unix.SYS_FCHOWN:
		return target{dirFD: int32(args[0]), whole: true, uid: uint32(args[1]), gid: uint32(args[2])}, true
	case unix.SYS_FCHOWNAT:
		return target{dirFD: int32(args[0]), path: args[1], uid: uint32(args[2]), gid: uint32(args[3]), flags: int(int32(args[4]))}, true
	}
	return target{}, false
}

// supervise answers the calls that the filter asks about, until stop is readable.
func (o *owners) supervise(listener int, stop *os.File) {
	fds := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}, {Fd: int32(stop.Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if fds[1].Revents != 0 || fds[0].Revents&^unix.POLLIN != 0 {
			return
		}
		if fds[0].Revents&unix.POLLIN == 0 {
			continue
		}
		var n notification
		if err := ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); err != nil {
			continue // the caller was killed meanwhile
		}
		r := response{id: n.id}
		var errno unix.Errno
		if err := o.answer(listener, &n); errors.As(err, &errno) {
			r.err = -int32(errno)
		} else if err != nil {
			r.err = -int32(unix.EIO)
		}
		_ = ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)) // likewise
	}
}

func ioctl(fd int, number uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), number, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

func (o *owners) answer(listener int, n *notification) error {
	t, ok := chownTarget(n.call, n.args)
	if !ok {
		return unix.ENOSYS
	}
	fd, err := t.open(int(n.pid))
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// The number of a process that has ended may be another's by now.
	if err := ioctl(listener, ioctlIDValid, unsafe.Pointer(&n.id)); err != nil {
		return err
	}
	return o.give(fd, t.uid, t.gid)
}

// open opens what the process pid means by t, as a handle only.
func (t target) open(pid int) (int, error) {
	var path string
	var err error
	if !t.whole {
		if path, err = readString(pid, uintptr(t.path)); err != nil {
			return -1, err
		}
		if path == "" && t.flags&unix.AT_EMPTY_PATH == 0 {
			return -1, unix.ENOENT
		}
	}
	base := fmt.Sprintf("/proc/%d/cwd", pid)
	if t.dirFD != unix.AT_FDCWD {
		base = fmt.Sprintf("/proc/%d/fd/%d", pid, t.dirFD)
	}
	if path == "" {
		return openHandle(base)
	}
	if m := descriptorPath.FindStringSubmatch(path); m != nil && t.flags&unix.AT_SYMLINK_NOFOLLOW == 0 {
		return openHandle(fmt.Sprintf("/proc/%d/fd/%s", pid, m[1]))
	}
	rootLink := fmt.Sprintf("/proc/%d/root", pid)
	if path[0] != '/' {
		if path, err = underBase(rootLink, base, path); err != nil {
			return -1, err
		}
	}
	root, err := openHandle(rootLink)
	if err != nil {
		return -1, err
	}
	defer unix.Close(root)
	return openInRoot(root, path, t.flags&unix.AT_SYMLINK_NOFOLLOW)
}

// descriptorPath are the names of a process's own open files, which mean nothing
// to another one.
var descriptorPath = regexp.MustCompile(`^/(?:proc/(?:self|thread-self|[0-9]+)/fd|dev/fd)/([0-9]{1,9})$`)

// underBase makes the path relative to the folder base one from the process's root.
func underBase(rootLink, base, path string) (string, error) {
	root, err := unixReadlink(rootLink)
	if err != nil {
		return "", err
	}
	dir, err := unixReadlink(base)
	if err != nil {
		return "", unix.EBADF
	}
	if root != "/" {
		rest, ok := strings.CutPrefix(dir, root)
		if !ok || rest != "" && rest[0] != '/' {
			return "", unix.ENOENT
		}
		dir = rest
	}
	if strings.HasPrefix(dir, "pipe:") || strings.HasPrefix(dir, "socket:") {
		return "", unix.ENOTDIR
	}
	return dir + "/" + path, nil
}

func openHandle(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return -1, unix.EBADF
	}
	return fd, err
}

func openInRoot(root int, path string, noFollow int) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	if noFollow != 0 {
		how.Flags |= unix.O_NOFOLLOW
	}
	for range 100 {
		fd, err := unix.Openat2(root, path, &how)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
	return -1, unix.EAGAIN
}

// readString reads a path from the memory of a process.
func readString(pid int, addr uintptr) (string, error) {
	page := uintptr(os.Getpagesize())
	var path []byte
	for len(path) < unix.PathMax {
		chunk := make([]byte, min(page-addr%page, unix.PathMax))
		local := []unix.Iovec{{Base: &chunk[0]}}
		local[0].SetLen(len(chunk))
		n, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: addr, Len: len(chunk)}}, 0)
		if err != nil {
			return "", err
		}
		if before, _, ok := strings.Cut(string(chunk[:n]), "\x00"); ok {
			return string(path) + before, nil
		}
		if n == 0 {
			return "", unix.EFAULT
		}
		path = append(path, chunk[:n]...)
		addr += uintptr(n)
	}
	return "", unix.ENAMETOOLONG
}

// pidOf is the process that a name in /proc means, 0 for other names.
func pidOf(name string) int {
	pid, err := strconv.Atoi(name)
	if err != nil {
		return 0
	}
	return pid
}
