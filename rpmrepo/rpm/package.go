package rpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

const leadSize = 96

// Package is the front of a package file: its signature header and its main
// header. The payload stays in the file.
type Package struct {
	// Signature holds digests and signatures, Header all the rest.
	Signature *Header
	Header    *Header
	// Source says that the package holds sources.
	Source bool
	// HeaderStart and HeaderEnd are where the main header lies in the file;
	// the payload starts at HeaderEnd.
	HeaderStart int64
	HeaderEnd   int64

	nevra NEVRA
}

// ErrNotRPM means that the input does not start as a package does.
var ErrNotRPM = errors.New("this is not an RPM package")

// Open reads a package up to its payload, where it leaves r, and checks every
// header entry. It verifies no digest and no signature: see Verifier.
func Open(r io.Reader) (*Package, error) {
	var lead [leadSize]byte
	if n, err := io.ReadFull(r, lead[:]); err != nil {
		if n >= 4 && bytes.Equal(lead[:4], leadMagic()) || err != io.EOF && err != io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("reading the package's lead: %w", truncated(err))
		}
		return nil, ErrNotRPM
	}
	if !bytes.Equal(lead[:4], leadMagic()) {
		return nil, ErrNotRPM
	}
	if lead[4] < 3 || binary.BigEndian.Uint16(lead[78:]) != 5 {
		return nil, fmt.Errorf("the package has format version %d with signature type %d: only versions 3 and later with a signature header (type 5) can be read",
			lead[4], binary.BigEndian.Uint16(lead[78:]))
	}
	return readHeaders(r, leadSize, binary.BigEndian.Uint16(lead[6:]) == 1)
}

func leadMagic() []byte { return []byte{0xed, 0xab, 0xee, 0xdb} }

// identify checks the types of the known tags and calls name.
func (p *Package) identify(saysSource bool) error {
	if err := p.Header.checkTypes(mainTagClass); err != nil {
		return err
	}
	if err := p.Signature.checkTypes(signatureTagClass); err != nil {
		return fmt.Errorf("signature %w", err)
	}
	return p.name(saysSource)
}

// name reads who the package is.
func (p *Package) name(saysSource bool) error {
	h := p.Header
	p.nevra = NEVRA{
		Name: strings.Clone(h.String(TagName)), // it may outlive the header
		EVR:  EVR{Version: strings.Clone(h.String(TagVersion)), Release: strings.Clone(h.String(TagRelease))},
		Arch: strings.Clone(h.String(TagArch)),
	}
	if e, ok := h.Uint64(TagEpoch); ok {
		p.nevra.Epoch = uint32(e)
	}
	// A source package names the architecture that it was built on. Old ones
	// say what they are in the lead alone.
	p.Source = h.Has(TagSourcePackage) || saysSource && !h.Has(TagSourceRPM)
	for _, f := range []struct{ what, value string }{
		{"name", p.nevra.Name}, {"version", p.nevra.Version}, {"release", p.nevra.Release},
	} {
		if f.value == "" {
			return fmt.Errorf("the package has no %s", f.what)
		}
		if strings.ContainsAny(f.value, "/ \t\r\n") || f.what != "name" && strings.Contains(f.value, "-") {
			return fmt.Errorf("the package's %s %q holds characters that it may not", f.what, f.value)
		}
	}
	return nil
}

// NEVRA names the package. The architecture of a source package is "src".
func (p *Package) NEVRA() NEVRA {
	n := p.nevra
	if p.Source {
		n.Arch = "src"
	}
	return n
}

// Metadata returns what the header says about the package, as a repository
// would. What the header cannot know is left zero: Location, Checksum and Size.
func (p *Package) Metadata() (*Metadata, error) {
	h := p.Header
	m := &Metadata{
		NEVRA:       p.NEVRA(),
		HeaderStart: p.HeaderStart,
		HeaderEnd:   p.HeaderEnd,
		Vendor:      strings.Clone(h.String(TagVendor)),
		SourceRPM:   strings.Clone(h.String(TagSourceRPM)),
		Summary:     strings.Clone(h.String(TagSummary)),
	}
	if t, ok := h.Uint64(TagBuildTime); ok {
		m.BuildTime = int64(t)
	}
	size, ok := h.Uint64(TagLongSize)
	if !ok {
		size, _ = h.Uint64(TagSize)
	}
	if size > math.MaxInt64 {
		return nil, fmt.Errorf("%s: the installed size %d is out of range", m.NEVRA, size)
	}
	m.InstalledSize = int64(size)
	for _, d := range p.depLists(m) {
		list, err := h.deps(d.name, d.version, d.flags)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.NEVRA, err)
		}
		*d.list = list
	}
	files, err := p.Files()
	if err != nil {
		return nil, err
	}
	for i := range files {
		m.Files = append(m.Files, files[i].Path)
	}
	return m, nil
}
