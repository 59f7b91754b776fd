package gvariant

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Annotated is the value in GVariant's text form with the types that ParseText
// needs to read the same value: what GLib prints.
func (v Value) Annotated() string {
	var b strings.Builder
	v.annotated(&b, true)
	return b.String()
}

// Unannotated is Annotated without the types.
func (v Value) Unannotated() string {
	var b strings.Builder
	v.annotated(&b, false)
	return b.String()
}

// textWords stand before values whose type their text alone does not tell.
var textWords = map[byte]string{'y': "byte ", 'n': "int16 ", 'q': "uint16 ", 'h': "handle ", 'u': "uint32 ", 'x': "int64 ", 't': "uint64 ",
	'o': "objectpath ", 'g': "signature "}

func (v Value) annotated(b *strings.Builder, annotate bool) {
	if v.t == nil {
		return
	}
	if word := textWords[v.t.kind]; annotate {
		b.WriteString(word)
	}
	switch v.t.kind {
	case 'n', 'q', 'h':
		b.WriteString(v.short())
	case 'd':
		b.WriteString(floatText(v.Double()))
	case 's':
		b.WriteString(stringText(v.Str()))
	case 'o', 'g':
		b.WriteString("'" + v.Str() + "'")
	case 'v':
		b.WriteByte('<')
		v.Unwrap().annotated(b, true)
		b.WriteByte('>')
	case 'm':
		v.annotatedMaybe(b, annotate)
	case '{', '(':
		brackets := map[byte]string{'{': "{}", '(': "()"}[v.t.kind]
		v.annotatedList(b, brackets, annotate, annotate)
	case 'a':
		v.annotatedArray(b, annotate)
	default:
		v.text(b)
	}
}

func (v Value) annotatedArray(b *strings.Builder, annotate bool) {
	brackets := "[]"
	if v.t.elem.kind == '{' {
		brackets = "{}"
	}
	n := v.Len()
	switch {
	case n == 0 && annotate:
		b.WriteString("@" + v.t.str + " " + brackets)
		return
	case v.t.elem.kind == 'y' && n > 0 && strings.IndexByte(string(v.data), 0) == n-1:
		b.WriteString(bytesText(v.data[:n-1]))
		return
	case v.t.elem.kind == '{':
		b.WriteByte('{')
		for i, e := range v.All() {
			if i > 0 {
				b.WriteString(", ")
			}
			// The first member tells the type of all.
			e.Index(0).annotated(b, annotate && i == 0)
			b.WriteString(": ")
			e.Index(1).annotated(b, annotate && i == 0)
		}
		b.WriteByte('}')
		return
	}
	v.annotatedList(b, brackets, annotate, false)
}

// annotatedList writes members, of which first says whether the first has its
// type and rest whether all others have it.
func (v Value) annotatedList(b *strings.Builder, brackets string, first, rest bool) {
	b.WriteByte(brackets[0])
	for i, m := range v.All() {
		if i > 0 {
			b.WriteString(", ")
		}
		m.annotated(b, i == 0 && first || rest)
	}
	if v.t.kind == '(' && v.Len() == 1 {
		b.WriteByte(',')
	}
	b.WriteByte(brackets[1])
}

func (v Value) annotatedMaybe(b *strings.Builder, annotate bool) {
	if annotate {
		b.WriteString("@" + v.t.str + " ")
	}
	depth := 0
	for v.t.kind == 'm' && v.Len() > 0 {
		v = v.Index(0)
		depth++
	}
	if v.t.kind != 'm' {
		v.annotated(b, false)
		return
	}
	b.WriteString(strings.Repeat("just ", depth) + "nothing")
}

// short is the number of a type that has no accessor.
func (v Value) short() string {
	x := uint64(0)
	for i, c := range v.data {
		x |= uint64(c) << (8 * i)
	}
	if v.t.kind == 'q' {
		return strconv.FormatUint(x, 10)
	}
	shift := 64 - 8*len(v.data)
	return strconv.FormatInt(int64(x<<shift)>>shift, 10)
}

// floatText is the number as C prints it with "%.17g", with a dot at least.
func floatText(f float64) string {
	text := strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(f, 'g', 17, 64), "+"))
	if mantissa, exponent, ok := strings.Cut(text, "e"); ok {
		if strings.Contains(mantissa, ".") {
			mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
		}
		return mantissa + "e" + exponent
	}
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	if !strings.ContainsAny(text, ".ein") {
		text += ".0"
	}
	return text
}

func stringText(s string) string {
	quote := '\''
	if strings.ContainsRune(s, quote) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteRune(quote)
	for _, r := range s {
		i := strings.IndexRune("\a\b\f\n\r\t\v", r)
		switch {
		case r == quote || r == '\\':
			b.WriteString(`\` + string(r))
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case i >= 0:
			b.WriteString(`\` + "abfnrtv"[i:i+1])
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteRune(quote)
	return b.String()
}

func bytesText(s []byte) string {
	quote := byte('\'')
	if strings.IndexByte(string(s), quote) >= 0 {
		quote = '"'
	}
	var b strings.Builder
	b.WriteString("b" + string(quote))
	for _, c := range s {
		i := strings.IndexByte("\b\f\n\r\t\v\\\"", c)
		switch {
		case i >= 0:
			b.WriteString(`\` + "bfnrtv\\\""[i:i+1])
		case c < 0x20 || c > 0x7e:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte(quote)
	return b.String()
}
