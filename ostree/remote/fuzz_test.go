package remote

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// sizeEntry is an entry of ostree.sizes.
func sizeEntry(n ostree.ObjectName, archived, unpacked uint64) []byte {
	b := binary.AppendUvarint(n.Checksum[:], archived)
	return append(binary.AppendUvarint(b, unpacked), byte(n.Type))
}

func TestDecodeSizes(t *testing.T) {
	n := ostree.ObjectName{Checksum: ostree.ChecksumOf([]byte("x")), Type: ostree.ObjectDirTree}
	entry := sizeEntry(n, 300, 1<<40)
	got, ok := decodeSize(entry)
	if want := (objectSize{n, 300}); !ok || got != want {
		t.Errorf("got %v, %v, want %v", got, ok, want)
	}
	// Old repositories leave the type out.
	if got, ok := decodeSize(entry[:len(entry)-1]); !ok || got.object.Type != ostree.ObjectFile {
		t.Errorf("without a type: got %v, %v, want a file", got, ok)
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "short": entry[:31], "no sizes": entry[:32], "one size": entry[:34], "longer": append(entry[:len(entry):len(entry)], 0),
		"unknown type": append(entry[:len(entry)-1:len(entry)-1], 9), "number without an end": append(entry[:32:32], 0xff, 0xff),
	} {
		if got, ok := decodeSize(bad); ok {
			t.Errorf("%s: got %v, want an error", name, got)
		}
	}
}

func FuzzDecodeSize(f *testing.F) {
	f.Add(sizeEntry(ostree.ObjectName{Type: ostree.ObjectFile}, 1, 2))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, ok := decodeSize(data)
		if ok && s.object.Type != ostree.ObjectFile && !s.object.Type.IsMeta() {
			t.Errorf("got %v", s)
		}
	})
}

func FuzzParseMirrorList(f *testing.F) {
	f.Add([]byte("# mirrors\nhttp://example.org/repo/\nhttps://user:x@example.net\n"))
	f.Add([]byte("file:///etc\n\x00\nhttp://[::1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		urls, err := parseMirrorList(data)
		if err == nil && (len(urls) == 0 || len(urls) > maxMirrors) {
			t.Errorf("got %d URLs", len(urls))
		}
		for _, u := range urls {
			if !strings.HasPrefix(u, "http") || strings.HasSuffix(u, "/") {
				t.Errorf("got %q", u)
			}
		}
	})
}

// FuzzSummaryLists reads what summaries and delta indexes say of deltas and
// collections.
func FuzzSummaryLists(f *testing.F) {
	to := ostree.ChecksumOf([]byte("to"))
	from := ostree.ChecksumOf([]byte("from"))
	deltas := gvariant.Dict{{Key: to.String(), Value: gvariant.Bytes(from[:])}, {Key: from.String() + "-" + to.String(), Value: gvariant.Bytes(to[:])}}
	index := gvariant.Dict{{Key: ostree.KeyStaticDeltas, Value: deltas.Encode()}}
	if got, err := deltasTo(index, to); err != nil || len(got) != 2 || !got[0].From.IsZero() {
		f.Errorf("got %v, %v, want two deltas, that from nothing first", got, err)
	}
	ref := gvariant.Tuple(gvariant.String("app"), gvariant.Tuple(gvariant.Uint64(100), gvariant.Bytes(to[:]), gvariant.Dict{}.Encode()))
	collections := gvariant.Array("{sa(s(taya{sv}))}", gvariant.DictEntry(gvariant.String("org.example.A"), gvariant.Array("(s(taya{sv}))", ref)))
	index.Set(ostree.KeySummaryCollectionMap, collections)
	if got, err := decodeCollectionMap(index); err != nil || len(got) != 1 || got[0].Commit != to || got[0].CommitSize != 100 {
		f.Errorf("got %v, %v, want one ref", got, err)
	}
	f.Add(index.Encode().Data())
	f.Fuzz(func(t *testing.T, data []byte) {
		dict, err := gvariant.ParseDict(data)
		if err != nil {
			return
		}
		if list, err := deltasTo(dict, to); err == nil {
			for _, d := range list {
				if d.To != to {
					t.Errorf("got %v, want deltas to %s", d, to)
				}
			}
		}
		_, _ = decodeCollectionMap(dict)
	})
}
