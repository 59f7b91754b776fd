package treefile

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads one YAML document.
func parseYAML(data []byte) (*node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, &syntaxError{line: 1, err: errEmpty}
	} else if err != nil {
		return nil, yamlSyntax(err)
	}
	var next yaml.Node
	if err := dec.Decode(&next); err == nil {
		return nil, syntaxAt(next.Line, "a second YAML document: a treefile is one document")
	} else if !errors.Is(err, io.EOF) {
		return nil, yamlSyntax(err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, &syntaxError{line: 1, err: errEmpty}
	}
	y := yamlReader{budget: maxNodes}
	return y.node(doc.Content[0], 0)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// yamlSyntax moves the line out of the text of the library's error.
func yamlSyntax(err error) error {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return &syntaxError{line: 1, err: err}
	}
	line, _ := strconv.Atoi(m[1])
	return &syntaxError{line: max(line, 1), err: errors.New(strings.TrimPrefix(err.Error(), m[0]))}
}

// A yamlReader turns the library's nodes into ours. budget bounds what aliases
// of aliases can blow up to.
type yamlReader struct {
	budget int
}

func (y *yamlReader) node(n *yaml.Node, depth int) (*node, error) {
	if y.budget--; y.budget < 0 {
		return nil, &syntaxError{line: n.Line, err: errTooMany}
	}
	if depth > maxDepth {
		return nil, &syntaxError{line: n.Line, err: errTooDeep}
	}
	switch n.Kind {
	case yaml.AliasNode:
		return y.node(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := &node{kind: nodeList, line: n.Line}
		for _, c := range n.Content {
			item, err := y.node(c, depth+1)
			if err != nil {
				return nil, err
			}
			list.items = append(list.items, item)
		}
		return list, nil
	case yaml.MappingNode:
		return y.table(n, depth)
	case yaml.ScalarNode:
		return yamlScalar(n)
	}
	return nil, syntaxAt(n.Line, "a YAML construct that treefiles do not have")
}

func (y *yamlReader) table(n *yaml.Node, depth int) (*node, error) {
	table := &node{kind: nodeTable, line: n.Line}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, err := y.node(n.Content[i], depth+1)
		if err != nil {
			return nil, err
		}
		if n.Content[i].ShortTag() == "!!merge" {
			return nil, syntaxAt(key.line, "<<: YAML merge keys are not part of treefiles; write the keys out or use include")
		}
		if key.kind != nodeString {
			return nil, syntaxAt(key.line, "a key must be a string, got %s: write it in quotes", key.describe())
		}
		value, err := y.node(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		table.entries = append(table.entries, entry{key: key.text, line: key.line, value: value})
	}
	return table, nil
}

// yamlNumber matches the plain scalars that are numbers for rpm-ostree too:
// those of YAML 1.2, where 0755 and 1_000 are strings.
var yamlNumber = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*|0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+|([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?)$`)

func yamlScalar(n *yaml.Node) (*node, error) {
	str := &node{kind: nodeString, line: n.Line, text: n.Value}
	switch n.ShortTag() {
	case "!!null":
		return &node{kind: nodeNull, line: n.Line}, nil
	case "!!bool":
		return &node{kind: nodeBool, line: n.Line, value: strings.EqualFold(n.Value, "true")}, nil
	case "!!int", "!!float":
		leadingZero := len(n.Value) > 1 && strings.Trim(n.Value, "0123456789") == "" && n.Value[0] == '0'
		if leadingZero || !yamlNumber.MatchString(n.Value) {
			return str, nil
		}
		num, err := number(strings.TrimPrefix(n.Value, "+"), n.Line)
		if err != nil {
			return nil, &syntaxError{line: n.Line, err: err}
		}
		return num, nil
	case "!!str", "!!timestamp", "!!merge":
		return str, nil
	}
	return nil, syntaxAt(n.Line, "the YAML tag %s is not part of treefiles", n.Tag)
}
