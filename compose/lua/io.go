package lua

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/yuin/gopher-lua"
)

// openIO makes the library io and the methods of files.
func (m *machine) openIO() {
	L := m.L
	m.fileMeta = L.NewTable()
	methods := L.NewTable()
	L.SetFuncs(methods, map[string]lua.LGFunction{
		"read":    func(L *lua.LState) int { return m.read(L, m.checkFile(L), 2) },
		"write":   func(L *lua.LState) int { return m.write(L, m.checkFile(L), 2) },
		"lines":   func(L *lua.LState) int { return m.lines(L, m.checkFile(L), formats(L, 2), false) },
		"close":   func(L *lua.LState) int { return m.shut(L, m.checkFile(L)) },
		"flush":   func(L *lua.LState) int { L.Push(L.Get(1)); return 1 },
		"seek":    m.seek,
		"setvbuf": func(L *lua.LState) int { L.Push(lua.LTrue); return 1 },
	})
	m.fileMeta.RawSetString("__index", methods)
	m.fileMeta.RawSetString("__name", lua.LString("FILE*"))
	m.fileMeta.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		state := "file (closed)"
		if f, ok := L.CheckUserData(1).Value.(*file); ok && !f.closed {
			state = fmt.Sprintf("file (0x%04x)", f.id)
		}
		L.Push(lua.LString(state))
		return 1
	}))
	lib := m.library("io", map[string]lua.LGFunction{
		"open":    m.ioOpen,
		"popen":   m.ioPopen,
		"tmpfile": m.ioTmpfile,
		"lines":   m.ioLines,
		"type":    ioType,
		"read":    func(L *lua.LState) int { return m.read(L, m.files[m.input], 1) },
		"write":   func(L *lua.LState) int { return m.write(L, m.files[m.output], 1) },
		"flush":   func(L *lua.LState) int { return 0 },
		"input":   func(L *lua.LState) int { return m.standard(L, &m.input, "r") },
		"output":  func(L *lua.LState) int { return m.standard(L, &m.output, "w") },
		"close": func(L *lua.LState) int {
			if L.GetTop() == 0 {
				return m.shut(L, m.files[m.output])
			}
			return m.shut(L, m.checkFile(L))
		},
	})
	m.input, m.output, m.lastFile = 0, 1, 2
	for id, name := range []string{"stdin", "stdout", "stderr"} {
		lib.RawSetString(name, m.handle(&file{id: id}))
	}
}

// openStandard connects the three standard files with the process's own.
func (m *machine) openStandard() {
	for id, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if m.files[id].f == nil {
			m.adopt(id, f, nil)
		}
	}
}

func (m *machine) checkFile(L *lua.LState) *file {
	f, ok := L.CheckUserData(1).Value.(*file)
	if !ok {
		L.ArgError(1, "FILE* expected")
	}
	// The table has the one with the descriptor, also after a fork.
	f = m.files[f.id]
	if f.closed {
		L.RaiseError("attempt to use a closed file")
	}
	return f
}

var openFlags = map[string]int{
	"r": os.O_RDONLY, "r+": os.O_RDWR,
	"w": os.O_WRONLY | os.O_CREATE | os.O_TRUNC, "w+": os.O_RDWR | os.O_CREATE | os.O_TRUNC,
	"a": os.O_WRONLY | os.O_CREATE | os.O_APPEND, "a+": os.O_RDWR | os.O_CREATE | os.O_APPEND,
}

func (m *machine) ioOpen(L *lua.LState) int {
	path, mode := L.CheckString(1), L.OptString(2, "r")
	flags, ok := openFlags[strings.Replace(mode, "b", "", 1)]
	if !ok {
		L.ArgError(2, "invalid mode")
	}
	return m.openPath(L, path, flags)
}

func (m *machine) openPath(L *lua.LState, path string, flags int) int {
	return m.values(L, path, func() ([]lua.LValue, error) {
		f, err := os.OpenFile(path, flags, 0o666)
		if err != nil {
			return nil, err
		}
		return []lua.LValue{m.open(f, nil)}, nil
	})
}

func (m *machine) ioPopen(L *lua.LState) int {
	command, mode := L.CheckString(1), L.OptString(2, "r")
	if mode != "r" && mode != "w" {
		L.ArgError(2, "invalid mode")
	}
	return m.values(L, command, func() ([]lua.LValue, error) {
		cmd := exec.Command("/bin/sh", "-c", command)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		ours, theirs := r, w
		if mode == "w" {
			ours, theirs = w, r
			cmd.Stdin = theirs
		} else {
			cmd.Stdout = theirs
		}
		err = cmd.Start()
		theirs.Close()
		if err != nil {
			ours.Close()
			return nil, err
		}
		return []lua.LValue{m.open(ours, cmd)}, nil
	})
}

func (m *machine) ioTmpfile(L *lua.LState) int {
	return m.values(L, "", func() ([]lua.LValue, error) {
		f, err := os.CreateTemp("", "lua_")
		if err != nil {
			return nil, err
		}
		return []lua.LValue{m.open(f, nil)}, os.Remove(f.Name())
	})
}

func ioType(L *lua.LState) int {
	ud, ok := L.CheckAny(1).(*lua.LUserData)
	if ok {
		f, isFile := ud.Value.(*file)
		switch {
		case isFile && f.closed:
			L.Push(lua.LString("closed file"))
			return 1
		case isFile:
			L.Push(lua.LString("file"))
			return 1
		}
	}
	L.Push(lua.LNil)
	return 1
}

// standard is io.input and io.output: it sets the file when one is given.
func (m *machine) standard(L *lua.LState, current *int, mode string) int {
	switch v := L.Get(1).(type) {
	case lua.LString:
		m.openPath(L, string(v), openFlags[mode])
		ud, ok := L.Get(-1).(*lua.LUserData)
		if !ok {
			L.RaiseError("%s", L.Get(-2).String())
		}
		if f, ok := ud.Value.(*file); ok {
			*current = f.id
		}
	case *lua.LUserData:
		*current = m.checkFile(L).id
	}
	L.Push(m.handle(m.files[*current]))
	return 1
}

// formats gives the checked formats from argument n on: a line when none is.
func formats(L *lua.LState, n int) []lua.LValue {
	if L.GetTop() < n {
		return []lua.LValue{lua.LString("l")}
	}
	var list []lua.LValue
	for ; n <= L.GetTop(); n++ {
		v := L.Get(n)
		if _, ok := v.(lua.LNumber); !ok {
			s := strings.TrimPrefix(L.CheckString(n), "*")
			if s == "" || !strings.Contains("nlLa", s[:1]) {
				L.ArgError(n, "invalid format")
			}
		}
		list = append(list, v)
	}
	return list
}

func (m *machine) read(L *lua.LState, f *file, n int) int {
	list := formats(L, n)
	return m.values(L, "", func() ([]lua.LValue, error) { return f.readAll(list) })
}

// readAll reads items up to the first that is missing, which is nil.
func (f *file) readAll(list []lua.LValue) ([]lua.LValue, error) {
	if f.f == nil {
		return nil, syscall.EBADF
	}
	var got []lua.LValue
	for _, format := range list {
		v, ok, err := f.readItem(format)
		if err != nil {
			return nil, err
		}
		if !ok {
			return append(got, lua.LNil), nil
		}
		got = append(got, v)
	}
	return got, nil
}

func (m *machine) write(L *lua.LState, f *file, n int) int {
	if f.closed {
		L.RaiseError("default output file is closed")
	}
	var b strings.Builder
	for ; n <= L.GetTop(); n++ {
		switch v := L.Get(n).(type) {
		case lua.LNumber:
			b.WriteString(formatNumber(float64(v)))
		default:
			b.WriteString(L.CheckString(n))
		}
	}
	return m.values(L, "", func() ([]lua.LValue, error) {
		if f.f == nil {
			return nil, syscall.EBADF
		}
		return []lua.LValue{m.handle(f)}, f.write(b.String())
	})
}

// print writes its arguments in a line on the standard output.
func (m *machine) print(L *lua.LState) int {
	words := make([]string, L.GetTop())
	for i := range words {
		words[i] = toString(L, L.Get(i+1))
	}
	m.once(L, func() []lua.LValue {
		if f := m.files[1]; f.f != nil {
			_ = f.write(strings.Join(words, "\t") + "\n")
		}
		return nil
	})
	return 0
}

func (m *machine) shut(L *lua.LState, f *file) int {
	f.closed = true
	return m.values(L, "", func() ([]lua.LValue, error) {
		if f.f == nil {
			return nil, syscall.EBADF
		}
		return f.shut()
	})
}

func (m *machine) seek(L *lua.LState) int {
	f := m.checkFile(L)
	whence, ok := map[string]int{"set": io.SeekStart, "cur": io.SeekCurrent, "end": io.SeekEnd}[L.OptString(2, "cur")]
	if !ok {
		L.ArgError(2, "invalid option '"+L.CheckString(2)+"'")
	}
	offset := int64(optInt(L, 3, 0))
	return m.values(L, "", func() ([]lua.LValue, error) {
		if f.f == nil {
			return nil, syscall.EBADF
		}
		f.settle()
		at, err := f.f.Seek(offset, whence)
		return []lua.LValue{lua.LNumber(at)}, err
	})
}

// lines gives an iterator; last closes the file at its end.
func (m *machine) lines(L *lua.LState, f *file, list []lua.LValue, last bool) int {
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if f.closed {
			L.RaiseError("file is already closed")
		}
		n := m.values(L, "", func() ([]lua.LValue, error) { return m.files[f.id].readAll(list) })
		if L.Get(-n) == lua.LNil {
			if n == 3 {
				L.RaiseError("%s", L.Get(-2).String())
			}
			if last {
				m.shut(L, m.files[f.id])
				L.Push(lua.LNil)
				return 1
			}
		}
		return n
	}))
	return 1
}

func (m *machine) ioLines(L *lua.LState) int {
	path := L.OptString(1, "")
	if path == "" {
		return m.lines(L, m.files[m.input], formats(L, 2), false)
	}
	list := formats(L, 2)
	m.openPath(L, path, os.O_RDONLY)
	ud, ok := L.Get(-1).(*lua.LUserData)
	if !ok {
		L.RaiseError("%s", L.Get(-2).String())
	}
	f, _ := ud.Value.(*file)
	return m.lines(L, f, list, true)
}
