package treefile

import (
	"fmt"
	"strconv"
)

type valueKind uint8

const (
	kindString valueKind = iota
	kindNumber
	kindBool
)

// A Value is what a variable holds: a string, an unsigned number or a
// boolean. Conditions compare values of one kind only: the number 35 is not
// the string "35". The zero Value is the empty string.
type Value struct {
	kind valueKind
	text string
	num  uint64
}

// StringValue returns the string s.
func StringValue(s string) Value { return Value{kind: kindString, text: s} }

// NumberValue returns the number n.
func NumberValue(n uint64) Value {
	return Value{kind: kindNumber, num: n, text: strconv.FormatUint(n, 10)}
}

// BoolValue returns true or false.
func BoolValue(b bool) Value { return Value{kind: kindBool, text: strconv.FormatBool(b)} }

// String returns the text that ${variable} is replaced by.
func (v Value) String() string { return v.text }

// describe says the value with its kind, for messages about mismatches.
func (v Value) describe() string {
	switch v.kind {
	case kindNumber:
		return fmt.Sprintf("the number %s", v.text)
	case kindBool:
		return fmt.Sprintf("the boolean %s", v.text)
	}
	return fmt.Sprintf("the string %q", v.text)
}

// ParseValue reads a value as a command line gives it: true and false are
// booleans, digits a number, all else a string; "35" in double quotes is a
// string too.
func ParseValue(text string) Value {
	if text == "true" || text == "false" {
		return BoolValue(text == "true")
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return NumberValue(n)
	}
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	return StringValue(text)
}
