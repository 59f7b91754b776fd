package main

import (
	"slices"

	"github.com/treewright/treewright/ostree/gvariant"
)

// swapped is a value with the bytes of all its numbers in the other order. What
// ostree shows of an object it shows so, because most numbers are big-endian.
func swapped(v gvariant.Value) gvariant.Value {
	switch t := v.Type(); t[0] {
	case 'n', 'q', 'i', 'u', 'h', 'x', 't', 'd':
		data := slices.Clone(v.Data())
		slices.Reverse(data)
		if n, err := gvariant.Parse(t, data); err == nil {
			return n
		}
	case 'v':
		return gvariant.Variant(swapped(v.Unwrap()))
	case '{':
		return gvariant.DictEntry(swapped(v.Index(0)), swapped(v.Index(1)))
	case 'a', '(', 'm':
		if t == "ay" || t == "as" || v.Len() == 0 {
			return v
		}
		var members []gvariant.Value
		for _, m := range v.All() {
			members = append(members, swapped(m))
		}
		switch t[0] {
		case 'a':
			return gvariant.Array(t[1:], members...)
		case 'm':
			return gvariant.Just(members[0])
		}
		return gvariant.Tuple(members...)
	}
	return v
}
