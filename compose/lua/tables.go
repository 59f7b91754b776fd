package lua

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/yuin/gopher-lua"
)

// maxUnpack is how many values one call can be given.
const maxUnpack = 1 << 16

func (m *machine) openTable() {
	m.library("table", map[string]lua.LGFunction{
		"pack":   tablePack,
		"unpack": tableUnpack,
		"move":   tableMove,
		"concat": tableConcat,
	})
	m.L.SetGlobal("unpack", m.L.GetField(m.L.GetGlobal("table"), "unpack"))
}

func tablePack(L *lua.LState) int {
	n := L.GetTop()
	t := L.NewTable()
	for i := 1; i <= n; i++ {
		t.RawSetInt(i, L.Get(i))
	}
	t.RawSetString("n", lua.LNumber(n))
	L.Push(t)
	return 1
}

func tableUnpack(L *lua.LState) int {
	t := L.CheckTable(1)
	from, to := optInt(L, 2, 1), optInt(L, 3, t.Len())
	if from > to {
		return 0
	}
	if to-from >= maxUnpack || to-from < 0 {
		L.RaiseError("too many results to unpack")
	}
	for i := from; i <= to; i++ {
		L.Push(L.GetTable(t, lua.LNumber(i)))
	}
	return to - from + 1
}

func tableMove(L *lua.LState) int {
	src, from, to, at := L.CheckTable(1), checkInt(L, 2), checkInt(L, 3), checkInt(L, 4)
	dst := L.OptTable(5, src)
	if at > to || at <= from || dst != src {
		for i := from; i <= to; i++ {
			L.SetTable(dst, lua.LNumber(at+i-from), L.GetTable(src, lua.LNumber(i)))
		}
	} else {
		for i := to; i >= from; i-- {
			L.SetTable(dst, lua.LNumber(at+i-from), L.GetTable(src, lua.LNumber(i)))
		}
	}
	L.Push(dst)
	return 1
}

func tableConcat(L *lua.LState) int {
	t, sep := L.CheckTable(1), L.OptString(2, "")
	from, to := optInt(L, 3, 1), optInt(L, 4, t.Len())
	var b strings.Builder
	for i := from; i <= to; i++ {
		switch v := L.GetTable(t, lua.LNumber(i)).(type) {
		case lua.LString:
			b.WriteString(string(v))
		case lua.LNumber:
			b.WriteString(formatNumber(float64(v)))
		default:
			L.RaiseError("invalid value (at index %d) in table for 'concat'", i)
		}
		if i < to {
			b.WriteString(sep)
		}
		if b.Len() > maxString {
			L.RaiseError("resulting string too large")
		}
	}
	L.Push(lua.LString(b.String()))
	return 1
}

func (m *machine) openMath() {
	t := m.library("math", map[string]lua.LGFunction{
		"type": func(L *lua.LState) int {
			switch v, ok := L.CheckAny(1).(lua.LNumber); {
			case !ok:
				L.Push(lua.LNil)
			case isInteger(float64(v)):
				L.Push(lua.LString("integer"))
			default:
				L.Push(lua.LString("float"))
			}
			return 1
		},
		"tointeger": func(L *lua.LState) int {
			v, ok := toNumber(L.CheckAny(1))
			if ok && isInteger(v) {
				L.Push(lua.LNumber(v))
			} else {
				L.Push(lua.LNil)
			}
			return 1
		},
		"ult": func(L *lua.LState) int {
			L.Push(lua.LBool(uint64(checkInteger(L, 1)) < uint64(checkInteger(L, 2))))
			return 1
		},
		"log": mathLog,
	})
	t.RawSetString("huge", lua.LNumber(math.Inf(1)))
	t.RawSetString("maxinteger", lua.LNumber(math.MaxInt64))
	t.RawSetString("mininteger", lua.LNumber(math.MinInt64))
}

func mathLog(L *lua.LState) int {
	v := float64(L.CheckNumber(1))
	switch base := float64(L.OptNumber(2, lua.LNumber(math.E))); base {
	case math.E:
		v = math.Log(v)
	case 2:
		v = math.Log2(v)
	case 10:
		v = math.Log10(v)
	default:
		v = math.Log(v) / math.Log(base)
	}
	L.Push(lua.LNumber(v))
	return 1
}

func (m *machine) openUTF8() {
	t := m.library("utf8", map[string]lua.LGFunction{
		"char": func(L *lua.LState) int {
			var b []byte
			for i := 1; i <= L.GetTop(); i++ {
				n := checkInteger(L, i)
				if n < 0 || n > math.MaxInt32 {
					L.ArgError(i, "value out of range")
				}
				b = append(b, encodeUTF8(uint32(n))...)
			}
			L.Push(lua.LString(b))
			return 1
		},
		"len":       utf8Len,
		"codepoint": utf8Codepoint,
		"codes":     utf8Codes,
		"offset":    utf8Offset,
	})
	t.RawSetString("charpattern", lua.LString("[\x00-\x7f\xc2-\xfd][\x80-\xbf]*"))
}

func utf8Len(L *lua.LState) int {
	s := L.CheckString(1)
	from, to := bounds(len(s), optInt(L, 2, 1), optInt(L, 3, -1))
	n := 0
	for i := from; i < to; n++ {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			L.Push(lua.LNil)
			L.Push(lua.LNumber(i + 1))
			return 2
		}
		i += size
	}
	L.Push(lua.LNumber(n))
	return 1
}

func utf8Codepoint(L *lua.LState) int {
	s, i := L.CheckString(1), optInt(L, 2, 1)
	from, to := bounds(len(s), i, optInt(L, 3, i))
	n := 0
	for from < to && n < maxUnpack {
		r, size := utf8.DecodeRuneInString(s[from:])
		if r == utf8.RuneError && size == 1 {
			L.RaiseError("invalid UTF-8 code")
		}
		L.Push(lua.LNumber(r))
		from += size
		n++
	}
	return n
}

func utf8Codes(L *lua.LState) int {
	s := L.CheckString(1)
	pos := 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if pos >= len(s) {
			L.Push(lua.LNil)
			return 1
		}
		r, size := utf8.DecodeRuneInString(s[pos:])
		if r == utf8.RuneError && size == 1 {
			L.RaiseError("invalid UTF-8 code")
		}
		L.Push(lua.LNumber(pos + 1))
		L.Push(lua.LNumber(r))
		pos += size
		return 2
	}))
	return 1
}

// utf8Offset gives the position where character n, counted from i, begins.
func utf8Offset(L *lua.LState) int {
	s, n := L.CheckString(1), checkInt(L, 2)
	start := 1
	if n <= 0 {
		start = len(s) + 1
	}
	i := optInt(L, 3, start)
	if i < 0 {
		i += len(s) + 1
	}
	if i--; i < 0 || i > len(s) {
		L.ArgError(3, "position out of bounds")
	}
	tail := func(i int) bool { return i < len(s) && s[i]&0xc0 == 0x80 }
	if n == 0 {
		for i > 0 && tail(i) {
			i--
		}
		L.Push(lua.LNumber(i + 1))
		return 1
	}
	if tail(i) {
		L.RaiseError("initial position is a continuation byte")
	}
	for ; n < 0 && i > 0; n++ {
		for i--; i > 0 && tail(i); i-- {
		}
	}
	for ; n > 1 && i < len(s); n-- {
		for i++; tail(i); i++ {
		}
	}
	if n == 0 || n == 1 {
		L.Push(lua.LNumber(i + 1))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}
