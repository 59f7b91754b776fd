package main

import (
	"context"
	"encoding/binary"
	"errors"
	"os"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// compatShowFlags are the options of ostree show.
type compatShowFlags struct {
	related, sizes, raw, unswapped      bool
	variantType, key, detachedKey, home string
	remote                              string
}

func compatShow(fs *pflag.FlagSet) compatRun {
	f := &compatShowFlags{}
	fs.BoolVar(&f.related, "print-related", false, "")
	fs.StringVar(&f.variantType, "print-variant-type", "", "")
	fs.StringVar(&f.key, "print-metadata-key", "", "")
	fs.StringVar(&f.detachedKey, "print-detached-metadata-key", "", "")
	fs.BoolVar(&f.sizes, "print-sizes", false, "")
	fs.BoolVar(&f.raw, "raw", false, "")
	fs.BoolVarP(&f.unswapped, "no-byteswap", "B", false, "")
	fs.StringVar(&f.home, "gpg-homedir", "", "")
	fs.StringVar(&f.remote, "gpg-verify-remote", "", "")
	return f.run
}

func (f *compatShowFlags) run(ctx context.Context, c *compat, args []string) error {
	if len(args) < 1 {
		return compatf("An object argument is required")
	}
	if f.variantType != "" {
		data, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		v, err := gvariant.Parse(f.variantType, data)
		if err != nil {
			return err
		}
		c.printf("%s\n", swapped(v).Annotated())
		return nil
	}
	if _, err := ostree.ParseChecksum(args[0]); err == nil && f.key == "" && f.detachedKey == "" && !f.related && !f.sizes {
		return f.object(ctx, c, args[0])
	}
	repo, sum, err := c.openRev(ctx, args[0])
	if err != nil {
		return err
	}
	switch {
	case f.key != "" || f.detachedKey != "":
		return f.metadata(ctx, c, repo, sum)
	case f.related:
		return nil // nothing writes such
	case f.sizes:
		return c.showSizes(ctx, repo, sum)
	}
	return f.meta(ctx, c, repo, ostree.ObjectName{Checksum: sum, Type: ostree.ObjectCommit})
}

// metadata prints what a key of a commit's metadata holds.
func (f *compatShowFlags) metadata(ctx context.Context, c *compat, repo *archive.Repo, sum ostree.Checksum) error {
	key := f.key
	var d gvariant.Dict
	if f.detachedKey != "" {
		key = f.detachedKey
		var err error
		if d, err = repo.CommitMeta(sum); err != nil {
			return err
		} else if d == nil {
			return compatf("No detached metadata for commit %s", sum)
		}
	} else {
		commit, err := repo.Commit(ctx, sum)
		if err != nil {
			return err
		}
		d = commit.Metadata
	}
	v, ok := d.Get(key)
	if !ok {
		return compatf("No such metadata key '%s'", key)
	}
	if !f.unswapped {
		v = swapped(v)
	}
	c.printf("%s\n", v.Annotated())
	return nil
}

// object prints the object of a checksum, of whatever type it is.
func (f *compatShowFlags) object(ctx context.Context, c *compat, text string) error {
	repo, err := c.open()
	if err != nil {
		return err
	}
	sum, err := ostree.ParseChecksum(text)
	if err != nil {
		return err
	}
	for _, typ := range []ostree.ObjectType{ostree.ObjectCommit, ostree.ObjectDirMeta, ostree.ObjectDirTree} {
		n := ostree.ObjectName{Checksum: sum, Type: typ}
		if have, err := repo.HasObject(n); err != nil {
			return err
		} else if have {
			return f.meta(ctx, c, repo, n)
		}
	}
	h, size, body, err := repo.OpenFile(ctx, sum)
	var missing *archive.MissingError
	if errors.As(err, &missing) {
		return compatf("Couldn't find file object '%s'", sum)
	}
	if err != nil {
		return err
	}
	if err := body.Close(); err != nil {
		return err
	}
	c.printf("Object: %s\nType: file\n", sum)
	if h.IsSymlink() {
		c.printf("File Type: symlink\nTarget: %s\n", h.Symlink)
	} else {
		c.printf("File Type: regular\nSize: %d\n", size)
	}
	c.printf("Mode: 0%04o\nUid: %d\nGid: %d\nExtended Attributes: %s\n", h.Mode, h.UID, h.GID, xattrsText(h.Xattrs))
	return nil
}

// dumpRaw prints a metadata object in GVariant's text form.
func (c *compat) dumpRaw(ctx context.Context, repo *archive.Repo, n ostree.ObjectName) error {
	v, err := metaVariant(ctx, repo, n)
	if err == nil {
		c.printf("%s %s\n%s\n", n.Type, n.Checksum, swapped(v).Annotated())
	}
	return err
}

func metaVariant(ctx context.Context, repo *archive.Repo, n ostree.ObjectName) (gvariant.Value, error) {
	data, err := repo.ReadMeta(ctx, n)
	if err != nil {
		return gvariant.Value{}, err
	}
	types := map[ostree.ObjectType]string{ostree.ObjectCommit: "(a{sv}aya(say)sstayay)", ostree.ObjectDirTree: "(a(say)a(sayay))", ostree.ObjectDirMeta: "(uuua(ayay))"}
	return gvariant.Parse(types[n.Type], data)
}

// meta prints a metadata object: a commit in words, others only when they are
// asked for as they are.
func (f *compatShowFlags) meta(ctx context.Context, c *compat, repo *archive.Repo, n ostree.ObjectName) error {
	v, err := metaVariant(ctx, repo, n)
	if err != nil {
		return err
	}
	switch {
	case f.raw && !f.unswapped:
		if err := c.dumpRaw(ctx, repo, n); err != nil || n.Type != ostree.ObjectCommit {
			return err
		}
		return f.signatures(c, repo, n.Checksum, v.Data())
	case f.unswapped:
		c.printf("%s %s\n%s\n", n.Type, n.Checksum, v.Annotated())
	default:
		c.printf("%s %s\n", n.Type, n.Checksum)
	}
	if n.Type != ostree.ObjectCommit {
		return nil
	}
	commit, err := ostree.DecodeCommit(v.Data())
	if err != nil {
		return err
	}
	c.dumpCommit(commit)
	return f.signatures(c, repo, n.Checksum, v.Data())
}

// signatures says which OpenPGP signatures a commit has, and whether they are
// good by the keys of the remote, or of all remotes and the system.
func (f *compatShowFlags) signatures(c *compat, repo *archive.Repo, sum ostree.Checksum, data []byte) error {
	d, err := repo.CommitMeta(sum)
	if err != nil {
		return err
	}
	if v, ok := d.Get(sign.KeyOpenPGP); !ok || v.Len() == 0 {
		return nil
	}
	ring, err := c.keyringOf(repo.Path(), f.remote, "")
	if err != nil {
		return err
	}
	return c.dumpSignatures(ring, data, d)
}

// dumpSignatures says of each OpenPGP signature whether it is good by a keyring.
func (c *compat) dumpSignatures(ring *sign.Keyring, data []byte, d gvariant.Dict) error {
	v, ok := d.Get(sign.KeyOpenPGP)
	if !ok || v.Type() != "aay" {
		return nil
	}
	if ring == nil {
		ring = &sign.Keyring{}
	}
	c.printf("Found %d signature%s:\n", v.Len(), map[bool]string{true: "", false: "s"}[v.Len() == 1])
	for _, s := range v.All() {
		one := gvariant.Dict{{Key: sign.KeyOpenPGP, Value: gvariant.Array("ay", s)}}
		found, err := ring.Verify(data, one, c.env.clock())
		var refused *sign.VerifyError
		switch {
		case err == nil:
			c.printf("\n  Signature made %s using key %s\n  Good signature from %q\n", found.Created.Local().Format("Mon Jan _2 15:04:05 2006"), found.Fingerprint, found.UID)
		case errors.Is(err, sign.ErrBad):
			c.printf("\n  BAD signature\n")
		case errors.Is(err, sign.ErrUnknownKey):
			c.printf("\n  Can't check signature: public key not found\n")
		case errors.As(err, &refused):
			c.printf("\n  %s\n", plain(err.Error()))
		default:
			return err
		}
	}
	return nil
}

// showSizes adds up what a commit says of the sizes of its objects.
func (c *compat) showSizes(ctx context.Context, repo *archive.Repo, sum ostree.Checksum) error {
	commit, err := repo.Commit(ctx, sum)
	if err != nil {
		return err
	}
	v, ok := commit.Metadata.Get("ostree.sizes")
	if !ok || v.Type() != "aay" {
		return compatf("No metadata key ostree.sizes in commit")
	}
	var stored, unpacked, needStored, needUnpacked int64
	objects, needed := 0, 0
	for _, entry := range v.All() {
		name, sizes, err := sizesEntry(entry.Bytes())
		if err != nil {
			return err
		}
		objects, stored, unpacked = objects+1, stored+sizes[0], unpacked+sizes[1]
		if have, err := repo.HasObject(name); err != nil {
			return err
		} else if !have {
			needed, needStored, needUnpacked = needed+1, needStored+sizes[0], needUnpacked+sizes[1]
		}
	}
	c.printf("Compressed size (needed/total): %s/%s\nUnpacked size (needed/total): %s/%s\nNumber of objects (needed/total): %d/%d\n",
		compatSize(needStored), compatSize(stored), compatSize(needUnpacked), compatSize(unpacked), needed, objects)
	return nil
}

// sizesEntry reads an entry of ostree.sizes; see compatSizes.
func sizesEntry(data []byte) (n ostree.ObjectName, sizes [2]int64, err error) {
	if len(data) < len(n.Checksum) {
		return n, sizes, compatf("Invalid ostree.sizes entry of %d bytes", len(data))
	}
	copy(n.Checksum[:], data)
	data = data[len(n.Checksum):]
	for i := range sizes {
		x, used := binary.Uvarint(data)
		if used <= 0 || x > 1<<60 {
			return n, sizes, compatf("Invalid ostree.sizes entry of %s", n.Checksum)
		}
		sizes[i], data = int64(x), data[used:]
	}
	n.Type = ostree.ObjectFile // which old tools do not say
	if len(data) > 0 {
		n.Type = ostree.ObjectType(data[0])
	}
	return n, sizes, nil
}
