package delta

import (
	"bytes"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

func TestNames(t *testing.T) {
	a, b := ostree.ChecksumOf([]byte("a")), ostree.ChecksumOf([]byte("b"))
	for _, n := range []Name{{To: a}, {From: b, To: a}} {
		if got, err := ParseName(n.String()); err != nil || got != n {
			t.Errorf("ParseName(%q): got %v, %v, want %v", n.String(), got, err, n)
		}
		if got, err := ParsePath(n.Path()); err != nil || got != n {
			t.Errorf("ParsePath(%q): got %v, %v, want %v", n.Path(), got, err, n)
		}
	}
	if got, want := (Name{To: a}).Path(), "deltas/yp/cSE6yj+E4k3mmAyrOyuZiAmaFQzy5ml3jv04W_SLs"; len(got) != len(want) {
		t.Errorf("Path: got %q, want the length of %q", got, want)
	}
	for _, bad := range []string{"", "x", a.String() + "-", "-" + a.String(), ostree.Checksum{}.String() + "-" + a.String()} {
		if n, err := ParseName(bad); err == nil {
			t.Errorf("ParseName(%q): got %v, want an error", bad, n)
		}
	}
	for _, bad := range []string{"", "deltas", "deltas/ab/cd", "deltas/../x", "objects" + (Name{To: a}).Path()[6:], (Name{To: a}).Path() + "-"} {
		if n, err := ParsePath(bad); err == nil {
			t.Errorf("ParsePath(%q): got %v, want an error", bad, n)
		}
	}
}

// sampleSuperblock has some of everything.
func sampleSuperblock(t testing.TB) *Superblock {
	t.Helper()
	commit, err := ostree.Commit{Subject: "s", Timestamp: 5}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	sum := ostree.ChecksumOf([]byte("x"))
	s := &Superblock{
		Name: Name{From: sum, To: ostree.ChecksumOf(commit)}, Timestamp: 7, Commit: commit,
		Parts:     []Part{{Checksum: sum, Size: 258, Unpacked: 5000, Objects: []ostree.ObjectName{{Checksum: sum, Type: ostree.ObjectDirTree}, {Checksum: sum, Type: ostree.ObjectFile}}}},
		Fallbacks: []Fallback{{Object: ostree.ObjectName{Checksum: sum, Type: ostree.ObjectFile}, Size: 300, Unpacked: 400}},
	}
	s.setCommitMeta(gvariant.Dict{{Key: "note", Value: gvariant.String("n")}})
	s.Metadata.Set(s.Path()+"/0", gvariant.Tuple(gvariant.Byte('x'), gvariant.Bytes([]byte("inline"))))
	return s
}

func TestSuperblockRoundTrip(t *testing.T) {
	s := sampleSuperblock(t)
	for _, big := range []bool{false, true} {
		data, err := s.encode(big)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeSuperblock(data)
		if err != nil {
			t.Fatal(err)
		}
		if got.Name != s.Name || got.Timestamp != 7 || got.Parts[0].Size != 258 || got.Parts[0].Unpacked != 5000 ||
			got.Fallbacks[0] != s.Fallbacks[0] || got.Parts[0].Objects[1] != s.Parts[0].Objects[1] {
			t.Errorf("big-endian %t: got %+v, want %+v", big, got, s)
		}
		if meta, ok := got.CommitMeta(); !ok || meta.Str("note") != "n" {
			t.Errorf("detached metadata: got %v, %t", meta, ok)
		}
		if part, ok := got.Inline(0); !ok || string(part) != "xinline" {
			t.Errorf("inline part: got %q, %t", part, ok)
		}
		if _, ok := got.Inline(1); ok {
			t.Error("inline part 1: got one, want none")
		}
		if again, err := got.encode(big); err != nil || !bytes.Equal(again, data) {
			t.Errorf("encoded again: got %x, %v, want %x", again, err, data)
		}
		if old := withoutOrder(t, data); old.Parts[0].Size != 258 || old.Fallbacks[0].Size != 300 {
			t.Errorf("big-endian %t, guessed: got %+v, want size 258", big, old.Parts[0])
		}
	}
}

// withoutOrder decodes a superblock that does not say its byte order.
func withoutOrder(t *testing.T, data []byte) *Superblock {
	t.Helper()
	v, err := gvariant.Parse(typeSuperblock, data)
	if err != nil {
		t.Fatal(err)
	}
	members := []gvariant.Value{gvariant.VarDict()}
	for i := 1; i < v.Len(); i++ {
		members = append(members, v.Index(i))
	}
	s, err := DecodeSuperblock(gvariant.Tuple(members...).Data())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWrongSuperblocks(t *testing.T) {
	for name, change := range map[string]func(*Superblock){
		"other commit":     func(s *Superblock) { s.To[0]++ },
		"type of object":   func(s *Superblock) { s.Parts[0].Objects[0].Type = 9 },
		"type of fallback": func(s *Superblock) { s.Fallbacks[0].Object.Type = ostree.ObjectCommitMeta },
		"size":             func(s *Superblock) { s.Parts[0].Size = 1 << 50 },
	} {
		s := sampleSuperblock(t)
		change(s)
		data, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeSuperblock(data); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// FuzzSuperblock decodes bytes; what is accepted encodes to something equal.
func FuzzSuperblock(f *testing.F) {
	s := sampleSuperblock(f)
	for _, big := range []bool{false, true} {
		data, err := s.encode(big)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		signed, err := Sign(f.Context(), data, dummySigner("secret"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(signed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeSuperblock(data)
		if err != nil {
			return
		}
		s.Size()
		again, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeSuperblock(again); err != nil {
			t.Error(err)
		}
	})
}
