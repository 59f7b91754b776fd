package lua

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua"
)

// openBase replaces the global functions that changed since 5.1.
func (m *machine) openBase() {
	L := m.L
	for _, gone := range []string{"_GOPHER_LUA_VERSION", "_printregs", "newproxy", "module"} {
		L.SetGlobal(gone, lua.LNil)
	}
	L.SetGlobal("_VERSION", lua.LString("Lua 5.4"))
	base := map[string]lua.LGFunction{
		"assert": baseAssert,
		"error": func(L *lua.LState) int {
			L.SetTop(max(L.GetTop(), 1))
			if s, ok := L.Get(1).(lua.LString); ok {
				L.Error(s, optInt(L, 2, 1))
			}
			L.Error(L.Get(1), 0)
			return 0
		},
		"xpcall":     baseXpcall,
		"tostring":   baseToString,
		"tonumber":   baseToNumber,
		"print":      m.print,
		"load":       m.baseLoad,
		"loadstring": m.baseLoad,
		"loadfile":   m.baseLoadFile,
		"dofile":     m.baseDoFile,
		"rawlen":     baseRawLen,
		"warn":       func(L *lua.LState) int { return 0 },
	}
	for name, fn := range base {
		L.SetGlobal(name, L.NewFunction(fn))
	}
	pairs, _ := L.GetGlobal("pairs").(*lua.LFunction)
	L.SetGlobal("pairs", L.NewFunction(func(L *lua.LState) int { return basePairs(L, pairs) }))
	L.SetGlobal("ipairs", L.NewFunction(baseIpairs))
	L.SetField(L.GetGlobal("coroutine"), "isyieldable", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LBool(L.Parent != nil))
		return 1
	}))
	L.SetField(L.GetGlobal("package"), "path", lua.LString("/usr/lib/rpm/lua/?.lua"))
}

func baseAssert(L *lua.LState) int {
	if L.ToBool(1) {
		return L.GetTop()
	}
	L.CheckAny(1)
	if L.GetTop() < 2 {
		L.Error(lua.LString("assertion failed!"), 0)
	}
	L.Error(L.Get(2), 0)
	return 0
}

// baseXpcall is xpcall(fn, handler, args...).
func baseXpcall(L *lua.LState) int {
	fn, handler := L.CheckAny(1), L.CheckFunction(2)
	top := L.GetTop()
	L.Push(fn)
	for i := 3; i <= top; i++ {
		L.Push(L.Get(i))
	}
	if err := L.PCall(top-2, lua.MultRet, handler); err != nil {
		L.SetTop(top)
		L.Push(lua.LFalse)
		var api *lua.ApiError
		if errors.As(err, &api) && api.Object != nil {
			L.Push(api.Object)
		} else {
			L.Push(lua.LString(err.Error()))
		}
		return 2
	}
	L.Insert(lua.LTrue, top+1)
	return L.GetTop() - top
}

func baseRawLen(L *lua.LState) int {
	switch v := L.CheckAny(1).(type) {
	case *lua.LTable:
		L.Push(lua.LNumber(v.Len()))
	case lua.LString:
		L.Push(lua.LNumber(len(v)))
	default:
		L.ArgError(1, "table or string expected")
	}
	return 1
}

func basePairs(L *lua.LState, raw *lua.LFunction) int {
	v := L.CheckAny(1)
	fn := L.GetMetaField(v, "__pairs")
	if fn == lua.LNil {
		L.CheckTable(1)
		fn = raw
	}
	L.Push(fn)
	L.Push(v)
	L.Call(1, 3)
	return 3
}

func baseIpairs(L *lua.LState) int {
	v := L.CheckAny(1)
	L.Push(L.NewFunction(func(L *lua.LState) int {
		i := checkInt(L, 2) + 1
		item := L.GetTable(L.Get(1), lua.LNumber(i))
		if item == lua.LNil {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(i))
		L.Push(item)
		return 2
	}))
	L.Push(v)
	L.Push(lua.LNumber(0))
	return 3
}

// toString gives the text of a value as tostring does.
func toString(L *lua.LState, v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return formatNumber(float64(v))
	}
	if mm := L.GetMetaField(v, "__tostring"); mm != lua.LNil {
		L.Push(mm)
		L.Push(v)
		L.Call(1, 1)
		s, ok := L.Get(-1).(lua.LString)
		L.Pop(1)
		if !ok {
			L.RaiseError("'__tostring' must return a string")
		}
		return string(s)
	}
	if name, ok := L.GetMetaField(v, "__name").(lua.LString); ok {
		return fmt.Sprintf("%s: %p", string(name), v)
	}
	return v.String()
}

// formatNumber writes integral numbers without a point, others with up to 14
// digits.
func formatNumber(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	case math.IsNaN(v):
		return "nan"
	case isInteger(v) && math.Abs(v) < 1<<63:
		return strconv.FormatInt(int64(v), 10)
	}
	return cFloat('g', v, spec{precision: 14})
}

func baseToString(L *lua.LState) int {
	L.Push(lua.LString(toString(L, L.CheckAny(1))))
	return 1
}

func baseToNumber(L *lua.LState) int {
	if L.GetTop() < 2 || L.Get(2) == lua.LNil {
		if v, ok := toNumber(L.CheckAny(1)); ok {
			L.Push(lua.LNumber(v))
		} else {
			L.Push(lua.LNil)
		}
		return 1
	}
	base := checkInt(L, 2)
	s := strings.ToLower(strings.Trim(L.CheckString(1), " \t\n\v\f\r"))
	if base < 2 || base > 36 {
		L.ArgError(2, "base out of range")
	}
	v, err := strconv.ParseInt(s, base, 64)
	if err != nil || strings.HasPrefix(s, "+") {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LNumber(v))
	return 1
}

// baseLoad is load(chunk, name, mode, env): chunk is text or a function that
// gives the pieces.
func (m *machine) baseLoad(L *lua.LState) int {
	var src string
	switch v := L.CheckAny(1).(type) {
	case lua.LString:
		src = string(v)
	case *lua.LFunction:
		src = loadPieces(L, v)
	default:
		L.ArgError(1, "string or function expected")
	}
	chunk := L.OptString(2, src)
	switch {
	case strings.HasPrefix(chunk, "="), strings.HasPrefix(chunk, "@"):
		chunk = chunk[1:]
	default:
		line, _, more := strings.Cut(chunk, "\n")
		if more || len(line) > 60 {
			line = line[:min(len(line), 57)] + "..."
		}
		chunk = chunkName(line)
	}
	return m.pushChunk(L, src, chunk, 4)
}

func loadPieces(L *lua.LState, fn *lua.LFunction) string {
	var b strings.Builder
	for b.Len() <= MaxScript {
		L.Push(fn)
		L.Call(0, 1)
		piece, ok := L.Get(-1).(lua.LString)
		L.Pop(1)
		if !ok || piece == "" {
			break
		}
		b.WriteString(string(piece))
	}
	return b.String()
}

// pushChunk compiles src; the environment is argument env, when it is given.
func (m *machine) pushChunk(L *lua.LState, src, chunk string, env int) int {
	if len(src) > MaxScript {
		L.RaiseError("chunk too large")
	}
	fn, err := m.compile(src, chunk)
	if err != nil {
		L.Push(lua.LNil)
		L.Push(lua.LString(err.Error()))
		return 2
	}
	if t, ok := L.Get(env).(*lua.LTable); ok && L.GetTop() >= env {
		fn.Env = t
	}
	L.Push(fn)
	return 1
}

func (m *machine) readChunk(L *lua.LState, path string) (string, error) {
	vals := m.once(L, func() []lua.LValue {
		data, err := readLimited(path, MaxScript)
		if err != nil {
			return []lua.LValue{lua.LNil, lua.LString(fmt.Sprintf("cannot open %s", path))}
		}
		return []lua.LValue{lua.LString(data)}
	})
	if s, ok := vals[0].(lua.LString); ok {
		return string(s), nil
	}
	return "", fmt.Errorf("%s", vals[1].String())
}

func (m *machine) baseLoadFile(L *lua.LState) int {
	path := L.CheckString(1)
	src, err := m.readChunk(L, path)
	if err != nil {
		L.Push(lua.LNil)
		L.Push(lua.LString(err.Error()))
		return 2
	}
	return m.pushChunk(L, src, path, 3)
}

func (m *machine) baseDoFile(L *lua.LState) int {
	path := L.CheckString(1)
	src, err := m.readChunk(L, path)
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	fn, err := m.compile(src, path)
	if err != nil {
		L.Error(lua.LString(err.Error()), 0)
	}
	top := L.GetTop()
	L.Push(fn)
	L.Call(0, lua.MultRet)
	return L.GetTop() - top
}
