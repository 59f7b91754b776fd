package rpmrepo

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"

	"github.com/treewright/treewright/internal/fetch"
)

const (
	streamBlock  = 256 << 10
	streamBlocks = 4
	maxWindow    = 128 << 20 // of a decompressor
)

// stream is a metadata file, uncompressed by a goroutine of its own while the
// reader works on what came before. Both checksums and both sizes are checked
// on the way: only io.EOF says that what was read is right.
type stream struct {
	ctx    context.Context
	blocks chan streamPart
	free   chan []byte
	cancel context.CancelFunc
	now    []byte // the unread part of block
	block  []byte
	err    error
}

type streamPart struct {
	data []byte
	err  error
}

// newStream reads f, which it closes. Close it in every case.
func newStream(ctx context.Context, f io.ReadCloser, d *Data) *stream {
	ctx, cancel := context.WithCancel(ctx)
	s := &stream{
		ctx:    ctx,
		blocks: make(chan streamPart, streamBlocks),
		free:   make(chan []byte, streamBlocks),
		cancel: cancel,
	}
	for range streamBlocks {
		s.free <- make([]byte, streamBlock)
	}
	w := &streamWriter{s: s, d: d}
	go func() {
		defer close(s.blocks)
		err := w.run(f)
		err = errors.Join(err, f.Close())
		if err == nil {
			err = io.EOF
		}
		w.send(streamPart{err: err})
	}()
	return s
}

func (s *stream) Read(p []byte) (int, error) {
	for len(s.now) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		if s.block != nil {
			s.free <- s.block
			s.block = nil
		}
		part, ok := <-s.blocks
		if !ok {
			part.err = context.Cause(s.ctx)
		}
		if part.err != nil {
			s.err = part.err
			return 0, s.err
		}
		s.block = part.data[:cap(part.data)]
		s.now = part.data
	}
	n := copy(p, s.now)
	s.now = s.now[n:]
	return n, nil
}

// rest reads to the end and returns what is wrong with the file, if anything.
func (s *stream) rest() error {
	_, err := io.Copy(io.Discard, struct{ io.Reader }{s})
	return err
}

// Close ends the goroutine and waits for it.
func (s *stream) Close() error {
	s.cancel()
	for range s.blocks {
		continue // until the goroutine has closed it
	}
	if s.err == nil {
		s.err = errors.New("read after close")
	}
	return nil
}

// streamWriter is the goroutine's side of a stream.
type streamWriter struct {
	s   *stream
	d   *Data
	raw countingReader // the stored bytes
}

func (w *streamWriter) send(p streamPart) bool {
	select {
	case w.s.blocks <- p:
		return true
	case <-w.s.ctx.Done():
		return false
	}
}

// run uncompresses all of f and checks it.
func (w *streamWriter) run(f io.Reader) (err error) {
	w.raw = countingReader{r: f, hash: w.d.Checksum.Hasher(), limit: maxMetadata}
	if w.d.Size > 0 {
		w.raw.limit = w.d.Size
	}
	raw := bufio.NewReaderSize(&w.raw, streamBlock)
	err = w.uncompress(raw)
	if w.s.ctx.Err() != nil {
		return context.Cause(w.s.ctx)
	}
	// A file that is not the right one explains every other error.
	if _, rest := io.Copy(io.Discard, raw); rest != nil {
		return fmt.Errorf("%s: %w", w.d.Location, rest)
	}
	if w.d.Size > 0 && w.raw.n != w.d.Size {
		return &fetch.SizeError{URL: w.d.Location, Got: w.raw.n, Want: w.d.Size}
	}
	if got := w.d.Checksum.Sum(w.raw.hash); got != w.d.Checksum {
		return &fetch.ChecksumError{URL: w.d.Location, Got: got, Want: w.d.Checksum}
	}
	return err
}

// uncompress sends the uncompressed blocks.
func (w *streamWriter) uncompress(raw *bufio.Reader) (err error) {
	defer func() {
		// The decoders are others' code, and their input is hostile.
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: its compression is damaged: %v", w.d.Location, p)
		}
	}()
	r, err := decompressor(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", w.d.Location, err)
	}
	defer r.Close()
	open := openCheck{d: w.d, hash: w.d.OpenChecksum.Hasher()}
	for {
		var block []byte
		select {
		case block = <-w.s.free:
		case <-w.s.ctx.Done():
			return context.Cause(w.s.ctx)
		}
		n, err := readBlock(r, block)
		if err := open.add(block[:n]); err != nil {
			return err
		}
		if n > 0 && !w.send(streamPart{data: block[:n]}) {
			return context.Cause(w.s.ctx)
		}
		if err == io.EOF {
			return open.done()
		}
		if err != nil {
			return fmt.Errorf("%s: uncompressing: %w", w.d.Location, err)
		}
	}
}

// readBlock fills the block, as far as r goes. Unlike io.ReadFull it leaves
// the end of the data and a decoder's unexpected end apart.
func readBlock(r io.Reader, block []byte) (n int, err error) {
	for n < len(block) && err == nil {
		var more int
		more, err = r.Read(block[n:])
		n += more
	}
	return n, err
}

// openCheck checks the uncompressed bytes.
type openCheck struct {
	d    *Data
	hash hash.Hash
	n    int64
}

func (c *openCheck) add(b []byte) error {
	c.n += int64(len(b))
	limit := c.d.OpenSize
	if limit == 0 {
		limit = maxOpen
		if c.d.Size > 0 {
			limit = min(limit, 1<<20+2000*c.d.Size)
		}
	}
	if c.n > limit {
		return fmt.Errorf("%s: larger than %d bytes when uncompressed", c.d.Location, limit)
	}
	if c.hash != nil {
		c.hash.Write(b)
	}
	return nil
}

func (c *openCheck) done() error {
	if c.d.OpenSize > 0 && c.n != c.d.OpenSize {
		return fmt.Errorf("%s: %d bytes when uncompressed, expected %d", c.d.Location, c.n, c.d.OpenSize)
	}
	if c.hash != nil {
		if got := c.d.OpenChecksum.Sum(c.hash); got != c.d.OpenChecksum {
			return fmt.Errorf("%s: uncompressed, its checksum is %s, expected %s", c.d.Location, got, c.d.OpenChecksum)
		}
	}
	return nil
}

// countingReader hashes and bounds the stored bytes.
type countingReader struct {
	r     io.Reader
	hash  hash.Hash
	n     int64
	limit int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.n > c.limit {
		return 0, fmt.Errorf("larger than the expected %d bytes", c.limit)
	}
	c.hash.Write(p[:n])
	return n, err
}

// decompressor tells the compression by the first bytes.
func decompressor(r *bufio.Reader) (io.ReadCloser, error) {
	start, err := r.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return gzip.NewReader(r)
	case bytes.HasPrefix(start, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case bytes.HasPrefix(start, []byte("\xfd7zXZ\x00")):
		x, err := xz.NewReader(r, maxWindow)
		return io.NopCloser(x), err
	case bytes.HasPrefix(start, []byte("BZh")):
		return io.NopCloser(bzip2.NewReader(r)), nil
	case bytes.HasPrefix(start, []byte("\x00ZCK1")):
		return nil, errors.New("zchunk is not supported; repositories list the same metadata in another compression, too")
	}
	return io.NopCloser(r), nil
}
