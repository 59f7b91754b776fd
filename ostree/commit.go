package ostree

import (
	"crypto/sha256"
	"fmt"

	"github.com/treewright/treewright/ostree/gvariant"
)

// Keys of a commit's metadata, with the types that clients expect.
const (
	KeyVersion           = "version"                     // s
	KeyRefBinding        = "ostree.ref-binding"          // as, sorted: refs that may show the commit
	KeyCollectionBinding = "ostree.collection-binding"   // s
	KeySizes             = "ostree.sizes"                // aay, an entry an object
	KeyBootable          = "ostree.bootable"             // b
	KeyLinux             = "ostree.linux"                // s, the kernel's version
	KeyArchitecture      = "ostree.architecture"         // s
	KeySourceTitle       = "ostree.source-title"         // s
	KeyEndOfLife         = "ostree.endoflife"            // s
	KeyEndOfLifeRebase   = "ostree.endoflife-rebase"     // s
	KeyDeployCollection  = "ostree.deploy-collection-id" // s
)

// Keys of detached metadata, each an aay.
const (
	KeyGPGSignatures     = "ostree.gpgsigs"
	KeyEd25519Signatures = "ostree.sign.ed25519"
	KeySPKISignatures    = "ostree.sign.spki"
)

const typeCommit = "(a{sv}aya(say)sstayay)"

// Commit is a state of a tree. The list of related objects, which nothing
// has ever used, is written empty and not kept when a commit is decoded.
type Commit struct {
	Metadata  gvariant.Dict
	Parent    Checksum // zero: none
	Subject   string
	Body      string
	Timestamp uint64 // seconds since 1970, UTC
	RootTree  Checksum
	RootMeta  Checksum
}

// Encode returns the object's bytes.
func (c Commit) Encode() ([]byte, error) {
	var parent []byte
	if !c.Parent.IsZero() {
		parent = c.Parent[:]
	}
	v := gvariant.Tuple(
		c.Metadata.Encode(),
		gvariant.Bytes(parent),
		gvariant.Array("(say)"),
		gvariant.String(c.Subject),
		gvariant.String(c.Body),
		gvariant.Uint64(gvariant.BE64(c.Timestamp)),
		gvariant.Bytes(c.RootTree[:]),
		gvariant.Bytes(c.RootMeta[:]),
	)
	if err := v.Check(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	if len(v.Data()) > MaxMetadataSize {
		return nil, fmt.Errorf("commit: %d bytes; clients accept %d: make its metadata smaller", len(v.Data()), MaxMetadataSize)
	}
	return v.Data(), nil
}

// DecodeCommit reads a commit object.
func DecodeCommit(data []byte) (*Commit, error) {
	v, err := gvariant.Parse(typeCommit, data)
	if err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	c := &Commit{
		Metadata:  v.Index(0).Dict(),
		Subject:   v.Index(3).Str(),
		Body:      v.Index(4).Str(),
		Timestamp: gvariant.BE64(v.Index(5).Uint64()),
	}
	if parent := v.Index(1).Bytes(); len(parent) > 0 {
		if c.Parent, err = ChecksumFromBytes(parent); err != nil {
			return nil, fmt.Errorf("commit: parent: %w", err)
		}
	}
	if c.RootTree, err = ChecksumFromBytes(v.Index(6).Bytes()); err != nil {
		return nil, fmt.Errorf("commit: root dirtree: %w", err)
	}
	if c.RootMeta, err = ChecksumFromBytes(v.Index(7).Bytes()); err != nil {
		return nil, fmt.Errorf("commit: root dirmeta: %w", err)
	}
	return c, nil
}

// ContentChecksum is the same for commits of the same tree.
func (c *Commit) ContentChecksum() Checksum {
	return sha256.Sum256(append(c.RootTree[:], c.RootMeta[:]...))
}

// RefBindings returns the refs under which the commit may be shown, and
// whether it says so at all.
func (c *Commit) RefBindings() (refs []string, bound bool) {
	v, ok := c.Metadata.Get(KeyRefBinding)
	return v.Strings(), ok
}
