package rpm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// OpenHeaders reads what follows the lead of a package file: the signature
// header, padded to a multiple of 8 bytes, and the main header. It checks what
// Open checks.
func OpenHeaders(r io.Reader) (*Package, error) { return readHeaders(r, 0, false) }

func readHeaders(r io.Reader, start int64, saysSource bool) (*Package, error) {
	p := &Package{}
	var err error
	if p.Signature, err = readHeader(r, tagHeaderSignatures, inFile); err != nil {
		return nil, fmt.Errorf("reading the signature header: %w", err)
	}
	var padding [8]byte
	pad := (8 - len(p.Signature.raw)%8) % 8
	if _, err := io.ReadFull(r, padding[:pad]); err != nil {
		return nil, fmt.Errorf("reading the signature header: %w", truncated(err))
	}
	if p.Header, err = readHeader(r, tagHeaderImmutable, inFile); err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	p.HeaderStart = start + int64(len(p.Signature.raw)+pad)
	p.HeaderEnd = p.HeaderStart + int64(len(p.Header.raw))
	if err := p.identify(saysSource); err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	return p, nil
}

// headerMagic starts each header of a file; databases leave it out.
func headerMagic() []byte { return []byte{0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0} }

// OpenInstalled reads a package as a database of installed packages holds it:
// one header without its magic, to which tags were added that say how it was
// installed and that hold what the signature header did. The signature header of
// the Package is empty. Where a tag is there twice, the first one counts.
func OpenInstalled(blob []byte) (*Package, error) {
	const intro = introSize - 8
	if len(blob) < intro+entrySize {
		return nil, fmt.Errorf("reading an installed package: %d bytes are no header", len(blob))
	}
	region := tagHeaderImmutable
	if Tag(binary.BigEndian.Uint32(blob[intro:])) == tagHeaderImage { // packages older than rpm 4
		region = tagHeaderImage
	}
	r := bytes.NewReader(blob)
	h, err := readHeader(io.MultiReader(bytes.NewReader(headerMagic()), r), region, inDatabase)
	if err == nil && r.Len() > 0 {
		err = fmt.Errorf("%d bytes follow it", r.Len())
	}
	if err != nil {
		return nil, fmt.Errorf("reading an installed package: %w", err)
	}
	p := &Package{Signature: &Header{}, Header: h}
	if err := h.checkTypes(mainTagClass); err != nil {
		return nil, fmt.Errorf("reading an installed package: %w", err)
	}
	if err := p.name(false); err != nil {
		return nil, fmt.Errorf("reading an installed package: %w", err)
	}
	return p, nil
}

// Value is an entry as it lies in a header: Count values of Type, in network
// byte order, strings with the zero byte at their end.
type Value struct {
	Tag   Tag
	Type  uint32
	Count uint32
	Data  []byte
}

// Value returns the entry of a tag; ok is false when there is none.
func (h *Header) Value(tag Tag) (v Value, ok bool) {
	e := h.find(tag)
	if e == nil {
		return Value{}, false
	}
	return Value{e.tag, e.typ, e.count, h.data[e.offset:][:e.size:e.size]}, true
}

// Immutable reports whether the header has the region that databases need: the
// part of it that digests and signatures cover.
func (h *Header) Immutable() bool { return h.covered > 0 }
