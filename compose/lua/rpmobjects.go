package lua

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/yuin/gopher-lua"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// openVersions makes rpm.ver, versions that can be compared.
func (m *machine) openVersions() {
	L := m.L
	mt := L.NewTable()
	check := func(L *lua.LState, n int) rpm.EVR {
		v, ok := L.CheckUserData(n).Value.(rpm.EVR)
		if !ok {
			L.ArgError(n, "rpm.ver expected")
		}
		return v
	}
	compare := func(ok func(c int) bool) lua.LGFunction {
		return func(L *lua.LState) int {
			L.Push(lua.LBool(ok(check(L, 1).Compare(check(L, 2)))))
			return 1
		}
	}
	L.SetFuncs(mt, map[string]lua.LGFunction{
		"__eq": compare(func(c int) bool { return c == 0 }),
		"__lt": compare(func(c int) bool { return c < 0 }),
		"__le": compare(func(c int) bool { return c <= 0 }),
		"__tostring": func(L *lua.LState) int {
			L.Push(lua.LString(versionText(check(L, 1))))
			return 1
		},
		"__index": func(L *lua.LState) int { return versionField(L, check(L, 1), L.CheckString(2)) },
	})
	L.SetField(L.GetGlobal("rpm"), "ver", L.NewFunction(func(L *lua.LState) int {
		text := L.CheckString(1)
		switch L.GetTop() {
		case 1:
		case 3:
			epoch := L.OptString(1, "")
			text = L.CheckString(2)
			if epoch != "" {
				text = epoch + ":" + text
			}
			if release := L.OptString(3, ""); release != "" {
				text += "-" + release
			}
		default:
			L.RaiseError("invalid number of arguments: %d", L.GetTop())
		}
		ud := L.NewUserData()
		ud.Value = rpm.ParseEVR(text)
		ud.Metatable = mt
		L.Push(ud)
		return 1
	}))
}

func versionText(v rpm.EVR) string {
	s := v.Version
	if v.Release != "" {
		s += "-" + v.Release
	}
	if v.Epoch != 0 {
		s = fmt.Sprint(v.Epoch) + ":" + s
	}
	return s
}

func versionField(L *lua.LState, v rpm.EVR, key string) int {
	text := ""
	switch key {
	case "e":
		if v.Epoch != 0 {
			text = fmt.Sprint(v.Epoch)
		}
	case "v":
		text = v.Version
	case "r":
		text = v.Release
	default:
		L.RaiseError("invalid attribute: %s", key)
	}
	if text == "" {
		L.Push(lua.LNil)
	} else {
		L.Push(lua.LString(text))
	}
	return 1
}

// openStreams makes the files of rpm.open: those of io.open with rpm's methods
// read(size), write(text, size), seek, flush, close and reopen.
func (m *machine) openStreams() {
	L := m.L
	methods, _ := m.fileMeta.RawGetString("__index").(*lua.LTable)
	methods.RawSetString("reopen", L.NewFunction(func(L *lua.LState) int {
		f := m.checkFile(L)
		if mode := L.CheckString(2); strings.Contains(mode, ".") && !strings.HasSuffix(mode, ".ufdio") && !strings.HasSuffix(mode, ".fdio") {
			L.RaiseError("file %d stream reopen failed: compressed streams are not supported", f.id)
		}
		L.Push(L.Get(1))
		return 1
	}))
	plainRead, _ := methods.RawGetString("read").(*lua.LFunction)
	methods.RawSetString("read", L.NewFunction(func(L *lua.LState) int {
		f := m.checkFile(L)
		if L.GetTop() == 1 && m.streams[f.id] {
			return m.read(L, f, m.pushAll(L))
		}
		return plainRead.GFunction(L)
	}))
}

// pushAll pushes the format of everything and gives its place.
func (m *machine) pushAll(L *lua.LState) int {
	L.Push(lua.LString("a"))
	return L.GetTop()
}

func (m *machine) rpmOpen(L *lua.LState) int {
	path := L.CheckString(1)
	mode, kind, _ := strings.Cut(L.OptString(2, "r"), ".")
	if kind != "" && kind != "ufdio" && kind != "fdio" && kind != "fpio" {
		L.RaiseError("%s open failed: streams of kind %s are not supported", path, kind)
	}
	flags, ok := openFlags[strings.ReplaceAll(mode, "b", "")]
	if !ok {
		L.RaiseError("%s open failed: Invalid argument", path)
	}
	m.openPath(L, path, flags)
	ud, ok := L.Get(-1).(*lua.LUserData)
	if !ok {
		reason, _ := m.L.Get(-2).(lua.LString)
		L.RaiseError("%s open failed: %s", path, strings.TrimPrefix(string(reason), path+": "))
	}
	if f, ok := ud.Value.(*file); ok {
		m.streams[f.id] = true
	}
	L.Push(ud)
	return 1
}

// readMacroFiles reads the files of the root that define macros, in rpm's
// order.
func readMacroFiles(patterns []string, glob func(string) ([]string, error)) string {
	var b strings.Builder
	for _, pattern := range patterns {
		names, err := glob(pattern)
		if err != nil {
			continue
		}
		for _, name := range names {
			f, err := os.Open(name)
			if err != nil {
				continue
			}
			_, _ = io.Copy(&b, io.LimitReader(f, 1<<20))
			f.Close()
			fmt.Fprintln(&b)
		}
	}
	return b.String()
}
