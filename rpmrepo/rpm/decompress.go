package rpm

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"
	"github.com/xi2/xz"
)

// maxWindow bounds what a decompressor may remember, whatever its input asks
// for. It is more than any level of xz and twice what zstd --ultra uses.
const maxWindow = 128 << 20

// decompressor reads a compressed payload.
type decompressor struct {
	src   *bufio.Reader // the payload as it is in the file
	r     io.Reader
	close func()
}

// Decompressors keeps decompressors from one payload to the next: a new one
// takes some 10 MB. The zero value is ready; it may be used concurrently.
type Decompressors struct {
	zstd sync.Pool
}

// get returns a zstd decompressor of src and a function that gives it back.
func (d *Decompressors) get(src io.Reader) (*zstd.Decoder, func(), error) {
	if d != nil {
		if z, ok := d.zstd.Get().(*zstd.Decoder); ok {
			return z, func() { d.put(z) }, z.Reset(src)
		}
	}
	// Every file has its own, stronger digest.
	z, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.IgnoreChecksum(true))
	if err != nil {
		return nil, nil, err
	}
	return z, func() { d.put(z) }, nil
}

func (d *Decompressors) put(z *zstd.Decoder) {
	if d == nil || z.Reset(nil) != nil {
		z.Close()
		return
	}
	d.zstd.Put(z)
}

// newDecompressor returns a reader of a payload compressed as the header says.
// A payload without that tag, or one that says gzip and is not, may be plain:
// rpm's own reader is as tolerant.
func newDecompressor(how string, payload io.Reader, keep *Decompressors) (*decompressor, error) {
	d := &decompressor{src: bufio.NewReaderSize(payload, 64<<10), close: func() {}}
	var err error
	switch how {
	case "", "gzip":
		if magic, _ := d.src.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
			d.r = d.src
			break
		}
		d.r, err = gzip.NewReader(d.src)
	case "bzip2":
		d.r = bzip2.NewReader(d.src)
	case "xz":
		d.r, err = xz.NewReader(d.src, maxWindow)
	case "lzma":
		d.r, err = lzma.ReaderConfig{DictCap: maxWindow}.NewReader(d.src)
	case "zstd":
		d.r, d.close, err = keep.get(d.src)
	case "none", "identity", "uncompressed":
		d.r = d.src
	default:
		return nil, fmt.Errorf("compression %q is unknown: gzip, bzip2, xz, lzma, zstd or none can be read", how)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Read never panics: a library that does so on damaged input has found damage.
func (d *decompressor) Read(b []byte) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			n, err = 0, fmt.Errorf("the compressed data is damaged: %v", p)
		}
	}()
	return d.r.Read(b)
}

// atEnd checks that nothing follows the compressed data.
func (d *decompressor) atEnd() error {
	switch _, err := d.src.Peek(1); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return errors.New("data follows the end of the compressed payload")
}
