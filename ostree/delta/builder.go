package delta

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/ulikunitz/xz"
)

// dictionary is that of the xz streams that are written.
const dictionary = 1 << 20

// builder collects the objects of one part.
type builder struct {
	blob     *spool
	ops      []byte
	objects  []ostree.ObjectName
	unpacked int64

	objectSizes bool // GenerateOptions.ObjectSizes

	modes     []byte // (uuu), one after the other
	modeIndex map[[3]uint32]uint64
	sets      []gvariant.Value
	setIndex  map[string]uint64
}

// builtPart is a part on disk.
type builtPart struct {
	Part
	file string
}

func newBuilder(dir string) *builder {
	return &builder{blob: newSpool(dir, math.MaxInt64), modeIndex: map[[3]uint32]uint64{}, setIndex: map[string]uint64{}}
}

func (b *builder) op(op byte, numbers ...uint64) {
	b.ops = append(b.ops, op)
	for _, x := range numbers {
		b.ops = binary.AppendUvarint(b.ops, x)
	}
}

// add writes an object that is no fallback.
func (b *builder) add(ctx context.Context, repo *archive.Repo, it *item) error {
	b.objects = append(b.objects, it.name)
	b.unpacked += it.size
	off := uint64(b.blob.n)
	if it.name.Type != ostree.ObjectFile {
		data, err := repo.ReadMeta(ctx, it.name)
		if err != nil {
			return err
		}
		b.op('S', uint64(len(data)), off)
		_, err = b.blob.Write(data)
		return err
	}
	mode, set := b.mode(it.header), b.set(it.header.Xattrs)
	switch it.kind {
	case chunksItem:
		b.op('o', mode, set, uint64(it.size))
		return b.chunks(ctx, repo, it)
	case patchItem:
		if _, err := b.blob.Write(it.old[:]); err != nil {
			return err
		}
		b.op('r', off)
		b.op('o', mode, set, uint64(it.size))
		b.op('B', uint64(b.blob.n), uint64(it.patch.n))
		b.op('c')
		b.op('R')
		_, err := io.Copy(onlyWriter{b.blob}, it.patch.reader())
		return errors.Join(err, it.patch.Close())
	}
	b.op('S', mode, set, uint64(it.size), off)
	if it.header.IsSymlink() {
		_, err := io.WriteString(b.blob, it.header.Symlink)
		return err
	}
	return eachByte(ctx, repo, it, func(r io.Reader) error {
		_, err := io.Copy(onlyWriter{b.blob}, r)
		return err
	})
}

// eachByte has fn read a file to its end, and so verifies it.
func eachByte(ctx context.Context, repo *archive.Repo, it *item, fn func(io.Reader) error) (err error) {
	_, _, r, err := repo.OpenFile(ctx, it.name.Checksum)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := fn(onlyReader{r}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, onlyReader{r})
	return err
}

// chunks writes a file as chunks of the old one and what is between them.
func (b *builder) chunks(ctx context.Context, repo *archive.Repo, it *item) error {
	off := uint64(b.blob.n)
	if _, err := b.blob.Write(it.old[:]); err != nil {
		return err
	}
	err := eachByte(ctx, repo, it, func(r io.Reader) error {
		at, reading := int64(0), false
		literal := func(end int64) error {
			if end == at {
				return nil
			}
			if reading {
				b.op('R')
				reading = false
			}
			b.op('w', uint64(end-at), uint64(b.blob.n))
			_, err := io.CopyN(onlyWriter{b.blob}, r, end-at)
			at = end
			return err
		}
		for _, m := range it.matches {
			if err := literal(int64(m.to)); err != nil {
				return err
			}
			if !reading {
				b.op('r', off)
				reading = true
			}
			b.op('w', uint64(m.size), uint64(m.from))
			if _, err := io.CopyN(io.Discard, r, int64(m.size)); err != nil {
				return err
			}
			at += int64(m.size)
		}
		if err := literal(it.size); err != nil {
			return err
		}
		if reading {
			b.op('R')
		}
		return nil
	})
	b.op('c')
	return err
}

func (b *builder) mode(h ostree.FileHeader) uint64 {
	key := [3]uint32{h.UID, h.GID, h.Mode}
	i, ok := b.modeIndex[key]
	if !ok {
		i = uint64(len(b.modeIndex))
		b.modeIndex[key] = i
		for _, x := range key {
			b.modes = binary.BigEndian.AppendUint32(b.modes, x)
		}
	}
	return i
}

// set returns the index of a set of xattrs, in the order that they are stored.
func (b *builder) set(xattrs []ostree.Xattr) uint64 {
	vs := make([]gvariant.Value, len(xattrs))
	for i, x := range xattrs {
		vs[i] = gvariant.Tuple(gvariant.ByteString(x.Name), gvariant.Bytes(x.Value))
	}
	v := gvariant.Array("(ayay)", vs...)
	i, ok := b.setIndex[string(v.Data())]
	if !ok {
		i = uint64(len(b.sets))
		b.setIndex[string(v.Data())] = i
		b.sets = append(b.sets, v)
	}
	return i
}

// payload returns the pieces of the unpacked part, and its size. The framing
// is that of a tuple: the ends of all members but the last, last first.
func (b *builder) payload() (pieces []io.Reader, size int64) {
	sets := gvariant.Array("a(ayay)", b.sets...).Data()
	modesEnd := int64(len(b.modes))
	setsEnd := modesEnd + int64(len(sets))
	blobEnd := setsEnd + b.blob.n
	body := blobEnd + int64(len(b.ops))
	width := 8
	for _, f := range []struct {
		width int
		limit int64
	}{{4, math.MaxUint32}, {2, math.MaxUint16}, {1, math.MaxUint8}} {
		if body+3*int64(f.width) <= f.limit {
			width = f.width
		}
	}
	var ends []byte
	for _, end := range []int64{blobEnd, setsEnd, modesEnd} {
		ends = append(ends, binary.LittleEndian.AppendUint64(nil, uint64(end))[:width]...)
	}
	pieces = []io.Reader{bytes.NewReader(b.modes), bytes.NewReader(sets), b.blob.reader(), bytes.NewReader(b.ops), bytes.NewReader(ends)}
	return pieces, body + int64(len(ends))
}

// compress writes the part's file, and drops what the builder holds.
func (b *builder) compress(p *builtPart) (err error) {
	defer func() { err = errors.Join(err, b.blob.Close()) }()
	f, err := os.OpenFile(p.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	buf := bufio.NewWriterSize(f, 256<<10)
	out := &countingWriter{w: io.MultiWriter(buf, sum)}
	if _, err := out.Write([]byte{packedXZ}); err != nil {
		return err
	}
	config := xz.WriterConfig{DictCap: dictionary, CheckSum: xz.CRC64}
	w, err := config.NewWriter(out)
	if err != nil {
		return err
	}
	pieces, size := b.payload()
	if _, err := io.CopyBuffer(onlyWriter{w}, io.MultiReader(pieces...), make([]byte, 128<<10)); err != nil {
		return fmt.Errorf("compressing: %w", err)
	}
	if err := errors.Join(w.Close(), buf.Flush(), f.Chmod(0o644), f.Sync()); err != nil {
		return err
	}
	if b.objectSizes {
		size = 0
	}
	p.Part = Part{Checksum: ostree.Checksum(sum.Sum(nil)), Size: out.n, Unpacked: max(b.unpacked, size), Objects: b.objects}
	return nil
}

// onlyWriter hides all methods but Write.
type onlyWriter struct{ io.Writer }

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
