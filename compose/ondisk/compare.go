package ondisk

import (
	"archive/tar"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

const capability = "security.capability"

// attributes takes the extended attributes over that a commit keeps. The kernel
// takes capabilities from a file that is written or gets another owner.
func (b *readback) attributes(path string, n *rootfs.Node, h *tar.Header, lost bool) {
	isCapability := func(x ostree.Xattr) bool { return x.Name == capability }
	if lost {
		n.Xattrs = slices.DeleteFunc(slices.Clone(n.Xattrs), isCapability)
	}
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		name, ok := strings.CutPrefix(key, recordXattr)
		switch {
		case !ok, name == "security.selinux", strings.HasPrefix(name, "user.overlay."), strings.HasPrefix(name, "trusted.overlay."):
		case name == capability && n.IsRegular():
			n.Xattrs = slices.DeleteFunc(slices.Clone(n.Xattrs), isCapability)
			n.Xattrs = append(n.Xattrs, ostree.Xattr{Name: name, Value: plainCapability([]byte(h.PAXRecords[key]))})
			slices.SortFunc(n.Xattrs, func(x, y ostree.Xattr) int { return cmp.Compare(x.Name, y.Name) })
		default:
			b.report.Dropped = append(b.report.Dropped, Dropped{Path: path, Reason: "its extended attribute " + name + ", which a commit does not keep"})
		}
	}
}

// plainCapability turns capabilities that hold in one user namespace alone, as a
// program in a sandbox sets them, into those of the machine.
func plainCapability(value []byte) []byte {
	const revision2, revision3, mask = 0x02000000, 0x03000000, 0xff000000
	if len(value) != 24 || binary.LittleEndian.Uint32(value)&mask != revision3 {
		return value
	}
	flags := binary.LittleEndian.Uint32(value) &^ mask
	plain := binary.LittleEndian.AppendUint32(nil, revision2|flags)
	return append(plain, value[4:20]...)
}

// settleOwners gives nodes whose owner is the one that they had, by the tree's
// own accounts, its name again.
func (b *readback) settleOwners() error {
	users, groups, err := b.tree.Accounts(b.read)
	if err != nil {
		return err
	}
	for path, old := range b.before {
		n := b.tree.Lookup(path)
		if old == nil || n == nil {
			continue
		}
		if id, known := users[old.User]; known && n.User == "" && n.UID == id {
			n.User = old.User
		}
		if id, known := groups[old.Group]; known && n.Group == "" && n.GID == id {
			n.Group = old.Group
		}
	}
	return nil
}

func (b *readback) read(n *rootfs.Node) (_ []byte, err error) {
	if n.Data != nil {
		return n.Data, nil
	}
	f, err := b.store.OpenContent(n.Content, n.Size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(f)
}

// compare fills the report with how the tree differs from what it was.
func (b *readback) compare() {
	r := b.report
	for path, old := range b.before {
		n := b.tree.Lookup(path)
		switch {
		case n == nil && old == nil:
		case n == nil:
			if path == "/" || b.tree.Lookup(parentOf(path)) != nil {
				r.Removed = append(r.Removed, path)
			}
		case old == nil:
			r.Added = append(r.Added, path)
		default:
			b.compareNode(path, old, n)
		}
	}
	slices.Sort(r.Added)
	slices.Sort(r.Removed)
	slices.Sort(r.Unclear)
	slices.SortFunc(r.Changed, func(x, y Change) int { return cmp.Compare(x.Path, y.Path) })
	slices.SortFunc(r.Dropped, func(x, y Dropped) int {
		return cmp.Or(cmp.Compare(x.Path, y.Path), cmp.Compare(x.Reason, y.Reason))
	})
}

func (b *readback) compareNode(path string, old, n *rootfs.Node) {
	var what []string
	for _, c := range [...]struct {
		name    string
		differs bool
	}{
		{"type", old.Mode&ostree.ModeType != n.Mode&ostree.ModeType},
		{"content", n.IsRegular() && contentOf(old) != contentOf(n)},
		{"target", n.IsSymlink() && old.Target != n.Target},
		{"mode", old.Mode&0o7777 != n.Mode&0o7777},
		{"owner", old.User != n.User || old.Group != n.Group || old.User == "" && old.UID != n.UID || old.Group == "" && old.GID != n.GID},
		{"attributes", !slices.EqualFunc(old.Xattrs, n.Xattrs, equalXattr)},
	} {
		if c.differs {
			what = append(what, c.name)
		}
	}
	switch {
	case len(what) > 0:
		c := Change{Path: path, What: what}
		if n.Package != rootfs.NoPackage {
			c.Package = b.tree.PackageName(n)
		}
		b.report.Changed = append(b.report.Changed, c)
	case !b.busy[path] && (!isRoot(n.User, n.UID) || !isRoot(n.Group, n.GID)):
		b.report.Unclear = append(b.report.Unclear, path)
	}
}

func isRoot(name string, id uint32) bool { return name == "root" || name == "" && id == 0 }

func equalXattr(x, y ostree.Xattr) bool { return x.Name == y.Name && bytes.Equal(x.Value, y.Value) }

func sorted(paths []string) []string {
	slices.Sort(paths)
	return paths
}
