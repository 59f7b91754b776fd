//go:build arm64 || riscv64 || loong64

package sandbox

import "golang.org/x/sys/unix"

// chownCalls are all calls that give a file away.
func chownCalls() []uint32 { return []uint32{unix.SYS_FCHOWN, unix.SYS_FCHOWNAT} }

// chownTarget tells which file a call means.
func chownTarget(call int32, args [6]uint64) (t target, ok bool) { return commonTarget(call, args) }
