package archive

import (
	"bytes"
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/treewright/treewright/internal/keyfile"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// FuzzContent reads bytes as a stored content object. Whatever is accepted
// but for its name has one name under which it is accepted whole.
func FuzzContent(f *testing.F) {
	repo, err := Init(filepath.Join(f.TempDir(), "repo"), InitOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { repo.Close() })
	regular := ostree.FileHeader{Mode: ostree.ModeRegular | 0o644, Xattrs: []ostree.Xattr{{Name: "user.a", Value: []byte("b")}}}
	link := ostree.FileHeader{Mode: ostree.ModeSymlink | 0o777, Symlink: "target"}
	f.Add(append(regular.EncodeArchive(0), 3, 0))
	f.Add(append(regular.EncodeArchive(5), 1, 5, 0, 0xfa, 0xff, 'h', 'e', 'l', 'l', 'o'))
	f.Add(link.EncodeArchive(0))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := ostree.ObjectName{Type: ostree.ObjectFile}
		_, err := repo.verify(n, bytes.NewReader(data))
		var sum *ostree.ChecksumError
		if err == nil {
			t.Fatal("accepted under a name that nothing has")
		}
		if !errors.As(err, &sum) {
			return
		}
		n.Checksum = sum.Got
		if _, err := repo.verify(n, bytes.NewReader(data)); err != nil {
			t.Errorf("under its own name: %v", err)
		}
	})
}

// FuzzBareUser reads bytes as user.ostreemeta, others as the target of the
// symlink that it may be.
func FuzzBareUser(f *testing.F) {
	for _, mode := range []uint32{ostree.ModeRegular | 0o644, ostree.ModeSymlink | 0o777, ostree.ModeDir | 0o755} {
		xattr := gvariant.Tuple(gvariant.Bytes([]byte("user.a\x00")), gvariant.Bytes([]byte("b")))
		meta := gvariant.Tuple(gvariant.Uint32(0), gvariant.Uint32(gvariant.BE32(5)), gvariant.Uint32(gvariant.BE32(mode)), gvariant.Array("(ayay)", xattr))
		h, err := decodeBareUser(meta.Data(), func() ([]byte, error) { return []byte("target\x00"), nil })
		if isFile := mode&ostree.ModeType != ostree.ModeDir; isFile != (err == nil) || isFile && (h.GID != 5 || h.Mode != mode || len(h.Xattrs) != 1) {
			f.Errorf("mode %o: got %+v, %v", mode, h, err)
		}
		f.Add(meta.Data(), []byte("target\x00"))
	}
	f.Fuzz(func(t *testing.T, data, target []byte) {
		h, err := decodeBareUser(data, func() ([]byte, error) { return target, nil })
		if err != nil {
			return
		}
		again, _, _, err := ostree.DecodeArchiveHeader(bytes.NewReader(h.EncodeArchive(0)))
		if err != nil || !reflect.DeepEqual(again, h) {
			t.Errorf("got %+v, stored and read again as %+v, %v", h, again, err)
		}
	})
}

// FuzzConfig reads bytes as the config file of a repository.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("[core]\nrepo_version=1\nmode=archive-z2\nmin-free-space-size=1GB\nlock-timeout-secs=-1\n[archive]\nzlib-level=9\n"))
	f.Add([]byte("[core]\nrepo_version=1\nmode=archive\nmin-free-space-percent=99\ntmp-expiry-secs=0\nfsync=0\ncollection-id=a.b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := keyfile.Parse(data)
		if err != nil {
			return
		}
		c, err := parseConfig(file)
		if err != nil {
			return
		}
		if c.zlibLevel < 1 || c.zlibLevel > 9 || c.minFreePercent < 0 || c.minFreePercent > 99 || c.minFreeBytes < 0 || c.tmpExpiry < 0 {
			t.Errorf("got %+v", c)
		}
	})
}
