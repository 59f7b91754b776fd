package rpmrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// The scanner's bounds: an XML document may be endless, what is kept of it
// may not.
const (
	xmlBuffer   = 256 << 10
	xmlMaxToken = 4 << 20 // one tag or one run of text
	xmlMaxDepth = 32
	xmlMaxAttrs = 32
)

type xmlKind uint8

const (
	xmlStart xmlKind = iota + 1
	xmlEnd
	xmlText // characters, decoded
	xmlDone // the end of the document
)

// xmlAttr is an attribute: its local name and its decoded value.
type xmlAttr struct{ name, value []byte }

// xmlScanner reads the XML of repository metadata: UTF-8, well-formed, without
// document types (and so without entities of their own). It is strict where
// that protects, and fast: it looks at each byte once or twice and copies
// next to nothing. Slices that it hands out last until the next token.
type xmlScanner struct {
	r      io.Reader
	blocks blockReader // r, if it is one

	buf     []byte // what is there of the document
	inPlace bool   // buf belongs to blocks
	pos     int    // where the next token starts in buf
	off     int64  // where buf starts in the document
	eof     bool

	names []byte // names of the open elements, one after the other
	opens []int  // where each one starts in names
	begun bool   // the root element was there

	// The token that was read last.
	name    []byte // of a start tag, without prefix
	attrs   []xmlAttr
	marks   uint64 // of the attributes' names, see addAttr
	chars   []byte
	pending bool // the start tag was an empty element's: its end comes next

	scratch []byte
	lastTag []byte // the full name of the start tag before: often the next one's
	lastEnd int    // how much of it is prefix
}

func newXMLScanner(r io.Reader) *xmlScanner {
	s := &xmlScanner{r: r, attrs: make([]xmlAttr, 0, xmlMaxAttrs)}
	if s.blocks, _ = r.(blockReader); s.blocks == nil {
		s.buf = make([]byte, 0, xmlBuffer)
	}
	return s
}

// errMore says that a token goes on beyond the buffer.
var errMore = errors.New("the document ends in the middle")

// errorf returns an error at the current place.
func (s *xmlScanner) errorf(format string, args ...any) error {
	return fmt.Errorf("byte %d: %w", s.off+int64(s.pos), fmt.Errorf(format, args...))
}

// token reads the next token: a tag, a run of text, or the end.
func (s *xmlScanner) token() (xmlKind, error) {
	if s.pending {
		s.pending = false
		return xmlEnd, nil
	}
	for {
		s.scratch = s.scratch[:0]
		kind, err := s.try()
		switch {
		case err == nil && kind != 0:
			return kind, nil
		case err == nil: // a comment or the like
		case errors.Is(err, errMore) && !s.eof:
			if err := s.more(); err != nil {
				return 0, err
			}
		case err == errMore && len(s.buf) == s.pos && len(s.opens) == 0 && s.begun:
			return xmlDone, nil
		default:
			return 0, s.locate(err)
		}
	}
}

func (s *xmlScanner) locate(err error) error {
	if err == errMore {
		return s.errorf("%w", err)
	}
	return err
}

// try reads a token from the buffer; errMore when it is not all there. Kind
// zero means that something without meaning was skipped.
func (s *xmlScanner) try() (xmlKind, error) {
	b := s.buf[s.pos:]
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t') {
		i++
	}
	if i == len(b) {
		if s.eof && len(s.opens) == 0 {
			s.pos = len(s.buf)
		}
		return 0, errMore
	}
	if b[i] != '<' {
		return s.text(b)
	}
	if i > 0 {
		if len(s.opens) > 0 {
			s.chars = b[:i]
			s.pos += i
			return xmlText, nil
		}
		s.pos += i
		b = b[i:]
	}
	if len(b) < 2 {
		return 0, errMore
	}
	switch b[1] {
	case '/':
		return s.endTag(b)
	case '!':
		return s.declaration(b)
	case '?':
		return 0, s.instruction(b)
	}
	return s.startTag(b)
}

// text reads characters up to the next tag.
func (s *xmlScanner) text(b []byte) (xmlKind, error) {
	n := bytes.IndexByte(b, '<')
	if n < 0 {
		if !s.eof {
			return 0, errMore
		}
		n = len(b)
	}
	if len(s.opens) == 0 {
		if s.off+int64(s.pos) == 0 && bytes.HasPrefix(b, []byte("\ufeff")) {
			s.pos += 3
			return 0, nil
		}
		if len(bytes.Trim(b[:n], " \t\r\n")) > 0 {
			return 0, s.errorf("text outside of the document's element")
		}
		s.pos += n
		return 0, nil
	}
	chars, err := s.decode(b[:n], inText)
	if err != nil {
		return 0, err
	}
	s.chars = chars
	s.pos += n
	return xmlText, nil
}

// startTag reads <name a="b"> or <name/>.
func (s *xmlScanner) startTag(b []byte) (xmlKind, error) {
	i, local, err := s.tagName(b)
	if err != nil {
		return 0, err
	}
	name := b[1:i]
	s.name = b[local:i]
	s.attrs, s.marks = s.attrs[:0], 0
	for {
		at := i
		for i < len(b) && isSpace(b[i]) {
			i++
		}
		if i+1 >= len(b) && (i >= len(b) || b[i] != '>') {
			return 0, errMore
		}
		switch {
		case b[i] == '>':
			s.pos += i + 1
			return xmlStart, s.push(name, false)
		case b[i] == '/':
			if b[i+1] != '>' {
				return 0, s.errorf("a / inside of a tag")
			}
			s.pos += i + 2
			return xmlStart, s.push(name, true)
		case i == at:
			return 0, s.errorf("no blank before an attribute")
		}
		if i, err = s.attribute(b, i); err != nil {
			return 0, err
		}
	}
}

// tagName is qname for start tags, which tend to repeat.
func (s *xmlScanner) tagName(b []byte) (end, local int, err error) {
	n := len(s.lastTag)
	if n > 0 && len(b) > 1+n && string(b[1:1+n]) == string(s.lastTag) && xmlClass[b[1+n]] < 'n' {
		return 1 + n, 1 + s.lastEnd, nil
	}
	end, local, err = s.qname(b, 1)
	if err == nil {
		s.lastTag, s.lastEnd = append(s.lastTag[:0], b[1:end]...), local-1
	}
	return end, local, err
}

// attribute reads name="value" at b[i] and returns where it ends.
func (s *xmlScanner) attribute(b []byte, i int) (int, error) {
	// Nearly all attributes look the same.
	j := i
	for j < len(b) && b[j] >= 'a' && b[j] <= 'z' {
		j++
	}
	if j > i && j+1 < len(b) && b[j] == '=' && b[j+1] == '"' {
		if end := plainUntil(b, j+2, '"'); end >= 0 {
			return end + 1, s.addAttr(b[i:j], b[j+2:end])
		}
	}
	return s.anyAttribute(b, i)
}

// anyAttribute is attribute for all forms that XML has.
func (s *xmlScanner) anyAttribute(b []byte, i int) (int, error) {
	start := i
	i, local, err := s.qname(b, i)
	if err != nil {
		return 0, err
	}
	name := b[start:i]
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	if i >= len(b) {
		return 0, errMore
	}
	if b[i] != '=' {
		return 0, s.errorf("attribute %.40q without a value", name)
	}
	for i++; i < len(b) && isSpace(b[i]); i++ {
	}
	if i >= len(b) {
		return 0, errMore
	}
	quote := b[i]
	if quote != '"' && quote != '\'' {
		return 0, s.errorf("the value of attribute %.40q has no quotes", name)
	}
	i++
	n := bytes.IndexByte(b[i:], quote)
	if n < 0 {
		return 0, errMore
	}
	value, err := s.decode(b[i:i+n], inAttribute)
	if err != nil {
		return 0, err
	}
	return i + n + 1, s.addAttr(b[local:start+len(name)], value)
}

// addAttr notes an attribute of the current tag.
func (s *xmlScanner) addAttr(name, value []byte) error {
	if len(s.attrs) == xmlMaxAttrs {
		return s.errorf("a tag with more than %d attributes", xmlMaxAttrs)
	}
	// Names whose marks differ differ: most need no other look.
	mark := uint64(1) << ((uint(len(name))*7 + uint(name[0])) % 64)
	if s.marks&mark != 0 {
		for i := range s.attrs {
			if string(s.attrs[i].name) == string(name) {
				return s.errorf("attribute %.40q twice in a tag", name)
			}
		}
	}
	s.marks |= mark
	s.attrs = append(s.attrs, xmlAttr{name: name, value: value})
	return nil
}

// qname reads a name at b[i]: where it ends, and where its local part starts.
func (s *xmlScanner) qname(b []byte, i int) (end, local int, err error) {
	start := i
	local = i
	for i < len(b) && xmlClass[b[i]] >= 'n' {
		if b[i] == ':' {
			if local != start {
				return 0, 0, s.errorf("a name with two colons")
			}
			local = i + 1
		}
		i++
	}
	switch {
	case i == len(b):
		return 0, 0, errMore
	case i == start || i == local || b[start] == ':' || xmlClass[b[start]] != 's' || xmlClass[b[local]] != 's':
		return 0, 0, s.errorf("%.20q where a name should be", b[start:min(len(b), start+20)])
	}
	return i, local, nil
}

// xmlClass tells the bytes of names: s may start one, n may follow.
const xmlClass = "" +
	"................................" + // controls
	".............nn.nnnnnnnnnnn....." + // - . 0-9 :
	".ssssssssssssssssssssssssss....s" + // A-Z _
	".ssssssssssssssssssssssssss....." + // a-z
	"................................................................" +
	"................................................................"

// push notes that an element is open. An empty one is closed at once: its end
// is the next token.
func (s *xmlScanner) push(name []byte, empty bool) error {
	if len(s.opens) == 0 && s.begun {
		return s.errorf("a second element beside the document's")
	}
	s.begun = true
	if empty {
		s.pending = true
		return nil
	}
	if len(s.opens) == xmlMaxDepth {
		return s.errorf("elements lie deeper than %d", xmlMaxDepth)
	}
	s.opens = append(s.opens, len(s.names))
	s.names = append(s.names, name...)
	return nil
}

// endTag reads </name>.
func (s *xmlScanner) endTag(b []byte) (xmlKind, error) {
	i := 2
	for i < len(b) && xmlClass[b[i]] >= 'n' {
		i++
	}
	end := i
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	switch {
	case i == len(b):
		return 0, errMore
	case b[i] != '>':
		return 0, s.errorf("%.20q where the end of an end tag should be", b[i:min(len(b), i+20)])
	case len(s.opens) == 0:
		return 0, s.errorf("</%.40s> without a start", b[2:end])
	}
	start := s.opens[len(s.opens)-1]
	if string(s.names[start:]) != string(b[2:end]) {
		return 0, s.errorf("</%.40s> where </%.40s> should be", b[2:end], s.names[start:])
	}
	s.opens, s.names = s.opens[:len(s.opens)-1], s.names[:start]
	s.pos += i + 1
	return xmlEnd, nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
