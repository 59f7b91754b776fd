package rpm

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Limits of a header, those of rpm itself.
const (
	maxHeaderSize = 256 << 20
	maxEntries    = 0xffff
	introSize     = 16
	entrySize     = 16
)

// The types of a header entry.
const (
	typeChar        = 1
	typeInt8        = 2
	typeInt16       = 3
	typeInt32       = 4
	typeInt64       = 5
	typeString      = 6
	typeBinary      = 7
	typeStringArray = 8
	typeI18NString  = 9
)

// Header is one header structure: a set of tagged, typed arrays. It is read
// only; the slices and strings that it returns must not be changed.
type Header struct {
	raw   []byte  // as in the file: intro, index, data
	data  []byte  // the data within raw
	text  string  // the same, for strings that need no copy
	index []entry // sorted by tag, region tags left out

	covered int // entries of the region, its own included; 0 without a region
	end     int // of the region's data
}

// entry is one checked index entry: size bytes at offset lie within the data.
type entry struct {
	tag    Tag
	typ    uint32
	count  uint32
	offset uint32
	size   uint32
}

// Raw returns the header as it is in the file, intro and index included: what
// header digests and signatures cover.
func (h *Header) Raw() []byte { return h.raw }

// readHeader reads a header and checks all of it: that the region, which marks
// what was there when the package was built, is sound and that every entry lies
// within the data, is aligned, typed as its tag asks and overlaps no other.
func readHeader(r io.Reader, region Tag, found place) (*Header, error) {
	var intro [introSize]byte
	if _, err := io.ReadFull(r, intro[:]); err != nil {
		return nil, truncated(err)
	}
	if !bytes.Equal(intro[:8], headerMagic()) {
		return nil, fmt.Errorf("it starts with %x, not with a header's magic 8eade80100000000", intro[:8])
	}
	count := binary.BigEndian.Uint32(intro[8:])
	size := binary.BigEndian.Uint32(intro[12:])
	if count == 0 {
		return nil, errors.New("it has no entries")
	}
	if count > maxEntries {
		return nil, fmt.Errorf("it has %d entries; the limit is %d", count, maxEntries)
	}
	total := introSize + int64(count)*entrySize + int64(size)
	if total > maxHeaderSize {
		return nil, fmt.Errorf("it has %d bytes; the limit is %d", total, maxHeaderSize)
	}
	raw, err := readBytes(r, intro[:], int(total))
	if err != nil {
		return nil, truncated(err)
	}
	h := &Header{raw: raw, data: raw[introSize+int(count)*entrySize:]}
	if err := h.parseIndex(int(count), region, found); err != nil {
		return nil, err
	}
	h.text = string(h.data)
	return h, nil
}

// place is where a header was found.
type place uint8

const (
	inFile     place = iota // the region is all of a main header, and no tag is there twice
	inDatabase              // tags were added behind the region
)

// sortIndex sorts the index and refuses a tag that is there twice: readers
// would differ in which one they believe. In a database the first one counts.
func (h *Header) sortIndex(found place) error {
	slices.SortStableFunc(h.index, func(a, b entry) int { return cmp.Compare(a.tag, b.tag) })
	for i, e := range h.index {
		if found == inFile && i > 0 && h.index[i-1].tag == e.tag {
			return fmt.Errorf("tag %d is there twice", e.tag)
		}
	}
	h.index = slices.CompactFunc(h.index, func(a, b entry) bool { return a.tag == b.tag })
	return nil
}

// readBytes returns head followed by what r holds, total bytes in all. Memory
// grows with what really arrives, not with what total claims.
func readBytes(r io.Reader, head []byte, total int) ([]byte, error) {
	const chunk = 1 << 20
	buf := make([]byte, len(head), min(total, chunk))
	copy(buf, head)
	for len(buf) < total {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, min(total-len(buf), len(buf)))
		}
		n := min(cap(buf), total)
		m, err := io.ReadFull(r, buf[len(buf):n])
		buf = buf[:len(buf)+m]
		if err != nil {
			return nil, err
		}
	}
	return buf, nil
}

// truncated turns the end of the input into an error that names it.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file ends within it: %w", io.ErrUnexpectedEOF)
	}
	return err
}

func (h *Header) parseIndex(count int, region Tag, found place) error {
	raw := h.raw[introSize : introSize+count*entrySize]
	start := 0
	if Tag(binary.BigEndian.Uint32(raw)) == region {
		var err error
		if h.covered, h.end, err = h.checkRegion(raw[:entrySize], count); err != nil {
			return fmt.Errorf("region tag %s: %w", region, err)
		}
		if whole := h.covered == count && h.end == len(h.data); !whole && region == tagHeaderImmutable && found == inFile {
			return fmt.Errorf("region tag %s covers %d of %d entries: the others were added after the build", region, h.covered, count)
		}
		start = 1
	}
	h.index = make([]entry, 0, count-start)
	from := 0
	for i := start; i < count; i++ {
		to := len(h.data)
		switch {
		case i < h.covered && region != tagHeaderSignatures || h.covered == count:
			to = h.end - entrySize
		case i == h.covered && region != tagHeaderSignatures:
			from = h.end
		}
		e, err := h.checkEntry(raw[i*entrySize:][:entrySize], from, to)
		if err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		from = int(e.offset + e.size)
		h.index = append(h.index, e)
	}
	return h.sortIndex(found)
}

// checkRegion checks the trailer that a region entry points to and returns how
// many entries the region covers and where its data ends.
func (h *Header) checkRegion(raw []byte, count int) (covered, end int, err error) {
	offset := binary.BigEndian.Uint32(raw[8:])
	if binary.BigEndian.Uint32(raw[4:]) != typeBinary || binary.BigEndian.Uint32(raw[12:]) != entrySize {
		return 0, 0, errors.New("its type or count is wrong")
	}
	if int64(offset)+entrySize > int64(len(h.data)) {
		return 0, 0, fmt.Errorf("its offset %d is beyond the data's %d bytes", offset, len(h.data))
	}
	t := h.data[offset:][:entrySize]
	// Old rpm wrote HEADERIMAGE in the trailer of a signature header.
	if tag := Tag(binary.BigEndian.Uint32(t)); tag != Tag(binary.BigEndian.Uint32(raw)) && tag != tagHeaderImage {
		return 0, 0, fmt.Errorf("its trailer says tag %d", tag)
	}
	back := -int64(int32(binary.BigEndian.Uint32(t[8:])))
	if binary.BigEndian.Uint32(t[4:]) != typeBinary || binary.BigEndian.Uint32(t[12:]) != entrySize ||
		back <= 0 || back%entrySize != 0 || back/entrySize > int64(count) {
		return 0, 0, errors.New("its trailer is damaged")
	}
	return int(back / entrySize), int(offset) + entrySize, nil
}

// checkEntry checks an entry whose data must start at or after from and end
// before to. Data that may not overlap keep the work linear in the header.
func (h *Header) checkEntry(raw []byte, from, to int) (entry, error) {
	e := entry{
		tag:    Tag(binary.BigEndian.Uint32(raw)),
		typ:    binary.BigEndian.Uint32(raw[4:]),
		offset: binary.BigEndian.Uint32(raw[8:]),
		count:  binary.BigEndian.Uint32(raw[12:]),
	}
	if e.tag < tagI18NTable {
		return e, fmt.Errorf("tag %d is out of range", e.tag)
	}
	if e.typ < typeChar || e.typ > typeI18NString {
		return e, fmt.Errorf("tag %d has unknown type %d", e.tag, e.typ)
	}
	if e.count == 0 {
		return e, fmt.Errorf("tag %d is empty", e.tag)
	}
	if int64(e.offset) < int64(from) || int64(e.offset) >= int64(to) {
		return e, fmt.Errorf("tag %d lies at %d, outside of %d to %d", e.tag, e.offset, from, to)
	}
	if e.offset%alignment(e.typ) != 0 {
		return e, fmt.Errorf("tag %d lies at %d, which is not aligned for its type %d", e.tag, e.offset, e.typ)
	}
	size := dataSize(h.data[e.offset:to], e.typ, e.count)
	if size < 0 {
		return e, fmt.Errorf("tag %d has %d values of type %d, which do not fit into %d bytes", e.tag, e.count, e.typ, to-int(e.offset))
	}
	e.size = uint32(size)
	return e, nil
}

func alignment(typ uint32) uint32 {
	switch typ {
	case typeInt16:
		return 2
	case typeInt32:
		return 4
	case typeInt64:
		return 8
	}
	return 1
}

// dataSize returns how many bytes count values of a type take in data, or -1
// when they do not fit.
func dataSize(data []byte, typ, count uint32) int {
	switch typ {
	case typeString, typeStringArray, typeI18NString:
		if typ == typeString && count != 1 || int64(count) > int64(len(data)) {
			return -1
		}
		n := 0
		for range count {
			i := bytes.IndexByte(data[n:], 0)
			if i < 0 {
				return -1
			}
			n += i + 1
		}
		return n
	}
	if n := int64(count) * int64(alignment(typ)); n <= int64(len(data)) {
		return int(n)
	}
	return -1
}
