package ostree

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/treewright/treewright/ostree/gvariant"
)

// The bits of a mode, as stat(2) has them.
const (
	ModeType    = 0o170000 // S_IFMT
	ModeRegular = 0o100000 // S_IFREG
	ModeSymlink = 0o120000 // S_IFLNK
	ModeDir     = 0o040000 // S_IFDIR
)

const (
	typeFileHeader    = "(uuuusa(ayay))"
	typeArchiveHeader = "(tuuuusa(ayay))"
	maxHeader         = 16 << 20
)

// FileHeader is what a content object says about its file, but for the bytes.
type FileHeader struct {
	UID, GID uint32
	Mode     uint32 // with the type: a regular file or a symlink
	Symlink  string // the target of a symlink
	Xattrs   []Xattr

	storedOrder bool // keep the order of Xattrs, which a stranger chose
}

// IsSymlink tells a symlink from a regular file.
func (h FileHeader) IsSymlink() bool { return h.Mode&ModeType == ModeSymlink }

// Validate reports why libostree would refuse the header.
func (h FileHeader) Validate() error {
	if h.Mode&^(ModeType|0o7777) != 0 {
		return fmt.Errorf("file mode %o has unknown bits", h.Mode)
	}
	switch h.Mode & ModeType {
	case ModeRegular:
		if h.Symlink != "" {
			return fmt.Errorf("a regular file with the symlink target %q", h.Symlink)
		}
	case ModeSymlink:
		if h.Symlink == "" {
			return fmt.Errorf("a symlink without a target")
		}
		if !utf8.ValidString(h.Symlink) || strings.IndexByte(h.Symlink, 0) >= 0 {
			return fmt.Errorf("the symlink target %q is not UTF-8, or holds a NUL; OSTree stores no others", h.Symlink)
		}
	default:
		return fmt.Errorf("file mode %o is neither a regular file's nor a symlink's; OSTree stores no others", h.Mode)
	}
	return validateXattrs(h.Xattrs)
}

func (h FileHeader) members() []gvariant.Value {
	xattrs := h.Xattrs
	if !h.storedOrder {
		xattrs = sortedXattrs(xattrs)
	}
	return []gvariant.Value{
		gvariant.Uint32(gvariant.BE32(h.UID)),
		gvariant.Uint32(gvariant.BE32(h.GID)),
		gvariant.Uint32(gvariant.BE32(h.Mode)),
		gvariant.Uint32(0),
		gvariant.String(h.Symlink),
		encodeXattrs(xattrs),
	}
}

// Encode returns the bytes that stand before the content when the checksum is
// made, their length prefix included.
func (h FileHeader) Encode() []byte { return withLength(gvariant.Tuple(h.members()...)) }

// EncodeArchive returns the bytes that stand before the deflated content in a
// .filez object, their length prefix included. Size is ignored for a symlink.
func (h FileHeader) EncodeArchive(size int64) []byte {
	if h.IsSymlink() {
		size = 0
	}
	members := []gvariant.Value{gvariant.Uint64(gvariant.BE64(uint64(size)))}
	return withLength(gvariant.Tuple(append(members, h.members()...)...))
}

func withLength(v gvariant.Value) []byte {
	b := make([]byte, 8, 8+len(v.Data()))
	binary.BigEndian.PutUint32(b, uint32(len(v.Data())))
	return append(b, v.Data()...)
}

// ContentHasher returns the hash that makes the checksum of a content object:
// write the file's bytes to it (none for a symlink).
func ContentHasher(h FileHeader) hash.Hash {
	sum := sha256.New()
	sum.Write(h.Encode())
	return sum
}

// DecodeArchiveHeader reads the header of a .filez object and leaves r at the
// deflated content. It returns the file's size and the length of the header.
func DecodeArchiveHeader(r io.Reader) (h FileHeader, size, length int64, err error) {
	var prefix [8]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return h, 0, 0, fmt.Errorf("file header: %w", noEOF(err))
	}
	n := binary.BigEndian.Uint32(prefix[:])
	if n > maxHeader || binary.BigEndian.Uint32(prefix[4:]) != 0 {
		return h, 0, 0, fmt.Errorf("file header: no header of an archive object")
	}
	var buf bytes.Buffer
	if _, err := io.CopyN(&buf, r, int64(n)); err != nil {
		return h, 0, 0, fmt.Errorf("file header: %w", noEOF(err))
	}
	v, err := gvariant.Parse(typeArchiveHeader, buf.Bytes())
	if err != nil {
		return h, 0, 0, fmt.Errorf("file header: %w", err)
	}
	h, err = decodeFileHeader(v, 1)
	if err != nil {
		return h, 0, 0, fmt.Errorf("file header: %w", err)
	}
	stored := gvariant.BE64(v.Index(0).Uint64())
	if stored > math.MaxInt64 || h.IsSymlink() && stored != 0 {
		return h, 0, 0, fmt.Errorf("file header: size %d is not possible", stored)
	}
	return h, int64(stored), int64(n) + 8, nil
}

// decodeFileHeader reads the members from index i on.
func decodeFileHeader(v gvariant.Value, i int) (FileHeader, error) {
	h := FileHeader{
		UID:     gvariant.BE32(v.Index(i).Uint32()),
		GID:     gvariant.BE32(v.Index(i + 1).Uint32()),
		Mode:    gvariant.BE32(v.Index(i + 2).Uint32()),
		Symlink: v.Index(i + 4).Str(),
	}
	if v.Index(i+3).Uint32() != 0 {
		return h, fmt.Errorf("a device number on something that is no device")
	}
	var err error
	if h.Xattrs, err = decodeXattrs(v.Index(i + 5)); err != nil {
		return h, err
	}
	h.storedOrder = !slices.IsSortedFunc(h.Xattrs, compareXattrs)
	return h, h.Validate()
}

// CanonicalPermissions returns the header as `ostree commit
// --canonical-permissions` would have it: owned by root, no xattrs, no
// setuid, setgid, sticky, group-write or other-write bit.
func (h FileHeader) CanonicalPermissions() FileHeader {
	out := FileHeader{Mode: h.Mode & (ModeType | 0o755), Symlink: h.Symlink}
	if h.IsSymlink() {
		out.Mode = ModeSymlink | 0o777
	}
	return out
}

// String describes the header for messages.
func (h FileHeader) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%06o %d:%d", h.Mode, h.UID, h.GID)
	if h.IsSymlink() {
		b.WriteString(" -> " + h.Symlink)
	}
	return b.String()
}

// noEOF turns the end of input into an error: more was promised.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
