package delta

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/treewright/treewright/ostree"
)

// PartContents counts what a part is made of.
type PartContents struct {
	Modes, Xattrs int   // different sets of owner and mode, and of xattrs
	Blob, Ops     int64 // bytes of new data, and of operations
	Whole         int   // objects that are all in the blob
	Opened        int   // files that are put together
	Writes        int   // pieces of them, from the blob or an old file
	Reads, Ends   int   // how often old files are begun and left
	Closed        int
	Patches       int // files that are an old one patched
}

// Contents reads a part of the delta, which parts gives unless it is inline.
func (s *Superblock) Contents(ctx context.Context, parts Parts, i int) (_ PartContents, err error) {
	data, err := openPart(ctx, s, i, parts, os.TempDir())
	if err != nil {
		return PartContents{}, fmt.Errorf("part %d of delta %s: %w", i, s.Name, err)
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	raw, err := data.bytes()
	if err != nil {
		return PartContents{}, err
	}
	p, err := decodePayload(raw)
	if err != nil {
		return PartContents{}, fmt.Errorf("part %d of delta %s: %w", i, s.Name, err)
	}
	c, err := countOps(p, s.Parts[i].Objects)
	if err != nil {
		return c, fmt.Errorf("part %d of delta %s: %w", i, s.Name, err)
	}
	return c, nil
}

// countOps reads the operations without doing what they say.
func countOps(p payload, objects []ostree.ObjectName) (PartContents, error) {
	c := PartContents{Modes: p.modes.Len(), Xattrs: p.xattrs.Len(), Blob: int64(len(p.blob)), Ops: int64(len(p.ops))}
	m := machine{payload: p, objects: objects}
	for len(m.ops) > 0 {
		op := m.ops[0]
		m.ops = m.ops[1:]
		numbers := 0
		switch op {
		case 'S':
			if c.Whole++; len(m.objects) == 0 {
				return c, errors.New("more objects than the superblock lists")
			}
			if numbers = 2; m.objects[0].Type == ostree.ObjectFile {
				numbers = 4
			}
			m.objects = m.objects[1:]
		case 'o':
			if c.Opened++; len(m.objects) == 0 {
				return c, errors.New("more objects than the superblock lists")
			}
			numbers, m.objects = 3, m.objects[1:]
		case 'w':
			c.Writes++
			numbers = 2
		case 'r':
			c.Reads++
			numbers = 1
		case 'R':
			c.Ends++
		case 'c':
			c.Closed++
		case 'B':
			c.Patches++
			numbers = 2
		default:
			return c, fmt.Errorf("operation %q is unknown", op)
		}
		for range numbers {
			var x uint64
			if err := m.numbers(&x); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// BigEndian tells in which order the superblock had its integers, and whether
// it said so: those of old tools do not, and their sizes are judged by which
// order makes them smaller.
func (s *Superblock) BigEndian() (big, said bool) {
	if v, ok := s.Metadata.Get(keyEndianness); ok {
		return v.Byte() == 'B', true
	}
	return s.big, false
}
