package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of what is read.
const (
	maxFile   = 64 << 20 // bytes
	maxValues = 4 << 20  // of a file, aliases of YAML counted wherever they stand
	maxDepth  = 64
)

// A table is a JSON object or YAML mapping.
type table map[string]any

// parseTree reads one JSON or YAML document as nil, bool, json.Number, string,
// []any and table. A key that stands twice in a table is an error.
func parseTree(data []byte, isYAML bool) (any, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	b := budget{values: maxValues}
	if isYAML {
		return b.yaml(data)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := b.json(dec, 0)
	if err != nil {
		return nil, fmt.Errorf("after %d bytes: %w", dec.InputOffset(), eofIsUnexpected(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("after %d bytes: something follows the end of the document", dec.InputOffset())
	}
	return v, nil
}

func eofIsUnexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// budget is how many values may still be read.
type budget struct{ values int }

func (b *budget) spend(depth int) error {
	if b.values--; b.values < 0 {
		return fmt.Errorf("it has more than %d values", maxValues)
	}
	if depth > maxDepth {
		return fmt.Errorf("it has more than %d lists and tables in each other", maxDepth)
	}
	return nil
}

func (b *budget) json(dec *json.Decoder, depth int) (any, error) {
	if err := b.spend(depth); err != nil {
		return nil, err
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := b.json(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	case json.Delim('{'):
		t := table{}
		for dec.More() {
			if err := b.jsonEntry(dec, t, depth); err != nil {
				return nil, err
			}
		}
		_, err := dec.Token()
		return t, err
	}
	return token, nil
}

func (b *budget) jsonEntry(dec *json.Decoder, t table, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	key, ok := token.(string)
	if !ok {
		return fmt.Errorf("a key must be a string, got %v", token)
	}
	v, err := b.json(dec, depth+1)
	if err != nil {
		return err
	}
	return t.add(key, v)
}

func (t table) add(key string, v any) error {
	if _, twice := t[key]; twice {
		return fmt.Errorf("the key %q stands twice in one table", key)
	}
	t[key] = v
	return nil
}

func (b *budget) yaml(data []byte) (any, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	if err := dec.Decode(&doc); err != nil {
		return nil, eofIsUnexpected(err)
	}
	if err := dec.Decode(&next); !errors.Is(err, io.EOF) {
		return nil, errors.New("a lock file is one YAML document")
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, errors.New("it is empty")
	}
	return b.yamlNode(doc.Content[0], 0)
}

func (b *budget) yamlNode(n *yaml.Node, depth int) (any, error) {
	if err := b.spend(depth); err != nil {
		return nil, err
	}
	switch n.Kind {
	case yaml.AliasNode:
		return b.yamlNode(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := b.yamlNode(c, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return b.yamlTable(n, depth)
	case yaml.ScalarNode:
		return yamlScalar(n)
	}
	return nil, fmt.Errorf("line %d: a YAML construct that lock files do not have", n.Line)
}

func (b *budget) yamlTable(n *yaml.Node, depth int) (any, error) {
	t := table{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
			return nil, fmt.Errorf("line %d: a key must be a string: write it in quotes", key.Line)
		}
		v, err := b.yamlNode(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		if err := t.add(key.Value, v); err != nil {
			return nil, fmt.Errorf("line %d: %w", key.Line, err)
		}
	}
	return t, nil
}

func yamlScalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int", "!!float":
		return json.Number(n.Value), nil
	case "!!str", "!!timestamp", "!!merge":
		return n.Value, nil
	}
	return nil, fmt.Errorf("line %d: the YAML tag %s is not part of lock files", n.Line, n.Tag)
}

// fields takes the values of a table apart and names what it did not expect.
type fields struct {
	t    table
	at   string // the table's place, for messages
	errs []error
}

func newFields(v any, at string) (*fields, error) {
	t, ok := v.(table)
	if !ok {
		return nil, fmt.Errorf("%s: want a table, got %s", at, describe(v))
	}
	return &fields{t: t, at: at}, nil
}

// only reports keys that are none of these.
func (f *fields) only(keys ...string) error {
next:
	for _, key := range sortedKeys(f.t) {
		for _, k := range keys {
			if k == key {
				continue next
			}
		}
		return fmt.Errorf("%s: the key %q is unknown: there may be %s", f.at, key, strings.Join(keys, ", "))
	}
	return nil
}

// text returns a string; empty when it is absent or null.
func (f *fields) text(key string) string {
	switch v := f.t[key].(type) {
	case nil:
	case string:
		return v
	default:
		f.errs = append(f.errs, fmt.Errorf("%s: %s: want a string, got %s", f.at, key, describe(v)))
	}
	return ""
}

// required returns a string that must be there.
func (f *fields) required(key string) string {
	s := f.text(key)
	if s == "" && len(f.errs) == 0 {
		f.errs = append(f.errs, fmt.Errorf("%s: %s is missing", f.at, key))
	}
	return s
}

func (f *fields) err() error {
	if len(f.errs) > 0 {
		return f.errs[0]
	}
	return nil
}

func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case bool:
		return "a boolean"
	case json.Number:
		return "the number " + v.String()
	case string:
		return "a string"
	case []any:
		return "a list"
	}
	return "a table"
}
