package gvariant

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

func (t *typ) wrong(format string, args ...any) error {
	return &FormError{Type: t.str, Reason: fmt.Sprintf(format, args...)}
}

// check reports why data is not the normal form of a value of type t.
func (t *typ) check(data []byte, depth int) error {
	if depth > maxDepth {
		return t.wrong("nested deeper than %d", maxDepth)
	}
	if t.size > 0 && len(data) != t.size {
		return t.wrong("%d bytes, not %d", len(data), t.size)
	}
	switch t.kind {
	case 'b':
		if data[0] > 1 {
			return t.wrong("a boolean of %d", data[0])
		}
	case 's', 'o', 'g':
		return t.checkString(data)
	case 'v':
		return t.checkVariant(data, depth)
	case 'm':
		return t.checkMaybe(data, depth)
	case 'a':
		return t.checkArray(data, depth)
	case '(', '{':
		return t.checkTuple(data, depth)
	}
	return nil
}

func (t *typ) checkString(data []byte) error {
	if len(data) == 0 || bytes.IndexByte(data, 0) != len(data)-1 {
		return t.wrong("the string has no NUL at its end, or another before")
	}
	s := data[:len(data)-1]
	if !utf8.Valid(s) {
		return t.wrong("the string is not UTF-8")
	}
	if t.kind == 'o' && !isObjectPath(string(s)) {
		return t.wrong("%q is no object path", s)
	}
	if t.kind == 'g' && !isSignature(string(s)) {
		return t.wrong("%q is no signature", s)
	}
	return nil
}

// isObjectPath tells whether s is a D-Bus object path.
func isObjectPath(s string) bool {
	if s == "/" {
		return true
	}
	if s == "" || s[0] != '/' || s[len(s)-1] == '/' {
		return false
	}
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '/' && s[i-1] == '/':
			return false
		case c == '/', c == '_', c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		default:
			return false
		}
	}
	return true
}

// isSignature tells whether s is a sequence of type strings, as D-Bus has
// them: no maybes.
func isSignature(s string) bool {
	if len(s) > 255 {
		return false
	}
	for s != "" {
		t, rest, err := parseType(s, 0)
		if err != nil || bytes.IndexByte([]byte(t.str), 'm') >= 0 {
			return false
		}
		s = rest
	}
	return true
}

func (t *typ) checkVariant(data []byte, depth int) error {
	end := bytes.LastIndexByte(data, 0)
	if end < 0 {
		return t.wrong("no type string")
	}
	if len(data)-end > maxTypeString {
		return t.wrong("a type string of %d characters", len(data)-end-1)
	}
	child, err := parseTypeString(string(data[end+1:]))
	if err != nil {
		return t.wrong("%v", err)
	}
	return child.check(data[:end], depth+1)
}

func (t *typ) checkMaybe(data []byte, depth int) error {
	if len(data) == 0 {
		return nil
	}
	if t.elem.size == 0 {
		if data[len(data)-1] != 0 {
			return t.wrong("no NUL after the value")
		}
		data = data[:len(data)-1]
	}
	return t.elem.check(data, depth+1)
}

func (t *typ) checkArray(data []byte, depth int) error {
	if len(data) == 0 {
		return nil
	}
	if t.elem.size > 0 {
		return t.checkFixedArray(data, depth)
	}
	body, table, w := offsets(data)
	if body > len(data) || len(table)%w != 0 || len(table) == 0 {
		return t.wrong("the end of the last element is at %d of %d", body, len(data))
	}
	if minWidth(body, len(table)/w) != w {
		return t.wrong("offsets wider than needed")
	}
	end := 0
	for ; len(table) > 0; table = table[w:] {
		next := readOffset(table, w)
		start, err := t.span(data, end, next, body, t.align)
		if err != nil {
			return err
		}
		if err := t.elem.check(data[start:next], depth+1); err != nil {
			return err
		}
		end = next
	}
	return nil
}

func (t *typ) checkFixedArray(data []byte, depth int) error {
	n := t.elem.size
	if len(data)%n != 0 {
		return t.wrong("%d bytes are no multiple of %d", len(data), n)
	}
	if t.elem.kind != 'b' && t.elem.basic() {
		return nil
	}
	for ; len(data) > 0; data = data[n:] {
		if err := t.elem.check(data[:n], depth+1); err != nil {
			return err
		}
	}
	return nil
}

// span returns where the element that follows prev and ends at end starts,
// having checked the padding and that it lies within the body.
func (t *typ) span(data []byte, prev, end, body, align int) (start int, err error) {
	start = alignUp(prev, align)
	if start > end || end > body {
		return 0, t.wrong("an element from %d to %d in a body of %d", start, end, body)
	}
	for _, c := range data[prev:start] {
		if c != 0 {
			return 0, t.wrong("padding that is not zero at %d", prev)
		}
	}
	return start, nil
}

func (t *typ) checkTuple(data []byte, depth int) error {
	if len(t.members) == 0 {
		if data[0] != 0 {
			return t.wrong("the unit tuple is one zero byte")
		}
		return nil
	}
	w, n := offsetWidth(len(data)), t.framing()
	if n*w > len(data) {
		return t.wrong("%d bytes have no room for %d offsets", len(data), n)
	}
	body := len(data) - n*w
	if n > 0 && minWidth(body, n) != w {
		return t.wrong("offsets wider than needed")
	}
	end, table := 0, len(data)
	for i, m := range t.members {
		var next int
		switch {
		case m.size > 0:
			next = alignUp(end, m.align) + m.size
		case i == len(t.members)-1:
			next = body
		default:
			table -= w
			next = readOffset(data[table:], w)
		}
		start, err := t.span(data, end, next, body, m.align)
		if err != nil {
			return err
		}
		if err := m.check(data[start:next], depth+1); err != nil {
			return err
		}
		end = next
	}
	if t.size > 0 {
		_, err := t.span(data, end, t.size, body, t.align)
		return err
	}
	if end != body {
		return t.wrong("%d bytes after the last member", body-end)
	}
	return nil
}
