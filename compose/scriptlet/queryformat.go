package scriptlet

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Limits of a query format.
const (
	maxQueryDepth  = 32
	maxQueryOutput = 4 << 20
	maxQueryWidth  = 1 << 16
)

// A queryNode is a piece of a query format: text, a tag, a repetition or a choice.
type queryNode struct {
	text  string
	tag   *queryTag
	array []queryNode
	cond  *queryCond
}

type queryTag struct {
	name    string
	format  string
	width   int  // negative: to the left
	justOne bool // the first value in each round of a repetition
}

type queryCond struct {
	name    string
	yes, no []queryNode
}

// queryFormat fills in a query format from the header: "%{NAME}" and the rest
// of what rpm's --queryformat knows, for the tags and formats that scriptlets
// use. One that it does not know is an error.
func queryFormat(format string, h *rpm.Header) (string, error) {
	p := queryParser{text: format}
	nodes, err := p.parse(0, 0)
	if err != nil {
		return "", fmt.Errorf("line %d: %w", 1+strings.Count(format[:p.at], "\n"), err)
	}
	w := queryWriter{h: h, tags: queryTags()}
	for i := range nodes {
		if err := w.write(&nodes[i], 0); err != nil {
			return "", err
		}
	}
	return w.out.String(), nil
}

type queryParser struct {
	text string
	at   int
}

// parse reads until the byte end, or to the end of the text when that is 0.
func (p *queryParser) parse(end byte, depth int) ([]queryNode, error) {
	if depth > maxQueryDepth {
		return nil, errors.New("the query format is nested too deeply")
	}
	var list []queryNode
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			list = append(list, queryNode{text: text.String()})
			text.Reset()
		}
	}
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch {
		case c == end && end != 0:
			flush()
			return list, nil
		case c == ']' || c == '}':
			return nil, fmt.Errorf("unexpected %c in the query format", c)
		case c == '%' && strings.HasPrefix(p.text[p.at:], "%"):
			p.at++
			text.WriteByte('%')
		case c == '\\' && p.at < len(p.text):
			text.WriteByte(unescape(p.text[p.at]))
			p.at++
		case c == '%' || c == '[':
			flush()
			node, err := p.node(c, depth)
			if err != nil {
				return nil, err
			}
			list = append(list, node)
		default:
			text.WriteByte(c)
		}
	}
	if end != 0 {
		return nil, fmt.Errorf("the query format ends before its %c", end)
	}
	flush()
	return list, nil
}

func (p *queryParser) node(c byte, depth int) (n queryNode, err error) {
	switch {
	case c == '[':
		n.array, err = p.parse(']', depth+1)
	case strings.HasPrefix(p.text[p.at:], "|"):
		p.at++
		n.cond, err = p.cond(depth)
	default:
		n.tag, err = p.tag()
	}
	return n, err
}

// tag reads what follows a percent sign: a width, and a name in braces.
func (p *queryParser) tag() (*queryTag, error) {
	open := strings.IndexByte(p.text[p.at:], '{')
	if open < 0 {
		return nil, errors.New("a % in the query format has no {")
	}
	t := &queryTag{format: "string"}
	if width := p.text[p.at : p.at+open]; width != "" {
		n, err := strconv.Atoi(width)
		if err != nil || n > maxQueryWidth || n < -maxQueryWidth {
			return nil, fmt.Errorf("%q in the query format is no width", width)
		}
		t.width = n
	}
	p.at += open + 1
	end := strings.IndexByte(p.text[p.at:], '}')
	if end < 0 {
		return nil, errors.New("a %{ in the query format has no }")
	}
	name := p.text[p.at : p.at+end]
	p.at += end + 1
	switch {
	case strings.HasPrefix(name, "="):
		t.justOne, name = true, name[1:]
	case strings.HasPrefix(name, "#"):
		t.justOne, t.format, name = true, "arraysize", name[1:]
	}
	if n, format, ok := strings.Cut(name, ":"); ok {
		name, t.format = n, format
	}
	var err error
	t.name, err = tagName(name)
	return t, err
}

// cond reads "NAME?{yes}:{no}|" or "NAME?{yes}|".
func (p *queryParser) cond(depth int) (*queryCond, error) {
	name, rest, ok := strings.Cut(p.text[p.at:], "?{")
	if !ok {
		return nil, errors.New("a %| in the query format has no ?{")
	}
	p.at = len(p.text) - len(rest)
	c := &queryCond{name: strings.ToUpper(strings.TrimSpace(name))}
	var err error
	if c.yes, err = p.parse('}', depth+1); err != nil {
		return nil, err
	}
	if strings.HasPrefix(p.text[p.at:], ":{") {
		p.at += 2
		if c.no, err = p.parse('}', depth+1); err != nil {
			return nil, err
		}
	}
	if !strings.HasPrefix(p.text[p.at:], "|") {
		return nil, errors.New("a choice in the query format does not end in |")
	}
	p.at++
	return c, nil
}

func unescape(c byte) byte {
	const from, to = "abfnrtv", "\a\b\f\n\r\t\v"
	if i := strings.IndexByte(from, c); i >= 0 {
		return to[i]
	}
	return c
}

// A queryWriter fills in one header.
type queryWriter struct {
	h    *rpm.Header
	tags map[string]rpm.Tag
	out  strings.Builder
}

var errQueryLimit = errors.New("the query format makes too much text")

func (w *queryWriter) write(n *queryNode, element int) error {
	switch {
	case w.out.Len() > maxQueryOutput:
		return errQueryLimit
	case n.tag != nil:
		return w.writeTag(n.tag, element)
	case n.cond != nil:
		list := n.cond.no
		if values, _ := w.values(n.cond.name); len(values) > 0 {
			list = n.cond.yes
		}
		return w.writeAll(list, element)
	case n.array != nil:
		return w.writeArray(n.array)
	}
	w.out.WriteString(n.text)
	return nil
}

func (w *queryWriter) writeAll(list []queryNode, element int) error {
	for i := range list {
		if err := w.write(&list[i], element); err != nil {
			return err
		}
	}
	return nil
}

// writeArray repeats a list for each value of its tags, which must have the
// same number of values.
func (w *queryWriter) writeArray(list []queryNode) error {
	rounds := 0
	for i := range list {
		t := list[i].tag
		if t == nil || t.justOne {
			continue
		}
		values, err := w.values(t.name)
		if err != nil {
			return err
		}
		if rounds > 0 && len(values) > 0 && len(values) != rounds {
			return fmt.Errorf("a repetition in the query format has tags of %d and %d values", rounds, len(values))
		}
		rounds = max(rounds, len(values))
	}
	for i := range rounds {
		if err := w.writeAll(list, i); err != nil {
			return err
		}
	}
	return nil
}

func (w *queryWriter) writeTag(t *queryTag, element int) error {
	values, err := w.values(t.name)
	if err != nil {
		return err
	}
	if t.justOne {
		element = 0
	}
	text := "(none)"
	if element < len(values) {
		if text, err = formatValue(values, element, t.format); err != nil {
			return err
		}
	}
	w.out.WriteString(fmt.Sprintf("%*s", t.width, text))
	return nil
}
