//go:build !arm64 && !riscv64 && !loong64

package sandbox

import "golang.org/x/sys/unix"

// chownCalls are all calls that give a file away.
func chownCalls() []uint32 {
	return []uint32{unix.SYS_CHOWN, unix.SYS_LCHOWN, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT}
}

// chownTarget tells which file a call means.
func chownTarget(call int32, args [6]uint64) (t target, ok bool) {
	switch call {
	case unix.SYS_CHOWN:
		return target{dirFD: unix.AT_FDCWD, path: args[0], uid: uint32(args[1]), gid: uint32(args[2])}, true
	case unix.SYS_LCHOWN:
		return target{dirFD: unix.AT_FDCWD, path: args[0], uid: uint32(args[1]), gid: uint32(args[2]), flags: unix.AT_SYMLINK_NOFOLLOW}, true
	}
	return commonTarget(call, args)
}
