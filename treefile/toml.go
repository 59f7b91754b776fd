package treefile

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/BurntSushi/toml"
)

// parseTOML reads a TOML document. The library does not say where values
// stand, so a scan of our own notes the lines first; it also bounds the depth
// before the library recurses.
func parseTOML(data []byte) (*node, error) {
	lines, err := scanTOML(string(data))
	if err != nil && !errors.Is(err, errTOMLSyntax) {
		return nil, err
	}
	var table map[string]any
	if _, decodeErr := toml.Decode(string(data), &table); decodeErr != nil {
		var bad toml.ParseError
		if errors.As(decodeErr, &bad) {
			return nil, &syntaxError{line: max(bad.Position.Line, 1), err: errors.New(bad.Message)}
		}
		return nil, &syntaxError{line: 1, err: decodeErr}
	}
	if err != nil {
		return nil, err
	}
	if len(table) == 0 {
		return nil, &syntaxError{line: 1, err: errEmpty}
	}
	t := tomlReader{lines: lines, budget: maxNodes}
	return t.node(table, "", 1)
}

type tomlReader struct {
	lines  map[string]int
	budget int
}

// node converts v, which stands at path; line is that of what contains it.
func (t *tomlReader) node(v any, path string, line int) (*node, error) {
	if t.budget--; t.budget < 0 {
		return nil, &syntaxError{line: line, err: errTooMany}
	}
	if own, ok := t.lines[path]; ok {
		line = own
	}
	switch v := v.(type) {
	case string:
		return &node{kind: nodeString, line: line, text: v}, nil
	case bool:
		return &node{kind: nodeBool, line: line, value: v}, nil
	case int64:
		return &node{kind: nodeNumber, line: line, text: fmt.Sprint(v), value: v}, nil
	case float64:
		n, err := number(formatFloat(v), line)
		if err != nil {
			return nil, &syntaxError{line: line, err: err}
		}
		return n, nil
	case []any:
		return t.list(v, path, line)
	case []map[string]any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = v[i]
		}
		return t.list(items, path, line)
	case map[string]any:
		return t.table(v, path, line)
	case time.Time:
		return nil, syntaxAt(line, "a date is no value of a treefile: write it in quotes")
	}
	return nil, syntaxAt(line, "a TOML value of type %T is no value of a treefile", v)
}

func (t *tomlReader) list(items []any, path string, line int) (*node, error) {
	list := &node{kind: nodeList, line: line}
	for i, v := range items {
		item, err := t.node(v, tomlItem(path, i), line)
		if err != nil {
			return nil, err
		}
		list.items = append(list.items, item)
	}
	return list, nil
}

func (t *tomlReader) table(m map[string]any, path string, line int) (*node, error) {
	table := &node{kind: nodeTable, line: line}
	for key, v := range m {
		child := tomlChild(path, key)
		value, err := t.node(v, child, line)
		if err != nil {
			return nil, err
		}
		table.entries = append(table.entries, entry{key: key, line: value.line, value: value})
	}
	sort.Slice(table.entries, func(i, j int) bool {
		a, b := table.entries[i], table.entries[j]
		return a.line < b.line || a.line == b.line && a.key < b.key
	})
	return table, nil
}

// tomlChild and tomlItem name a value by the way that leads to it. Keys may
// hold any character, so each is quoted.
func tomlChild(path, key string) string { return fmt.Sprintf("%s.%q", path, key) }

func tomlItem(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
