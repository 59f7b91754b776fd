package rpmrepo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/inflate"
)

const (
	streamRoom   = inflate.Window // in front of a block, see nextBlock
	streamBlock  = 256 << 10
	streamBlocks = 4
	maxWindow    = 128 << 20 // of a decompressor
)

// stream is a metadata file, uncompressed by a goroutine of its own while the
// reader works on what came before. Checksum and sizes are checked on the way:
// only io.EOF says that what was read is right.
type stream struct {
	ctx    context.Context
	blocks chan streamPart
	free   chan []byte
	cancel context.CancelFunc
	now    []byte // the unread part of block
	block  []byte // what is read, streamRoom in front
	err    error
}

type streamPart struct {
	block []byte
	err   error
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
		s.free <- make([]byte, streamRoom+streamBlock)
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
		next, err := s.next()
		if err != nil {
			return 0, err
		}
		s.hold(next)
	}
	n := copy(p, s.now)
	s.now = s.now[n:]
	return n, nil
}

// next waits for the next block.
func (s *stream) next() ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	part, ok := <-s.blocks
	if !ok {
		part.err = context.Cause(s.ctx)
	}
	s.err = part.err
	return part.block, part.err
}

// hold makes a block the one that is read, and gives back the one before.
func (s *stream) hold(block []byte) {
	if s.block != nil {
		s.free <- s.block[:cap(s.block)]
	}
	s.block, s.now = block, block[streamRoom:]
}

// nextBlock is for who reads in place: it returns tail, what the caller has not
// read yet, and all of the next block behind it. What it returned before is
// gone then; an error leaves it. A tail has up to streamRoom bytes. It returns
// nothing in the middle of a block, whose rest Read gives. The caller writes
// nowhere: the end of a block may still be what the next one refers to.
func (s *stream) nextBlock(tail []byte) ([]byte, error) {
	if len(s.now) > 0 {
		return nil, nil
	}
	next, err := s.next()
	if err != nil {
		return nil, err
	}
	start := streamRoom - len(tail)
	copy(next[start:], tail)
	s.hold(next)
	s.now = nil
	return next[start:], nil
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
	open := openCheck{d: w.d}
	if w.d.Checksum.Algorithm() == "sha1" {
		open.hash = w.d.OpenChecksum.Hasher()
	}
	for {
		var block []byte
		select {
		case block = <-w.s.free:
		case <-w.s.ctx.Done():
			return context.Cause(w.s.ctx)
		}
		end, err := r.fill(block, streamRoom)
		if err := open.add(block[streamRoom:end]); err != nil {
			return err
		}
		if end > streamRoom && !w.send(streamPart{block: block[:end]}) {
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

// openCheck checks the uncompressed bytes. Where nobody can make another file
// with the checksum of the stored bytes, that one vouches for these, too: they
// follow from them. Hashing ten times as many bytes would add nothing.
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
