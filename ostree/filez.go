package ostree

import (
	"bufio"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/flate"
)

// A FilezReader inflates a content object as an archive repository stores it,
// and verifies it: instead of io.EOF the last Read returns a *ChecksumError for
// an object that does not have its name. The zero FilezReader awaits Reset.
type FilezReader struct {
	Header FileHeader
	Size   int64

	name  ObjectName
	buf   *bufio.Reader
	flate io.ReadCloser
	sum   hash.Hash
	left  int64
	err   error // what Read returns from now on
}

// NewFilezReader reads the header of the object n from src.
func NewFilezReader(n ObjectName, src io.Reader) (*FilezReader, error) {
	r := &FilezReader{}
	return r, r.Reset(n, src)
}

// Reset makes the reader one of another object, whose header it reads. It uses
// its memory again.
func (r *FilezReader) Reset(n ObjectName, src io.Reader) error {
	r.err = r.reset(n, src)
	if r.err == nil && r.Header.IsSymlink() {
		r.err = r.finish()
		return nil
	}
	return r.err
}

func (r *FilezReader) reset(n ObjectName, src io.Reader) (err error) {
	if r.buf == nil {
		r.buf = bufio.NewReaderSize(src, 32<<10)
		r.flate = flate.NewReader(r.buf)
	}
	r.buf.Reset(src)
	r.name = n
	if r.Header, r.Size, _, err = DecodeArchiveHeader(r.buf); err != nil {
		return fmt.Errorf("object %s: %w", n, err)
	}
	r.left, r.sum = r.Size, ContentHasher(r.Header)
	return r.flate.(flate.Resetter).Reset(r.buf, nil)
}

// Release lets go of what is read; Read is an error until the next Reset.
func (r *FilezReader) Release() {
	if r.buf != nil {
		r.buf.Reset(nil)
	}
	r.sum, r.err = nil, errors.New("the reader was released")
}

func (r *FilezReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.flate.Read(p)
	if int64(n) > r.left {
		r.err = fmt.Errorf("object %s inflates to more bytes than its header says", r.name)
		return 0, r.err
	}
	r.left -= int64(n)
	r.sum.Write(p[:n])
	switch {
	case err == io.EOF && r.left > 0:
		r.err = fmt.Errorf("object %s inflates to %d bytes less than its header says", r.name, r.left)
	case err == io.EOF:
		r.err = r.finish()
	case err != nil:
		r.err = fmt.Errorf("object %s: inflating: %w", r.name, err)
	}
	return n, r.err
}

// finish returns io.EOF if all is as it should be at the end of the content.
func (r *FilezReader) finish() error {
	switch _, err := r.buf.ReadByte(); {
	case err == nil:
		return fmt.Errorf("object %s has bytes after its end", r.name)
	case err != io.EOF:
		return fmt.Errorf("object %s: %w", r.name, err)
	}
	if got := Checksum(r.sum.Sum(nil)); got != r.name.Checksum {
		return &ChecksumError{Object: r.name, Got: got}
	}
	return io.EOF
}
