package compose

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// bareMetaName is the extended attribute with which libostree keeps, in trees
// of its mode bare-user, the owner, mode and attributes that a file has in a
// commit: who is not root cannot give files to others.
//
//	(uuua(ayay))  uid, gid, mode with the type, all big-endian; attributes
const (
	bareMetaName = "user.ostreemeta"
	bareMetaType = "(uuua(ayay))"
)

// maxAttribute bounds an extended attribute; it is the kernel's own limit.
const maxAttribute = 64 << 10

// dirMeta is what a commit says of an entry beside its content.
type dirMeta struct {
	uid, gid, mode uint32
	xattrs         []ostree.Xattr
}

func (m *dirMeta) encode() []byte {
	xattrs := make([]gvariant.Value, len(m.xattrs))
	for i, x := range m.xattrs {
		xattrs[i] = gvariant.Tuple(gvariant.ByteString(x.Name), gvariant.Bytes(x.Value))
	}
	return gvariant.Tuple(gvariant.Uint32(gvariant.BE32(m.uid)), gvariant.Uint32(gvariant.BE32(m.gid)),
		gvariant.Uint32(gvariant.BE32(m.mode)), gvariant.Array("(ayay)", xattrs...)).Data()
}

func decodeDirMeta(data []byte) (m dirMeta, err error) {
	v, err := gvariant.Parse(bareMetaType, data)
	if err != nil {
		return m, fmt.Errorf("its attribute %s: %w", bareMetaName, err)
	}
	m.uid, m.gid, m.mode = gvariant.BE32(v.Index(0).Uint32()), gvariant.BE32(v.Index(1).Uint32()), gvariant.BE32(v.Index(2).Uint32())
	for _, x := range v.Index(3).All() {
		name, ok := bytes.CutSuffix(x.Index(0).Bytes(), []byte{0})
		if !ok || len(name) == 0 || bytes.IndexByte(name, 0) >= 0 {
			return m, fmt.Errorf("its attribute %s has an attribute of the name %q", bareMetaName, name)
		}
		m.xattrs = append(m.xattrs, ostree.Xattr{Name: string(name), Value: bytes.Clone(x.Index(1).Bytes())})
	}
	return m, nil
}

// bareMode is the mode on disk of an entry that carries bareMetaName: its owner
// can read and change it, and setuid bits give nobody the caller's rights.
func bareMode(mode uint32) uint32 {
	if mode&ostree.ModeType == ostree.ModeDir {
		return mode&0o777 | 0o700
	}
	return mode&0o777 | 0o600
}

// keptAttribute tells whether a commit keeps an extended attribute of a file on
// disk, and as which.
func keptAttribute(name string) (string, bool) {
	switch name {
	case "security.capability", "security.ima", "user.pax.flags":
		return name, true
	case "user.ima":
		return "security.ima", true
	}
	return "", false
}

// attributesOf reads the extended attributes of the file open as fd: those that
// a commit keeps, and bareMetaName, nil without one.
func attributesOf(fd int) (kept []ostree.Xattr, bare []byte, err error) {
	n, err := unix.Flistxattr(fd, nil)
	if n == 0 || errors.Is(err, unix.EOPNOTSUPP) { // as most files
		return nil, nil, nil
	}
	list := make([]byte, maxAttribute)
	if n, err = unix.Flistxattr(fd, list); err != nil {
		return nil, nil, fmt.Errorf("listing its attributes: %w", err)
	}
	for name := range strings.SplitSeq(string(list[:n]), "\x00") {
		as, keep := keptAttribute(name)
		if !keep && name != bareMetaName {
			continue
		}
		value := make([]byte, maxAttribute)
		n, err := unix.Fgetxattr(fd, name, value)
		if err != nil {
			return nil, nil, fmt.Errorf("reading its attribute %s: %w", name, err)
		}
		if name == bareMetaName {
			bare = value[:n]
			continue
		}
		kept = append(kept, ostree.Xattr{Name: as, Value: bytes.Clone(value[:n])})
	}
	slices.SortFunc(kept, func(a, b ostree.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(kept, func(a, b ostree.Xattr) bool { return a.Name == b.Name }), bare, nil
}

// metaOf says what a commit is to say of the entry that is open as fd.
func metaOf(fd int, st *unix.Stat_t, euid, egid uint32) (m dirMeta, err error) {
	xattrs, bare, err := attributesOf(fd)
	if err != nil {
		return m, err
	}
	if bare == nil {
		m = dirMeta{uid: st.Uid, gid: st.Gid, mode: st.Mode, xattrs: xattrs}
		if euid != 0 && m.uid == euid {
			m.uid = 0
		}
		if euid != 0 && m.gid == egid {
			m.gid = 0
		}
		return m, nil
	}
	if m, err = decodeDirMeta(bare); err != nil {
		return m, err
	}
	if m.mode&ostree.ModeType != st.Mode&ostree.ModeType || m.mode&^(ostree.ModeType|0o7777) != 0 {
		return m, fmt.Errorf("its attribute %s has the mode %o, which is that of another type", bareMetaName, m.mode)
	}
	m.xattrs = slices.DeleteFunc(m.xattrs, func(x ostree.Xattr) bool { return x.Name == "security.selinux" })
	if st.Mode&0o7777 != bareMode(m.mode) { // somebody has changed it since
		m.mode = st.Mode
	}
	return m, nil
}
