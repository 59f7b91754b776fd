package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/klauspost/compress/flate"
	"github.com/treewright/treewright/ostree"
)

// fileReader inflates one content object and hashes what it gives out. It is
// used again and again.
type fileReader struct {
	name  ostree.ObjectName
	buf   *bufio.Reader
	flate io.ReadCloser
	sum   hash.Hash
	left  int64
	err   error // what Read returns from now on
}

// OpenFile returns what a content object holds: its header, its size and its
// bytes, which the caller reads and closes. Read to the end to have them
// verified: instead of io.EOF the last Read then returns an
// *ostree.ChecksumError for a damaged object.
func (r *Repo) OpenFile(ctx context.Context, c ostree.Checksum) (ostree.FileHeader, int64, io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return ostree.FileHeader{}, 0, nil, err
	}
	n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectFile}
	f, err := r.OpenObject(n)
	if err != nil {
		return ostree.FileHeader{}, 0, nil, err
	}
	fr, h, size, err := r.newFileReader(n, f)
	if err != nil {
		return h, 0, nil, errors.Join(err, f.Close())
	}
	return h, size, &openFile{r, f, fr}, nil
}

// openFile is a fileReader in use.
type openFile struct {
	repo *Repo
	file *os.File
	fr   *fileReader // nil once closed
}

func (o *openFile) Read(p []byte) (int, error) {
	if o.fr == nil {
		return 0, os.ErrClosed
	}
	return o.fr.Read(p)
}

// Close may be called before the end is reached.
func (o *openFile) Close() error {
	if o.fr == nil {
		return os.ErrClosed
	}
	o.repo.release(o.fr)
	o.fr = nil
	return o.file.Close()
}

// newFileReader reads the header of a .filez object. The caller gives the
// reader back with release.
func (r *Repo) newFileReader(n ostree.ObjectName, src io.Reader) (*fileReader, ostree.FileHeader, int64, error) {
	fr, ok := r.readers.Get().(*fileReader)
	if !ok {
		fr = &fileReader{buf: bufio.NewReaderSize(nil, 32<<10)}
		fr.flate = flate.NewReader(fr.buf)
	}
	fr.name, fr.err = n, nil
	fr.buf.Reset(src)
	h, size, _, err := ostree.DecodeArchiveHeader(fr.buf)
	if err != nil {
		r.release(fr)
		return nil, h, 0, fmt.Errorf("object %s: %w", n, err)
	}
	fr.left = size
	fr.sum = ostree.ContentHasher(h)
	if h.IsSymlink() {
		fr.err = fr.finish()
		return fr, h, size, nil
	}
	if err := fr.flate.(flate.Resetter).Reset(fr.buf, nil); err != nil {
		r.release(fr)
		return nil, h, 0, err
	}
	return fr, h, size, nil
}

func (r *Repo) release(fr *fileReader) {
	fr.buf.Reset(nil)
	fr.sum = nil
	r.readers.Put(fr)
}

func (fr *fileReader) Read(p []byte) (int, error) {
	if fr.err != nil {
		return 0, fr.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := fr.flate.Read(p)
	if int64(n) > fr.left {
		fr.err = fmt.Errorf("object %s inflates to more bytes than its header says", fr.name)
		return 0, fr.err
	}
	fr.left -= int64(n)
	fr.sum.Write(p[:n])
	switch {
	case err == io.EOF && fr.left > 0:
		fr.err = fmt.Errorf("object %s inflates to %d bytes less than its header says", fr.name, fr.left)
	case err == io.EOF:
		fr.err = fr.finish()
	case err != nil:
		fr.err = fmt.Errorf("object %s: inflating: %w", fr.name, err)
	}
	return n, fr.err
}

// finish returns io.EOF if all is as it should be at the end of the content.
func (fr *fileReader) finish() error {
	switch _, err := fr.buf.ReadByte(); {
	case err == nil:
		return fmt.Errorf("object %s has bytes after its end", fr.name)
	case err != io.EOF:
		return fmt.Errorf("object %s: %w", fr.name, err)
	}
	if got := ostree.Checksum(fr.sum.Sum(nil)); got != fr.name.Checksum {
		return &ostree.ChecksumError{Object: fr.name, Got: got}
	}
	return io.EOF
}

// verify reads all of a content object, and returns its size.
func (r *Repo) verify(n ostree.ObjectName, src io.Reader) (size int64, err error) {
	fr, _, size, err := r.newFileReader(n, src)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, onlyReader{fr})
	r.release(fr)
	return size, err
}

// onlyReader hides all methods but Read.
type onlyReader struct{ io.Reader }
