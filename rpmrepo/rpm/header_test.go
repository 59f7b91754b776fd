package rpm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// build returns the bytes of a package.
func build(t testing.TB, p rpmtest.Package) []byte {
	t.Helper()
	data, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// openBytes opens a package that must be fine and returns a reader that stands
// at its payload.
func openBytes(t testing.TB, data []byte) (*rpm.Package, *bytes.Reader) {
	t.Helper()
	r := bytes.NewReader(data)
	p, err := rpm.Open(r)
	if err != nil {
		t.Fatal(err)
	}
	return p, r
}

// rawEntry is an index entry as it is in a file, right or wrong.
type rawEntry struct{ tag, typ, offset, count uint32 }

// rawHeader writes a header of the entries as they are.
func rawHeader(data []byte, entries ...rawEntry) []byte {
	b := []byte{0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0}
	b = binary.BigEndian.AppendUint32(b, uint32(len(entries)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	for _, e := range entries {
		for _, n := range []uint32{e.tag, e.typ, e.offset, e.count} {
			b = binary.BigEndian.AppendUint32(b, n)
		}
	}
	return append(b, data...)
}

// trailer is the end of a region that covers count entries.
func trailer(tag uint32, count int) []byte {
	var b []byte
	for _, n := range []uint32{tag, 7, uint32(-16 * count), 16} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// rawPackage puts a main header behind a lead and an empty signature header.
func rawPackage(header []byte) []byte {
	b := make([]byte, 96)
	copy(b, []byte{0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0})
	b[79] = 5
	b = append(b, rawHeader(trailer(62, 1), rawEntry{62, 7, 0, 16})...)
	return append(b, header...)
}

// identity is the data and entries of a header that names its package a-1-1.
func identity() ([]byte, []rawEntry) {
	return []byte("a\x001\x001\x00noarch\x00xxxxx"), []rawEntry{
		{1000, 6, 0, 1}, {1001, 6, 2, 1}, {1002, 6, 4, 1}, {1022, 6, 6, 1},
	}
}

func TestHeaderRefusals(t *testing.T) {
	data, ids := identity()
	with := func(more ...rawEntry) []byte { return rawHeader(data, append(slices.Clone(ids), more...)...) }
	region := func(back int, extra ...rawEntry) []byte {
		entries := append([]rawEntry{{63, 7, uint32(len(data)), 16}}, ids...)
		entries = append(entries, extra...)
		return rawHeader(append(slices.Clone(data), trailer(63, back)...), entries...)
	}
	for name, c := range map[string]struct {
		header []byte
		want   string // "" when it is fine
	}{
		"no region":             {with(), ""},
		"region":                {region(5), ""},
		"entry after region":    {region(5, rawEntry{5000, 6, 13, 1}), "were added after the build"},
		"region beyond entries": {region(6), "trailer is damaged"},
		"region of nothing":     {region(0), "trailer is damaged"},
		"region of another tag": {rawHeader(trailer(62, 1), rawEntry{63, 7, 0, 16}), "its trailer says tag 62"},
		"region out of data":    {rawHeader(data, rawEntry{63, 7, 14, 16}), "beyond the data's"},
		"region of wrong type":  {rawHeader(trailer(63, 1), rawEntry{63, 6, 0, 16}), "type or count is wrong"},
		"magic":                 {append([]byte{0x8e, 0xad, 0xe8, 2}, with()[4:]...), "header's magic"},
		"no entries":            {rawHeader(data), "no entries"},
		"too many entries":      {[]byte("\x8e\xad\xe8\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x10"), "the limit is 65535"},
		"too large":             {[]byte("\x8e\xad\xe8\x01\x00\x00\x00\x00\x00\x00\x00\x01\x10\x00\x00\x10"), "the limit is 268435456"},
		"truncated":             {with()[:60], "the file ends within it"},
		"low tag":               {with(rawEntry{99, 6, 13, 1}), "tag 99 is out of range"},
		"type 0":                {with(rawEntry{5000, 0, 13, 1}), "unknown type 0"},
		"type 10":               {with(rawEntry{5000, 10, 13, 1}), "unknown type 10"},
		"no values":             {with(rawEntry{5000, 6, 13, 0}), "is empty"},
		"offset beyond data":    {with(rawEntry{5000, 6, 18, 1}), "outside of"},
		"huge offset":           {with(rawEntry{5000, 6, 1 << 31, 1}), "outside of"},
		"overlap":               {with(rawEntry{5000, 6, 6, 1}), "outside of"},
		"unaligned":             {with(rawEntry{5000, 4, 13, 1}), "not aligned"},
		"array beyond data":     {with(rawEntry{5000, 4, 16, 1}), "do not fit"},
		"huge count":            {with(rawEntry{5000, 5, 16, 1 << 31}), "do not fit"},
		"text without end":      {with(rawEntry{5000, 6, 13, 1}), "do not fit"},
		"two of a string":       {with(rawEntry{5000, 6, 13, 2}), "do not fit"},
		"tag twice":             {rawHeader([]byte("a\x00b\x00"), rawEntry{1000, 6, 0, 1}, rawEntry{1000, 6, 2, 1}), "there twice"},
		"wrong type of a tag":   {with(rawEntry{5011, 7, 13, 1}), "must hold numbers"},
		"no name":               {rawHeader([]byte("1\x00"), rawEntry{1001, 6, 0, 1}), "no name"},
		"name with a slash":     {rawHeader([]byte("../x\x001\x001\x00"), rawEntry{1000, 6, 0, 1}, rawEntry{1001, 6, 5, 1}, rawEntry{1002, 6, 7, 1}), "characters that it may not"},
	} {
		_, err := rpm.Open(bytes.NewReader(rawPackage(c.header)))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestOpenRefusesOthers(t *testing.T) {
	good := build(t, rpmtest.Package{Name: "a"})
	for _, data := range [][]byte{nil, []byte("PK\x03\x04"), make([]byte, 200), []byte("!<arch>\n" + strings.Repeat(" ", 200))} {
		if _, err := rpm.Open(bytes.NewReader(data)); !errors.Is(err, rpm.ErrNotRPM) {
			t.Errorf("%.8q: got %v, want ErrNotRPM", data, err)
		}
	}
	old := slices.Clone(good)
	old[4] = 2
	if _, err := rpm.Open(bytes.NewReader(old)); err == nil || !strings.Contains(err.Error(), "format version 2") {
		t.Errorf("got %v, want one about the format version", err)
	}
	p, _ := openBytes(t, good)
	for n := 4; n < int(p.HeaderEnd); n += 7 {
		if _, err := rpm.Open(bytes.NewReader(good[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes of it: got %v, want ErrUnexpectedEOF", n, err)
		}
	}
	failing := io.MultiReader(bytes.NewReader(good[:150]), iotest.ErrReader(io.ErrClosedPipe))
	if _, err := rpm.Open(failing); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want the reader's own error", err)
	}
}

// TestOpenShortReads reads a byte at a time: nothing may depend on how much
// comes at once.
func TestOpenShortReads(t *testing.T) {
	data := build(t, rpmtest.Package{Name: "a", Files: []rpmtest.File{{Path: "/usr/bin/a", Body: "body"}}})
	r := iotest.OneByteReader(bytes.NewReader(data))
	p, err := rpm.Open(r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readContents(p, r)
	if err != nil || got["/usr/bin/a"] != "body" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestOpenAllocatesWhatArrives feeds a header that claims 256 MiB and has none.
func TestOpenAllocatesWhatArrives(t *testing.T) {
	data := rawPackage([]byte("\x8e\xad\xe8\x01\x00\x00\x00\x00\x00\x00\x00\x01\x0f\xff\xff\x00"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := rpm.Open(bytes.NewReader(data)); err == nil {
		t.Error("a header without its data opens")
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("got %d bytes allocated, want less than 4 MiB", got)
	}
}

func TestHeaderAccess(t *testing.T) {
	p, _ := openBytes(t, build(t, rpmtest.Package{Name: "a", Epoch: 7, Provides: []string{"x", "y = 1"}}))
	h := p.Header
	if got := h.Strings(rpm.TagProvideName); !slices.Equal(got, []string{"x", "y", "a"}) {
		t.Errorf("got %q", got)
	}
	if n, ok := h.Uint64(rpm.TagEpoch); n != 7 || !ok {
		t.Errorf("got epoch %d, %t, want 7", n, ok)
	}
	if got := h.Uint32s(rpm.TagProvideFlags); !slices.Equal(got, []uint32{0, 8, 8}) {
		t.Errorf("got flags %v", got)
	}
	if got := p.Signature.Bytes(rpm.SigMD5); len(got) != 16 {
		t.Errorf("got an MD5 of %d bytes", len(got))
	}
	if h.Count(rpm.TagProvideName) != 3 || h.Count(rpm.TagEncoding) != 1 || h.Count(rpm.TagPreIn) != 0 {
		t.Error("Count counts wrongly")
	}
	// Of another type, or absent: nothing.
	_, number := h.Uint64(rpm.TagName)
	if h.String(rpm.TagEpoch) != "" || h.Strings(rpm.TagEpoch) != nil || h.Bytes(rpm.TagName) != nil || number ||
		h.Uint32s(rpm.TagName) != nil || h.String(rpm.TagPreIn) != "" || h.Has(rpm.TagPreIn) {
		t.Error("a tag of another type has a value")
	}
	if tags := h.Tags(); !slices.IsSorted(tags) || !slices.Contains(tags, rpm.TagName) {
		t.Errorf("got tags %v", tags)
	}
}
