package archive

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/treewright/treewright/ostree"
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
