package rpm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Flags of a capability.
const (
	capEffective = 1 << iota
	capInheritable
	capPermitted
)

// vfsCapRevision2 starts a security.capability value of 20 bytes, little
// endian: revision and effective bit, then permitted and inheritable, low words
// and high words:
//
//	u32 magic  u32 permitted[0]  u32 inheritable[0]  u32 permitted[1]  u32 inheritable[1]
//
// See linux/capability.h, struct vfs_cap_data.
const vfsCapRevision2 = 0x02000000

// maxCaps is how many capabilities a value has room for.
const maxCaps = 64

// capNames are the capabilities in the order of their numbers.
func capNames() []string {
	return []string{
		"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
		"linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
		"sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
		"sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
		"mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
		"checkpoint_restore",
	}
}

// ParseCaps turns the text of a file's capabilities, as File.Caps has it, into
// the value of its extended attribute security.capability; nil when there is no
// text. The text has clauses such as "cap_net_admin,cap_net_raw=ep" or
// "all=p cap_chown-p": see cap_from_text(3). "=" alone gives a value that grants
// nothing, as it does on a system that rpm installs.
func ParseCaps(text string) ([]byte, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var flags [maxCaps]uint8
	for _, clause := range strings.Fields(text) {
		if err := capClause(&flags, clause); err != nil {
			return nil, fmt.Errorf("capabilities %q: %w", text, err)
		}
	}
	var effective, permitted, inheritable uint64
	for i, f := range flags {
		bit := uint64(1) << i
		if f&capEffective != 0 {
			effective |= bit
		}
		if f&capPermitted != 0 {
			permitted |= bit
		}
		if f&capInheritable != 0 {
			inheritable |= bit
		}
	}
	magic := uint32(vfsCapRevision2)
	if effective != 0 {
		// A file has one effective bit for all of its capabilities.
		if effective != permitted|inheritable {
			return nil, fmt.Errorf("capabilities %q: effective must be given to all of them or to none", text)
		}
		magic |= 1
	}
	b := binary.LittleEndian.AppendUint32(nil, magic)
	for _, shift := range []int{0, 32} {
		b = binary.LittleEndian.AppendUint32(b, uint32(permitted>>shift))
		b = binary.LittleEndian.AppendUint32(b, uint32(inheritable>>shift))
	}
	return b, nil
}

// capClause applies one clause: a list of capabilities, then operators with
// their flags.
func capClause(flags *[maxCaps]uint8, clause string) error {
	op := strings.IndexAny(clause, "=+-")
	if op < 0 {
		return fmt.Errorf("%q has no operator", clause)
	}
	caps, err := capSet(clause[:op], clause[op] == '=')
	if err != nil {
		return err
	}
	for rest := clause[op:]; rest != ""; {
		end := strings.IndexAny(rest[1:], "=+-") + 1
		if end == 0 {
			end = len(rest)
		}
		bits, err := capFlags(rest[1:end])
		if err != nil {
			return fmt.Errorf("%q: %w", clause, err)
		}
		for i := range flags {
			if caps>>i&1 == 0 {
				continue
			}
			switch rest[0] {
			case '=':
				flags[i] = bits
			case '+':
				flags[i] |= bits
			case '-':
				flags[i] &^= bits
			}
		}
		rest = rest[end:]
	}
	return nil
}

// capSet returns the capabilities that a list names, one bit each. An empty
// list means all, but only to set them.
func capSet(list string, sets bool) (uint64, error) {
	names := capNames()
	all := uint64(1)<<len(names) - 1
	if list == "" && sets || strings.EqualFold(list, "all") {
		return all, nil
	}
	var set uint64
	for name := range strings.SplitSeq(list, ",") {
		lower := strings.ToLower(name)
		if lower == "all" {
			set |= all
			continue
		}
		n := -1
		if short, ok := strings.CutPrefix(lower, "cap_"); ok {
			n = slices.Index(names, short)
		} else if d, err := strconv.Atoi(name); err == nil && d < maxCaps {
			n = d
		}
		if n < 0 {
			return 0, fmt.Errorf("%q is no capability", name)
		}
		set |= 1 << n
	}
	return set, nil
}

func capFlags(s string) (uint8, error) {
	var bits uint8
	for _, c := range s {
		switch c {
		case 'e':
			bits |= capEffective
		case 'i':
			bits |= capInheritable
		case 'p':
			bits |= capPermitted
		default:
			return 0, errors.New("flags are e, i and p")
		}
	}
	return bits, nil
}
