package treefile

import (
	"fmt"
	"strings"
)

// An Error says which key of which file is wrong, and why.
type Error struct {
	Position
	Key string // empty: the file as a whole
	Err error
}

// Error returns "file:line: key: what is wrong".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Position.String())
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	b.WriteString(": " + e.Err.Error())
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// String returns "file:line".
func (p Position) String() string {
	switch {
	case p.File == "":
		return "command line"
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// String returns "file:line: key: text".
func (w Warning) String() string {
	if w.Key == "" {
		return w.Position.String() + ": " + w.Text
	}
	return w.Position.String() + ": " + w.Key + ": " + w.Text
}

func errorAt(at Position, key, format string, args ...any) *Error {
	return &Error{Position: at, Key: key, Err: fmt.Errorf(format, args...)}
}
