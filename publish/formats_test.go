package publish

import (
	"bytes"
	"context"
	"io"
	"reflect"
	"testing"

	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

type contextType = context.Context

func gunzip(t *testing.T, data []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestIndexRoundTrip(t *testing.T) {
	x := Index{
		Entries: []IndexEntry{
			{Name: "aarch64", Digest: ostree.ChecksumOf([]byte("a"))},
			{Name: "staff-x86_64", Digest: ostree.ChecksumOf([]byte("b")), History: []ostree.Checksum{{1}, {2}}},
		},
		Metadata: gvariant.Dict{{Key: "k", Value: gvariant.String("v")}},
	}
	data, err := x.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeIndex(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Entries, x.Entries) || got.Metadata.Str("k") != "v" {
		t.Errorf("index: got %+v, want %+v", got, x)
	}
	for name, want := range map[string][2]string{"x86_64": {"", "x86_64"}, "staff-x86_64": {"staff", "x86_64"}} {
		if subset, arch := (IndexEntry{Name: name}).split(); subset != want[0] || arch != want[1] {
			t.Errorf("split of %q: got %q and %q, want %q", name, subset, arch, want)
		}
	}
}

func FuzzDecodeIndex(f *testing.F) {
	data, err := Index{Entries: []IndexEntry{{Name: "x86_64", History: []ostree.Checksum{{}}}}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := DecodeIndex(data)
		if err != nil {
			return
		}
		again, err := x.Encode()
		if err != nil {
			t.Fatalf("encoding what was decoded: %v", err)
		}
		if _, err := DecodeIndex(again); err != nil {
			t.Errorf("decoding it again: %v", err)
		}
	})
}

// drawSummary makes a summary of some of a few names, so that two of them have
// refs in common.
func drawSummary(t *rapid.T) []byte {
	var s ostree.Summary
	for _, name := range []string{"a", "b/c", "d", "e", "f/g/h", "i"} {
		if !rapid.Bool().Draw(t, "has "+name) {
			continue
		}
		meta := gvariant.Dict{{Key: "k", Value: gvariant.String(rapid.StringMatching("[a-z]{0,40}").Draw(t, "meta"))}}
		s.Refs = append(s.Refs, ostree.SummaryRef{Name: name, Commit: ostree.Checksum{rapid.Byte().Draw(t, "commit")}, Metadata: meta})
	}
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDiffOfSummaries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, new := drawSummary(t), drawSummary(t)
		got, err := applyDiff(old, diff(old, new))
		if err != nil || !bytes.Equal(got, new) {
			t.Fatalf("applied: got %x, %v, want %x", got, err, new)
		}
	})
}

func TestDiffIsSmall(t *testing.T) {
	var s ostree.Summary
	for i := range 100 {
		s.Refs = append(s.Refs, ostree.SummaryRef{Name: "app/org.example.App" + string(rune('0'+i/10)) + string(rune('0'+i%10)),
			Metadata: gvariant.Dict{{Key: "k", Value: gvariant.String("some metadata that does not change")}}})
	}
	old, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	s.Refs[50].Commit = ostree.ChecksumOf(nil)
	new, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got := len(diff(old, new)); got > 100 {
		t.Errorf("difference of one changed commit: got %d bytes, want at most 100", got)
	}
}

func FuzzDiff(f *testing.F) {
	f.Add([]byte("old"), []byte("new"))
	f.Add([]byte{}, []byte("x"))
	f.Fuzz(func(t *testing.T, old, new []byte) {
		if got, err := applyDiff(old, diff(old, new)); err != nil || !bytes.Equal(got, new) {
			t.Errorf("applied: got %x, %v, want %x", got, err, new)
		}
		_, _ = applyDiff(old, new) // any input is an error or a result
	})
}

func TestApplyDiffRefuses(t *testing.T) {
	for name, delta := range map[string][]byte{
		"empty":         {},
		"magic":         []byte("xxxx\x00\x00\x00\x00"),
		"count":         []byte("xadf\xff\xff\xff\xff"),
		"copy too much": []byte("xadf\x01\x00\x00\x00\x04\x00\x00\x00"),
		"skip too much": []byte("xadf\x01\x00\x00\x00\x04\x00\x00\x10"),
		"no data":       []byte("xadf\x01\x00\x00\x00\x01\x00\x00\x20"),
		"unknown":       []byte("xadf\x01\x00\x00\x00\x00\x00\x00\x30"),
	} {
		if got, err := applyDiff([]byte("old"), delta); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}

func background() context.Context { return context.Background() }
