package content

import (
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// FormatVersion changes when a package would be imported differently: when
// the manifest holds more, or the same otherwise, or more is kept beside it.
const FormatVersion = 2

// Manifest is what one package holds.
type Manifest struct {
	NEVRA      rpm.NEVRA
	Files      []File // in the package's order
	Scriptlets []rpm.Scriptlet

	Requires  []rpm.Dep
	Provides  []rpm.Dep
	Conflicts []rpm.Dep
	Obsoletes []rpm.Dep
}

// File is one entry of a package's file list.
type File struct {
	Path   string // absolute and clean
	User   string
	Group  string
	LinkTo string // target of a symbolic link
	Lang   string // of a file that belongs to one language; several joined by "|"
	Caps   string // capabilities as text
	IMA    string // signature in hexadecimal digits

	Size  int64
	Mode  uint32 // with the file type bits
	Flags rpm.FileFlags
	Color uint32
	RDev  uint32
	// Link is the same for the hard links of one file within the package, and
	// zero for a file that has none.
	Link uint32

	// Content is the digest of a regular file that the package delivers.
	Content Digest
}

// IsDir reports whether the entry is a directory.
func (f *File) IsDir() bool { return f.Mode&rpm.ModeType == rpm.ModeDir }

// IsRegular reports whether the entry is a regular file.
func (f *File) IsRegular() bool { return f.Mode&rpm.ModeType == rpm.ModeRegular }

// IsSymlink reports whether the entry is a symbolic link.
func (f *File) IsSymlink() bool { return f.Mode&rpm.ModeType == rpm.ModeSymlink }

// IsGhost reports whether the package owns the path without delivering it.
func (f *File) IsGhost() bool { return f.Flags&rpm.FileGhost != 0 }

// newManifest copies what is kept of a package's header. Contents are filled in
// as the payload is read.
func newManifest(p *rpm.Package) (*Manifest, error) {
	files, err := p.Files()
	if err != nil {
		return nil, err
	}
	scriptlets, err := p.Scriptlets()
	if err != nil {
		return nil, err
	}
	meta, err := p.Metadata()
	if err != nil {
		return nil, err
	}
	m := &Manifest{
		NEVRA: p.NEVRA(), Files: make([]File, len(files)), Scriptlets: scriptlets,
		Requires: meta.Requires, Provides: meta.Provides, Conflicts: meta.Conflicts, Obsoletes: meta.Obsoletes,
	}
	links := linkGroups(files)
	for i := range files {
		f := &files[i]
		m.Files[i] = File{
			Path: f.Path, User: f.User, Group: f.Group, LinkTo: f.LinkTo, Lang: f.Lang, Caps: f.Caps, IMA: f.IMASignature,
			Size: f.Size, Mode: f.Mode, Flags: f.Flags, Color: f.Color, RDev: f.RDev, Link: links[i],
		}
	}
	return m, nil
}

// linkGroups numbers the hard-linked files of a package from 1 on.
func linkGroups(files []rpm.File) []uint32 {
	// As in package rpm, numbers alone are not enough.
	type inode struct {
		dev, ino uint32
		size     int64
		digest   string
	}
	groups := map[inode]uint32{}
	of := make([]uint32, len(files))
	for i := range files {
		f := &files[i]
		if f.Nlink < 2 || !f.IsRegular() {
			continue
		}
		key := inode{f.Dev, f.Inode, f.Size, string(f.Digest)}
		if groups[key] == 0 {
			groups[key] = uint32(len(groups) + 1)
		}
		of[i] = groups[key]
	}
	return of
}
