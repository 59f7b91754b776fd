package treefile

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Limits of one treefile. Real ones are a thousand times smaller.
const (
	maxFileSize = 4 << 20
	maxNodes    = 200_000 // values, aliases of YAML expanded
	maxDepth    = 100     // lists and tables in each other
)

var (
	errTooDeep  = fmt.Errorf("more than %d lists and tables in each other", maxDepth)
	errTooMany  = fmt.Errorf("more than %d values (YAML aliases counted as often as they are used)", maxNodes)
	errNotUTF8  = errors.New("the file is not UTF-8 text")
	errNotTable = errors.New("a treefile is a table of keys and values; this file holds something else")
	errEmpty    = errors.New("the file is empty: a treefile holds at least one key, or {}")
)

type nodeKind uint8

const (
	nodeNull nodeKind = iota
	nodeBool
	nodeNumber
	nodeString
	nodeList
	nodeTable
)

// A node is a value of any of the formats, with the line that it stands on.
type node struct {
	kind    nodeKind
	line    int
	text    string // nodeString: the string; nodeNumber: as written
	value   any    // nodeBool: bool; nodeNumber: int64, uint64 or float64
	items   []*node
	entries []entry // nodeTable, in the order of the file
}

type entry struct {
	key   string
	line  int
	value *node
}

// describe names the kind for messages.
func (n *node) describe() string {
	switch n.kind {
	case nodeNull:
		return "nothing"
	case nodeBool:
		return fmt.Sprintf("the boolean %v", n.value)
	case nodeNumber:
		return "the number " + n.text
	case nodeString:
		return fmt.Sprintf("the string %q", n.text)
	case nodeList:
		return "a list"
	}
	return "a table"
}

// plain returns the node as encoding/json would decode it, whole numbers kept
// whole.
func (n *node) plain() any {
	switch n.kind {
	case nodeBool, nodeNumber:
		return n.value
	case nodeString:
		return n.text
	case nodeList:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.plain()
		}
		return list
	case nodeTable:
		table := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			table[e.key] = e.value.plain()
		}
		return table
	}
	return nil
}

// number makes a number node of text in JSON's notation.
func number(text string, line int) (*node, error) {
	n := &node{kind: nodeNumber, line: line, text: text}
	if i, err := strconv.ParseInt(text, 0, 64); err == nil {
		n.value = i
		return n, nil
	}
	if u, err := strconv.ParseUint(text, 0, 64); err == nil {
		n.value = u
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, fmt.Errorf("%s is not a number that fits 64 bits", text)
	}
	n.value = f
	return n, nil
}

// syntaxError is what the readers of a format return: the line and the cause.
type syntaxError struct {
	line int
	err  error
}

func (e *syntaxError) Error() string { return e.err.Error() }
func (e *syntaxError) Unwrap() error { return e.err }

func syntaxAt(line int, format string, args ...any) *syntaxError {
	return &syntaxError{line: line, err: fmt.Errorf(format, args...)}
}

// duplicates returns the first key that a table holds twice.
func (n *node) duplicate() (first, second entry, found bool) {
	seen := make(map[string]entry, len(n.entries))
	for _, e := range n.entries {
		if before, ok := seen[e.key]; ok {
			return before, e, true
		}
		seen[e.key] = e
	}
	return entry{}, entry{}, false
}
