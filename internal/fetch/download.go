package fetch

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

// DownloadOptions say what the file must be.
type DownloadOptions struct {
	// Checksum and Size are those of the whole file; zero values are not
	// checked. With a Checksum, what an earlier run left is resumed.
	Checksum Checksum
	Size     int64
	// MaxSize bounds a file of unknown Size; zero is no bound.
	MaxSize int64
	// Attempts overrides the client's number of tries when not zero.
	Attempts int
	// Progress hears how many bytes of the file are there, the resumed ones
	// included. It may fall back when the transfer starts anew.
	Progress func(done int64)
}

// Download makes dest the file at rawURL, atomically: dest is absent (or as
// it was) or complete and verified. When dest already has the Checksum,
// nothing is fetched. What a cut or cancelled transfer has brought stays in
// dest+".part" for the next one; processes that want the same dest take turns.
func (c *Client) Download(ctx context.Context, rawURL, dest string, opts DownloadOptions) error {
	if err := c.download(ctx, rawURL, dest, opts); err != nil {
		return fmt.Errorf("downloading %w", err)
	}
	return nil
}

func (c *Client) download(ctx context.Context, rawURL, dest string, opts DownloadOptions) (err error) {
	if opts.holds(dest) {
		return nil
	}
	p, err := lockPart(ctx, dest, c.opts.Sleep)
	if err != nil {
		return fmt.Errorf("%s: %w", dest, err)
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if opts.holds(dest) { // another process was faster
		return p.remove()
	}
	resumed, err := c.fill(ctx, rawURL, p, opts)
	if err != nil && resumed && wrongContent(err) {
		// What an earlier run left, or another mirror, does not fit.
		if err = p.reset(0); err == nil {
			_, err = c.fill(ctx, rawURL, p, opts)
		}
	}
	if err != nil {
		if opts.Checksum.IsZero() || wrongContent(err) {
			return errors.Join(err, p.remove())
		}
		return err
	}
	return p.commit(dest)
}

// holds reports whether path is the wanted file already.
func (o *DownloadOptions) holds(path string) bool {
	return !o.Checksum.IsZero() && Verify(path, o.Checksum, o.Size) == nil
}

func wrongContent(err error) bool {
	var (
		checksum *ChecksumError
		size     *SizeError
		tooLarge *TooLargeError
	)
	return errors.Is(err, errChanged) || errors.As(err, &checksum) || errors.As(err, &size) || errors.As(err, &tooLarge)
}

// fill appends to the part file what it lacks, and verifies the whole.
// resumed reports whether bytes of an earlier run are in it.
func (c *Client) fill(ctx context.Context, rawURL string, p *part, opts DownloadOptions) (resumed bool, err error) {
	h := opts.Checksum.Hasher()
	offset := p.size
	if h == nil || opts.Size > 0 && offset > opts.Size {
		offset = 0
	}
	if err := p.reset(offset); err != nil {
		return false, err
	}
	if offset > 0 {
		if _, err := io.Copy(h, io.NewSectionReader(p.file, 0, offset)); err != nil {
			return true, err
		}
	}
	if opts.Size <= 0 || offset < opts.Size {
		if err := c.append(ctx, rawURL, p, h, opts); err != nil {
			return offset > 0, err
		}
	}
	return offset > 0, opts.verify(rawURL, p.size, h)
}

// append copies the rest of the file to p and h.
func (c *Client) append(ctx context.Context, rawURL string, p *part, h hash.Hash, opts DownloadOptions) error {
	most := opts.MaxSize
	if opts.Size > 0 {
		most = opts.Size
	}
	resp, err := c.getFrom(ctx, rawURL, p.size, GetOptions{
		MaxSize:   most,
		Immutable: !opts.Checksum.IsZero(),
		Attempts:  opts.Attempts,
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if opts.Size > 0 && resp.Size >= 0 && resp.Size != opts.Size {
		return &SizeError{URL: resp.URL, Got: resp.Size, Want: opts.Size}
	}
	w := &partWriter{part: p, hash: h, progress: opts.Progress}
	_, err = io.CopyBuffer(w, struct{ io.Reader }{resp.Body}, make([]byte, 256<<10))
	return err
}

func (o *DownloadOptions) verify(rawURL string, size int64, h hash.Hash) error {
	if o.Size > 0 && size != o.Size {
		return &SizeError{URL: redacted(rawURL), Got: size, Want: o.Size}
	}
	if h != nil {
		if got := o.Checksum.Sum(h); got != o.Checksum {
			return &ChecksumError{URL: redacted(rawURL), Got: got, Want: o.Checksum}
		}
	}
	return nil
}

// getFrom is Get from an offset on, of a file whose content will be verified.
func (c *Client) getFrom(ctx context.Context, rawURL string, offset int64, opts GetOptions) (*Response, error) {
	if offset == 0 {
		return c.Get(ctx, rawURL, opts)
	}
	path, local, err := LocalPath(rawURL)
	if err != nil {
		return nil, err
	}
	if local {
		return getFileFrom(path, offset, opts)
	}
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	t := &transfer{client: c, url: u, opts: opts, attempts: c.attempts(opts), total: -1}
	if err := t.open(ctx, offset); err != nil {
		return nil, err
	}
	resp := t.response(ctx)
	resp.Body.(*body).offset = offset
	return resp, nil
}

// Verify reads the file at path and checks its size (unless zero) and its
// checksum.
func Verify(path string, want Checksum, size int64) (err error) {
	f, info, err := openRegular(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if size > 0 && info.Size() != size {
		return &SizeError{URL: path, Got: info.Size(), Want: size}
	}
	h := want.Hasher()
	if h == nil {
		return fmt.Errorf("%s: no checksum to verify it by", path)
	}
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{f}, make([]byte, 256<<10)); err != nil {
		return err
	}
	if got := want.Sum(h); got != want {
		return &ChecksumError{URL: path, Got: got, Want: want}
	}
	return nil
}

// partWriter writes to the part file and hashes what it writes.
type partWriter struct {
	part     *part
	hash     hash.Hash
	progress func(int64)
}

func (w *partWriter) Write(b []byte) (int, error) {
	n, err := w.part.file.WriteAt(b, w.part.size)
	w.part.size += int64(n)
	if err != nil {
		return n, err
	}
	if w.hash != nil {
		w.hash.Write(b)
	}
	if w.progress != nil {
		w.progress(w.part.size)
	}
	return n, nil
}

// part is the file that a download grows in, locked against other processes.
type part struct {
	file *os.File
	path string
	size int64
	gone bool // removed or renamed
}

// reset cuts the file to size bytes.
func (p *part) reset(size int64) error {
	p.size = size
	return p.file.Truncate(size)
}

func (p *part) commit(dest string) error {
	p.gone = true
	return os.Rename(p.path, dest)
}

func (p *part) remove() error {
	p.gone = true
	return os.Remove(p.path)
}

// close gives the lock back. An empty file is of no use to anybody.
func (p *part) close() error {
	var err error
	if !p.gone && p.size == 0 {
		err = p.remove()
	}
	return errors.Join(err, p.file.Close())
}
