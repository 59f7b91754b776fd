package sandbox

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Attributes of the overlay itself, with the mount option userxattr.
const (
	overlayXattrs  = "user.overlay."
	opaqueXattr    = overlayXattrs + "opaque"
	whiteoutXattr  = overlayXattrs + "whiteout"
	capabilityName = "security.capability"
)

// maxXattrs is the size that Linux allows the names, and each value.
const maxXattrs = 64 << 10

// A changeWriter writes upper as a tar stream.
type changeWriter struct {
	h         *helper
	out       *tar.Writer
	upper     string
	linked    map[uint64]string // the first name of an inode with several
	whiteouts []string
}

// changes writes what programs have changed to w.
func (h *helper) changes(w io.Writer) error {
	buf := bufio.NewWriterSize(w, 256<<10)
	c := &changeWriter{h: h, out: tar.NewWriter(buf), upper: filepath.Join(h.setup.Dir, upperDir), linked: map[uint64]string{}}
	err := filepath.WalkDir(c.upper, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return c.entry(path)
	})
	if err != nil {
		return fmt.Errorf("reading what programs have changed: %w", err)
	}
	for _, name := range c.whiteouts {
		if err := c.out.WriteHeader(&tar.Header{Typeflag: tar.TypeChar, Name: name, Format: tar.FormatPAX}); err != nil {
			return err
		}
	}
	return errors.Join(c.out.Close(), buf.Flush())
}

func (c *changeWriter) entry(path string) error {
	name, err := filepath.Rel(c.upper, path)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: "/" + name, Err: err}
	}
	hdr := &tar.Header{Name: name, Mode: int64(st.Mode & 0o7777), Uid: int(st.Uid), Gid: int(st.Gid),
		Format: tar.FormatPAX, PAXRecords: map[string]string{}}
	gone, err := c.attributes(hdr, path, st.Mode)
	if err != nil {
		return err
	}
	if name == "." {
		if changed, err := c.rootChanged(hdr); err != nil || !changed {
			return err
		}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		hdr.Typeflag = tar.TypeDir
	case unix.S_IFLNK:
		hdr.Typeflag = tar.TypeSymlink
		if hdr.Linkname, err = os.Readlink(path); err != nil {
			return err
		}
	case unix.S_IFREG:
		hdr.Typeflag, hdr.Size = tar.TypeReg, st.Size
		gone = gone && st.Size == 0
	case unix.S_IFSOCK:
		hdr.Typeflag, hdr.PAXRecords[PAXSocket] = tar.TypeFifo, "y"
	case unix.S_IFIFO:
		hdr.Typeflag = tar.TypeFifo
	default:
		hdr.Typeflag = tar.TypeBlock
		if st.Mode&unix.S_IFMT == unix.S_IFCHR {
			hdr.Typeflag, gone = tar.TypeChar, st.Rdev == 0
		}
		hdr.Devmajor, hdr.Devminor = int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
	}
	if gone {
		c.whiteouts = append(c.whiteouts, name)
		return nil
	}
	return c.write(hdr, path, st)
}

// write writes one entry with its content; a further name of a file is a link.
func (c *changeWriter) write(hdr *tar.Header, path string, st unix.Stat_t) error {
	if st.Nlink > 1 && hdr.Typeflag != tar.TypeDir {
		if first, ok := c.linked[st.Ino]; ok {
			hdr.Typeflag, hdr.Linkname, hdr.Size = tar.TypeLink, first, 0
		} else {
			c.linked[st.Ino] = hdr.Name
		}
	}
	if err := c.out.WriteHeader(hdr); err != nil {
		return fmt.Errorf("/%s: %w", hdr.Name, err)
	}
	if hdr.Typeflag != tar.TypeReg || hdr.Size == 0 {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.CopyN(c.out, f, hdr.Size); err != nil {
		return fmt.Errorf("/%s: %w", hdr.Name, err)
	}
	return nil
}

// rootChanged tells whether the root folder itself is other than in Lower.
func (c *changeWriter) rootChanged(hdr *tar.Header) (bool, error) {
	var lower unix.Stat_t
	if err := unix.Stat(c.h.setup.Lower, &lower); err != nil {
		return false, &fs.PathError{Op: "stat", Path: c.h.setup.Lower, Err: err}
	}
	return hdr.Mode != int64(lower.Mode&0o7777) || hdr.Uid != 0 || hdr.Gid != 0 || len(hdr.PAXRecords) > 0, nil
}

// attributes puts the extended attributes into hdr; those of the overlay and of
// the sandbox become what they mean.
func (c *changeWriter) attributes(hdr *tar.Header, path string, mode uint32) (gone bool, err error) {
	if c.h.owners != nil {
		if o := c.h.owners.of(path); o != (owner{}) {
			hdr.Uid, hdr.Gid = int(o.uid), int(o.gid)
		}
	}
	names, err := listXattrs(path)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		wanted := name == capabilityName || strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "system.posix_acl_")
		if !wanted || strings.HasPrefix(name, overlayXattrs) && name != opaqueXattr && name != whiteoutXattr {
			continue // a host's labels, for example
		}
		value, err := getXattr(path, name)
		if err != nil {
			return false, fmt.Errorf("reading the attribute %s of /%s: %w", name, hdr.Name, err)
		}
		switch name {
		case opaqueXattr:
			if string(value) == "y" && mode&unix.S_IFMT == unix.S_IFDIR {
				hdr.PAXRecords[PAXOpaque] = "y"
			}
		case whiteoutXattr:
			gone = true
		case ownerXattr:
			if o, ok := parseOwner(string(value)); ok && c.h.owners != nil {
				hdr.Uid, hdr.Gid = int(o.uid), int(o.gid)
			}
		case capabilityName:
			hdr.PAXRecords[PAXXattr+name] = string(plainCapability(value))
		default:
			if strings.Contains(name, "=") {
				return false, fmt.Errorf("the attribute %q of /%s: such a name cannot be kept", name, hdr.Name)
			}
			hdr.PAXRecords[PAXXattr+name] = string(value)
		}
	}
	return gone, nil
}

// plainCapability is the capability attribute as packages have it. What is set in
// a user namespace is revision 3, with the namespace's root at its end.
func plainCapability(value []byte) []byte {
	const revision, v2, v3, v2Size = 3, 2, 3, 20
	if len(value) != v2Size+4 || value[revision] != v3 {
		return value
	}
	plain := append([]byte{}, value[:v2Size]...)
	plain[revision] = v2
	return plain
}

func listXattrs(path string) ([]string, error) {
	n, err := unix.Llistxattr(path, nil)
	if n <= 0 || err != nil {
		if err == nil || errors.Is(err, unix.EOPNOTSUPP) {
			return nil, nil
		}
		return nil, &fs.PathError{Op: "listxattr", Path: path, Err: err}
	}
	buf := make([]byte, min(n, maxXattrs))
	if n, err = unix.Llistxattr(path, buf); err != nil {
		return nil, &fs.PathError{Op: "listxattr", Path: path, Err: err}
	}
	return strings.FieldsFunc(string(buf[:n]), func(r rune) bool { return r == 0 }), nil
}

func getXattr(path, name string) ([]byte, error) {
	n, err := unix.Lgetxattr(path, name, nil)
	if n <= 0 || err != nil {
		return nil, err
	}
	buf := make([]byte, min(n, maxXattrs))
	n, err = unix.Lgetxattr(path, name, buf)
	return buf[:max(n, 0)], err
}
