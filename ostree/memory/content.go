package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/flate"

	"github.com/treewright/treewright/internal/ctxio"
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
	n, err := io.Copy(&buf, io.LimitReader(ctxio.Reader(ctx, src), c.Size+1))
	if err != nil {
		return nil, err
	}
	if n != c.Size {
		return nil, fmt.Errorf("the file changed while it was read: its size is not %d any more", c.Size)
	}
	return buf.Bytes(), nil
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

// verifyContent reads all of a .filez object.
func verifyContent(n ostree.ObjectName, stored []byte) error {
	r, err := ostree.NewFilezReader(n, bytes.NewReader(stored))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return err
}

// openContent is a FilezReader that can be closed.
type openContent struct{ *ostree.FilezReader }

// Close may be called before the end is reached.
func (o *openContent) Close() error {
	if o.FilezReader == nil {
		return os.ErrClosed
	}
	o.FilezReader = nil
	return nil
}

func (o *openContent) Read(p []byte) (int, error) {
	if o.FilezReader == nil {
		return 0, os.ErrClosed
	}
	return o.FilezReader.Read(p)
}
