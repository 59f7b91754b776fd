package lua

import (
	"strings"

	"github.com/yuin/gopher-lua"
)

// openString replaces what the string library underneath does not have or does
// differently.
func (m *machine) openString() {
	m.library("string", map[string]lua.LGFunction{
		"format": strFormat,
		"rep":    strRep,
		"find":   func(L *lua.LState) int { return strFind(L, true) },
		"match":  func(L *lua.LState) int { return strFind(L, false) },
		"gmatch": strGmatch,
		"gsub":   strGsub,
		"sub":    strSub,
		"byte":   strByte,
		"lower":  func(L *lua.LState) int { return mapASCII(L, 'A', 'Z') },
		"upper":  func(L *lua.LState) int { return mapASCII(L, 'a', 'z') },
		"len": func(L *lua.LState) int {
			L.Push(lua.LNumber(len(L.CheckString(1))))
			return 1
		},
	})
	m.L.SetField(m.L.GetGlobal("string"), "gfind", lua.LNil)
	m.L.SetField(m.L.GetGlobal("string"), "__index", lua.LNil)
}

// mapASCII changes the case of the letters between from and to: the locale is C.
func mapASCII(L *lua.LState, from, to byte) int {
	s := []byte(L.CheckString(1))
	for i, c := range s {
		if c >= from && c <= to {
			s[i] = c ^ 0x20
		}
	}
	L.Push(lua.LString(s))
	return 1
}

func strRep(L *lua.LState) int {
	s, n, sep := L.CheckString(1), checkInt(L, 2), L.OptString(3, "")
	if n <= 0 || len(s)+len(sep) == 0 {
		L.Push(lua.LString(""))
		return 1
	}
	if n > maxString/(len(s)+len(sep)) {
		L.RaiseError("resulting string too large")
	}
	L.Push(lua.LString(strings.Repeat(s+sep, n-1) + s))
	return 1
}

// bounds turns positions that may count from the end into a slice's.
func bounds(n, i, j int) (from, to int) {
	if i < 0 {
		i = max(n+i+1, 1)
	} else if i == 0 {
		i = 1
	}
	if j < 0 {
		j = n + j + 1
	}
	j = min(j, n)
	if i > j {
		return 0, 0
	}
	return i - 1, j
}

func strSub(L *lua.LState) int {
	s := L.CheckString(1)
	from, to := bounds(len(s), checkInt(L, 2), optInt(L, 3, -1))
	L.Push(lua.LString(s[from:to]))
	return 1
}

func strByte(L *lua.LState) int {
	s := L.CheckString(1)
	i := optInt(L, 2, 1)
	from, to := bounds(len(s), i, optInt(L, 3, i))
	if i == 0 && L.GetTop() < 3 {
		return 0
	}
	if to-from > 1<<16 {
		L.RaiseError("string slice too long")
	}
	for _, c := range []byte(s[from:to]) {
		L.Push(lua.LNumber(c))
	}
	return to - from
}

// guardPattern raises the error of a malformed pattern at the script's line.
func guardPattern(L *lua.LState) {
	if p := recover(); p != nil {
		if e, ok := p.(patternError); ok {
			L.RaiseError("%s", e.Error())
		}
		panic(p)
	}
}

// next finds the first match from init on.
func (m *matcher) next(init int) (start, end int) {
	anchored := strings.HasPrefix(m.pat, "^")
	first := 0
	if anchored {
		first = 1
	}
	for s := init; s <= len(m.src); s++ {
		m.captures, m.depth = m.captures[:0], 0
		if e := m.matchAt(s, first); e >= 0 {
			return s, e
		}
		if anchored {
			break
		}
	}
	return -1, -1
}

// value gives capture i; the whole match when the pattern has none.
func (m *matcher) value(i, start, end int) lua.LValue {
	if i >= len(m.captures) {
		if i != 0 {
			m.fail("invalid capture index %" + itoa(i+1) + " in replacement string")
		}
		return lua.LString(m.src[start:end])
	}
	switch c := m.captures[i]; c.length {
	case placeCapture:
		return lua.LNumber(c.start + 1)
	case openCapture:
		m.fail("unfinished capture")
		return lua.LNil
	default:
		return lua.LString(m.src[c.start : c.start+c.length])
	}
}

// push pushes all captures; whole says that a match without any is pushed.
func (m *matcher) push(L *lua.LState, start, end int, whole bool) int {
	n := len(m.captures)
	if n == 0 && whole {
		n = 1
	}
	for i := range n {
		L.Push(m.value(i, start, end))
	}
	return n
}

func strFind(L *lua.LState, find bool) int {
	defer guardPattern(L)
	src, pat, init := L.CheckString(1), L.CheckString(2), optInt(L, 3, 1)
	if init < 0 {
		init = max(len(src)+init+1, 1)
	}
	init = max(init, 1) - 1
	if init > len(src) {
		L.Push(lua.LNil)
		return 1
	}
	if find && (L.ToBool(4) || !strings.ContainsAny(pat, "^$*+?.([%-")) {
		i := strings.Index(src[init:], pat)
		if i < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(init + i + 1))
		L.Push(lua.LNumber(init + i + len(pat)))
		return 2
	}
	m := &matcher{src: src, pat: pat}
	start, end := m.next(init)
	if start < 0 {
		L.Push(lua.LNil)
		return 1
	}
	if !find {
		return m.push(L, start, end, true)
	}
	L.Push(lua.LNumber(start + 1))
	L.Push(lua.LNumber(end))
	return 2 + m.push(L, start, end, false)
}

func strGmatch(L *lua.LState) int {
	m := &matcher{src: L.CheckString(1), pat: L.CheckString(2)}
	pos, last := 0, -1
	L.Push(L.NewFunction(func(L *lua.LState) int {
		defer guardPattern(L)
		for s := pos; s <= len(m.src); s++ {
			m.captures, m.depth = m.captures[:0], 0
			if e := m.matchAt(s, 0); e >= 0 && e != last {
				pos, last = e, e
				return m.push(L, s, e, true)
			}
		}
		pos = len(m.src) + 1
		L.Push(lua.LNil)
		return 1
	}))
	return 1
}

func strGsub(L *lua.LState) int {
	defer guardPattern(L)
	m := &matcher{src: L.CheckString(1), pat: L.CheckString(2)}
	repl := L.CheckAny(3)
	if n, ok := repl.(lua.LNumber); ok {
		repl = lua.LString(formatNumber(float64(n)))
	}
	L.CheckTypes(3, lua.LTString, lua.LTNumber, lua.LTTable, lua.LTFunction)
	limit := optInt(L, 4, len(m.src)+1)
	anchored := strings.HasPrefix(m.pat, "^")
	first := 0
	if anchored {
		first = 1
	}
	var b strings.Builder
	count, s, last := 0, 0, -1
	for count < limit {
		m.captures, m.depth = m.captures[:0], 0
		if e := m.matchAt(s, first); e >= 0 && e != last {
			count++
			b.WriteString(m.replacement(L, repl, s, e))
			s, last = e, e
		} else if s < len(m.src) {
			b.WriteByte(m.src[s])
			s++
		} else {
			break
		}
		if anchored {
			break
		}
		if b.Len() > maxString {
			L.RaiseError("resulting string too large")
		}
	}
	b.WriteString(m.src[min(s, len(m.src)):])
	L.Push(lua.LString(b.String()))
	L.Push(lua.LNumber(count))
	return 2
}

func (m *matcher) replacement(L *lua.LState, repl lua.LValue, s, e int) string {
	var v lua.LValue
	switch repl := repl.(type) {
	case lua.LString:
		return m.template(string(repl), s, e)
	case *lua.LTable:
		v = L.GetTable(repl, m.value(0, s, e))
	default:
		captures := append([]capture(nil), m.captures...)
		L.Push(repl)
		L.Call(m.push(L, s, e, true), 1)
		v = L.Get(-1)
		L.Pop(1)
		m.captures = captures
	}
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return formatNumber(float64(v))
	}
	if lua.LVAsBool(v) {
		m.fail("invalid replacement value (a " + v.Type().String() + ")")
	}
	return m.src[s:e]
}

func (m *matcher) template(repl string, s, e int) string {
	if !strings.Contains(repl, "%") {
		return repl
	}
	var b strings.Builder
	for i := 0; i < len(repl); i++ {
		if repl[i] != '%' {
			b.WriteByte(repl[i])
			continue
		}
		i++
		switch {
		case i < len(repl) && repl[i] == '%':
			b.WriteByte('%')
		case i < len(repl) && repl[i] == '0':
			b.WriteString(m.src[s:e])
		case i < len(repl) && isDigit(repl[i]):
			v := m.value(int(repl[i]-'1'), s, e)
			if n, ok := v.(lua.LNumber); ok {
				v = lua.LString(formatNumber(float64(n)))
			}
			b.WriteString(v.String())
		default:
			m.fail("invalid use of '%' in replacement string")
		}
	}
	return b.String()
}
