package rpmrepo

import "bytes"

// root moves to the document's element, which must have the name.
func (s *xmlScanner) root(name string) error {
	if _, err := s.token(); err != nil {
		return err
	}
	if string(s.name) != name {
		return s.errorf("the document is <%.40s>, not <%s>", s.name, name)
	}
	return nil
}

// child moves to the next element in the current one; false at its end. Who
// moves to a child must leave it by child, content or skip.
func (s *xmlScanner) child() (bool, error) {
	for {
		kind, err := s.tag()
		if err != nil {
			return false, err
		}
		switch kind {
		case xmlStart:
			return true, nil
		case xmlEnd:
			return false, nil
		}
	}
}

// tag is token for who wants no text: it goes straight to a tag that is next.
func (s *xmlScanner) tag() (xmlKind, error) {
	if s.pending {
		s.pending = false
		return xmlEnd, nil
	}
	s.pos += blankPrefix(s.buf[s.pos:])
	if b := s.buf[s.pos:]; len(b) > 1 && b[0] == '<' {
		s.scratch = s.scratch[:0]
		kind, err := xmlKind(0), error(nil)
		switch {
		case b[1] == '/':
			kind, err = s.endTag(b)
		case xmlClass[b[1]] == 's':
			kind, err = s.startTag(b)
		}
		if kind != 0 || err != nil && err != errMore {
			return kind, err
		}
	}
	return s.token()
}

// peekEmpty goes to the next tag and returns the bytes up to the first > if
// that looks like the end of an empty element: nil when it does not, or is not
// in the buffer.
func (s *xmlScanner) peekEmpty() []byte {
	if s.pending {
		return nil
	}
	s.pos += blankPrefix(s.buf[s.pos:])
	b := s.buf[s.pos:]
	n := bytes.IndexByte(b, '>')
	if n < 2 || b[0] != '<' || b[n-1] != '/' {
		return nil
	}
	return b[:n+1]
}

// ahead goes to the next tag, if it is in the buffer, and returns the buffer
// from there on.
func (s *xmlScanner) ahead() []byte {
	if s.pending {
		return nil
	}
	s.pos += blankPrefix(s.buf[s.pos:])
	return s.buf[s.pos:]
}

// skip leaves the current element.
func (s *xmlScanner) skip() error {
	if s.pending {
		s.pending = false
		return nil
	}
	if _, ok := s.simpleContent(); ok {
		return nil
	}
	for depth := 1; depth > 0; {
		kind, err := s.tag()
		if err != nil {
			return err
		}
		switch kind {
		case xmlStart:
			depth++
		case xmlEnd:
			depth--
		}
	}
	return nil
}

// content returns the text of the current element and leaves it. Elements in
// it are skipped.
func (s *xmlScanner) content() ([]byte, error) {
	if s.pending {
		s.pending = false
		return nil, nil
	}
	if text, ok := s.simpleContent(); ok {
		return text, nil
	}
	var all []byte
	for {
		kind, err := s.token()
		if err != nil {
			return nil, err
		}
		switch kind {
		case xmlText:
			if all = append(all, s.chars...); len(all) > xmlMaxToken {
				return nil, s.errorf("text of more than %d bytes", xmlMaxToken)
			}
		case xmlStart:
			if err := s.skip(); err != nil {
				return nil, err
			}
		case xmlEnd:
			return all, nil
		}
	}
}

// simpleContent is content for the common case: plain text and the end tag,
// all of it in the buffer.
func (s *xmlScanner) simpleContent() ([]byte, bool) {
	b := s.buf[s.pos:]
	n := plainPrefix(b)
	if n == len(b) || b[n] != '<' || len(s.opens) == 0 {
		return nil, false
	}
	start := s.opens[len(s.opens)-1]
	name := s.names[start:]
	end := n + 2 + len(name)
	if end >= len(b) || b[n+1] != '/' || b[end] != '>' || string(b[n+2:end]) != string(name) {
		return nil, false
	}
	if n > 2 && bytes.Contains(b[:n], []byte("]]>")) {
		return nil, false
	}
	s.opens, s.names = s.opens[:len(s.opens)-1], s.names[:start]
	s.pos += end + 1
	return b[:n], true
}

// done checks that nothing follows the document's element.
func (s *xmlScanner) done() error {
	kind, err := s.token()
	if err == nil && kind != xmlDone {
		err = s.errorf("something follows the document's element")
	}
	return err
}

// attr returns the value of an attribute; nil when it is not there.
func (s *xmlScanner) attr(name string) []byte {
	for i := range s.attrs {
		if string(s.attrs[i].name) == name {
			return s.attrs[i].value
		}
	}
	return nil
}
