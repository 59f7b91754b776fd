package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/treewright/treewright/ostree"
)

// errChanged says that Content gave other bytes than before, or than it said.
var errChanged = errors.New("the file changed while it was read")

// WriteFile stores a regular file, or a symlink (whose Content is zero). It
// hashes first and compresses only what is new. A small file is read once, a
// large one twice, in which case both readings must agree. It may be called
// from many goroutines; two that write the same file do the work once.
func (t *Txn) WriteFile(ctx context.Context, h ostree.FileHeader, c Content) (WriteResult, error) {
	return t.writeFile(ctx, nil, h, c)
}

// WriteFileKnown is WriteFile for content whose checksum the caller knows: it
// is not read at all if the object exists. If it must be written and turns
// out to be another, the error is an *ostree.ChecksumError.
func (t *Txn) WriteFileKnown(ctx context.Context, want ostree.Checksum, h ostree.FileHeader, c Content) (WriteResult, error) {
	return t.writeFile(ctx, &want, h, c)
}

func (t *Txn) writeFile(ctx context.Context, want *ostree.Checksum, h ostree.FileHeader, c Content) (WriteResult, error) {
	if err := h.Validate(); err != nil {
		return WriteResult{}, err
	}
	if err := t.enter(); err != nil {
		return WriteResult{}, err
	}
	defer t.leave()
	if want != nil {
		n := ostree.ObjectName{Checksum: *want, Type: ostree.ObjectFile}
		have, err := t.HasObject(n)
		if have {
			t.count(n, false, 0)
		}
		if have || err != nil {
			return WriteResult{Checksum: *want}, err
		}
	}
	if h.IsSymlink() {
		return t.writeSymlink(ctx, want, h)
	}
	if c.Size < 0 || c.Open == nil {
		return WriteResult{}, errors.New("a regular file without content")
	}
	w, err := t.repo.workers.get(ctx)
	if err != nil {
		return WriteResult{}, err
	}
	defer t.repo.workers.put(w)
	if c.Size <= smallFile {
		return t.writeSmall(ctx, w, want, h, c)
	}
	return t.writeLarge(ctx, w, want, h, c)
}

// checked returns the name of the object, if it is the one that was wanted.
func checked(got ostree.Checksum, want *ostree.Checksum) (ostree.ObjectName, error) {
	n := ostree.ObjectName{Checksum: got, Type: ostree.ObjectFile}
	if want != nil && got != *want {
		n.Checksum = *want
		return n, &ostree.ChecksumError{Object: n, Got: got}
	}
	return n, nil
}

func (t *Txn) writeSymlink(ctx context.Context, want *ostree.Checksum, h ostree.FileHeader) (WriteResult, error) {
	n, err := checked(ostree.Checksum(ostree.ContentHasher(h).Sum(nil)), want)
	if err != nil {
		return WriteResult{}, err
	}
	return t.store(ctx, n, func(name string) (int64, error) {
		data := h.EncodeArchive(0)
		return int64(len(data)), t.staging.write(name, data)
	})
}

func (t *Txn) writeSmall(ctx context.Context, w *worker, want *ostree.Checksum, h ostree.FileHeader, c Content) (WriteResult, error) {
	data, err := readSmall(w, c)
	if err != nil {
		return WriteResult{}, err
	}
	t.stats.bytesRead.Add(c.Size)
	sum := ostree.ContentHasher(h)
	sum.Write(data)
	n, err := checked(ostree.Checksum(sum.Sum(nil)), want)
	if err != nil {
		return WriteResult{}, err
	}
	return t.store(ctx, n, func(name string) (int64, error) {
		w.out.Reset()
		w.out.Write(h.EncodeArchive(c.Size))
		if err := w.deflate(data, true); err != nil {
			return 0, err
		}
		size := int64(w.out.Len())
		if err := t.space.take(size); err != nil {
			return 0, err
		}
		return size, t.staging.write(name, w.out.Bytes())
	})
}

// readSmall reads all of the content, and sees whether it has more.
func readSmall(w *worker, c Content) (_ []byte, err error) {
	src, err := c.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	data := w.buffer(int(c.Size) + 1)
	n, err := io.ReadFull(src, data)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, err
	}
	if int64(n) != c.Size {
		return nil, fmt.Errorf("%w: its size is not %d any more", errChanged, c.Size)
	}
	return data[:n], nil
}

func (t *Txn) writeLarge(ctx context.Context, w *worker, want *ostree.Checksum, h ostree.FileHeader, c Content) (WriteResult, error) {
	sum := ostree.ContentHasher(h)
	err := readLarge(c, func(src io.Reader) error {
		buf := w.buffer(256 << 10)
		for {
			n, err := src.Read(buf)
			sum.Write(buf[:n])
			if err == io.EOF {
				return nil
			}
			if err = errors.Join(err, ctx.Err()); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return WriteResult{}, err
	}
	t.stats.bytesRead.Add(c.Size)
	n, err := checked(ostree.Checksum(sum.Sum(nil)), want)
	if err != nil {
		return WriteResult{}, err
	}
	return t.store(ctx, n, func(name string) (int64, error) { return t.compressLarge(ctx, w, n, name, h, c) })
}

// readLarge calls fn with the content, which must have its size.
func readLarge(c Content, fn func(io.Reader) error) (err error) {
	src, err := c.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	exact := &countingReader{r: io.LimitReader(src, c.Size+1)}
	if err := fn(exact); err != nil {
		return err
	}
	// What fn left unread must be the end.
	if _, err := io.Copy(io.Discard, exact); err != nil {
		return err
	}
	if exact.n != c.Size {
		return fmt.Errorf("%w: its size is not %d any more", errChanged, c.Size)
	}
	return nil
}

// compressLarge reads the content a second time, and hashes it again.
func (t *Txn) compressLarge(ctx context.Context, w *worker, n ostree.ObjectName, name string, h ostree.FileHeader, c Content) (int64, error) {
	f, err := t.staging.create(name)
	if err != nil {
		return 0, err
	}
	dst := &spaceWriter{f: f, space: t.space}
	sum := ostree.ContentHasher(h)
	err = readLarge(c, func(src io.Reader) error {
		if _, err := dst.Write(h.EncodeArchive(c.Size)); err != nil {
			return err
		}
		d := deflater{ws: &t.repo.workers, own: w, dst: dst}
		return d.readFrom(ctx, io.TeeReader(src, sum), c.Size)
	})
	if err == nil && ostree.Checksum(sum.Sum(nil)) != n.Checksum {
		err = errChanged
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		return 0, errors.Join(err, t.staging.unlink(name))
	}
	return dst.n, nil
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// spaceWriter writes to a file as long as there is space.
type spaceWriter struct {
	f     *os.File
	space *space
	n     int64
}

func (s *spaceWriter) Write(p []byte) (int, error) {
	if err := s.space.take(int64(len(p))); err != nil {
		return 0, err
	}
	n, err := s.f.Write(p)
	s.n += int64(n)
	return n, err
}
