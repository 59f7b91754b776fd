package lua

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/yuin/gopher-lua"
	"golang.org/x/sys/unix"
)

// openPosix makes the module posix.
func (m *machine) openPosix() {
	t := m.library("posix", map[string]lua.LGFunction{
		"access": m.posixAccess, "chmod": m.posixChmod, "chown": m.posixChown, "ctermid": posixCtermid,
		"dir": m.posixDir, "errno": m.posixErrno, "exec": m.posixExec, "files": m.posixFiles,
		"fork": m.posixFork, "getcwd": m.posixGetcwd, "getenv": m.posixGetenv, "getgroup": m.posixGetgroup,
		"getlogin": m.posixGetlogin, "getpasswd": m.posixGetpasswd, "getprocessid": m.posixGetprocessid,
		"kill": m.posixKill, "mkstemp": m.posixMkstemp, "pathconf": m.posixPathconf, "putenv": m.posixPutenv,
		"readlink": m.posixReadlink, "redirect2null": m.redirect2null, "setenv": m.posixSetenv,
		"setgid": m.posixSetgid, "setuid": m.posixSetuid, "sleep": m.posixSleep, "stat": m.posixStat,
		"sysconf": m.posixSysconf, "times": m.posixTimes, "ttyname": m.posixTtyname, "umask": m.posixUmask,
		"uname": m.posixUname, "unsetenv": m.posixUnsetenv, "utime": m.posixUtime, "wait": m.posixWait,
		"chdir":   m.onPath(syscall.Chdir),
		"mkdir":   m.onPath(func(p string) error { return syscall.Mkdir(p, 0o777) }),
		"mkfifo":  m.onPath(func(p string) error { return unix.Mkfifo(p, 0o777) }),
		"rmdir":   m.onPath(syscall.Rmdir),
		"unlink":  m.onPath(syscall.Unlink),
		"link":    m.onPaths(syscall.Link),
		"symlink": m.onPaths(syscall.Symlink),
	})
	t.RawSetString("version", lua.LString("posix library for Lua 5.4 / treewright"))
}

func (m *machine) onPath(fn func(path string) error) lua.LGFunction {
	return func(L *lua.LState) int {
		path := L.CheckString(1)
		return m.result(L, path, func() error { return fn(path) })
	}
}

func (m *machine) onPaths(fn func(from, to string) error) lua.LGFunction {
	return func(L *lua.LState) int {
		from, to := L.CheckString(1), L.CheckString(2)
		return m.result(L, "", func() error { return fn(from, to) })
	}
}

func one(v lua.LValue) []lua.LValue { return []lua.LValue{v} }

func posixCtermid(L *lua.LState) int {
	L.Push(lua.LString("/dev/tty"))
	return 1
}

func (m *machine) posixAccess(L *lua.LState) int {
	path, mode := L.CheckString(1), uint32(0)
	for _, c := range L.OptString(2, "f") {
		switch c {
		case ' ', 'f':
		case 'r':
			mode |= unix.R_OK
		case 'w':
			mode |= unix.W_OK
		case 'x':
			mode |= unix.X_OK
		default:
			L.ArgError(2, "unknown mode option `"+string(c)+"'")
		}
	}
	return m.result(L, path, func() error { return unix.Access(path, mode) })
}

// list reads the names of a folder, in order, as "." and ".." first.
func list(path string) ([]lua.LValue, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	names := []string{".", ".."}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	t := &lua.LTable{Metatable: lua.LNil}
	for i, name := range names {
		t.RawSetInt(i+1, lua.LString(name))
	}
	return one(t), nil
}

func (m *machine) posixDir(L *lua.LState) int {
	path := L.OptString(1, ".")
	return m.values(L, path, func() ([]lua.LValue, error) { return list(path) })
}

func (m *machine) posixFiles(L *lua.LState) int {
	n := m.posixDir(L)
	t, ok := L.Get(-n).(*lua.LTable)
	if !ok {
		return n
	}
	i := 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		i++
		L.Push(t.RawGetInt(i))
		return 1
	}))
	return 1
}

func (m *machine) posixErrno(L *lua.LState) int {
	L.Push(lua.LString(strerror(syscall.Errno(m.errno))))
	L.Push(lua.LNumber(m.errno))
	return 2
}

func (m *machine) posixGetcwd(L *lua.LState) int {
	return m.values(L, ".", func() ([]lua.LValue, error) {
		dir, err := unixGetwd()
		return one(lua.LString(dir)), err
	})
}

func unixGetwd() (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Getcwd(buf)
	if err != nil {
		return "", err
	}
	return string(buf[:max(n-1, 0)]), nil
}

func (m *machine) posixReadlink(L *lua.LState) int {
	path := L.CheckString(1)
	return m.values(L, path, func() ([]lua.LValue, error) {
		target, err := os.Readlink(path)
		return one(lua.LString(target)), err
	})
}

func (m *machine) posixChmod(L *lua.LState) int {
	path, text := L.CheckString(1), L.CheckString(2)
	bad := false
	n := m.result(L, path, func() error {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			return err
		}
		mode, ok := munchMode(st.Mode, text)
		if !ok {
			return errBadMode
		}
		return unix.Chmod(path, mode&0o7777)
	})
	if n == 3 {
		bad = strings.HasSuffix(L.Get(-2).String(), errBadMode.Error())
	}
	if bad {
		L.ArgError(2, errBadMode.Error())
	}
	return n
}

func (m *machine) posixChown(L *lua.LState) int {
	path := L.CheckString(1)
	user, group := L.Get(2), L.Get(3)
	return m.result(L, path, func() error {
		return unix.Chown(path, accountID("/etc/passwd", user), accountID("/etc/group", group))
	})
}

func (m *machine) posixUmask(L *lua.LState) int {
	text := L.OptString(1, "")
	return m.values(L, "", func() ([]lua.LValue, error) {
		old := unix.Umask(0)
		mode := uint32(^old) & 0o777
		if text != "" {
			changed, ok := munchMode(mode, text)
			if !ok {
				unix.Umask(old)
				return one(lua.LNil), nil
			}
			mode = changed & 0o777
		}
		unix.Umask(int(^mode & 0o777))
		return one(lua.LString(modeText(mode))), nil
	})
}

func (m *machine) posixUtime(L *lua.LState) int {
	path, now := L.CheckString(1), lua.LNumber(time.Now().Unix())
	mtime, atime := L.OptNumber(2, now), L.OptNumber(3, now)
	return m.result(L, path, func() error {
		return unix.Utime(path, &unix.Utimbuf{Actime: int64(atime), Modtime: int64(mtime)})
	})
}

func (m *machine) posixMkstemp(L *lua.LState) int {
	template := L.CheckString(1)
	return m.values(L, template, func() ([]lua.LValue, error) {
		stem := strings.TrimSuffix(template, "XXXXXX")
		if stem == template {
			return nil, syscall.EINVAL
		}
		for range 100 {
			name := stem + randomLetters()
			f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
			if os.IsExist(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			return []lua.LValue{m.open(f, nil), lua.LString(name)}, nil
		}
		return nil, syscall.EEXIST
	})
}

// posixExec replaces a child of posix.fork by a program.
func (m *machine) posixExec(L *lua.LState) int {
	program := L.CheckString(1)
	args := stringArgs(L)
	if !m.forked {
		L.RaiseError("exec not permitted in this context")
	}
	return m.values(L, program, func() ([]lua.LValue, error) {
		path, err := exec.LookPath(program)
		if err != nil {
			return nil, syscall.ENOENT
		}
		m.flushAll()
		return nil, unix.Exec(path, args, os.Environ())
	})
}

func stringArgs(L *lua.LState) []string {
	var args []string
	for i := 1; i <= L.GetTop(); i++ {
		args = append(args, L.CheckString(i))
	}
	return args
}

func (m *machine) posixWait(L *lua.LState) int {
	pid := optInt(L, 1, -1)
	return m.values(L, "", func() ([]lua.LValue, error) {
		for {
			got, err := syscall.Wait4(pid, nil, 0, nil)
			if err != syscall.EINTR {
				return one(lua.LNumber(got)), err
			}
		}
	})
}

func (m *machine) posixKill(L *lua.LState) int {
	pid, signal := checkInt(L, 1), optInt(L, 2, int(syscall.SIGTERM))
	return m.result(L, "", func() error { return syscall.Kill(pid, syscall.Signal(signal)) })
}

func (m *machine) posixSleep(L *lua.LState) int {
	seconds := checkInt(L, 1)
	return m.values(L, "", func() ([]lua.LValue, error) {
		time.Sleep(time.Duration(max(seconds, 0)) * time.Second)
		return one(lua.LNumber(0)), nil
	})
}

// redirect2null points a descriptor of a child of posix.fork to /dev/null.
func (m *machine) redirect2null(L *lua.LState) int {
	target := checkInt(L, 1)
	if !m.forked {
		L.RaiseError("redirect2null not permitted in this context")
	}
	return m.values(L, "", func() ([]lua.LValue, error) {
		fd, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		defer unix.Close(fd)
		return one(lua.LNumber(target)), unix.Dup3(fd, target, 0)
	})
}

func (m *machine) posixGetenv(L *lua.LState) int {
	name, all := L.OptString(1, ""), L.GetTop() == 0
	return m.values(L, "", func() ([]lua.LValue, error) {
		if !all {
			return one(lookupEnv(name)), nil
		}
		t := L.NewTable()
		env := os.Environ()
		slices.Sort(env)
		for _, e := range env {
			k, v, _ := strings.Cut(e, "=")
			t.RawSetString(k, lua.LString(v))
		}
		return one(t), nil
	})
}

func (m *machine) posixPutenv(L *lua.LState) int {
	s := L.CheckString(1)
	return m.result(L, s, func() error {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return os.Unsetenv(name)
		}
		return os.Setenv(name, value)
	})
}

func (m *machine) posixSetenv(L *lua.LState) int {
	name, value := L.CheckString(1), L.CheckString(2)
	keep := L.Get(3) == lua.LFalse
	return m.result(L, name, func() error {
		if _, ok := os.LookupEnv(name); ok && keep {
			return nil
		}
		if name == "" || strings.Contains(name, "=") {
			return syscall.EINVAL
		}
		return os.Setenv(name, value)
	})
}

func (m *machine) posixUnsetenv(L *lua.LState) int {
	name := L.CheckString(1)
	m.once(L, func() []lua.LValue {
		_ = os.Unsetenv(name)
		return nil
	})
	return 0
}
