package rpmrepo

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// cursor goes through elements that are laid out as createrepo_c and all who
// follow it do: one a line, blanks and attributes always the same. What it
// accepts the scanner would, with the same meaning; what it does not accept is
// for the scanner to judge. It stays within what is in the scanner's buffer, and
// what it returns lasts as long as that.
type cursor struct {
	x   *xmlScanner
	b   []byte
	i   int
	bad bool // something is laid out differently; nothing else counts then
}

// has reports whether s comes next.
func (c *cursor) has(s string) bool {
	return len(c.b)-c.i >= len(s) && string(c.b[c.i:c.i+len(s)]) == s
}

// past goes past s, which must come next.
func (c *cursor) past(s string) {
	if !c.has(s) {
		c.bad = true
		return
	}
	c.i += len(s)
}

// text goes past an element with text: open is its start tag but for the end,
// shut all behind the text. It returns the text as it stands there, and whether
// it has references or the like.
func (c *cursor) text(open, shut string) (text []byte, coded bool) {
	if c.past(open); c.bad || c.i == len(c.b) {
		c.bad = true
		return nil, false
	}
	if c.b[c.i] == '/' {
		c.past("/>\n")
		return nil, false
	}
	c.past(">")
	start := c.i
	coded = c.untilTag()
	text = c.b[start:c.i]
	c.past(shut)
	return text, coded
}

// kept is text for who needs it decoded.
func (c *cursor) kept(open, shut string) []byte {
	text, coded := c.text(open, shut)
	if coded {
		return c.decoded(text, inText)
	}
	return text
}

func (c *cursor) decoded(b []byte, where place) []byte {
	b, err := c.x.decode(b, where)
	c.bad = c.bad || err != nil
	return b
}

// untilTag goes to the next < and checks the text before it. It reports whether
// that has anything to decode.
func (c *cursor) untilTag() (coded bool) {
	b, start := c.b, c.i
	for i := start; ; {
		if i += commonPrefix(b[i:]); i == len(b) {
			break
		}
		switch ch := b[i]; {
		case ch == '<':
			c.i = i
			return coded
		case ch == '"' || ch == '\n' || ch == '\t' || ch == '>' && !bytes.HasSuffix(b[start:i], []byte("]]")):
			i++
		case ch == '&' && refSize(b[i:]) > 0:
			coded = true
			i += refSize(b[i:])
		default:
			n := bytes.IndexByte(b[i:], '<')
			if n < 0 {
				c.bad = true
				return coded
			}
			c.decoded(b[start:i+n], inText)
			c.i = i + n
			return true
		}
	}
	c.bad = true
	return coded
}

// refSize is the size of the reference that b starts with, if it is one of the
// five by name.
func refSize(b []byte) int {
	for _, ref := range [...]string{"&lt;", "&gt;", "&amp;", "&apos;", "&quot;"} {
		if len(b) >= len(ref) && string(b[:len(ref)]) == ref {
			return len(ref)
		}
	}
	return 0
}

// attr goes past the value of an attribute, which needs no decoding, and what
// follows it, the quote first.
func (c *cursor) attr(next string) []byte {
	start := c.i
	n := commonPrefix(c.b[start:])
	c.i += n
	c.past(next)
	return c.b[start : start+n]
}

// number is attr for a number of up to most digits.
func (c *cursor) number(most int, next string) (n int64) {
	start := c.i
	for c.i < len(c.b) && c.b[c.i]-'0' < 10 {
		n = 10*n + int64(c.b[c.i]-'0')
		c.i++
	}
	if c.i == start || c.i > start+most {
		c.bad = true
	}
	c.past(next)
	return n
}

// uncommon marks the bytes of a word that values do not just consist of: what
// unplain marks, " and >. The lowest mark is exact.
func uncommon(x uint64) uint64 {
	// & and " differ in one bit, < and > do.
	and, less := (x|wordOnes*4)^wordOnes*'&', (x|wordOnes*2)^wordOnes*'>'
	return (x | (x - wordOnes*' ') | (and-wordOnes)&^and | (less-wordOnes)&^less) & wordHighs
}

// commonPrefix returns how many bytes b starts with that are not uncommon.
func commonPrefix(b []byte) int {
	n := 0
	for ; len(b)-n >= 8; n += 8 {
		if m := uncommon(binary.LittleEndian.Uint64(b[n:])); m != 0 {
			return n + bits.TrailingZeros64(m)/8
		}
	}
	for n < len(b) && uncommon(wordOnes&^0xff*' '|uint64(b[n])) == 0 {
		n++
	}
	return n
}
