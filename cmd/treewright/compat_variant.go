package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/treewright/treewright/ostree/gvariant"
)

// annotated is a value in GVariant's text form as ostree prints it: numbers
// have their type before them, the first one of an array for all. With swap
// they are read as big-endian, as all of a summary is by ostree summary --raw.
func annotated(v gvariant.Value, annotate, swap bool) string {
	typ := func(name string) string {
		if annotate {
			return name + " "
		}
		return ""
	}
	switch t := v.Type(); {
	case t == "y":
		return typ("byte") + fmt.Sprintf("0x%02x", v.Byte())
	case t == "t":
		n := v.Uint64()
		if swap {
			n = gvariant.BE64(n)
		}
		return typ("uint64") + strconv.FormatUint(n, 10)
	case t == "u":
		n := v.Uint32()
		if swap {
			n = gvariant.BE32(n)
		}
		return typ("uint32") + strconv.FormatUint(uint64(n), 10)
	case t == "x":
		return typ("int64") + strconv.FormatInt(v.Int64(), 10)
	case t == "v":
		return "<" + annotated(v.Unwrap(), true, swap) + ">"
	case t[0] == '{':
		return annotated(v.Index(0), annotate, swap) + ": " + annotated(v.Index(1), annotate, swap)
	case t[0] == 'a' && v.Len() == 0:
		if brackets := emptyList(t); !annotate {
			return brackets
		}
		return "@" + t + " " + emptyList(t)
	case t[0] == 'a' || t[0] == '(':
		return annotatedList(v, annotate, swap)
	}
	return v.Text()
}

func emptyList(t string) string {
	if strings.HasPrefix(t, "a{") {
		return "{}"
	}
	return "[]"
}

func annotatedList(v gvariant.Value, annotate, swap bool) string {
	var members []string
	for i, m := range v.All() {
		// The first member tells the type of all in an array.
		members = append(members, annotated(m, annotate && (i == 0 || v.Type()[0] == '('), swap))
	}
	text := strings.Join(members, ", ")
	switch {
	case strings.HasPrefix(v.Type(), "a{"):
		return "{" + text + "}"
	case v.Type()[0] == 'a':
		return "[" + text + "]"
	case len(members) == 1:
		return "(" + text + ",)"
	}
	return "(" + text + ")"
}
