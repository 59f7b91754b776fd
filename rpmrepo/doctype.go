package rpmrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxProlog is how far into a document its type may be declared.
const maxProlog = 64 << 10

// withoutDoctype blanks out a document type that only names the root element,
// as comps files have it. One with declarations of its own stays, for the
// scanner to refuse.
func withoutDoctype(r io.Reader, root string) (io.Reader, error) {
	start := make([]byte, maxProlog)
	n, err := io.ReadFull(r, start)
	start = start[:n]
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if from, to, ok := findDoctype(start, root); ok {
		for i := from; i < to; i++ {
			if start[i] != '\n' {
				start[i] = ' '
			}
		}
	}
	rest := r
	if err != nil { // the end, which need not be asked for again
		rest = bytes.NewReader(nil)
	}
	return io.MultiReader(bytes.NewReader(start), rest), nil
}

// findDoctype returns where the document type stands: after blanks, comments and
// instructions alone.
func findDoctype(b []byte, root string) (from, to int, ok bool) {
	i := 0
	if bytes.HasPrefix(b, []byte("\ufeff")) {
		i = 3
	}
	for {
		for i < len(b) && isSpace(b[i]) {
			i++
		}
		end := ""
		switch {
		case bytes.HasPrefix(b[i:], []byte("<?")):
			end = "?>"
		case bytes.HasPrefix(b[i:], []byte("<!--")):
			end = "-->"
		default:
			n := plainDoctype(b[i:], root)
			return i, i + n, n > 0
		}
		n := bytes.Index(b[i:], []byte(end))
		if n < 0 {
			return 0, 0, false
		}
		i += n + len(end)
	}
}

// plainDoctype returns the length of a document type at the start of b, zero
// when there is none, or none that only names the root element.
func plainDoctype(b []byte, root string) int {
	prefix := fmt.Sprintf("<!DOCTYPE %s", root)
	if !bytes.HasPrefix(b, []byte(prefix)) {
		return 0
	}
	quote := byte(0)
	for i := len(prefix); i < len(b); i++ {
		c := b[i]
		switch {
		case i == len(prefix) && c != '>' && !isSpace(c):
			return 0
		case quote != 0:
			if c == quote {
				quote = 0
			}
			if c < ' ' && !isSpace(c) || c >= 0x80 {
				return 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		case c == '<' || c == '[' || c == '&' || c < ' ' && !isSpace(c) || c >= 0x80:
			return 0
		}
	}
	return 0
}
