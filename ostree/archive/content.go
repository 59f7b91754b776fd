package archive

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/treewright/treewright/ostree"
)

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
	return r.openFile(n, f)
}

// openFile reads the header of a content object, and takes over its file.
func (r *Repo) openFile(n ostree.ObjectName, f *os.File) (ostree.FileHeader, int64, io.ReadCloser, error) {
	fr, err := r.newFileReader(n, f)
	if err != nil {
		return ostree.FileHeader{}, 0, nil, errors.Join(err, f.Close())
	}
	return fr.Header, fr.Size, &openFile{r, f, fr}, nil
}

// openFile is a FilezReader in use.
type openFile struct {
	repo *Repo
	file *os.File
	fr   *ostree.FilezReader // nil once closed
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
func (r *Repo) newFileReader(n ostree.ObjectName, src io.Reader) (*ostree.FilezReader, error) {
	fr, ok := r.readers.Get().(*ostree.FilezReader)
	if !ok {
		fr = &ostree.FilezReader{}
	}
	if err := fr.Reset(n, src); err != nil {
		r.release(fr)
		return nil, err
	}
	return fr, nil
}

func (r *Repo) release(fr *ostree.FilezReader) {
	fr.Release()
	r.readers.Put(fr)
}

// verify reads all of a content object, and returns its size.
func (r *Repo) verify(n ostree.ObjectName, src io.Reader) (size int64, err error) {
	fr, err := r.newFileReader(n, src)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, fr)
	size = fr.Size
	r.release(fr)
	return size, err
}
