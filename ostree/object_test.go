package ostree

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree/gvariant"
)

func TestParseChecksum(t *testing.T) {
	digits := strings.Repeat("0a", 32)
	c, err := ParseChecksum(digits)
	if err != nil || c.String() != digits {
		t.Errorf("ParseChecksum: got %s, %v", c, err)
	}
	for _, bad := range []string{"", "0a", strings.ToUpper(digits), digits + "0", strings.Repeat("g", 64)} {
		if _, err := ParseChecksum(bad); err == nil {
			t.Errorf("ParseChecksum(%q): got no error", bad)
		}
	}
	if _, err := ChecksumFromBytes(make([]byte, 31)); err == nil {
		t.Error("ChecksumFromBytes of 31 bytes: got no error")
	}
	text, err := c.MarshalText()
	var back Checksum
	if err = errors.Join(err, back.UnmarshalText(text)); err != nil || back != c {
		t.Errorf("text: got %s, %v, want %s", back, err, c)
	}
	if err := back.UnmarshalText(nil); err != nil || !back.IsZero() {
		t.Errorf("empty text: got %s, %v, want none", back, err)
	}
}

func TestObjectNames(t *testing.T) {
	c := ChecksumOf([]byte{0})
	n := ObjectName{c, ObjectFile}
	want := "6e/340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d.filez"
	if got := n.ArchivePath(); got != want {
		t.Errorf("ArchivePath: got %s, want %s", got, want)
	}
	if got := n.String(); got != c.String()+".file" {
		t.Errorf("String: got %s", got)
	}
	if n.Compare(ObjectName{c, ObjectCommit}) >= 0 || n.Compare(n) != 0 {
		t.Error("Compare: a file does not come before the commit of the same checksum")
	}
}

func TestKnownObjects(t *testing.T) {
	empty, err := DirTree{}.Encode()
	if err != nil || !bytes.Equal(empty, []byte{0}) {
		t.Errorf("empty dirtree: got %x, %v, want 00", empty, err)
	}
	root, err := DirMeta{Mode: ModeDir | 0o755}.Encode()
	if got := ChecksumOf(root).String(); err != nil || got != "446a0ef11b7cc167f3b603e585c7eeeeb675faa412d5ec73f62988eb0b6c5488" {
		t.Errorf("dirmeta of root: got %s, %v", got, err)
	}
}

func TestValidateRef(t *testing.T) {
	for _, good := range []string{"a", "app/org.x.Y/x86_64/stable", "_x/1.2-3", "exampleos/ä"} {
		if err := ValidateRef(good); err != nil {
			t.Errorf("ValidateRef(%q): %v", good, err)
		}
	}
	for _, bad := range []string{"", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "-a", ".a", "a b", "a:b", "a\x00", "a\xff",
		strings.Repeat("0a", 32), strings.Repeat("a", 256), strings.Repeat("a/", 600) + "a"} {
		if err := ValidateRef(bad); err == nil {
			t.Errorf("ValidateRef(%q): got no error", bad)
		}
	}
	for id, want := range map[string]bool{"org.example.X": true, "a.b": true, "org": false, "": false, "a..b": false,
		"a.1b": false, "a.b-c": false, "org.x_y.Z9": true, "a." + strings.Repeat("b", 300): false} {
		if err := ValidateCollectionID(id); (err == nil) != want {
			t.Errorf("ValidateCollectionID(%q): got %v, want valid %v", id, err, want)
		}
	}
	if ValidateRemote("a/b") == nil || ValidateRemote("flathub") != nil {
		t.Error("ValidateRemote: took a/b, or refused flathub")
	}
}

func TestDirTreeRefuses(t *testing.T) {
	file := func(name string) DirTree { return DirTree{Files: []TreeFile{{Name: name}}} }
	for _, d := range []DirTree{
		file(""), file("."), file(".."), file("a/b"), file("a\x00"), file("a\xff"),
		{Files: []TreeFile{{Name: "a"}, {Name: "a"}}},
		{Dirs: []TreeDir{{Name: "a"}, {Name: "a"}}},
		{Files: []TreeFile{{Name: "b"}, {Name: "a"}}, Dirs: []TreeDir{{Name: "a"}}},
	} {
		if _, err := d.Encode(); err == nil {
			t.Errorf("Encode of %v: got no error", d)
		}
	}
	// A hostile writer is free of our checks.
	sum := gvariant.Bytes(make([]byte, 32))
	entry := func(name string) gvariant.Value { return gvariant.Tuple(gvariant.String(name), sum) }
	dir := func(name string) gvariant.Value { return gvariant.Tuple(gvariant.String(name), sum, sum) }
	short := gvariant.Tuple(gvariant.String("x"), gvariant.Bytes([]byte("short")))
	for name, v := range map[string]gvariant.Value{
		"parent":          gvariant.Tuple(gvariant.Array("(say)", entry("..")), gvariant.Array("(sayay)")),
		"slash":           gvariant.Tuple(gvariant.Array("(say)"), gvariant.Array("(sayay)", dir("a/b"))),
		"not sorted":      gvariant.Tuple(gvariant.Array("(say)", entry("b"), entry("a")), gvariant.Array("(sayay)")),
		"twice":           gvariant.Tuple(gvariant.Array("(say)", entry("a")), gvariant.Array("(sayay)", dir("a"))),
		"short checksum":  gvariant.Tuple(gvariant.Array("(say)", short), gvariant.Array("(sayay)")),
		"not a directory": gvariant.String("x"),
	} {
		if _, err := DecodeDirTree(v.Data()); err == nil {
			t.Errorf("DecodeDirTree, %s: got no error", name)
		}
	}
}

func TestHeadersRefuse(t *testing.T) {
	for name, h := range map[string]FileHeader{
		"device":               {Mode: 0o020644},
		"directory":            {Mode: ModeDir | 0o755},
		"unknown bits":         {Mode: 1<<20 | ModeRegular},
		"symlink to nothing":   {Mode: ModeSymlink | 0o777},
		"symlink to a NUL":     {Mode: ModeSymlink | 0o777, Symlink: "a\x00b"},
		"symlink, not UTF-8":   {Mode: ModeSymlink | 0o777, Symlink: "\xff"},
		"regular with target":  {Mode: ModeRegular, Symlink: "x"},
		"xattr without a name": {Mode: ModeRegular, Xattrs: []Xattr{{}}},
		"xattr twice":          {Mode: ModeRegular, Xattrs: []Xattr{{Name: "a"}, {Name: "b"}, {Name: "a"}}},
	} {
		if err := h.Validate(); err == nil {
			t.Errorf("Validate, %s: got no error", name)
		}
		if _, _, _, err := DecodeArchiveHeader(bytes.NewReader(h.EncodeArchive(1))); err == nil {
			t.Errorf("DecodeArchiveHeader, %s: got no error", name)
		}
	}
	for name, data := range map[string]string{
		"nothing": "", "huge": "\xff\xff\xff\xff\x00\x00\x00\x00", "cut": "\x00\x00\x00\x1a\x00\x00\x00\x00abc",
		"padding": "\x00\x00\x00\x1a\x01\x00\x00\x00" + strings.Repeat("\x00", 26),
	} {
		if _, _, _, err := DecodeArchiveHeader(strings.NewReader(data)); err == nil {
			t.Errorf("DecodeArchiveHeader, %s: got no error", name)
		}
	}
	if _, err := (DirMeta{Mode: ModeRegular}).Encode(); err == nil {
		t.Error("DirMeta with the mode of a file: got no error")
	}
}

// TestForeignXattrOrder keeps the order of a writer that does not sort, whose
// checksums cover it.
func TestForeignXattrOrder(t *testing.T) {
	h := FileHeader{Mode: ModeRegular | 0o644, Xattrs: []Xattr{{"b", []byte("2")}, {"a", nil}}, storedOrder: true}
	got, _, _, err := DecodeArchiveHeader(bytes.NewReader(h.EncodeArchive(0)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Encode(), h.Encode()) {
		t.Errorf("stored order: got %x, want %x", got.Encode(), h.Encode())
	}
	ours := FileHeader{Mode: h.Mode, Xattrs: h.Xattrs}
	if sorted := ours.Encode(); bytes.Equal(sorted, h.Encode()) {
		t.Error("our own header was not sorted")
	}
}

func TestCanonicalPermissions(t *testing.T) {
	h := FileHeader{UID: 5, GID: 6, Mode: ModeRegular | 0o6777, Xattrs: []Xattr{{Name: "user.x"}}}
	if got := h.CanonicalPermissions(); got.UID != 0 || got.Mode != ModeRegular|0o755 || got.Xattrs != nil {
		t.Errorf("file: got %s", got)
	}
	d := DirMeta{UID: 5, Mode: ModeDir | 0o1777}
	if got := d.CanonicalPermissions(); got.UID != 0 || got.Mode != ModeDir|0o755 {
		t.Errorf("directory: got %v", got)
	}
}

func TestCommitRefusesBadText(t *testing.T) {
	if _, err := (Commit{Subject: "a\x00b"}).Encode(); err == nil {
		t.Error("Encode: took a subject with a NUL")
	}
	if _, err := (Commit{Body: "\xff"}).Encode(); err == nil {
		t.Error("Encode: took a body that is not UTF-8")
	}
}

func TestSummaryRefuses(t *testing.T) {
	for name, refs := range map[string][]SummaryRef{
		"twice": {{Name: "a"}, {Name: "a"}}, "bad name": {{Name: "../x"}},
	} {
		if _, err := (Summary{Refs: refs}).Encode(); err == nil {
			t.Errorf("Encode, %s: got no error", name)
		}
	}
	data, err := Summary{Refs: []SummaryRef{{Name: "b"}, {Name: "a/x"}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if s, err := DecodeSummary(data); err != nil || s.Refs[0].Name != "a/x" {
		t.Errorf("DecodeSummary: got %v, %v, want the refs sorted", s, err)
	}
}

// memory is an ObjectReader for tests.
type memory map[ObjectName][]byte

func (m memory) ReadMeta(_ context.Context, n ObjectName) ([]byte, error) {
	data, ok := m[n]
	if !ok {
		return nil, errors.New("missing")
	}
	return data, nil
}

func (m memory) dir(t *testing.T, d DirTree) Checksum {
	t.Helper()
	data, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	n := ObjectName{ChecksumOf(data), ObjectDirTree}
	m[n] = data
	return n.Checksum
}

func TestWalk(t *testing.T) {
	m := memory{}
	leaf := m.dir(t, DirTree{Files: []TreeFile{{Name: "f"}}})
	root := m.dir(t, DirTree{
		Files: []TreeFile{{Name: "z"}},
		Dirs:  []TreeDir{{Name: "a", Tree: leaf}, {Name: "b", Tree: leaf}},
	})
	var paths []string
	err := Walk(t.Context(), m, root, Checksum{}, func(p string, e Entry) error {
		paths = append(paths, p)
		if p == "/b" {
			return ErrSkipDir
		}
		return nil
	})
	if got, want := strings.Join(paths, " "), "/ /z /a /a/f /b"; err != nil || got != want {
		t.Errorf("Walk: got %q, %v, want %q", got, err, want)
	}
	for name, want := range map[string]bool{"/": true, "a/f": true, "/b/./f": true, "z": true, "z/x": false, "nope": false, "/a/../z": true} {
		if _, found, err := Lookup(t.Context(), m, root, Checksum{}, name); err != nil || found != want {
			t.Errorf("Lookup(%q): got %v, %v, want %v", name, found, err, want)
		}
	}
	if err := Walk(t.Context(), memory{}, root, Checksum{}, func(string, Entry) error { return nil }); err == nil {
		t.Error("Walk without objects: got no error")
	}
}

// TestReachableIsBounded reads a tree whose paths are too many to visit.
func TestReachableIsBounded(t *testing.T) {
	m := memory{}
	c := m.dir(t, DirTree{})
	for range 200 {
		c = m.dir(t, DirTree{Dirs: []TreeDir{{Name: "a", Tree: c}, {Name: "b", Tree: c}}})
	}
	n := 0
	if err := Reachable(t.Context(), m, c, Checksum{}, func(ObjectName) error { n++; return nil }); err != nil || n != 202 {
		t.Errorf("Reachable: got %d objects, %v, want 201 dirtrees and a dirmeta", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Walk(ctx, m, c, Checksum{}, func(string, Entry) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Walk of a cancelled context: got %v", err)
	}
}
