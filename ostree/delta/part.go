package delta

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/xi2/xz"
)

const (
	typePayload   = "(a(uuu)aa(ayay)ayay)"
	typeXattrSets = "aa(ayay)"
	packedXZ      = 'x'
	packedNot     = 0
	maxDictionary = 96 << 20 // of an xz stream; clients have 100 MiB
)

// allowance is how many bytes a part may unpack to, and its objects may have:
// what it announces is only about right.
func (p Part) allowance() int64 { return 2*p.Unpacked + 64<<20 }

// unpack reads a part's file into a spool that the caller closes. It is the
// part that the superblock announces.
func unpack(p Part, r io.Reader, dir string) (_ *spool, err error) {
	sum := sha256.New()
	src := &countingReader{r: io.TeeReader(io.LimitReader(r, p.Size+1), sum)}
	out := newSpool(dir, p.allowance())
	defer func() {
		if err != nil {
			err = errors.Join(err, out.Close())
		}
	}()
	if err = decompress(out, bufio.NewReaderSize(src, 64<<10)); err != nil {
		return nil, err
	}
	if _, err = io.Copy(io.Discard, src); err != nil {
		return nil, err
	}
	if src.n != p.Size {
		return nil, fmt.Errorf("it has another size than the %d bytes that the superblock says", p.Size)
	}
	if got := ostree.Checksum(sum.Sum(nil)); got != p.Checksum {
		return nil, fmt.Errorf("it is damaged: its checksum is %s, not %s", got, p.Checksum)
	}
	return out, nil
}

func decompress(dst io.Writer, src *bufio.Reader) error {
	kind, err := src.ReadByte()
	if err != nil {
		return fmt.Errorf("the start: %w", noEOF(err))
	}
	body := io.Reader(src)
	switch kind {
	case packedXZ:
		if body, err = xz.NewReader(src, maxDictionary); err != nil {
			return fmt.Errorf("decompressing: %w", noEOF(err))
		}
	case packedNot:
	default:
		return fmt.Errorf("the compression %q is unknown", kind)
	}
	_, err = io.CopyBuffer(dst, onlyReader{body}, make([]byte, 256<<10))
	if err != nil {
		return fmt.Errorf("decompressing: %w", err)
	}
	return nil
}

// payload is an unpacked part.
type payload struct {
	modes, xattrs gvariant.Value
	blob, ops     []byte
}

func decodePayload(data []byte) (payload, error) {
	v, err := gvariant.Parse(typePayload, data)
	if err != nil {
		return payload{}, err
	}
	return payload{modes: v.Index(0), xattrs: v.Index(1), blob: v.Index(2).Bytes(), ops: v.Index(3).Bytes()}, nil
}

// slice returns blob[off:off+n].
func (p *payload) slice(off, n uint64) ([]byte, error) { return slice(p.blob, off, n) }

func slice(b []byte, off, n uint64) ([]byte, error) {
	if off > uint64(len(b)) || n > uint64(len(b))-off {
		return nil, fmt.Errorf("%d bytes at %d lie outside of %d", n, off, len(b))
	}
	return b[off : off+n : off+n], nil
}

// header makes the header of a file from the indexes of its mode and xattrs.
// Xattrs keep their order, which is part of the checksum.
func (p *payload) header(mode, xattr uint64, target []byte) (ostree.FileHeader, error) {
	if mode >= uint64(p.modes.Len()) || xattr >= uint64(p.xattrs.Len()) {
		return ostree.FileHeader{}, fmt.Errorf("mode %d of %d, xattrs %d of %d", mode, p.modes.Len(), xattr, p.xattrs.Len())
	}
	m := p.modes.Index(int(mode))
	link := ""
	if gvariant.BE32(m.Index(2).Uint32())&ostree.ModeType == ostree.ModeSymlink {
		link = string(target)
	}
	data := gvariant.Tuple(gvariant.Uint64(0), m.Index(0), m.Index(1), m.Index(2), gvariant.Uint32(0), gvariant.String(link), p.xattrs.Index(int(xattr))).Data()
	prefixed := binary.BigEndian.AppendUint32(make([]byte, 0, len(data)+8), uint32(len(data)))
	prefixed = append(append(prefixed, 0, 0, 0, 0), data...)
	h, _, _, err := ostree.DecodeArchiveHeader(bytes.NewReader(prefixed))
	return h, err
}

// onlyReader hides all methods but Read.
type onlyReader struct{ io.Reader }

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
