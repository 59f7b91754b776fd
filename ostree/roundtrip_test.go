package ostree

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/treewright/treewright/ostree/gvariant"
	"pgregory.net/rapid"
)

func anyChecksum(t *rapid.T) Checksum {
	return ChecksumOf(rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "checksum"))
}

func anyXattrs(t *rapid.T) []Xattr {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`(user|security)\.[a-z]{1,8}`), 0, 4, rapid.ID[string]).Draw(t, "xattrs")
	var xs []Xattr
	for _, name := range names {
		xs = append(xs, Xattr{name, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "value")})
	}
	return xs
}

func anyHeader(t *rapid.T) FileHeader {
	h := FileHeader{
		UID: rapid.Uint32().Draw(t, "uid"), GID: rapid.Uint32().Draw(t, "gid"),
		Mode: ModeRegular | rapid.Uint32Range(0, 0o7777).Draw(t, "mode"), Xattrs: anyXattrs(t),
	}
	if rapid.Bool().Draw(t, "symlink") {
		h.Mode, h.Symlink = ModeSymlink|0o777, rapid.StringMatching(`[^\x00]{1,300}`).Draw(t, "target")
	}
	return h
}

// sameXattrs compares xattrs in sorted order.
func sameXattrs(a, b []Xattr) bool {
	return slices.EqualFunc(sortedXattrs(a), sortedXattrs(b), func(x, y Xattr) bool {
		return x.Name == y.Name && bytes.Equal(x.Value, y.Value)
	})
}

func TestHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHeader(t)
		if err := h.Validate(); err != nil {
			t.Fatal(err)
		}
		size := rapid.Int64Range(0, 1<<62).Draw(t, "size")
		data := h.EncodeArchive(size)
		got, n, length, err := DecodeArchiveHeader(bytes.NewReader(append(data, "content"...)))
		if err != nil {
			t.Fatal(err)
		}
		if h.IsSymlink() {
			size = 0
		}
		if n != size || int(length) != len(data) {
			t.Fatalf("got size %d and length %d, want %d and %d", n, length, size, len(data))
		}
		if !sameXattrs(got.Xattrs, h.Xattrs) || got.String() != h.String() {
			t.Fatalf("got %v, want %v", got, h)
		}
		// The order in which xattrs are given changes no checksum.
		slices.Reverse(h.Xattrs)
		if !bytes.Equal(got.Encode(), h.Encode()) {
			t.Fatalf("got %x, want %x", got.Encode(), h.Encode())
		}
		m := DirMeta{UID: h.UID, GID: h.GID, Mode: ModeDir | h.Mode&0o7777, Xattrs: h.Xattrs}
		meta, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeDirMeta(meta); err != nil || back.Mode != m.Mode || back.UID != m.UID || !sameXattrs(back.Xattrs, m.Xattrs) {
			t.Fatalf("dirmeta: got %v, %v, want %v", back, err, m)
		}
	})
}

func TestDirTreeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[^/\x00]{1,40}`), 0, 40, rapid.ID[string]).Draw(t, "names")
		var d DirTree
		for _, name := range names {
			if ValidateFilename(name) != nil {
				continue
			}
			if rapid.Bool().Draw(t, "file") {
				d.Files = append(d.Files, TreeFile{name, anyChecksum(t)})
			} else {
				d.Dirs = append(d.Dirs, TreeDir{name, anyChecksum(t), anyChecksum(t)})
			}
		}
		data, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeDirTree(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range d.Files {
			if e, ok := got.File(f.Name); !ok || e != f {
				t.Fatalf("file %q: got %v, %v", f.Name, e, ok)
			}
		}
		for _, f := range d.Dirs {
			if e, ok := got.Dir(f.Name); !ok || e != f {
				t.Fatalf("directory %q: got %v, %v", f.Name, e, ok)
			}
		}
		if len(got.Files) != len(d.Files) || len(got.Dirs) != len(d.Dirs) {
			t.Fatalf("got %d and %d entries, want %d and %d", len(got.Files), len(got.Dirs), len(d.Files), len(d.Dirs))
		}
		if again, err := got.Encode(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("encoded again: got %x, %v, want %x", again, err, data)
		}
	})
}

func TestCommitRoundTrip(t *testing.T) {
	text := rapid.StringMatching(`[^\x00]{0,300}`)
	rapid.Check(t, func(t *rapid.T) {
		c := &Commit{
			Subject: text.Draw(t, "subject"), Body: text.Draw(t, "body"), Timestamp: rapid.Uint64().Draw(t, "time"),
			RootTree: anyChecksum(t), RootMeta: anyChecksum(t),
		}
		if rapid.Bool().Draw(t, "parent") {
			c.Parent = anyChecksum(t)
		}
		for i := range rapid.IntRange(0, 5).Draw(t, "keys") {
			c.Metadata.Set(text.Draw(t, "key"), gvariant.Uint32(uint32(i)))
		}
		data, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeCommit(data)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := got.Encode(); err != nil || !bytes.Equal(again, data) {
			t.Fatalf("encoded again: got %x, %v, want %x", again, err, data)
		}
		c.Metadata, got.Metadata = nil, nil
		if !reflect.DeepEqual(got, c) {
			t.Fatalf("got %+v, want %+v", got, c)
		}
	})
}
