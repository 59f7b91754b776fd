package sandbox

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The offsets of struct seccomp_data's first fields.
const (
	dataNumber = 0
	dataArch   = 4
)

const (
	answerOK   = unix.SECCOMP_RET_ERRNO // with the error 0: done, says the kernel, without doing it
	answerEPRM = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
)

// buildFilter makes the filter of system calls for programs of the tree. Calls
// of another architecture pass.
//
//	always       keyctl, add_key, request_key  fail: keys are the host's
//	             sync                          does nothing: it would flush the host's disks
//	with record  set*uid, set*gid, setgroups   do nothing: there is one id
//	             chown and its kin             are asked of the helper
func buildFilter(record bool) []unix.SockFilter {
	type rule struct {
		calls  []uint32
		action uint32
	}
	rules := []rule{
		{[]uint32{unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY}, answerEPRM},
		{[]uint32{unix.SYS_SYNC}, answerOK},
	}
	if record {
		rules = append(rules, rule{setIDCalls(), answerOK}, rule{chownCalls(), unix.SECCOMP_RET_USER_NOTIF})
	}
	prog := []unix.SockFilter{
		load(dataArch),
		jumpEqual(auditArch(), 1, 0),
		ret(unix.SECCOMP_RET_ALLOW),
		load(dataNumber),
	}
	for _, r := range rules {
		for _, call := range r.calls {
			prog = append(prog, jumpEqual(call, 0, 1), ret(r.action))
		}
	}
	return append(prog, ret(unix.SECCOMP_RET_ALLOW))
}

// auditArch is the kernel's number of this architecture; 0 when none is known here.
func auditArch() uint32 {
	switch runtime.GOARCH {
	case "amd64":
		return unix.AUDIT_ARCH_X86_64
	case "arm64":
		return unix.AUDIT_ARCH_AARCH64
	case "ppc64le":
		return unix.AUDIT_ARCH_PPC64LE
	case "s390x":
		return unix.AUDIT_ARCH_S390X
	case "riscv64":
		return unix.AUDIT_ARCH_RISCV64
	case "loong64":
		return unix.AUDIT_ARCH_LOONGARCH64
	}
	return 0
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func jumpEqual(k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jt: yes, Jf: no}
}

func ret(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}

func setIDCalls() []uint32 {
	return []uint32{unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID,
		unix.SYS_SETRESGID, unix.SYS_SETFSUID, unix.SYS_SETFSGID, unix.SYS_SETGROUPS}
}

// installFilter filters the calls of this thread, and of what it starts. The
// listener is -1 when no rule asks.
func installFilter(prog []unix.SockFilter, listen bool) (listener int, err error) {
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	if !listen {
		_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&fprog)))
		runtime.KeepAlive(prog)
		if errno != 0 {
			return -1, errno
		}
		return -1, nil
	}
	for _, flags := range []uintptr{
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, // before Linux 5.19
	} {
		fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&fprog)))
		runtime.KeepAlive(prog)
		if errno == 0 {
			return int(fd), nil
		}
		if err = errno; errno != unix.EINVAL {
			break
		}
	}
	return -1, err
}
