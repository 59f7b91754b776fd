package rpm

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	newcHeaderSize = 110 // magic included
	cpioTrailer    = "TRAILER!!!"
	maxTrailing    = 1024 // zeros after the trailer; cpio pads to 512
)

// cpioEntry is the header of one archive member.
type cpioEntry struct {
	stripped bool
	index    uint32 // of a stripped member: which file of the header it is
	name     string // of a newc member; valid until the next one is read
	size     int64  // of a newc member's content
	trailer  bool
}

// cpioReader reads the members of a cpio archive. The caller consumes content
// through skip or read, which keep the position that padding depends on.
type cpioReader struct {
	r   *bufio.Reader
	pos int64
	buf [newcHeaderSize + maxPathLength + 8]byte
}

// next reads a member's header. What it says of the file's mode, owner and time
// is not looked at: the package's header decides. Nor is the checksum of the crc
// form: rpm writes zeros there, and every file has a stronger digest.
func (c *cpioReader) next() (cpioEntry, error) {
	if err := c.pad(); err != nil {
		return cpioEntry{}, err
	}
	magic := c.buf[:6]
	if err := c.read(magic); err != nil {
		return cpioEntry{}, err
	}
	switch {
	case bytes.Equal(magic, []byte("07070X")):
		return c.strippedEntry()
	case bytes.Equal(magic, []byte("070701")), bytes.Equal(magic, []byte("070702")):
		return c.newcEntry()
	}
	return cpioEntry{}, fmt.Errorf("a member starts with %q, which is no cpio magic", magic)
}

func (c *cpioReader) strippedEntry() (cpioEntry, error) {
	b := c.buf[:8]
	if err := c.read(b); err != nil {
		return cpioEntry{}, err
	}
	index, err := hexField(b)
	if err != nil {
		return cpioEntry{}, err
	}
	return cpioEntry{stripped: true, index: index}, c.pad()
}

func (c *cpioReader) newcEntry() (cpioEntry, error) {
	b := c.buf[:newcHeaderSize-6]
	if err := c.read(b); err != nil {
		return cpioEntry{}, err
	}
	size, err := hexField(b[48:56])
	if err != nil {
		return cpioEntry{}, err
	}
	length, err := hexField(b[88:96])
	if err != nil {
		return cpioEntry{}, err
	}
	// A name has a dot and a slash before it and a NUL after it.
	if length < 2 || length > maxPathLength+3 {
		return cpioEntry{}, fmt.Errorf("a member's name has %d bytes", length)
	}
	name := c.buf[:length]
	if err := c.read(name); err != nil {
		return cpioEntry{}, err
	}
	if bytes.IndexByte(name, 0) != len(name)-1 {
		return cpioEntry{}, fmt.Errorf("the member's name %q is not ended by its only NUL", name)
	}
	e := cpioEntry{name: string(name[:len(name)-1]), size: int64(size)}
	if e.trailer = e.name == cpioTrailer; e.trailer && size != 0 {
		return cpioEntry{}, errors.New("the trailer has content")
	}
	return e, c.pad()
}

// hexField reads the eight hexadecimal digits of a header field.
func hexField(b []byte) (uint32, error) {
	var n uint32
	for _, c := range b {
		switch {
		case isDigit(c):
			n = n<<4 | uint32(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | uint32(c-'a'+10)
		case c >= 'A' && c <= 'F':
			n = n<<4 | uint32(c-'A'+10)
		default:
			return 0, fmt.Errorf("the header field %q is not hexadecimal", b)
		}
	}
	return n, nil
}

// pad skips to the next multiple of four.
func (c *cpioReader) pad() error {
	if n := int(-c.pos & 3); n != 0 {
		return c.read(c.buf[:n])
	}
	return nil
}

// read fills b.
func (c *cpioReader) read(b []byte) error {
	n, err := io.ReadFull(c.r, b)
	c.pos += int64(n)
	return archiveEnd(err)
}

// readSome reads up to len(b) bytes of content.
func (c *cpioReader) readSome(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.pos += int64(n)
	return n, archiveEnd(err)
}

// skip passes over n bytes of content.
func (c *cpioReader) skip(n int64) error {
	m, err := io.CopyN(io.Discard, c.r, n)
	c.pos += m
	return archiveEnd(err)
}

// archiveEnd turns the end of the input into an error: it may not come before
// the trailer.
func archiveEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the archive ends too early: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// finish checks that only padding follows the trailer.
func (c *cpioReader) finish() error {
	for n := 0; ; n++ {
		switch b, err := c.r.ReadByte(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case b != 0 || n == maxTrailing:
			return errors.New("data follows the trailer")
		}
	}
}
