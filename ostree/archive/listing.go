package archive

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/treewright/treewright/ostree"
	"golang.org/x/sys/unix"
)

// eachObject calls fn for the objects in one of the folders of objects/, which
// their first byte names. It allocates nothing for a name: folders have many.
func (r *Repo) eachObject(first byte, fn func(ostree.ObjectName)) (err error) {
	dir, err := openAt(r.objects, fmt.Sprintf("%02x", first), unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return pathError("read", dir.Name(), eachName(int(dir.Fd()), func(name []byte) {
		if n, ok := parseObjectFile(first, name); ok {
			fn(n)
		}
	}))
}

// parseObjectFile reads the name that an object's file has in its folder.
func parseObjectFile(first byte, name []byte) (n ostree.ObjectName, ok bool) {
	digits := 2*len(n.Checksum) - 2
	if len(name) <= digits || name[digits] != '.' || bytes.ContainsAny(name[:digits], "ABCDEF") {
		return n, false
	}
	n.Checksum[0] = first
	if _, err := hex.Decode(n.Checksum[1:], name[:digits]); err != nil {
		return n, false
	}
	for n.Type = ostree.ObjectFile; n.Type <= ostree.ObjectCommitMeta; n.Type++ {
		if n.Type.ArchiveExt() == string(name[digits+1:]) {
			return n, true
		}
	}
	return n, false
}

// The entries of a directory as the kernel gives them:
//
//	inode 8 bytes, offset 8, length of the entry 2, type 1, name, NUL, padding
const (
	direntLength = 16
	direntName   = 19
)

// eachName calls fn with the names in a directory, which is valid during the
// call only.
func eachName(dir int, fn func(name []byte)) error {
	buf := make([]byte, 32<<10)
	for {
		var n int
		err := retry(func() (err error) {
			n, err = unix.ReadDirent(dir, buf)
			return err
		})
		if err != nil || n <= 0 {
			return err
		}
		for rest := buf[:n]; len(rest) > direntName; {
			length := int(binary.NativeEndian.Uint16(rest[direntLength:]))
			if length <= direntName || length > len(rest) {
				return unix.EBADMSG
			}
			name := rest[direntName:length]
			if end := bytes.IndexByte(name, 0); end >= 0 {
				name = name[:end]
			}
			fn(name)
			rest = rest[length:]
		}
	}
}
