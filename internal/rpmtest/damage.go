package rpmtest

import (
	"fmt"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Damage is something wrong with a package.
type Damage uint8

// The kinds of damage. Those before DamageFileDigest happen to the finished
// file, so that its digests and signatures no longer fit; the others are built
// in, and every digest and signature over the package is right.
const (
	NoDamage         Damage = iota
	DamageTruncated         // the last quarter of the payload is missing
	DamagePayload           // a bit of the payload is flipped
	DamageHeader            // a bit of the header's data is flipped
	DamageSignature         // a bit of the signature header's first signature is flipped
	DamageTrailing          // bytes follow the payload
	DamageFileDigest        // the header has a wrong digest of the first regular file
	DamageExtra             // the archive has a file that the header does not list
	DamageMissing           // the archive lacks the last file
	DamageSize              // the header has a wrong size of the first regular file
	DamagePath              // the last path has a ".." component
)

// afterBuild applies damage to the finished parts.
func (d Damage) afterBuild(p *parts) error {
	switch d {
	case DamageTruncated:
		p.payload = p.payload[:len(p.payload)*3/4]
	case DamagePayload:
		p.payload[len(p.payload)/2] ^= 0x10
	case DamageHeader:
		p.header[len(p.header)-24] ^= 0x01
	case DamageTrailing:
		p.payload = append(p.payload, "trailing garbage"...)
	case DamageSignature:
		for _, tag := range []rpm.Tag{rpm.SigRSA, rpm.SigDSA, rpm.SigPGP, rpm.SigGPG} {
			if e, ok := p.signature[tag]; ok {
				e.data[len(e.data)-4] ^= 0x01
				return nil
			}
		}
		return fmt.Errorf("there is no signature to damage")
	}
	return nil
}

// inFiles applies damage to what the header says of the files.
func (d Damage) inFiles(files []fileInfo) {
	for i := range files {
		f := &files[i]
		if f.modeBits&rpm.ModeType != rpm.ModeRegular || f.Flags&rpm.FileGhost != 0 {
			continue
		}
		switch d {
		case DamageFileDigest:
			f.claimed = f.content + "?"
		case DamageSize:
			f.extraSize = 1
		}
		break
	}
	if last := len(files) - 1; d == DamagePath && last >= 0 {
		files[last].Path = "/usr/../etc/passwd"
	}
}

// inArchive returns the files that the archive holds.
func (d Damage) inArchive(files []fileInfo) []fileInfo {
	switch {
	case d == DamageMissing && len(files) > 0:
		return files[:len(files)-1]
	case d == DamageExtra:
		extra := fileInfo{File: File{Path: "/usr/bin/extra"}, modeBits: rpm.ModeRegular | 0o755, linkCount: 1, lastLink: true, content: "extra"}
		return append(files[:len(files):len(files)], extra)
	}
	return files
}
