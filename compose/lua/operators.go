package lua

import (
	"math"
	"strings"

	"github.com/yuin/gopher-lua"
)

// The hidden functions behind the operators that the rewriter replaces.
const (
	hiddenIdiv = "__treewright_idiv"
	hiddenBand = "__treewright_band"
	hiddenBor  = "__treewright_bor"
	hiddenBxor = "__treewright_bxor"
	hiddenShl  = "__treewright_shl"
	hiddenShr  = "__treewright_shr"
	hiddenBnot = "__treewright_bnot"
)

// openOperators makes the functions reachable from every string, and the
// string library as before through them.
func (m *machine) openOperators() {
	L := m.L
	hidden := L.NewTable()
	hidden.RawSetString(hiddenIdiv, L.NewFunction(opIdiv))
	bits := map[string]func(a, b int64) int64{
		hiddenBand: func(a, b int64) int64 { return a & b },
		hiddenBor:  func(a, b int64) int64 { return a | b },
		hiddenBxor: func(a, b int64) int64 { return a ^ b },
		hiddenShl:  shiftLeft,
		hiddenShr:  func(a, b int64) int64 { return shiftLeft(a, -b) },
	}
	for name, op := range bits {
		event := "__" + strings.TrimPrefix(name, "__treewright_")
		hidden.RawSetString(name, L.NewFunction(func(L *lua.LState) int { return opBits(L, event, op) }))
	}
	hidden.RawSetString(hiddenBnot, L.NewFunction(func(L *lua.LState) int {
		L.SetTop(1)
		L.Push(L.Get(1))
		return opBits(L, "__bnot", func(a, _ int64) int64 { return ^a })
	}))
	up := L.NewTable()
	up.RawSetString("__index", L.GetGlobal("string"))
	L.SetMetatable(hidden, up)
	mt := L.NewTable()
	mt.RawSetString("__index", hidden)
	L.SetMetatable(lua.LString(""), mt)
}

// shiftLeft shifts by n bits, to the right when n is negative, filling with 0.
func shiftLeft(a, n int64) int64 {
	switch {
	case n <= -64 || n >= 64:
		return 0
	case n >= 0:
		return int64(uint64(a) << uint(n))
	}
	return int64(uint64(a) >> uint(-n))
}

// metaCall calls the metamethod of one of the two operands, if there is one.
func metaCall(L *lua.LState, event string) bool {
	for i := 1; i <= 2; i++ {
		if mm := L.GetMetaField(L.Get(i), event); mm != lua.LNil {
			a, b := L.Get(1), L.Get(2)
			L.Push(mm)
			L.Push(a)
			L.Push(b)
			L.Call(2, 1)
			return true
		}
	}
	return false
}

// toNumber reads a number, or a string that holds one.
func toNumber(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return stringNumber(string(v))
	}
	return 0, false
}

// stringNumber reads a number with sign and spaces around it.
func stringNumber(s string) (float64, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	sign := 1.0
	if strings.HasPrefix(s, "-") {
		sign, s = -1, s[1:]
	} else if strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if s == "" || s[0] == '+' || s[0] == '-' {
		return 0, false
	}
	v, ok := parseNumber(s)
	return sign * v, ok
}

func opIdiv(L *lua.LState) int {
	a, okA := toNumber(L.Get(1))
	b, okB := toNumber(L.Get(2))
	if !okA || !okB {
		if metaCall(L, "__idiv") {
			return 1
		}
		bad := L.Get(1)
		if okA {
			bad = L.Get(2)
		}
		L.RaiseError("attempt to perform arithmetic on a %s value", bad.Type())
	}
	if b == 0 && isInteger(a) {
		L.RaiseError("attempt to perform 'n//0'")
	}
	L.Push(lua.LNumber(math.Floor(a / b)))
	return 1
}

func isInteger(v float64) bool { return v == math.Trunc(v) && !math.IsInf(v, 0) }

func opBits(L *lua.LState, event string, op func(a, b int64) int64) int {
	var n [2]int64
	for i := range n {
		v, ok := toNumber(L.Get(i + 1))
		if !ok {
			if metaCall(L, event) {
				return 1
			}
			L.RaiseError("attempt to perform bitwise operation on a %s value", L.Get(i+1).Type())
		}
		if !isInteger(v) {
			L.RaiseError("number has no integer representation")
		}
		n[i] = toInt64(v)
	}
	L.Push(lua.LNumber(op(n[0], n[1])))
	return 1
}

// toInt64 takes 2^63 up to 2^64 as the unsigned writing of negative numbers.
func toInt64(v float64) int64 {
	if v >= 1<<63 {
		if v >= 1<<64 {
			return math.MaxInt64
		}
		return int64(uint64(v))
	}
	return int64(v)
}
