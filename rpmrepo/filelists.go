package rpmrepo

import (
	"io"
)

// readFilelists calls fn for each path that wanted accepts, with the checksum
// of its package. The document:
//
//	<filelists packages="1"><package pkgid="…" name="acl" arch="x86_64">
//	  <version epoch="0" ver="2.3" rel="1"/>
//	  <file>/usr/bin/chacl</file> <file type="dir">/usr/share/doc/acl</file>
//	</package></filelists>
func readFilelists(r io.Reader, wanted func(path string) bool, fn func(pkgid, path string) error) error {
	f := filelistsReader{x: newXMLScanner(r), pool: newStringPool(), wanted: wanted, fn: fn}
	if err := f.x.root("filelists"); err != nil {
		return err
	}
	for n := 0; ; {
		more, err := f.x.child()
		if err != nil {
			return err
		}
		if !more {
			return f.x.done()
		}
		if string(f.x.name) != "package" {
			if err := f.x.skip(); err != nil {
				return err
			}
			continue
		}
		if n++; n > maxPackages {
			return f.x.errorf("more than %d packages", maxPackages)
		}
		if err := f.readPackage(); err != nil {
			return err
		}
	}
}

type filelistsReader struct {
	x      *xmlScanner
	pool   *stringPool
	wanted func(string) bool
	fn     func(pkgid, path string) error
	id     []byte
}

func (f *filelistsReader) readPackage() error {
	id := f.x.attr("pkgid")
	algorithm := checksumAlgorithm(len(id))
	if algorithm == "" {
		return f.x.errorf("pkgid %.20q is not a checksum", id)
	}
	f.id = append(append(append(f.id[:0], algorithm...), ':'), id...)
	pkgid := ""
	for {
		more, err := f.x.child()
		if err != nil || !more {
			return err
		}
		if string(f.x.name) != "file" {
			if err := f.x.skip(); err != nil {
				return err
			}
			continue
		}
		b, err := f.x.content()
		if err != nil {
			return err
		}
		path := f.pool.copy(b)
		if !f.wanted(path) {
			continue
		}
		if pkgid == "" {
			pkgid = string(f.id)
		}
		if err := f.fn(pkgid, path); err != nil {
			return err
		}
	}
}

// checksumAlgorithm tells an algorithm by the length of its values: filelists
// name a package by the value alone.
func checksumAlgorithm(digits int) string {
	switch digits {
	case 40:
		return "sha1"
	case 56:
		return "sha224"
	case 64:
		return "sha256"
	case 96:
		return "sha384"
	case 128:
		return "sha512"
	}
	return ""
}
