package rpmdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// The types of the values that are added to a header.
const (
	typeChar        = 1
	typeInt16       = 3
	typeInt32       = 4
	typeInt64       = 5
	typeString      = 6
	typeBinary      = 7
	typeStringArray = 8
)

const (
	introSize = 8 // of a header in a database: count of entries, size of the data
	entrySize = 16
	magicSize = 8 // that a header in a file starts with
)

// merged is a tag of the signature header that moves into the header of an
// installed package.
type merged struct {
	from, to rpm.Tag
	typ      uint32
	count    uint32 // 0: any
	either   bool   // the main header may have it instead
}

func mergedTags() []merged {
	return []merged{
		{from: rpm.SigSize, to: tagSigSize, typ: typeInt32, count: 1},
		{from: rpm.SigPGP, to: tagSigPGP, typ: typeBinary},
		{from: rpm.SigMD5, to: tagSigMD5, typ: typeBinary, count: 16},
		{from: rpm.SigGPG, to: tagSigGPG, typ: typeBinary},
		{from: rpm.SigPayloadSize, to: rpm.TagArchiveSize, typ: typeInt32, count: 1, either: true},
		{from: rpm.SigFileSignatures, to: rpm.TagFileSignatures, typ: typeStringArray, either: true},
		{from: sigFileSigLength, to: tagFileSigLength, typ: typeInt32, count: 1, either: true},
		{from: tagVeritySigs, to: tagVeritySigs, typ: typeStringArray},
		{from: tagVerityAlgo, to: tagVerityAlgo, typ: typeInt32, count: 1},
		{from: rpm.SigSHA1, to: tagSHA1Header, typ: typeString, count: 1},
		{from: rpm.SigSHA256, to: rpm.SigSHA256, typ: typeString, count: 1},
		{from: rpm.SigSHA3, to: rpm.SigSHA3, typ: typeString, count: 1},
		{from: rpm.SigDSA, to: rpm.SigDSA, typ: typeBinary},
		{from: rpm.SigRSA, to: rpm.SigRSA, typ: typeBinary},
		{from: rpm.SigLongSize, to: rpm.SigLongSize, typ: typeInt64, count: 1},
		{from: rpm.SigLongArchive, to: rpm.SigLongArchive, typ: typeInt64, count: 1},
		{from: rpm.SigOpenPGP, to: rpm.SigOpenPGP, typ: typeStringArray},
	}
}

// installed returns a package as rpm stores it: the header of the package file,
// followed by what is known since. The position counts from 0.
func (p *Package) installed(position uint32, opts Options) ([]byte, error) {
	if p.Installed != nil {
		return p.Installed()
	}
	data, err := p.Header()
	if err != nil {
		return nil, err
	}
	pkg, err := rpm.OpenHeaders(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	switch {
	case pkg.Source:
		return nil, errors.New("a source package cannot be installed")
	case !pkg.Header.Immutable():
		return nil, errors.New("its header has no immutable region: it was made by an rpm older than 4.0, build it anew")
	case !pkg.Header.Has(rpm.TagBasenames) && pkg.Header.Has(rpm.TagOldFilenames):
		return nil, errors.New("its file list has the form of rpm 3: build it anew")
	}
	added, err := fromSignature(pkg)
	if err != nil {
		return nil, err
	}
	more, err := fromTransaction(pkg.Header, p.States, position, opts)
	if err != nil {
		return nil, err
	}
	return appendValues(pkg.Header.Raw()[magicSize:], append(added, more...)), nil
}

// fromSignature returns what moves from the signature header, by rpm's rules: no
// tag may be in both headers.
func fromSignature(pkg *rpm.Package) ([]rpm.Value, error) {
	var list []rpm.Value
	for _, m := range mergedTags() {
		v, ok := pkg.Signature.Value(m.from)
		if pkg.Header.Has(m.to) && (ok || !m.either) {
			return nil, fmt.Errorf("tag %s, which belongs to the signature header, is in the main header", m.to)
		}
		if !ok {
			continue
		}
		if v.Type != m.typ || m.count != 0 && v.Count != m.count {
			return nil, fmt.Errorf("tag %s of the signature header has type %d and %d values", m.from, v.Type, v.Count)
		}
		v.Tag = m.to
		list = append(list, v)
	}
	return list, nil
}

// fromTransaction returns what an installation adds.
func fromTransaction(h *rpm.Header, states []FileState, position uint32, opts Options) ([]rpm.Value, error) {
	at := opts.InstallTime
	if at.IsZero() {
		at = time.Unix(0, 0)
	}
	if at.Unix() < 0 || at.Unix()+int64(position) > math.MaxUint32 {
		return nil, fmt.Errorf("the time of installation %s lies outside of 1970 to 2106", at)
	}
	list := []rpm.Value{
		number(tagInstallTime, uint32(at.Unix())+position), number(tagInstallTID, uint32(at.Unix())), number(tagInstallColor, opts.color()),
	}
	files := h.Count(rpm.TagBasenames)
	if states != nil && len(states) != files {
		return nil, fmt.Errorf("%d states for %d files", len(states), files)
	}
	if files > 0 {
		data := make([]byte, files)
		for i, s := range states {
			data[i] = byte(s)
		}
		list = append(list, rpm.Value{Tag: tagFileStates, Type: typeChar, Count: uint32(files), Data: data})
	}
	if v, ok := h.Value(rpm.TagPrefixes); ok && !h.Has(tagInstPrefixes) {
		v.Tag = tagInstPrefixes // installed where it was built for
		list = append(list, v)
	}
	if !h.Has(rpm.TagSourceRPM) {
		list = append(list, rpm.Value{Tag: rpm.TagSourceRPM, Type: typeString, Count: 1, Data: []byte("(none)\x00")})
	}
	for _, v := range list {
		if h.Has(v.Tag) {
			return nil, fmt.Errorf("tag %s, which is that of an installed package, is in the header", v.Tag)
		}
	}
	return list, nil
}

func number(tag rpm.Tag, n uint32) rpm.Value {
	return rpm.Value{Tag: tag, Type: typeInt32, Count: 1, Data: binary.BigEndian.AppendUint32(nil, n)}
}

// appendValues adds values to a header: their index entries, sorted by tag,
// follow those of the region, and their data the region's data. What the region
// holds stays as it is, because digests and signatures cover it.
func appendValues(header []byte, values []rpm.Value) []byte {
	slices.SortFunc(values, func(a, b rpm.Value) int { return int(a.Tag) - int(b.Tag) })
	count := int(binary.BigEndian.Uint32(header))
	index, data := header[introSize:][:count*entrySize], header[introSize+count*entrySize:]
	entries := make([]byte, 0, len(values)*entrySize)
	var tail []byte
	for _, v := range values {
		for (len(data)+len(tail))%alignment(v.Type) != 0 {
			tail = append(tail, 0)
		}
		for _, n := range [...]uint32{uint32(v.Tag), v.Type, uint32(len(data) + len(tail)), v.Count} {
			entries = binary.BigEndian.AppendUint32(entries, n)
		}
		tail = append(tail, v.Data...)
	}
	b := make([]byte, 0, len(header)+len(entries)+len(tail))
	b = binary.BigEndian.AppendUint32(b, uint32(count+len(values)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)+len(tail)))
	b = append(append(b, index...), entries...)
	return append(append(b, data...), tail...)
}

func alignment(typ uint32) int {
	switch typ {
	case typeInt16:
		return 2
	case typeInt32:
		return 4
	case typeInt64:
		return 8
	}
	return 1
}
