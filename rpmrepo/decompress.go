package rpmrepo

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"

	"github.com/treewright/treewright/internal/inflate"
)

// blockFiller uncompresses to blocks.
type blockFiller interface {
	// fill writes what comes next into block from start on and returns where
	// that ends: at the end of the block, unless there is an error, which may
	// be io.EOF.
	fill(block []byte, start int) (end int, err error)
	io.Closer
}

// decompressor tells the compression by the first bytes.
func decompressor(r *bufio.Reader) (blockFiller, error) {
	start, err := r.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return &gzipFiller{z: inflate.NewReader(r)}, nil
	case bytes.HasPrefix(start, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return readFiller{z.IOReadCloser()}, nil
	case bytes.HasPrefix(start, []byte("\xfd7zXZ\x00")):
		x, err := xz.NewReader(r, maxWindow)
		return readFiller{io.NopCloser(x)}, err
	case bytes.HasPrefix(start, []byte("BZh")):
		return readFiller{io.NopCloser(bzip2.NewReader(r))}, nil
	case bytes.HasPrefix(start, []byte("\x00ZCK1")):
		return nil, errors.New("zchunk is not supported; repositories list the same metadata in another compression, too")
	}
	return readFiller{io.NopCloser(r)}, nil
}

// readFiller fills blocks from a reader.
type readFiller struct{ io.ReadCloser }

// fill, unlike io.ReadFull, leaves the end of the data and a decoder's
// unexpected end apart.
func (r readFiller) fill(block []byte, start int) (end int, err error) {
	for end = start; end < len(block) && err == nil; {
		var more int
		more, err = r.Read(block[end:])
		end += more
	}
	return end, err
}

// gzipFiller fills blocks where the data refers to what the block before ends
// with, of which it puts a copy in front.
type gzipFiller struct {
	z    *inflate.Reader
	last []byte // the block before, which others may read meanwhile
}

func (g *gzipFiller) fill(block []byte, start int) (end int, err error) {
	if n := len(g.last); n > 0 {
		copy(block[start-inflate.Window:start], g.last[n-inflate.Window:])
	}
	end, err = g.z.Fill(block, start)
	g.last = block[:end]
	return end, err
}

func (g *gzipFiller) Close() error { return nil }
