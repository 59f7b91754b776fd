package syscalltest

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// syscallInfo is struct ptrace_syscall_info of the kernel (5.3 and newer).
type syscallInfo struct {
	op   uint8
	_    [3]uint8
	arch uint32
	ip   uint64
	sp   uint64
	nr   uint64
	args [6]uint64
	_    uint64
}

const (
	ptraceGetSyscallInfo = 0x420e

	opEntry = 1
	opExit  = 2
)

// changes are the calls that change the file system, onFile those of them
// whose first argument says on what.
var (
	changes = map[uint64]string{
		unix.SYS_OPENAT: "openat", unix.SYS_CREAT: "creat", unix.SYS_MKDIR: "mkdir", unix.SYS_MKDIRAT: "mkdirat",
		unix.SYS_RENAME: "rename", unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat2",
		unix.SYS_LINK: "link", unix.SYS_LINKAT: "linkat", unix.SYS_SYMLINKAT: "symlinkat",
		unix.SYS_UNLINK: "unlink", unix.SYS_RMDIR: "rmdir", unix.SYS_UNLINKAT: "unlinkat",
		unix.SYS_CHMOD: "chmod", unix.SYS_FCHMODAT: "fchmodat", unix.SYS_FCHMODAT2: "fchmodat2", unix.SYS_UTIMENSAT: "utimensat",
		unix.SYS_TRUNCATE: "truncate", unix.SYS_SYNC: "sync",
		unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "pwrite64", unix.SYS_WRITEV: "writev", unix.SYS_PWRITEV: "pwritev",
		unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_FALLOCATE: "fallocate", unix.SYS_FCHMOD: "fchmod", unix.SYS_FCHOWN: "fchown",
		unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_SYNCFS: "syncfs",
	}
	onFile = map[uint64]bool{
		unix.SYS_WRITE: true, unix.SYS_PWRITE64: true, unix.SYS_WRITEV: true, unix.SYS_PWRITEV: true,
		unix.SYS_FTRUNCATE: true, unix.SYS_FALLOCATE: true, unix.SYS_FCHMOD: true, unix.SYS_FCHOWN: true,
		unix.SYS_FSYNC: true, unix.SYS_FDATASYNC: true, unix.SYS_SYNCFS: true,
	}
)

func callInfo(thread int) (*syscallInfo, error) {
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(thread),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return nil, errno
	}
	return &info, nil
}

// skipCall turns the call that a thread enters into none.
func skipCall(thread int) error {
	return changeRegs(thread, func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) })
}

// failCall has the call that a thread leaves return an error.
func failCall(thread int, errno syscall.Errno) error {
	return changeRegs(thread, func(r *unix.PtraceRegs) { r.Rax = -uint64(errno) })
}

func changeRegs(thread int, change func(*unix.PtraceRegs)) error {
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(thread, &regs); err != nil {
		return err
	}
	change(&regs)
	return unix.PtraceSetRegs(thread, &regs)
}
