package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/flate"

	"github.com/treewright/treewright/ostree"
)

// readContent reads all of the content, which must have the size that it says.
func readContent(ctx context.Context, c ostree.Content) (_ []byte, err error) {
	if c.Size < 0 || c.Open == nil {
		return nil, errors.New("a regular file without content")
	}
	src, err := c.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(contextReader{ctx, src}, c.Size+1))
	if err != nil {
		return nil, err
	}
	if n != c.Size {
		return nil, fmt.Errorf("the file changed while it was read: its size is not %d any more", c.Size)
	}
	return buf.Bytes(), nil
}

// contextReader stops reading when the context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// contentName returns the name of a content object.
func contentName(h ostree.FileHeader, data []byte) ostree.ObjectName {
	sum := ostree.ContentHasher(h)
	sum.Write(data)
	return ostree.ObjectName{Checksum: ostree.Checksum(sum.Sum(nil)), Type: ostree.ObjectFile}
}

// deflate makes a .filez object.
func (s *Store) deflate(h ostree.FileHeader, data []byte) ([]byte, error) {
	buf := bytes.NewBuffer(h.EncodeArchive(int64(len(data))))
	if h.IsSymlink() {
		return buf.Bytes(), nil
	}
	z, ok := s.deflaters.Get().(*flate.Writer)
	if !ok {
		var err error
		if z, err = flate.NewWriter(nil, flate.DefaultCompression); err != nil {
			return nil, fmt.Errorf("deflating: %w", err)
		}
	}
	defer s.deflaters.Put(z)
	z.Reset(buf)
	if _, err := z.Write(data); err != nil {
		return nil, fmt.Errorf("deflating: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("deflating: %w", err)
	}
	return bytes.Clone(buf.Bytes()), nil // without the room that was left
}

// contentReader inflates a .filez object and verifies it: the last Read returns
// io.EOF only if the object has its name and nothing follows it.
type contentReader struct {
	header ostree.FileHeader
	size   int64

	name  ostree.ObjectName
	src   *bytes.Reader
	flate io.ReadCloser
	sum   hash.Hash
	left  int64
	err   error // what Read returns from now on
}

func newContentReader(n ostree.ObjectName, src *bytes.Reader) (*contentReader, error) {
	h, size, _, err := ostree.DecodeArchiveHeader(src)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", n, err)
	}
	r := &contentReader{header: h, size: size, name: n, src: src, left: size, sum: ostree.ContentHasher(h)}
	if h.IsSymlink() {
		r.err = r.finish()
	} else {
		r.flate = flate.NewReader(src)
	}
	return r, nil
}

func (r *contentReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
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
func (r *contentReader) finish() error {
	if r.src.Len() > 0 {
		return fmt.Errorf("object %s has bytes after its end", r.name)
	}
	if got := ostree.Checksum(r.sum.Sum(nil)); got != r.name.Checksum {
		return &ostree.ChecksumError{Object: r.name, Got: got}
	}
	return io.EOF
}

// Close may be called before the end is reached.
func (r *contentReader) Close() error {
	if errors.Is(r.err, os.ErrClosed) {
		return os.ErrClosed
	}
	r.err = os.ErrClosed
	return nil
}

// verifyContent reads all of a .filez object.
func verifyContent(n ostree.ObjectName, stored []byte) error {
	r, err := newContentReader(n, bytes.NewReader(stored))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return err
}
