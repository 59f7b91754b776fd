package initramfs

import (
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"
)

// An initramfs is one or more archives, one after the other, each beginning at a
// multiple of four bytes; zeros may stand between them. The first may be plain
// (microcode that the kernel wants early); the others are mostly compressed. An
// archive of the format "newc" has entries of
//
//	"070701" or "070702"       6 digits
//	inode, mode, uid, gid, links, time, size, device (2), device of the node (2),
//	length of the name with its NUL, checksum   8 hexadecimal digits each
//	name, NUL, zeros up to a multiple of 4
//	content, zeros up to a multiple of 4
//
// and ends with the entry TRAILER!!!.
const (
	magicNewc   = "070701"
	magicCRC    = "070702"
	headerSize  = 110
	nameTrailer = "TRAILER!!!"

	// Limits of what is believed.
	maxName    = 4096
	maxEntries = 1 << 20
	maxContent = 2 << 30
)

// errCompression means that an initramfs is compressed in a way that is not known.
var errCompression = errors.New("its compression is not gzip, xz, zstd or bzip2")

// List returns the names in an initramfs, in its order, each without a leading
// slash or "./".
func List(r io.Reader) ([]string, error) {
	l := &lister{in: &counter{r: bufio.NewReaderSize(r, 64<<10)}}
	for {
		done, err := l.segment()
		if err != nil {
			return nil, fmt.Errorf("listing an initramfs: %w", err)
		}
		if done {
			return l.names, nil
		}
	}
}

type lister struct {
	in    *counter
	names []string
	total int64
}

// counter knows how far it has read.
type counter struct {
	r *bufio.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// ReadByte lets decompressors read no further than they need.
func (c *counter) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

// segment reads zeros and one archive. A compressed one is taken for the last.
func (l *lister) segment() (done bool, err error) {
	for {
		b, err := l.in.r.Peek(1)
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if b[0] != 0 {
			break
		}
		if _, err := l.in.ReadByte(); err != nil {
			return false, err
		}
	}
	magic, err := l.in.r.Peek(6)
	if err != nil && err != io.EOF {
		return false, err
	}
	if m := string(magic); m == magicNewc || m == magicCRC {
		return false, l.archive(l.in)
	}
	r, err := decompress(magic, l.in)
	if err != nil {
		return false, err
	}
	inner := &counter{r: bufio.NewReaderSize(r, 64<<10)}
	return true, errors.Join(l.archive(inner), r.Close())
}

// decompress reads what begins with magic.
func decompress(magic []byte, r io.Reader) (io.ReadCloser, error) {
	switch m := string(magic); {
	case strings.HasPrefix(m, "\x1f\x8b"):
		return gzip.NewReader(r)
	case strings.HasPrefix(m, "\x28\xb5\x2f\xfd"):
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(256<<20))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case strings.HasPrefix(m, "\xfd7zXZ\x00"):
		d, err := xz.NewReader(r, 256<<20)
		return io.NopCloser(d), err
	case strings.HasPrefix(m, "BZh"):
		return io.NopCloser(bzip2.NewReader(r)), nil
	}
	return nil, errCompression
}

// archive reads the entries of one archive.
func (l *lister) archive(in *counter) error {
	start := in.n
	for {
		name, size, err := readHeader(in)
		if err != nil {
			return err
		}
		if name == nameTrailer {
			return nil
		}
		if len(l.names) >= maxEntries {
			return fmt.Errorf("it has more than %d entries", maxEntries)
		}
		if l.total += size; l.total > maxContent {
			return fmt.Errorf("it has more than %d bytes", int64(maxContent))
		}
		if name = strings.Trim(strings.TrimPrefix(name, "./"), "/"); name != "" && name != "." {
			l.names = append(l.names, name)
		}
		if err := skip(in, size+padding(in.n-start+size)); err != nil {
			return err
		}
	}
}

func padding(n int64) int64 { return -n & 3 }

func skip(in io.Reader, n int64) error {
	_, err := io.CopyN(io.Discard, in, n)
	return cutOff(err)
}

func cutOff(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is cut off")
	}
	return err
}

// readHeader reads the header and the name of an entry, with the zeros after it.
func readHeader(in *counter) (name string, size int64, err error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return "", 0, cutOff(err)
	}
	if m := string(h[:6]); m != magicNewc && m != magicCRC {
		return "", 0, fmt.Errorf("%q where an entry of an archive belongs", m)
	}
	field := func(i int) (n uint64) {
		n, perr := strconv.ParseUint(string(h[6+8*i:14+8*i]), 16, 32)
		if perr != nil {
			err = errors.New("an entry of its archive has no number where one belongs")
		}
		return n
	}
	fileSize, nameSize := field(6), field(11)
	if err != nil {
		return "", 0, err
	}
	if nameSize == 0 || nameSize > maxName || fileSize > math.MaxUint32 {
		return "", 0, fmt.Errorf("an entry of its archive has a name of %d bytes", nameSize)
	}
	b := make([]byte, int64(nameSize)+padding(headerSize+int64(nameSize)))
	if _, err := io.ReadFull(in, b); err != nil {
		return "", 0, cutOff(err)
	}
	name, _, _ = strings.Cut(string(b[:nameSize]), "\x00")
	return name, int64(fileSize), nil
}

// appendEntry adds an entry without content.
func appendEntry(b []byte, name string, inode, mode, major, minor uint32) []byte {
	links := 1
	if mode&0o170000 == 0o040000 {
		links = 2
	}
	b = fmt.Appendf(b, "%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		magicNewc, inode, mode, 0, 0, links, 0, 0, 0, 0, major, minor, len(name)+1, 0, name)
	return append(b, make([]byte, padding(int64(len(b))))...)
}

// randomNodes is an archive with /dev/random and /dev/urandom, which programs
// need before anything mounts /dev, in FIPS mode for example. dracut makes no
// device nodes in a sandbox.
func randomNodes() []byte {
	var b []byte
	b = appendEntry(b, "dev", 0, 0o040755, 0, 0)
	b = appendEntry(b, "dev/random", 1, 0o020666, 1, 8)
	b = appendEntry(b, "dev/urandom", 2, 0o020666, 1, 9)
	return appendEntry(b, nameTrailer, 0, 0, 0, 0)
}

// separator is what makes an archive begin at a multiple of four bytes behind
// an image of the given size: at least four zeros.
func separator(size int64) []byte { return make([]byte, 4+padding(size)) }
