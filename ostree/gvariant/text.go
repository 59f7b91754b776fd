package gvariant

import (
	"fmt"
	"strconv"
	"strings"
)

// Text is the value in GVariant's text form, without type annotations, for
// people to read. Bytes that are not text are shown in hexadecimal.
func (v Value) Text() string {
	var b strings.Builder
	v.text(&b)
	return b.String()
}

func (v Value) text(b *strings.Builder) {
	switch t := v.Type(); {
	case t == "":
		b.WriteString("nothing")
	case t == "b":
		b.WriteString(strconv.FormatBool(v.Bool()))
	case t == "y":
		fmt.Fprintf(b, "0x%02x", v.Byte())
	case t == "i":
		fmt.Fprint(b, v.Int32())
	case t == "u":
		fmt.Fprint(b, v.Uint32())
	case t == "x":
		fmt.Fprint(b, v.Int64())
	case t == "t":
		fmt.Fprint(b, v.Uint64())
	case t == "d":
		b.WriteString(strconv.FormatFloat(v.Double(), 'g', -1, 64))
	case t == "s" || t == "o" || t == "g":
		b.WriteString(quote(v.Str()))
	case t == "ay":
		fmt.Fprintf(b, "[byte 0x%x]", v.Bytes())
	case t == "v":
		b.WriteByte('<')
		v.Unwrap().text(b)
		b.WriteByte('>')
	case strings.HasPrefix(t, "a{"):
		v.list(b, "{", "}")
	case t[0] == 'a':
		v.list(b, "[", "]")
	case t[0] == '(':
		v.list(b, "(", ")")
	case t[0] == '{':
		v.Index(0).text(b)
		b.WriteString(": ")
		v.Index(1).text(b)
	default:
		fmt.Fprintf(b, "0x%x", v.Data())
	}
}

// list writes the members of a container between two brackets.
func (v Value) list(b *strings.Builder, open, end string) {
	b.WriteString(open)
	for i := range v.Len() {
		if i > 0 {
			b.WriteString(", ")
		}
		v.Index(i).text(b)
	}
	if open == "(" && v.Len() == 1 {
		b.WriteByte(',')
	}
	b.WriteString(end)
}

func quote(s string) string {
	quoted := strconv.Quote(s)
	return "'" + strings.ReplaceAll(strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`), "'", `\'`) + "'"
}
