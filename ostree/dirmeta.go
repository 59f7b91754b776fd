package ostree

import (
	"fmt"

	"github.com/treewright/treewright/ostree/gvariant"
)

const typeDirMeta = "(uuua(ayay))"

// DirMeta is the owner, mode and xattrs of a directory.
type DirMeta struct {
	UID, GID uint32
	Mode     uint32 // with the type of a directory
	Xattrs   []Xattr
}

// Validate reports why libostree would refuse the object.
func (d DirMeta) Validate() error {
	if d.Mode&ModeType != ModeDir || d.Mode&^(ModeType|0o7777) != 0 {
		return fmt.Errorf("mode %o is not a directory's", d.Mode)
	}
	return validateXattrs(d.Xattrs)
}

// Encode returns the object's bytes.
func (d DirMeta) Encode() ([]byte, error) {
	if err := d.Validate(); err != nil {
		return nil, fmt.Errorf("dirmeta: %w", err)
	}
	return gvariant.Tuple(
		gvariant.Uint32(gvariant.BE32(d.UID)),
		gvariant.Uint32(gvariant.BE32(d.GID)),
		gvariant.Uint32(gvariant.BE32(d.Mode)),
		encodeXattrs(sortedXattrs(d.Xattrs)),
	).Data(), nil
}

// DecodeDirMeta reads a dirmeta object.
func DecodeDirMeta(data []byte) (DirMeta, error) {
	v, err := gvariant.Parse(typeDirMeta, data)
	if err != nil {
		return DirMeta{}, fmt.Errorf("dirmeta: %w", err)
	}
	d := DirMeta{
		UID:  gvariant.BE32(v.Index(0).Uint32()),
		GID:  gvariant.BE32(v.Index(1).Uint32()),
		Mode: gvariant.BE32(v.Index(2).Uint32()),
	}
	if d.Xattrs, err = decodeXattrs(v.Index(3)); err == nil {
		err = d.Validate()
	}
	if err != nil {
		return DirMeta{}, fmt.Errorf("dirmeta: %w", err)
	}
	return d, nil
}

// CanonicalPermissions returns the object as `ostree commit
// --canonical-permissions` would have it.
func (d DirMeta) CanonicalPermissions() DirMeta {
	return DirMeta{Mode: d.Mode & (ModeType | 0o755)}
}
