package lua

import (
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/yuin/gopher-lua"
)

// openOS makes the library os. What the interpreter underneath has and is
// right is recorded for children of posix.fork.
func (m *machine) openOS() {
	L := m.L
	lib := m.library("os", map[string]lua.LGFunction{
		"execute": m.osExecute,
		"exit":    m.osExit,
		"getenv": func(L *lua.LState) int {
			name := L.CheckString(1)
			return m.values(L, "", func() ([]lua.LValue, error) { return []lua.LValue{lookupEnv(name)}, nil })
		},
		"remove": func(L *lua.LState) int {
			path := L.CheckString(1)
			return m.values(L, path, func() ([]lua.LValue, error) { return []lua.LValue{lua.LTrue}, os.Remove(path) })
		},
		"rename": func(L *lua.LState) int {
			from, to := L.CheckString(1), L.CheckString(2)
			return m.values(L, from, func() ([]lua.LValue, error) {
				return []lua.LValue{lua.LTrue}, syscall.Rename(from, to)
			})
		},
		"tmpname": m.osTmpname,
		"difftime": func(L *lua.LState) int {
			L.Push(L.CheckNumber(1) - L.OptNumber(2, 0))
			return 1
		},
		"setlocale": func(L *lua.LState) int {
			if s := L.OptString(1, "C"); s == "C" || s == "" || s == "POSIX" {
				L.Push(lua.LString("C"))
			} else {
				L.Push(lua.LNil)
			}
			return 1
		},
	})
	for _, name := range []string{"clock", "date", "time"} {
		under, _ := lib.RawGetString(name).(*lua.LFunction)
		lib.RawSetString(name, L.NewFunction(func(L *lua.LState) int { return m.osClock(L, name, under) }))
	}
	lib.RawSetString("setenv", lua.LNil)
}

// osClock calls a function that looks at the clock, which a child does not see
// again. A date's table gets what is missing in it.
func (m *machine) osClock(L *lua.LState, name string, under *lua.LFunction) int {
	n := L.GetTop()
	return m.values(L, "", func() ([]lua.LValue, error) {
		at := time.Now()
		if v, ok := L.Get(2).(lua.LNumber); ok && n >= 2 {
			at = time.Unix(int64(v), 0)
		}
		L.Push(under)
		for i := 1; i <= n; i++ {
			L.Push(L.Get(i))
		}
		L.Call(n, 1)
		v := L.Get(-1)
		L.Pop(1)
		if t, ok := v.(*lua.LTable); ok && name == "date" {
			if s, ok := L.Get(1).(lua.LString); ok && s != "" && s[0] == '!' {
				at = at.UTC()
			}
			t.RawSetString("yday", lua.LNumber(at.YearDay()))
		}
		return []lua.LValue{v}, nil
	})
}

func lookupEnv(name string) lua.LValue {
	if v, ok := os.LookupEnv(name); ok {
		return lua.LString(v)
	}
	return lua.LNil
}

func (m *machine) osExecute(L *lua.LState) int {
	command := L.OptString(1, "")
	if L.GetTop() == 0 {
		return m.values(L, "", func() ([]lua.LValue, error) {
			_, err := os.Stat("/bin/sh")
			return []lua.LValue{lua.LBool(err == nil)}, nil
		})
	}
	return m.values(L, "", func() ([]lua.LValue, error) {
		cmd := exec.Command("/bin/sh", "-c", command)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return exitValues(cmd.Run())
	})
}

// osExit ends a child of posix.fork; the scriptlet itself may not exit.
func (m *machine) osExit(L *lua.LState) int {
	if !m.forked {
		L.RaiseError("exit not permitted in this context")
	}
	code := 0
	switch v := L.Get(1).(type) {
	case lua.LBool:
		if !v {
			code = 1
		}
	case lua.LNumber:
		code = int(v)
	}
	m.flushAll()
	os.Exit(code)
	return 0
}

func (m *machine) osTmpname(L *lua.LState) int {
	return m.values(L, "", func() ([]lua.LValue, error) {
		f, err := os.CreateTemp("/tmp", "lua_")
		if err != nil {
			return nil, err
		}
		return []lua.LValue{lua.LString(f.Name())}, f.Close()
	})
}

func exitSignal(err *exec.ExitError) (int, bool) {
	status, ok := err.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return int(status.Signal()), true
	}
	return 0, false
}
