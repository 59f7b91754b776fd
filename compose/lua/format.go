package lua

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua"
)

// spec is one conversion of string.format, as in C.
type spec struct {
	minus, plus, space, sharp, zero bool
	width, precision                int
}

// strFormat is string.format.
func strFormat(L *lua.LState) int {
	format := L.CheckString(1)
	var b strings.Builder
	arg := 1
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		if i++; i < len(format) && format[i] == '%' {
			b.WriteByte('%')
			continue
		}
		sp, n := parseSpec(L, format[i:])
		if i += n; i >= len(format) {
			L.RaiseError("invalid conversion '%%%s' to 'format'", format[i-n:])
		}
		arg++
		b.WriteString(formatArg(L, format[i], sp, arg))
		if b.Len() > maxString {
			L.RaiseError("resulting string too large")
		}
	}
	L.Push(lua.LString(b.String()))
	return 1
}

func parseSpec(L *lua.LState, s string) (sp spec, n int) {
	sp.precision = -1
	for ; n < len(s); n++ {
		switch s[n] {
		case '-':
			sp.minus = true
		case '+':
			sp.plus = true
		case ' ':
			sp.space = true
		case '#':
			sp.sharp = true
		case '0':
			sp.zero = true
		default:
			goto width
		}
	}
width:
	digits := func() int {
		v, from := 0, n
		for n < len(s) && isDigit(s[n]) {
			v = v*10 + int(s[n]-'0')
			if n++; n-from > 2 {
				L.RaiseError("invalid conversion '%%%s' to 'format'", s[:n])
			}
		}
		return v
	}
	sp.width = digits()
	if n < len(s) && s[n] == '.' {
		n++
		sp.precision = digits()
	}
	return sp, n
}

func formatArg(L *lua.LState, verb byte, sp spec, arg int) string {
	switch verb {
	case 'c':
		return sp.pad(string([]byte{byte(checkInt(L, arg))}), false)
	case 'd', 'i':
		n := checkInteger(L, arg)
		return sp.integer(strconv.FormatUint(magnitude(n), 10), n < 0)
	case 'u':
		return sp.integer(strconv.FormatUint(uint64(checkInteger(L, arg)), 10), false)
	case 'o', 'x', 'X':
		return sp.unsigned(verb, uint64(checkInteger(L, arg)))
	case 'e', 'E', 'f', 'F', 'g', 'G', 'a', 'A':
		return cFloat(verb, float64(L.CheckNumber(arg)), sp)
	case 's':
		s := toString(L, L.CheckAny(arg))
		if sp.precision >= 0 && len(s) > sp.precision {
			s = s[:sp.precision]
		}
		return sp.pad(s, false)
	case 'q':
		return quoteValue(L, L.CheckAny(arg))
	}
	L.RaiseError("invalid conversion '%%%c' to 'format'", rune(verb))
	return ""
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-(n + 1)) + 1
	}
	return uint64(n)
}

// checkInteger gives an argument that must be an integral number.
func checkInteger(L *lua.LState, arg int) int64 {
	v, ok := toNumber(L.Get(arg))
	if !ok {
		L.TypeError(arg, lua.LTNumber)
	}
	if !isInteger(v) {
		L.ArgError(arg, "number has no integer representation")
	}
	return toInt64(v)
}

// checkInt is checkInteger for what is an int here.
func checkInt(L *lua.LState, arg int) int { return int(checkInteger(L, arg)) }

// optInt is checkInt for an argument that may be missing.
func optInt(L *lua.LState, arg, missing int) int {
	if L.Get(arg) == lua.LNil {
		return missing
	}
	return checkInt(L, arg)
}

func (sp spec) pad(s string, zero bool) string {
	fill := sp.width - len(s)
	switch {
	case fill <= 0:
		return s
	case sp.minus:
		return s + strings.Repeat(" ", fill)
	case zero:
		sign := 0
		if s[0] == '-' || s[0] == '+' || s[0] == ' ' {
			sign = 1
		}
		if len(s) >= sign+2 && s[sign] == '0' && s[sign+1]|0x20 == 'x' {
			sign += 2
		}
		return s[:sign] + strings.Repeat("0", fill) + s[sign:]
	}
	return strings.Repeat(" ", fill) + s
}

func (sp spec) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case sp.plus:
		return "+"
	case sp.space:
		return " "
	}
	return ""
}

func (sp spec) integer(digits string, negative bool) string {
	if n := sp.precision - len(digits); n > 0 {
		digits = strings.Repeat("0", n) + digits
	}
	return sp.pad(sp.sign(negative)+digits, sp.zero && sp.precision < 0)
}

func (sp spec) unsigned(verb byte, v uint64) string {
	sp.plus, sp.space = false, false
	base := 16
	if verb == 'o' {
		base = 8
	}
	digits := strconv.FormatUint(v, base)
	if n := sp.precision - len(digits); n > 0 {
		digits = strings.Repeat("0", n) + digits
	}
	if sp.sharp && v != 0 {
		digits = map[byte]string{'o': "0", 'x': "0x", 'X': "0x"}[verb] + digits
	}
	if verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	return sp.pad(digits, sp.zero && sp.precision < 0)
}

// cFloat writes a number as C's printf does.
func cFloat(verb byte, v float64, sp spec) string {
	lower := verb | 0x20
	var s string
	finite := true
	switch {
	case math.IsInf(v, 0):
		s, finite = "inf", false
	case math.IsNaN(v):
		s, finite = "nan", false
	default:
		format := "%"
		if sp.sharp {
			format += "#"
		}
		precision := sp.precision
		if precision < 0 && lower != 'a' {
			precision = 6
		}
		if precision >= 0 {
			format += "." + strconv.Itoa(precision)
		}
		if lower == 'a' {
			lower = 'x'
		}
		s = fmt.Sprintf(format+string(rune(lower)), math.Abs(v))
		if lower == 'x' {
			s = strings.NewReplacer("p+0", "p+", "p-0", "p-").Replace(s)
		}
	}
	s = sp.sign(math.Signbit(v) && !math.IsNaN(v)) + s
	if verb < 'a' {
		s = strings.ToUpper(s)
	}
	return sp.pad(s, sp.zero && finite)
}

// quoteValue writes a value so that the interpreter reads it back.
func quoteValue(L *lua.LState, v lua.LValue) string {
	s, ok := v.(lua.LString)
	if !ok {
		switch v.(type) {
		case lua.LNumber, lua.LBool, *lua.LNilType:
			return toString(L, v)
		}
		L.RaiseError("value has no literal form")
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			if i+1 < len(s) && isDigit(s[i+1]) {
				fmt.Fprintf(&b, "\\%03d", c)
			} else {
				fmt.Fprintf(&b, "\\%d", c)
			}
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
