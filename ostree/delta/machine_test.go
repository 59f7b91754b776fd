package delta

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

var regular = ostree.FileHeader{Mode: ostree.ModeRegular | 0o644}

// oneOld is an old file under every name.
type oneOld string

func (o oneOld) OpenFile(context.Context, ostree.Checksum) (ostree.FileHeader, int64, io.ReadCloser, error) {
	return regular, int64(len(o)), io.NopCloser(strings.NewReader(string(o))), nil
}

// opcode encodes an operation.
func opcode(op byte, numbers ...uint64) []byte {
	b := []byte{op}
	for _, x := range numbers {
		b = binary.AppendUvarint(b, x)
	}
	return b
}

// samplePayload has one mode, one set of xattrs, and a blob that starts with a checksum.
func samplePayload(blob string, ops ...[]byte) []byte {
	mode := gvariant.Tuple(gvariant.Uint32(0), gvariant.Uint32(0), gvariant.Uint32(gvariant.BE32(regular.Mode)))
	return gvariant.Tuple(gvariant.Array("(uuu)", mode), gvariant.Array("a(ayay)", gvariant.Array("(ayay)")),
		gvariant.Bytes([]byte(blob)), gvariant.Bytes(bytes.Join(ops, nil))).Data()
}

// made collects what a machine makes, without looking at names.
type made []string

func (m *made) meta(_ context.Context, _ ostree.ObjectName, data []byte) error {
	*m = append(*m, string(data))
	return nil
}

func (m *made) file(_ context.Context, _ ostree.Checksum, h ostree.FileHeader, c archive.Content) error {
	if h.IsSymlink() {
		*m = append(*m, h.Symlink)
		return nil
	}
	r, err := c.Open()
	if err != nil {
		return err
	}
	data, err := io.ReadAll(r)
	*m = append(*m, string(data))
	return err
}

func runMachine(t *testing.T, data []byte, objects int) (made, error) {
	t.Helper()
	p, err := decodePayload(data)
	if err != nil {
		return nil, err
	}
	var out made
	names := make([]ostree.ObjectName, objects)
	for i := range names {
		names[i].Type = ostree.ObjectFile
	}
	m := machine{payload: p, objects: names, old: oneOld("the old file"), out: &out, dir: t.TempDir(), left: 1000}
	err = m.run(t.Context())
	return out, err
}

const zeros = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func TestMachine(t *testing.T) {
	patch := appendPatchNumber(appendPatchNumber(appendPatchNumber(nil, 3), 1), -2)
	patch = append(patch, "\x00\x00\x00!"...)
	patch = append(appendPatchNumber(appendPatchNumber(appendPatchNumber(patch, 2), 0), 0), 1, 1)
	for _, tt := range []struct {
		name string
		ops  [][]byte
		want string // what the file is; "" for an error
	}{
		{"whole", [][]byte{opcode('S', 0, 0, 3, 32)}, "new"},
		{"pieces", [][]byte{opcode('o', 0, 0, 10), opcode('r', 0), opcode('w', 7, 0), opcode('R'), opcode('w', 3, 32), opcode('c')}, "the oldnew"},
		{"patch", [][]byte{opcode('r', 0), opcode('o', 0, 0, 6), opcode('B', 35, uint64(len(patch))), opcode('c'), opcode('R')}, "the!if"},
		{"unknown operation", [][]byte{opcode('x')}, ""},
		{"number cut off", [][]byte{{'S', 0x80}}, ""},
		{"beyond the blob", [][]byte{opcode('S', 0, 0, 4, 32+3+uint64(len(patch)))}, ""},
		{"huge offset", [][]byte{opcode('S', 0, 0, 3, 1<<64-1)}, ""},
		{"no mode 1", [][]byte{opcode('S', 1, 0, 3, 32)}, ""},
		{"no xattrs 1", [][]byte{opcode('S', 0, 1, 3, 32)}, ""},
		{"too large", [][]byte{opcode('o', 0, 0, 1001)}, ""},
		{"two objects", [][]byte{opcode('S', 0, 0, 3, 32), opcode('S', 0, 0, 3, 32)}, ""},
		{"nothing", nil, ""},
		{"not closed", [][]byte{opcode('o', 0, 0, 0)}, ""},
		{"opened twice", [][]byte{opcode('o', 0, 0, 0), opcode('o', 0, 0, 0)}, ""},
		{"too short", [][]byte{opcode('o', 0, 0, 4), opcode('w', 3, 32), opcode('c')}, ""},
		{"too long", [][]byte{opcode('o', 0, 0, 2), opcode('w', 3, 32), opcode('c')}, ""},
		{"write without file", [][]byte{opcode('w', 3, 32)}, ""},
		{"close without file", [][]byte{opcode('c')}, ""},
		{"patch without file", [][]byte{opcode('r', 0), opcode('B', 35, 5)}, ""},
		{"patch without old file", [][]byte{opcode('o', 0, 0, 6), opcode('B', 35, uint64(len(patch)))}, ""},
		{"patch cut off", [][]byte{opcode('o', 0, 0, 6), opcode('r', 0), opcode('B', 35, uint64(len(patch)-1))}, ""},
	} {
		got, err := runMachine(t, samplePayload(zeros+"new"+string(patch), tt.ops...), 1)
		if tt.want == "" {
			if err == nil {
				t.Errorf("%s: got %q, want an error", tt.name, got)
			}
			continue
		}
		if err != nil || len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

// FuzzPart runs bytes as an unpacked part.
func FuzzPart(f *testing.F) {
	f.Add(samplePayload("new", opcode('S', 0, 0, 3, 0), opcode('S', 0, 0, 1, 1)))
	f.Add(samplePayload(zeros+"new", opcode('o', 0, 0, 10), opcode('r', 0), opcode('w', 7, 0), opcode('R'), opcode('w', 3, 32), opcode('c')))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := runMachine(t, data, 2); err == nil && len(got) != 2 {
			t.Errorf("objects: got %q, want two", got)
		}
	})
}

// FuzzPatch applies bytes as a patch: it makes exactly the size, or is an error.
func FuzzPatch(f *testing.F) {
	f.Add([]byte("old"), appendPatchNumber(appendPatchNumber(appendPatchNumber(nil, 0), 0), 0), uint16(0))
	f.Fuzz(func(t *testing.T, old, patch []byte, size uint16) {
		var out bytes.Buffer
		if err := applyPatch(&out, old, patch, int64(size)); err == nil && out.Len() != int(size) {
			t.Errorf("size: got %d, want %d", out.Len(), size)
		}
		if out.Len() > int(size) {
			t.Errorf("size: got %d, want at most %d", out.Len(), size)
		}
	})
}

// FuzzUnpack decompresses bytes as a part's file.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("\x00plain"))
	f.Add([]byte("x\xfd7zXZ\x00\x00\x04"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := unpack(Part{Checksum: ostree.ChecksumOf(data), Size: int64(len(data))}, bytes.NewReader(data), t.TempDir())
		if err == nil {
			err = s.Close()
		}
		if errors.Is(err, io.EOF) {
			t.Errorf("got the error %v, want another", err)
		}
	})
}
