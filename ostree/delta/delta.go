// Package delta reads, applies, verifies and makes static deltas: a commit's
// new objects in few large files, against another commit or against nothing.
//
// A delta lies in a folder of the repository that is named by its commits, in
// base64 without "=" and with "_" for "/":
//
//	deltas/FR/OM…-TO…/superblock   from one commit to another
//	deltas/TO/…/superblock         from nothing
//	deltas/…/0, 1, 2 …             the parts
//
// The superblock is one GVariant. Its timestamp is big-endian; the integers of
// parts and fallbacks have the byte order that the key ostree.endianness says:
//
//	(a{sv}tayay(a{sv}aya(say)sstayay)aya(uayttay)a(yaytt))
//	metadata, timestamp, from, to, the commit object, recursive deltas (none),
//	parts      (version 0, SHA-256 of the file, its size, unpacked size, objects: 33 bytes
//	           each, type and checksum)
//	fallbacks  (type, checksum, stored size, unpacked size): objects to be fetched loose
//
//	'ostree.endianness'    <y>      'l' or 'B'
//	'deltas/…/commitmeta'  <a{sv}>  the commit's detached metadata
//	'deltas/…/0'           <(yay)>  an inline part
//
// A part is the byte 'x' and an xz stream (or 0 and no compression), of
//
//	(a(uuu)aa(ayay)ayay)   modes (uid, gid, mode; big-endian), sets of xattrs, blob, operations
//
// Operations make the part's objects one after the other. Numbers are LEB128:
//
//	S len off             a metadata object is blob[off:off+len]
//	S mode xattr len off  so is a file, or a symlink's target
//	o mode xattr size     start a file of size bytes
//	r off                 read from the old file whose checksum is at blob[off]
//	R                     read from the blob again
//	w len off             append from what is read from
//	B off len             append the old file patched with blob[off:off+len]
//	c                     the file is finished
//
// A patch is that of bsdiff without compression or header: three integers, 8
// bytes little-endian with a sign bit: x, y, z; x bytes to be added to old ones;
// y new bytes; then z is how far to move in the old file. The format is
// libostree's: https://ostreedev.github.io/ostree/formats/#static-deltas.
package delta

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/treewright/treewright/ostree"
)

// deltasDir is the folder of all deltas in a repository.
const deltasDir = "deltas"

// superblockFile is the name of the superblock in a delta's folder.
const superblockFile = "superblock"

// Name names a delta by its commits. From is zero for a delta from nothing.
type Name struct{ From, To ostree.Checksum }

// String returns what summaries and delta indexes call the delta: "TO" or
// "FROM-TO".
func (n Name) String() string {
	if n.From.IsZero() {
		return n.To.String()
	}
	return n.From.String() + "-" + n.To.String()
}

// ParseName reads what String writes.
func ParseName(s string) (n Name, err error) {
	from, to, two := strings.Cut(s, "-")
	if !two {
		from, to = "", s
	}
	if n.To, err = ostree.ParseChecksum(to); err == nil && two {
		n.From, err = ostree.ParseChecksum(from)
	}
	if err == nil && two && n.From.IsZero() {
		err = fmt.Errorf("the commit that it starts from is all zeros")
	}
	if err != nil {
		return Name{}, fmt.Errorf("delta name %.140q: %w", s, err)
	}
	return n, nil
}

// Path returns the delta's folder below the repository.
func (n Name) Path() string {
	to := encodeName(n.To)
	if n.From.IsZero() {
		return deltasDir + "/" + to[:2] + "/" + to[2:]
	}
	from := encodeName(n.From)
	return deltasDir + "/" + from[:2] + "/" + from[2:] + "-" + to
}

// ParsePath reads what Path writes.
func ParsePath(path string) (n Name, err error) {
	parts := strings.Split(path, "/")
	if len(parts) != 3 || parts[0] != deltasDir || len(parts[1]) != 2 {
		return n, fmt.Errorf("%.140q is no folder of a delta", path)
	}
	from, to, two := strings.Cut(parts[1]+parts[2], "-")
	if !two {
		from, to = "", from
	}
	if n.To, err = decodeName(to); err == nil && two {
		n.From, err = decodeName(from)
	}
	if err == nil && two && n.From.IsZero() {
		err = fmt.Errorf("the commit that it starts from is all zeros")
	}
	if err != nil {
		return Name{}, fmt.Errorf("%.140q is no folder of a delta: %w", path, err)
	}
	return n, nil
}

func encodeName(c ostree.Checksum) string {
	return strings.ReplaceAll(base64.RawStdEncoding.EncodeToString(c[:]), "/", "_")
}

func decodeName(s string) (ostree.Checksum, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(strings.ReplaceAll(s, "_", "/"))
	if err != nil {
		return ostree.Checksum{}, err
	}
	c, err := ostree.ChecksumFromBytes(b)
	if err == nil && encodeName(c) != s {
		err = errors.New("it has line breaks") // which base64 passes over
	}
	return c, err
}
