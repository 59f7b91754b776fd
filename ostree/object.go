// Package ostree is the OSTree object model: the objects that a repository
// holds, the bytes that each is made of, refs, and the summary that lists them.
//
// Integers inside objects are big-endian; the GVariant framing around them is
// little-endian (package gvariant). A checksum is the SHA-256 of the bytes
// shown here; only content objects are stored otherwise.
//
//	file (checksum)  be32 len(H), 4 zero bytes, H, the file's bytes
//	                 H = (uuuusa(ayay)): uid, gid, mode, 0, symlink target, xattrs
//	file (archive)   be32 len(Z), 4 zero bytes, Z, raw deflate of the file's bytes
//	                 Z = (tuuuusa(ayay)): size, then as H; a symlink has size 0 and no deflate
//	dirtree          (a(say)a(sayay)): files (name, content); dirs (name, dirtree, dirmeta)
//	dirmeta          (uuua(ayay)): uid, gid, mode, xattrs
//	commit           (a{sv}aya(say)sstayay): metadata, parent, nothing, subject, body,
//	                 time, root dirtree, root dirmeta
//	commitmeta       a{sv}: detached metadata such as signatures; it may change
//	summary          (a(s(taya{sv}))a{sv}): refs (name, (commit size, commit, metadata)); metadata
//
// An xattr's name ends with a NUL; xattrs and names are sorted by byte.
// The format is libostree's: https://ostreedev.github.io/ostree/repo/.
//
// Encoders give the bytes that libostree gives for the same input. Decoders
// accept normal form only and check every name, so that what they return can
// be used as a path below a root.
package ostree

import (
	"errors"
	"fmt"
)

// ObjectType is the kind of an object, numbered as libostree numbers them.
type ObjectType uint8

// The object types that an archive repository holds.
const (
	ObjectFile       ObjectType = 1
	ObjectDirTree    ObjectType = 2
	ObjectDirMeta    ObjectType = 3
	ObjectCommit     ObjectType = 4
	ObjectTombstone  ObjectType = 5
	ObjectCommitMeta ObjectType = 6
)

// MaxMetadataSize is the size of the largest metadata object, summary or
// config that clients accept.
const MaxMetadataSize = 128 << 20

// String returns the file name extension of the type, without the dot.
func (t ObjectType) String() string {
	switch t {
	case ObjectFile:
		return "file"
	case ObjectDirTree:
		return "dirtree"
	case ObjectDirMeta:
		return "dirmeta"
	case ObjectCommit:
		return "commit"
	case ObjectTombstone:
		return "tombstone-commit"
	case ObjectCommitMeta:
		return "commitmeta"
	}
	return fmt.Sprintf("object type %d", uint8(t))
}

// ArchiveExt returns the extension that the type has in archive repositories.
func (t ObjectType) ArchiveExt() string {
	if t == ObjectFile {
		return "filez"
	}
	return t.String()
}

// IsMeta tells the types whose checksum is that of the stored bytes.
func (t ObjectType) IsMeta() bool {
	return t == ObjectDirTree || t == ObjectDirMeta || t == ObjectCommit
}

// ObjectName names one object of a repository.
type ObjectName struct {
	Checksum Checksum
	Type     ObjectType
}

// String returns the name as libostree prints it: "CHECKSUM.dirtree".
func (n ObjectName) String() string { return n.Checksum.String() + "." + n.Type.String() }

// ArchivePath returns where an archive repository stores the object, below
// its objects/ folder: "ab/cdef….filez".
func (n ObjectName) ArchivePath() string {
	hex := n.Checksum.String()
	return hex[:2] + "/" + hex[2:] + "." + n.Type.ArchiveExt()
}

// Compare orders names by checksum, then by type.
func (n ObjectName) Compare(o ObjectName) int {
	if c := n.Checksum.Compare(o.Checksum); c != 0 {
		return c
	}
	return int(n.Type) - int(o.Type)
}

// CheckMetaSize refuses metadata that clients do not accept for its size.
func CheckMetaSize(n ObjectName, size int64) error {
	if size > MaxMetadataSize {
		return fmt.Errorf("object %s has more than %d bytes, which clients refuse", n, MaxMetadataSize)
	}
	return nil
}

// CheckMeta reports why the bytes are no object of the type.
func CheckMeta(n ObjectName, data []byte) (err error) {
	if err := CheckMetaSize(n, int64(len(data))); err != nil {
		return err
	}
	switch n.Type {
	case ObjectDirTree:
		_, err = DecodeDirTree(data)
	case ObjectDirMeta:
		_, err = DecodeDirMeta(data)
	case ObjectCommit:
		_, err = DecodeCommit(data)
	default:
		err = errors.New("it is no dirtree, dirmeta or commit")
	}
	if err != nil {
		return fmt.Errorf("object %s: %w", n, err)
	}
	return nil
}
