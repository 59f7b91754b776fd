package delta

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

const (
	typeSuperblock = "(a{sv}tayay(a{sv}aya(say)sstayay)aya(uayttay)a(yaytt))"
	typeCommit     = "(a{sv}aya(say)sstayay)"
	typeSigned     = "(taya{sv})"
	typeInline     = "(yay)"
	keyEndianness  = "ostree.endianness"
	signedMagic    = "OSTSGNDT"
	recordSize     = 33 // of an object in a part's list
)

// maxPartSize is more than any part that a client can decompress.
const maxPartSize = 1 << 40

// Superblock describes a delta.
type Superblock struct {
	Name
	Metadata   gvariant.Dict // all of it: byte order, inline parts, detached metadata
	Timestamp  uint64        // seconds since 1970
	Commit     []byte        // the commit object
	Parts      []Part
	Fallbacks  []Fallback
	Signatures gvariant.Dict // of a signed superblock
	Signed     []byte        // the bytes that Signatures sign; nil when it is not signed

	big bool // the integers were big-endian
}

// Part describes one part.
type Part struct {
	Checksum ostree.Checksum // of the part's file
	Size     int64           // of that file
	Unpacked int64           // about the size of its objects
	Objects  []ostree.ObjectName
}

// Fallback is an object that the delta lacks: clients fetch it loose.
type Fallback struct {
	Object         ostree.ObjectName
	Size, Unpacked int64
}

// DecodeSuperblock reads a superblock, signed or not. The commit in it has the
// checksum that its name says. The Superblock keeps data, which must not change.
func DecodeSuperblock(data []byte) (*Superblock, error) {
	s, err := decodeSuperblock(data)
	if err != nil {
		return nil, fmt.Errorf("superblock: %w", err)
	}
	return s, nil
}

func decodeSuperblock(data []byte) (*Superblock, error) {
	if len(data) > ostree.MaxMetadataSize {
		return nil, fmt.Errorf("%d bytes; clients accept %d", len(data), ostree.MaxMetadataSize)
	}
	s := &Superblock{}
	if bytes.HasPrefix(data, []byte(signedMagic)) {
		v, err := gvariant.Parse(typeSigned, data)
		if err != nil {
			return nil, err
		}
		data = v.Index(1).Bytes()
		s.Signed, s.Signatures = data, v.Index(2).Dict()
	}
	v, err := gvariant.Parse(typeSuperblock, data)
	if err != nil {
		return nil, err
	}
	s.Metadata = v.Index(0).Dict()
	s.Timestamp = gvariant.BE64(v.Index(1).Uint64())
	s.Commit = v.Index(4).Data()
	if from := v.Index(2).Bytes(); len(from) > 0 {
		if s.From, err = ostree.ChecksumFromBytes(from); err != nil {
			return nil, fmt.Errorf("the commit that it starts from: %w", err)
		}
	}
	if s.To, err = ostree.ChecksumFromBytes(v.Index(3).Bytes()); err != nil {
		return nil, fmt.Errorf("the commit that it leads to: %w", err)
	}
	if got := ostree.ChecksumOf(s.Commit); got != s.To {
		return nil, &ostree.ChecksumError{Object: ostree.ObjectName{Checksum: s.To, Type: ostree.ObjectCommit}, Got: got}
	}
	if _, err := ostree.DecodeCommit(s.Commit); err != nil {
		return nil, err
	}
	if len(v.Index(5).Bytes()) > 0 {
		return nil, fmt.Errorf("it needs other deltas, which no client supports")
	}
	return s, s.decodeLists(v.Index(6), v.Index(7))
}

func (s *Superblock) decodeLists(parts, fallbacks gvariant.Value) error {
	swap, err := swapped(s.Metadata, parts, fallbacks)
	if err != nil {
		return err
	}
	s.big = swap
	for i, v := range parts.All() {
		p, err := decodePart(v, swap)
		if err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
		s.Parts = append(s.Parts, p)
	}
	for i, v := range fallbacks.All() {
		f := Fallback{Object: ostree.ObjectName{Type: ostree.ObjectType(v.Index(0).Byte())}}
		var err error
		if f.Object.Checksum, err = ostree.ChecksumFromBytes(v.Index(1).Bytes()); err != nil {
			return fmt.Errorf("fallback %d: %w", i, err)
		}
		if !deltaType(f.Object.Type) {
			return fmt.Errorf("fallback %d: a delta holds no object of type %d", i, f.Object.Type)
		}
		if f.Size, f.Unpacked, err = sizes(v.Index(2), v.Index(3), swap); err != nil {
			return fmt.Errorf("fallback %d: %w", i, err)
		}
		s.Fallbacks = append(s.Fallbacks, f)
	}
	return nil
}

// deltaType tells the object types that parts and fallbacks may hold.
func deltaType(t ostree.ObjectType) bool { return t == ostree.ObjectFile || t.IsMeta() }

func decodePart(v gvariant.Value, swap bool) (p Part, err error) {
	version := v.Index(0).Uint32()
	if version != 0 { // zero in any byte order
		return p, fmt.Errorf("version %d is not known", version)
	}
	if p.Checksum, err = ostree.ChecksumFromBytes(v.Index(1).Bytes()); err != nil {
		return p, err
	}
	if p.Size, p.Unpacked, err = sizes(v.Index(2), v.Index(3), swap); err != nil {
		return p, err
	}
	records := v.Index(4).Bytes()
	if len(records)%recordSize != 0 {
		return p, fmt.Errorf("a list of objects of %d bytes, no multiple of %d", len(records), recordSize)
	}
	p.Objects = make([]ostree.ObjectName, 0, len(records)/recordSize)
	for ; len(records) > 0; records = records[recordSize:] {
		n := ostree.ObjectName{Type: ostree.ObjectType(records[0]), Checksum: ostree.Checksum(records[1:recordSize])}
		if !deltaType(n.Type) {
			return p, fmt.Errorf("a delta holds no object of type %d", n.Type)
		}
		p.Objects = append(p.Objects, n)
	}
	return p, nil
}

func sizes(a, b gvariant.Value, swap bool) (size, unpacked int64, err error) {
	x, y := a.Uint64(), b.Uint64()
	if swap {
		x, y = gvariant.BE64(x), gvariant.BE64(y)
	}
	if x > maxPartSize || y > maxPartSize {
		return 0, 0, fmt.Errorf("sizes of %d and %d bytes are not possible", x, y)
	}
	return int64(x), int64(y), nil
}

// swapped tells whether the integers are big-endian. Superblocks of old tools
// do not say: there the order counts that makes the sizes smaller.
func swapped(meta gvariant.Dict, lists ...gvariant.Value) (bool, error) {
	if v, ok := meta.Get(keyEndianness); ok {
		switch v.Byte() {
		case 'l':
			return false, nil
		case 'B':
			return true, nil
		}
		return false, fmt.Errorf("the byte order %q of %s is unknown", v.Byte(), keyEndianness)
	}
	var little, big float64
	for _, list := range lists {
		for _, v := range list.All() {
			for _, i := range []int{2, 3} {
				x := v.Index(i).Uint64()
				little, big = little+float64(x), big+float64(gvariant.BE64(x))
			}
		}
	}
	return big < little, nil
}

// Encode returns the superblock's bytes, in little-endian order and without
// its signatures.
func (s *Superblock) Encode() ([]byte, error) { return s.encode(false) }

func (s *Superblock) encode(big bool) ([]byte, error) {
	commit, err := gvariant.Parse(typeCommit, s.Commit)
	if err != nil {
		return nil, fmt.Errorf("superblock: commit: %w", err)
	}
	number, order := gvariant.Uint64, byte('l')
	if big {
		number, order = func(x uint64) gvariant.Value { return gvariant.Uint64(gvariant.BE64(x)) }, 'B'
	}
	meta := s.Metadata.Clone()
	meta.Set(keyEndianness, gvariant.Byte(order))
	var from []byte
	if !s.From.IsZero() {
		from = s.From[:]
	}
	parts := make([]gvariant.Value, len(s.Parts))
	for i, p := range s.Parts {
		records := make([]byte, 0, recordSize*len(p.Objects))
		for _, n := range p.Objects {
			records = append(append(records, byte(n.Type)), n.Checksum[:]...)
		}
		parts[i] = gvariant.Tuple(gvariant.Uint32(0), gvariant.Bytes(p.Checksum[:]), number(uint64(p.Size)), number(uint64(p.Unpacked)), gvariant.Bytes(records))
	}
	fallbacks := make([]gvariant.Value, len(s.Fallbacks))
	for i, f := range s.Fallbacks {
		fallbacks[i] = gvariant.Tuple(gvariant.Byte(byte(f.Object.Type)), gvariant.Bytes(f.Object.Checksum[:]), number(uint64(f.Size)), number(uint64(f.Unpacked)))
	}
	v := gvariant.Tuple(meta.Encode(), gvariant.Uint64(gvariant.BE64(s.Timestamp)), gvariant.Bytes(from), gvariant.Bytes(s.To[:]), commit,
		gvariant.Bytes(nil), gvariant.Array("(uayttay)", parts...), gvariant.Array("(yaytt)", fallbacks...))
	if err := v.Check(); err != nil {
		return nil, fmt.Errorf("superblock: %w", err)
	}
	if len(v.Data()) > ostree.MaxMetadataSize {
		return nil, fmt.Errorf("superblock: %d bytes; clients accept %d: put fewer parts inline", len(v.Data()), ostree.MaxMetadataSize)
	}
	return v.Data(), nil
}

// Sign wraps a superblock and signatures of it. Clients apply such a delta from
// a file, but cannot pull it.
func Sign(ctx context.Context, superblock []byte, signers ...sign.Signer) ([]byte, error) {
	var signatures gvariant.Dict
	for _, signer := range signers {
		signature, err := signer.Sign(ctx, superblock)
		if err != nil {
			return nil, fmt.Errorf("signing a superblock: %w", err)
		}
		signatures = sign.Append(signatures, signature)
	}
	var magic [8]byte
	copy(magic[:], signedMagic)
	number, err := gvariant.Parse("t", magic[:])
	if err != nil {
		return nil, err
	}
	return gvariant.Tuple(number, gvariant.Bytes(superblock), signatures.Encode()).Data(), nil
}

// CommitMeta returns the commit's detached metadata, and whether there is any.
func (s *Superblock) CommitMeta() (gvariant.Dict, bool) {
	v, ok := s.Metadata.Get(s.Path() + "/commitmeta")
	return v.Dict(), ok && v.Type() == "a{sv}"
}

// setCommitMeta replaces the commit's detached metadata; empty takes it away.
func (s *Superblock) setCommitMeta(d gvariant.Dict) {
	s.Metadata = s.Metadata.Clone()
	if key := s.Path() + "/commitmeta"; len(d) > 0 {
		s.Metadata.Set(key, d.Encode())
	} else {
		s.Metadata.Delete(key)
	}
}

// Inline returns the bytes of a part that is in the superblock.
func (s *Superblock) Inline(part int) ([]byte, bool) {
	v, ok := s.Metadata.Get(s.Path() + "/" + strconv.Itoa(part))
	if !ok || v.Type() != typeInline {
		return nil, false
	}
	return v.Data(), true
}

// Size returns how many bytes a client downloads besides the superblock, and
// how many the objects are about.
func (s *Superblock) Size() (download, unpacked int64) {
	add := func(a, b int64) int64 { return min(a, math.MaxInt64-b) + b }
	for i, p := range s.Parts {
		if _, inline := s.Inline(i); !inline {
			download = add(download, p.Size)
		}
		unpacked = add(unpacked, p.Unpacked)
	}
	for _, f := range s.Fallbacks {
		download, unpacked = add(download, f.Size), add(unpacked, f.Unpacked)
	}
	return download, unpacked
}
