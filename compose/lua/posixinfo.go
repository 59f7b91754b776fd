package lua

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"
)

// field is one fact of a function that takes a selector.
type field struct {
	name  string
	value lua.LValue
}

func num[T int | int32 | int64 | uint32 | uint64 | float64](v T) lua.LValue { return lua.LNumber(v) }

// selection gives the fact that argument n asks for, or all in a table.
func (m *machine) selection(L *lua.LState, n int, info string, names []string, get func() ([]field, error)) int {
	selector := L.OptString(n, "")
	if L.GetTop() >= n && !slices.Contains(names, selector) {
		L.ArgError(n, "invalid option '"+selector+"'")
	}
	return m.values(L, info, func() ([]lua.LValue, error) {
		fields, err := get()
		if err != nil || fields == nil {
			return one(lua.LNil), err
		}
		t := L.NewTable()
		for _, f := range fields {
			if f.name == selector {
				return one(f.value), nil
			}
			t.RawSetString(f.name, f.value)
		}
		return one(t), nil
	})
}

func (m *machine) posixStat(L *lua.LState) int {
	path := L.CheckString(1)
	names := []string{"mode", "ino", "dev", "nlink", "uid", "gid", "size", "atime", "mtime", "ctime", "type", "_mode"}
	return m.selection(L, 2, path, names, func() ([]field, error) {
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return nil, err
		}
		return []field{
			{"mode", lua.LString(modeText(st.Mode))}, {"ino", num(st.Ino)}, {"dev", num(st.Dev)},
			{"nlink", num(int64(st.Nlink))}, {"uid", num(st.Uid)}, {"gid", num(st.Gid)}, {"size", num(st.Size)},
			{"atime", num(int64(st.Atim.Sec))}, {"mtime", num(int64(st.Mtim.Sec))}, {"ctime", num(int64(st.Ctim.Sec))},
			{"type", lua.LString(fileType(st.Mode))}, {"_mode", num(st.Mode)},
		}, nil
	})
}

func fileType(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "regular"
	case unix.S_IFLNK:
		return "link"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFCHR:
		return "character device"
	case unix.S_IFBLK:
		return "block device"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	}
	return "?"
}

// account reads the line of a passwd or group file whose name or id is key.
func account(path, key string, byID bool) []string {
	data, err := readLimited(path, 16<<20)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) >= 4 && (!byID && fields[0] == key || byID && fields[2] == key) {
			return fields
		}
	}
	return nil
}

// accountID gives the id of a number or name; -1 when there is none.
func accountID(path string, v lua.LValue) int {
	if n, ok := toNumber(v); ok {
		return int(n)
	}
	if name, ok := v.(lua.LString); ok {
		if fields := account(path, string(name), false); fields != nil {
			if id, err := strconv.Atoi(fields[2]); err == nil {
				return id
			}
		}
	}
	return -1
}

// accountKey gives what to search for: a number is an id.
func accountKey(L *lua.LState) (key string, byID bool) {
	v := L.Get(1)
	if v == lua.LNil {
		return strconv.Itoa(os.Geteuid()), true
	}
	if n, ok := toNumber(v); ok {
		return strconv.Itoa(int(n)), true
	}
	if v.Type() != lua.LTString {
		L.ArgError(1, "string or number expected, got "+v.Type().String())
	}
	return v.String(), false
}

func (m *machine) posixGetpasswd(L *lua.LState) int {
	key, byID := accountKey(L)
	names := []string{"name", "uid", "gid", "dir", "shell", "gecos", "passwd"}
	return m.selection(L, 2, "", names, func() ([]field, error) {
		p := account("/etc/passwd", key, byID)
		if len(p) < 7 {
			return nil, nil
		}
		uid, _ := strconv.Atoi(p[2])
		gid, _ := strconv.Atoi(p[3])
		return []field{{"name", lua.LString(p[0])}, {"uid", num(uid)}, {"gid", num(gid)}, {"dir", lua.LString(p[5])},
			{"shell", lua.LString(p[6])}, {"gecos", lua.LString(p[4])}, {"passwd", lua.LString(p[1])}}, nil
	})
}

func (m *machine) posixGetgroup(L *lua.LState) int {
	if L.Get(1) == lua.LNil {
		L.ArgError(1, "string or number expected, got no value")
	}
	key, byID := accountKey(L)
	return m.values(L, "", func() ([]lua.LValue, error) {
		g := account("/etc/group", key, byID)
		if g == nil {
			return one(lua.LNil), nil
		}
		gid, _ := strconv.Atoi(g[2])
		t := L.NewTable()
		t.RawSetString("name", lua.LString(g[0]))
		t.RawSetString("gid", num(gid))
		for _, member := range strings.Split(g[3], ",") {
			if member != "" {
				t.Append(lua.LString(member))
			}
		}
		return one(t), nil
	})
}

func (m *machine) posixGetlogin(L *lua.LState) int {
	L.Push(lua.LNil)
	return 1
}

func (m *machine) posixTtyname(L *lua.LState) int {
	L.Push(lua.LNil)
	return 1
}

func (m *machine) posixSetuid(L *lua.LState) int {
	v := L.Get(1)
	return m.result(L, "", func() error { return unix.Setuid(accountID("/etc/passwd", v)) })
}

func (m *machine) posixSetgid(L *lua.LState) int {
	v := L.Get(1)
	return m.result(L, "", func() error { return unix.Setgid(accountID("/etc/group", v)) })
}

func (m *machine) posixGetprocessid(L *lua.LState) int {
	names := []string{"egid", "euid", "gid", "uid", "pgrp", "pid", "ppid"}
	return m.selection(L, 1, "", names, func() ([]field, error) {
		return []field{{"egid", num(os.Getegid())}, {"euid", num(os.Geteuid())}, {"gid", num(os.Getgid())},
			{"uid", num(os.Getuid())}, {"pgrp", num(unix.Getpgrp())}, {"pid", num(os.Getpid())}, {"ppid", num(os.Getppid())}}, nil
	})
}

func (m *machine) posixUname(L *lua.LState) int {
	format := L.OptString(1, "%s %n %r %v %m")
	n := m.values(L, "", func() ([]lua.LValue, error) {
		var u unix.Utsname
		err := unix.Uname(&u)
		t := L.NewTable()
		for key, text := range map[string]*[65]byte{"m": &u.Machine, "n": &u.Nodename, "r": &u.Release, "s": &u.Sysname, "v": &u.Version} {
			t.RawSetString(key, lua.LString(unix.ByteSliceToString(text[:])))
		}
		return one(t), err
	})
	facts, ok := L.Get(-n).(*lua.LTable)
	if !ok {
		return n
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		i++
		letter := format[min(i, len(format)):min(i+1, len(format))]
		switch v, known := facts.RawGetString(letter).(lua.LString); {
		case letter == "%":
			b.WriteByte('%')
		case known:
			b.WriteString(string(v))
		default:
			L.ArgError(1, "unknown format option `"+letter+"'")
		}
	}
	L.Push(lua.LString(b.String()))
	return 1
}

func (m *machine) posixTimes(L *lua.LState) int {
	return m.selection(L, 1, "", []string{"utime", "stime", "cutime", "cstime", "elapsed"}, func() ([]field, error) {
		var t unix.Tms
		elapsed, err := unix.Times(&t)
		const second = 1e6 // rpm divides by CLOCKS_PER_SEC
		return []field{{"utime", num(float64(t.Utime) / second)}, {"stime", num(float64(t.Stime) / second)},
			{"cutime", num(float64(t.Cutime) / second)}, {"cstime", num(float64(t.Cstime) / second)},
			{"elapsed", num(float64(elapsed) / second)}}, err
	})
}

// posixPathconf gives what Linux has for every file system.
func (m *machine) posixPathconf(L *lua.LState) int {
	L.CheckString(1)
	return m.constants(L, 2, []field{{"link_max", num(127)}, {"max_canon", num(255)}, {"max_input", num(255)},
		{"name_max", num(255)}, {"path_max", num(4096)}, {"pipe_buf", num(4096)}, {"chown_restricted", num(1)},
		{"no_trunc", num(1)}, {"vdisable", num(0)}})
}

func (m *machine) posixSysconf(L *lua.LState) int {
	var open unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_NOFILE, &open)
	return m.constants(L, 1, []field{{"arg_max", num(2097152)}, {"child_max", num(-1)}, {"clk_tck", num(100)},
		{"ngroups_max", num(65536)}, {"stream_max", num(16)}, {"tzname_max", num(-1)}, {"open_max", num(open.Cur)},
		{"job_control", num(1)}, {"saved_ids", num(1)}, {"version", num(200809)}})
}

func (m *machine) constants(L *lua.LState, n int, fields []field) int {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	return m.selection(L, n, "", names, func() ([]field, error) { return fields, nil })
}
