package remote

import (
	"encoding/binary"
	"fmt"

	"github.com/treewright/treewright/ostree"
)

// objectSize is an entry of a commit's ostree.sizes:
//
//	32 bytes of checksum, LEB128 of the stored and of the unpacked size, and a
//	byte of object type, which old repositories leave out
type objectSize struct {
	object   ostree.ObjectName
	archived uint64
}

// decodeSizes reads the sizes of its objects that a commit lists; nil when it
// lists none.
func decodeSizes(c *ostree.Commit) ([]objectSize, error) {
	v, ok := c.Metadata.Get(ostree.KeySizes)
	if !ok || v.Type() != "aay" {
		return nil, nil
	}
	sizes := make([]objectSize, 0, v.Len())
	for i, entry := range v.All() {
		s, ok := decodeSize(entry.Bytes())
		if !ok {
			return nil, fmt.Errorf("entry %d of %s cannot be read", i, ostree.KeySizes)
		}
		sizes = append(sizes, s)
	}
	return sizes, nil
}

func decodeSize(b []byte) (s objectSize, ok bool) {
	const sum = len(ostree.Checksum{})
	if len(b) < sum {
		return s, false
	}
	s.object = ostree.ObjectName{Checksum: ostree.Checksum(b[:sum]), Type: ostree.ObjectFile}
	b = b[sum:]
	var n int
	if s.archived, n = binary.Uvarint(b); n <= 0 {
		return s, false
	}
	b = b[n:]
	if _, n = binary.Uvarint(b); n <= 0 {
		return s, false
	}
	if b = b[n:]; len(b) > 0 {
		s.object.Type = ostree.ObjectType(b[0])
		b = b[1:]
	}
	known := s.object.Type == ostree.ObjectFile || s.object.Type.IsMeta()
	return s, known && len(b) == 0
}
