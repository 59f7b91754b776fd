package lua

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/yuin/gopher-lua"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// openRPM makes the module rpm.
func (m *machine) openRPM() {
	m.library("rpm", map[string]lua.LGFunction{
		"b64encode": rpmB64encode, "b64decode": rpmB64decode,
		"define": m.rpmDefine, "undefine": m.rpmUndefine, "expand": m.rpmExpand, "isdefined": m.rpmIsdefined,
		"load": m.rpmLoad, "execute": m.rpmExecute, "spawn": m.rpmSpawn, "glob": m.rpmGlob,
		"interactive":   func(L *lua.LState) int { L.RaiseError("not a tty"); return 0 },
		"next_file":     m.rpmNextFile,
		"input":         m.rpmNextFile,
		"open":          m.rpmOpen,
		"redirect2null": m.redirect2null,
		"register":      m.rpmRegister, "unregister": m.rpmUnregister, "call": m.rpmCall,
		"splitargs": rpmSplitargs, "unsplitargs": rpmUnsplitargs,
		"vercmp": func(L *lua.LState) int {
			a, b := rpm.ParseEVR(L.CheckString(1)), rpm.ParseEVR(L.CheckString(2))
			L.Push(lua.LNumber(a.Compare(b)))
			return 1
		},
	})
	m.openVersions()
	m.openStreams()
	m.openMacros()
}

func rpmB64encode(L *lua.LState) int {
	text := L.CheckString(1)
	s := base64.StdEncoding.EncodeToString([]byte(text))
	width := optInt(L, 2, 64)
	if text == "" {
		L.Push(lua.LString(""))
		return 1
	}
	if width <= 0 {
		L.Push(lua.LString(s))
		return 1
	}
	var b strings.Builder
	for len(s) > 0 {
		n := min(width, len(s))
		b.WriteString(s[:n] + "\n")
		s = s[n:]
	}
	L.Push(lua.LString(b.String()))
	return 1
}

func rpmB64decode(L *lua.LState) int {
	s := strings.Map(func(r rune) rune {
		if r < 128 && isSpace(byte(r)) {
			return -1
		}
		return r
	}, L.CheckString(1))
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		L.Push(lua.LNil)
	} else {
		L.Push(lua.LString(data))
	}
	return 1
}

// finished gives what rpm.execute and rpm.spawn give for a program that ended.
func finished(err error) ([]lua.LValue, error) {
	values, err := exitValues(err)
	if err != nil {
		return nil, err
	}
	if values[0] == lua.LTrue {
		return one(lua.LNumber(0)), nil
	}
	return []lua.LValue{lua.LNil, lua.LString("exit " + map[string]string{"exit": "code", "signal": "signal"}[values[1].String()]), values[2]}, nil
}

func (m *machine) rpmExecute(L *lua.LState) int {
	L.CheckString(1)
	args := stringArgs(L)
	return m.values(L, "", func() ([]lua.LValue, error) { return execute(args, nil) })
}

// execute runs a program with files in place of the standard ones.
func execute(args []string, files map[string]string) ([]lua.LValue, error) {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return nil, syscall.ENOENT
	}
	cmd := &exec.Cmd{Path: path, Args: args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	for _, name := range []string{"stdin", "stdout", "stderr"} {
		target, ok := files[name]
		if !ok {
			continue
		}
		flags := os.O_WRONLY | os.O_APPEND | os.O_CREATE
		if name == "stdin" {
			flags = os.O_RDONLY
		}
		f, err := os.OpenFile(target, flags, 0o644)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		switch name {
		case "stdin":
			cmd.Stdin = f
		case "stdout":
			cmd.Stdout = f
		case "stderr":
			cmd.Stderr = f
		}
	}
	return finished(cmd.Run())
}

func (m *machine) rpmSpawn(L *lua.LState) int {
	var args []string
	t := L.CheckTable(1)
	for i := 1; i <= t.Len(); i++ {
		args = append(args, t.RawGetInt(i).String())
	}
	if len(args) == 0 {
		L.RaiseError("command not supplied")
	}
	files := map[string]string{}
	if directives, ok := L.Get(2).(*lua.LTable); ok {
		directives.ForEach(func(key, value lua.LValue) {
			switch name := key.String(); name {
			case "stdin", "stdout", "stderr":
				files[name] = value.String()
			default:
				L.RaiseError("invalid spawn directive: %s", name)
			}
		})
	}
	return m.values(L, "", func() ([]lua.LValue, error) { return execute(args, files) })
}

func (m *machine) rpmGlob(L *lua.LState) int {
	pattern, flags := L.CheckString(1), L.OptString(2, "")
	return m.values(L, "", func() ([]lua.LValue, error) {
		names, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 && strings.Contains(flags, "c") {
			names = []string{pattern}
		}
		t := L.NewTable()
		for _, name := range names {
			t.Append(lua.LString(name))
		}
		return one(t), nil
	})
}

// rpmNextFile gives the next file of a file trigger, a line of the input.
func (m *machine) rpmNextFile(L *lua.LState) int {
	return m.values(L, "", func() ([]lua.LValue, error) { return m.files[0].readAll([]lua.LValue{lua.LString("l")}) })
}

func (m *machine) rpmRegister(L *lua.LState) int {
	name, fn := L.CheckString(1), L.CheckFunction(2)
	m.hooks[name] = append(m.hooks[name], fn)
	ud := L.NewUserData()
	ud.Value = fn
	L.Push(ud)
	return 1
}

func (m *machine) rpmUnregister(L *lua.LState) int {
	name, ud := L.CheckString(1), L.CheckUserData(2)
	var left []*lua.LFunction
	for _, fn := range m.hooks[name] {
		if fn != ud.Value {
			left = append(left, fn)
		}
	}
	m.hooks[name] = left
	return 0
}

func (m *machine) rpmCall(L *lua.LState) int {
	name := L.CheckString(1)
	args := L.NewTable()
	for i := 2; i <= L.GetTop(); i++ {
		args.Append(L.Get(i))
	}
	for _, fn := range m.hooks[name] {
		L.Push(fn)
		L.Push(args)
		L.Call(1, 0)
	}
	return 0
}

// quoteMark is what rpm puts around arguments: the unit separator of ASCII.
const quoteMark = '\x1f'

// rpmSplitargs splits at blanks outside of quote marks.
func rpmSplitargs(L *lua.LState) int {
	t := L.NewTable()
	var word strings.Builder
	quoted, within := false, false
	end := func() {
		if within {
			t.Append(lua.LString(word.String()))
		}
		word.Reset()
		within = false
	}
	for _, c := range []byte(L.CheckString(1)) {
		switch {
		case c == quoteMark:
			quoted, within = !quoted, true
		case !quoted && (c == ' ' || c == '\t'):
			end()
		default:
			word.WriteByte(c)
			within = true
		}
	}
	end()
	L.Push(t)
	return 1
}

func rpmUnsplitargs(L *lua.LState) int {
	t := L.CheckTable(1)
	var words []string
	for i := 1; i <= t.Len(); i++ {
		words = append(words, string(quoteMark)+t.RawGetInt(i).String()+string(quoteMark))
	}
	L.Push(lua.LString(strings.Join(words, " ")))
	return 1
}
