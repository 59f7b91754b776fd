// Package rpmtest makes small RPM packages and small rpm-md repositories for
// tests and for the demo, without any external tool. The same input gives the
// same bytes. Real rpm and dnf accept what it makes, deliberate damage apart.
//
//	dir := rpmtest.Repo(t,
//		rpmtest.Package{Name: "hello", Requires: []string{"libhello >= 2"}, Files: []rpmtest.File{
//			{Path: "/usr/bin/hello", Mode: 0o755, Body: "#!/bin/sh\n"},
//		}},
//		rpmtest.Package{Name: "libhello", Version: "2"},
//	)
package rpmtest

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Change is an entry of a changelog.
type Change struct {
	Time   int64 // seconds since 1970
	Author string
	Text   string
}

// Package describes a package to be made. Only Name is required.
type Package struct {
	Name    string
	Epoch   uint32
	Version string // "1" when empty
	Release string // "1" when empty
	Arch    string // "noarch" when empty; "src" makes a source package

	Summary   string // the name when empty
	License   string // "MIT" when empty
	Vendor    string
	SourceRPM string // name-version-release.src.rpm when empty
	BuildTime int64  // seconds since 1970; 1700000000 when zero

	Changelog []Change // the newest first

	// Dependencies are written as in a spec file: "name", "name >= 1:2-3" or
	// "(a if b)". The package provides itself without being told.
	Requires    []string
	PreRequires []string // Requires(pre)
	Provides    []string
	Conflicts   []string
	Obsoletes   []string
	Recommends  []string
	Suggests    []string
	Supplements []string
	Enhances    []string

	Files      []File // in any order
	Scriptlets []rpm.Scriptlet

	Compression string         // of the payload: gzip (default), zstd, xz, lzma or none
	FileDigest  rpm.DigestAlgo // SHA256 when zero
	Format      Format

	// Signatures to put on it.
	Sign []Signature

	Damage Damage // what is wrong with it
}

// Format is what a package file looks like.
type Format uint8

// The formats.
const (
	FormatV4      Format = iota // cpio newc, header and payload digests
	FormatV4Large               // the same with a stripped payload and 64-bit sizes, as for files above 4 GiB
	FormatV6                    // rpm 6: stripped payload, SHA3 digests, no MD5, no SHA1
	FormatEL7                   // as rpm 4.11 built: MD5 and SHA1 digests only
)

// File is an entry of a package's file list.
type File struct {
	// Path ends in a slash for a directory.
	Path string
	// Mode has permission bits, setuid and the like; the type comes from the
	// other fields. 0644 when zero, 0755 for a directory. Type bits, when
	// given, win: that makes device nodes and FIFOs.
	Mode   uint32
	Body   string
	LinkTo string // makes a symbolic link
	// HardLink makes the file another name of that path, which must be a
	// regular file of the same package.
	HardLink string

	User  string // root when empty
	Group string // root when empty
	MTime uint32 // the build time when zero
	Flags rpm.FileFlags
	Color uint32
	RDev  uint32
	Lang  string
	Caps  string // as text: "cap_net_raw=ep"
}

// withDefaults returns p with every empty field that has a default filled in.
func (p Package) withDefaults() Package {
	p.Version = cmp.Or(p.Version, "1")
	p.Release = cmp.Or(p.Release, "1")
	p.Arch = cmp.Or(p.Arch, "noarch")
	p.Summary = cmp.Or(p.Summary, p.Name)
	p.License = cmp.Or(p.License, "MIT")
	p.BuildTime = cmp.Or(p.BuildTime, 1700000000)
	p.FileDigest = cmp.Or(p.FileDigest, rpm.SHA256)
	p.Compression = cmp.Or(p.Compression, "gzip")
	p.SourceRPM = cmp.Or(p.SourceRPM, fmt.Sprintf("%s-%s-%s.src.rpm", p.Name, p.Version, p.Release))
	return p
}

// NEVRA names the package that will be made.
func (p Package) NEVRA() rpm.NEVRA {
	p = p.withDefaults()
	return rpm.NEVRA{Name: p.Name, EVR: rpm.EVR{Epoch: p.Epoch, Version: p.Version, Release: p.Release}, Arch: p.Arch}
}

// FileName is name-version-release.arch.rpm.
func (p Package) FileName() string {
	n := p.NEVRA()
	n.Epoch = 0
	return n.String() + ".rpm"
}

func (p Package) source() bool { return p.Arch == "src" }

// stripped reports whether the payload names files by their index.
func (p Package) stripped() bool { return p.Format == FormatV4Large || p.Format == FormatV6 }

// mode returns the file's mode with its type.
func (f File) mode() uint32 {
	switch {
	case f.Mode&rpm.ModeType != 0:
		return f.Mode
	case f.LinkTo != "":
		return rpm.ModeSymlink | 0o777
	case strings.HasSuffix(f.Path, "/"):
		return rpm.ModeDir | cmp.Or(f.Mode, 0o755)
	}
	return rpm.ModeRegular | cmp.Or(f.Mode, 0o644)
}

// path returns the path without a directory's slash.
func (f File) path() string {
	if f.Path == "/" {
		return f.Path
	}
	return strings.TrimSuffix(f.Path, "/")
}
