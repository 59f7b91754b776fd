package treefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sort"
	"strings"
)

// parseJSON reads one JSON value.
func parseJSON(data []byte) (*node, error) {
	j := &jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data)), budget: maxNodes}
	j.dec.UseNumber()
	for i, c := range data {
		if c == '\n' {
			j.newlines = append(j.newlines, int64(i))
		}
	}
	tok, err := j.dec.Token()
	if errors.Is(err, io.EOF) {
		return nil, &syntaxError{line: 1, err: errEmpty}
	} else if err != nil {
		return nil, j.syntax(err)
	}
	root, err := j.node(tok, 0)
	if err != nil {
		return nil, j.syntax(err)
	}
	if _, err := j.dec.Token(); err == nil {
		return nil, syntaxAt(j.line(), "text after the end of the treefile")
	} else if !errors.Is(err, io.EOF) {
		return nil, j.syntax(err)
	}
	return root, nil
}

type jsonReader struct {
	data     []byte
	dec      *json.Decoder
	newlines []int64 // offsets
	budget   int
}

// lineOf returns the line that holds the byte at offset.
func (j *jsonReader) lineOf(offset int64) int {
	return 1 + sort.Search(len(j.newlines), func(i int) bool { return j.newlines[i] >= offset })
}

// line returns the line of the token that was read last.
func (j *jsonReader) line() int { return j.lineOf(j.dec.InputOffset() - 1) }

func (j *jsonReader) syntax(err error) error {
	var at *syntaxError
	if errors.As(err, &at) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return syntaxAt(len(j.newlines)+1, "the file ends too early: a bracket or quote is not closed")
	}
	// What is wrong is the first thing after the last good token.
	offset := j.dec.InputOffset()
	for offset < int64(len(j.data)) && strings.IndexByte(" \t\r\n,:", j.data[offset]) >= 0 {
		offset++
	}
	return &syntaxError{line: j.lineOf(offset), err: err}
}

func (j *jsonReader) next() (json.Token, error) {
	tok, err := j.dec.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return tok, err
}

func (j *jsonReader) node(tok json.Token, depth int) (*node, error) {
	if j.budget--; j.budget < 0 {
		return nil, &syntaxError{line: j.line(), err: errTooMany}
	}
	if depth > maxDepth {
		return nil, &syntaxError{line: j.line(), err: errTooDeep}
	}
	line := j.line()
	switch v := tok.(type) {
	case nil:
		return &node{kind: nodeNull, line: line}, nil
	case bool:
		return &node{kind: nodeBool, line: line, value: v}, nil
	case string:
		return &node{kind: nodeString, line: line, text: v}, nil
	case json.Number:
		n, err := number(v.String(), line)
		if err != nil {
			return nil, &syntaxError{line: line, err: err}
		}
		return n, nil
	case json.Delim:
		if v == '[' {
			return j.list(line, depth)
		}
		return j.table(line, depth)
	}
	return nil, syntaxAt(line, "unexpected %v", tok)
}

func (j *jsonReader) list(line, depth int) (*node, error) {
	list := &node{kind: nodeList, line: line}
	for {
		tok, err := j.next()
		if err != nil {
			return nil, err
		}
		if tok == json.Delim(']') {
			return list, nil
		}
		item, err := j.node(tok, depth+1)
		if err != nil {
			return nil, err
		}
		list.items = append(list.items, item)
	}
}

func (j *jsonReader) table(line, depth int) (*node, error) {
	table := &node{kind: nodeTable, line: line}
	for {
		tok, err := j.next()
		if err != nil {
			return nil, err
		}
		if tok == json.Delim('}') {
			return table, nil
		}
		key, ok := tok.(string)
		if !ok {
			return nil, syntaxAt(j.line(), "a key must be a string")
		}
		keyLine := j.line()
		if tok, err = j.next(); err != nil {
			return nil, err
		}
		value, err := j.node(tok, depth+1)
		if err != nil {
			return nil, err
		}
		table.entries = append(table.entries, entry{key: key, line: keyLine, value: value})
	}
}
