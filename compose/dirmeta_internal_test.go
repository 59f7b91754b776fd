package compose

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/ostree"
)

func TestDirMetaRoundTrip(t *testing.T) {
	for _, m := range []dirMeta{
		{mode: ostree.ModeRegular | 0o4755},
		{uid: 1000, gid: 65534, mode: ostree.ModeDir | 0o1777, xattrs: []ostree.Xattr{{Name: "security.capability", Value: []byte("\x01\x00\x00\x02")}, {Name: "user.x", Value: []byte("y")}}},
		{mode: ostree.ModeRegular, xattrs: []ostree.Xattr{{Name: "user.long", Value: bytes.Repeat([]byte("v"), 1000)}}},
	} {
		got, err := decodeDirMeta(m.encode())
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("got %+v, %v, want %+v", got, err, m)
		}
	}
}

// TestDirMetaIsThatOfOSTree compares with what libostree writes.
func TestDirMetaIsThatOfOSTree(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tree/file")
	if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o755), os.WriteFile(file, []byte("x"), 0o600), unix.Chmod(file, 0o4711),
		unix.Setxattr(file, "user.name", []byte("value"), 0)); err != nil {
		t.Fatal(err)
	}
	sh := exec.CommandContext(t.Context(), "sh", "-exc", `ostree init --repo=repo --mode=bare-user
ostree commit --repo=repo -b b --tree=dir=tree --owner-uid=7 --owner-gid=1234567`)
	sh.Dir = dir
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("this test needs ostree: %v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "repo/objects/*/*.file"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got the objects %v, %v", files, err)
	}
	data := make([]byte, maxAttribute)
	n, err := unix.Getxattr(files[0], bareMetaName, data)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decodeDirMeta(data[:n])
	if err != nil || m.uid != 7 || m.gid != 1234567 || m.mode != ostree.ModeRegular|0o4711 || len(m.xattrs) == 0 {
		t.Fatalf("got %+v, %v", m, err)
	}
	if !bytes.Equal(m.encode(), data[:n]) {
		t.Errorf("got %x, libostree has %x", m.encode(), data[:n])
	}
}

func FuzzDirMeta(f *testing.F) {
	f.Add([]byte{})
	f.Add((&dirMeta{uid: 1, mode: ostree.ModeDir | 0o755, xattrs: []ostree.Xattr{{Name: "a", Value: []byte("b")}}}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeDirMeta(data)
		if err != nil {
			return
		}
		if again := m.encode(); !bytes.Equal(again, data) {
			t.Errorf("got %x again, want %x", again, data)
		}
	})
}
