package gvariant

import (
	"fmt"
	"strings"
)

const (
	maxDepth      = 128     // GLib's limit on nesting
	maxTypeString = 1 << 16 // of a type that the data itself names
)

// typ is a parsed type. It never changes once it is made.
type typ struct {
	str     string
	kind    byte // the first character of str
	align   int
	size    int    // of every value; 0 when it varies
	elem    *typ   // of a and m
	members []*typ // of ( and {
}

var (
	typBool    = &typ{str: "b", kind: 'b', align: 1, size: 1}
	typByte    = &typ{str: "y", kind: 'y', align: 1, size: 1}
	typInt16   = &typ{str: "n", kind: 'n', align: 2, size: 2}
	typUint16  = &typ{str: "q", kind: 'q', align: 2, size: 2}
	typInt32   = &typ{str: "i", kind: 'i', align: 4, size: 4}
	typUint32  = &typ{str: "u", kind: 'u', align: 4, size: 4}
	typHandle  = &typ{str: "h", kind: 'h', align: 4, size: 4}
	typInt64   = &typ{str: "x", kind: 'x', align: 8, size: 8}
	typUint64  = &typ{str: "t", kind: 't', align: 8, size: 8}
	typDouble  = &typ{str: "d", kind: 'd', align: 8, size: 8}
	typString  = &typ{str: "s", kind: 's', align: 1}
	typPath    = &typ{str: "o", kind: 'o', align: 1}
	typSig     = &typ{str: "g", kind: 'g', align: 1}
	typVariant = &typ{str: "v", kind: 'v', align: 8}
	typBytes   = &typ{str: "ay", kind: 'a', align: 1, elem: typByte}
	typStrings = &typ{str: "as", kind: 'a', align: 1, elem: typString}
	typEntry   = newTuple("{sv}", '{', []*typ{typString, typVariant})
	typVarDict = &typ{str: "a{sv}", kind: 'a', align: 8, elem: typEntry}
)

func (t *typ) basic() bool { return strings.IndexByte("bynqiuhxtdsog", t.kind) >= 0 }

// newTuple makes the type of a tuple or dictionary entry.
func newTuple(str string, kind byte, members []*typ) *typ {
	t := &typ{str: str, kind: kind, align: 1, members: members}
	size, fixed := 0, true
	for _, m := range members {
		t.align = max(t.align, m.align)
		size = alignUp(size, m.align) + m.size
		fixed = fixed && m.size > 0
	}
	if fixed {
		t.size = max(1, alignUp(size, t.align))
	}
	return t
}

// parseTypeString parses s as exactly one definite type.
func parseTypeString(s string) (*typ, error) {
	if len(s) > maxTypeString {
		return nil, fmt.Errorf("GVariant type string of %d characters is too long", len(s))
	}
	t, rest, err := parseType(s, 0)
	if err == nil && rest != "" {
		err = fmt.Errorf("characters after its end")
	}
	if err != nil {
		return nil, fmt.Errorf("GVariant type string %.40q: %w", s, err)
	}
	return t, nil
}

func parseType(s string, depth int) (t *typ, rest string, err error) {
	if s == "" {
		return nil, "", fmt.Errorf("it ends early")
	}
	if depth > maxDepth {
		return nil, "", fmt.Errorf("nested deeper than %d", maxDepth)
	}
	switch s[0] {
	case 'a', 'm':
		elem, rest, err := parseType(s[1:], depth+1)
		if err != nil {
			return nil, "", err
		}
		str := s[:len(s)-len(rest)]
		return &typ{str: str, kind: s[0], align: elem.align, elem: elem}, rest, nil
	case '(':
		return parseTuple(s, ')', depth)
	case '{':
		t, rest, err := parseTuple(s, '}', depth)
		if err == nil && (len(t.members) != 2 || !t.members[0].basic()) {
			err = fmt.Errorf("a dictionary entry is a basic key and a value")
		}
		return t, rest, err
	}
	if t := basicType(s[0]); t != nil {
		return t, s[1:], nil
	}
	return nil, "", fmt.Errorf("no type has the character %q", s[0])
}

func parseTuple(s string, closing byte, depth int) (*typ, string, error) {
	var members []*typ
	rest := s[1:]
	for rest == "" || rest[0] != closing {
		m, r, err := parseType(rest, depth+1)
		if err != nil {
			return nil, "", err
		}
		members, rest = append(members, m), r
	}
	rest = rest[1:]
	return newTuple(s[:len(s)-len(rest)], s[0], members), rest, nil
}

func basicType(c byte) *typ {
	for _, t := range [...]*typ{typBool, typByte, typInt16, typUint16, typInt32, typUint32, typHandle,
		typInt64, typUint64, typDouble, typString, typPath, typSig, typVariant} {
		if t.kind == c {
			return t
		}
	}
	return nil
}

func alignUp(n, align int) int { return (n + align - 1) &^ (align - 1) }
