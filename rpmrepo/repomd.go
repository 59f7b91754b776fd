package rpmrepo

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/treewright/treewright/internal/fetch"
)

// Bounds of what a repository may claim about its metadata.
const (
	maxRepoMD   = 8 << 20
	maxMetadata = 2 << 30 // one file as it is stored
	maxOpen     = 8 << 30 // and uncompressed
)

// RepoMD is repomd.xml: the list of a repository's metadata files.
type RepoMD struct {
	Revision string
	Data     []Data
}

// Data is one metadata file.
type Data struct {
	Type         string // primary, filelists, other, group, modules, updateinfo …
	Location     string
	BaseURL      string // xml:base; mostly empty
	Checksum     fetch.Checksum
	Size         int64          // 0 when not stated
	OpenChecksum fetch.Checksum // of the uncompressed file; zero when not stated
	OpenSize     int64
	Timestamp    int64
}

// parseRepoMD reads repomd.xml:
//
//	<repomd xmlns="http://linux.duke.edu/metadata/repo">
//	  <revision>1644263915</revision>
//	  <data type="primary">
//	    <checksum type="sha256">…</checksum>
//	    <open-checksum type="sha256">…</open-checksum>
//	    <location href="repodata/…-primary.xml.gz"/>
//	    <timestamp>1644263915</timestamp> <size>1063488</size> <open-size>8471009</open-size>
//	  </data>
//	</repomd>
func parseRepoMD(data []byte) (*RepoMD, error) {
	type checksum struct {
		Type  string `xml:"type,attr"`
		Value string `xml:",chardata"`
	}
	var doc struct {
		XMLName  xml.Name `xml:"repomd"`
		Revision string   `xml:"revision"`
		Data     []struct {
			Type     string   `xml:"type,attr"`
			Checksum checksum `xml:"checksum"`
			Open     checksum `xml:"open-checksum"`
			Location struct {
				Href string `xml:"href,attr"`
				Base string `xml:"base,attr"`
			} `xml:"location"`
			Timestamp float64 `xml:"timestamp"`
			Size      int64   `xml:"size"`
			OpenSize  int64   `xml:"open-size"`
		} `xml:"data"`
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("not repomd.xml: %w", err)
	}
	if err := onlyBlanksLeft(d); err != nil {
		return nil, fmt.Errorf("not repomd.xml: %w", err)
	}
	md := &RepoMD{Revision: strings.TrimSpace(doc.Revision)}
	for _, e := range doc.Data {
		if strings.HasSuffix(e.Type, "_zck") || strings.HasSuffix(e.Type, "_db") {
			continue // the same again as zchunk or SQLite
		}
		if md.Find(e.Type) != nil {
			return nil, fmt.Errorf("repomd.xml lists %q twice", e.Type)
		}
		data := Data{
			Type: e.Type, Location: e.Location.Href, BaseURL: e.Location.Base,
			Size: e.Size, OpenSize: e.OpenSize, Timestamp: int64(e.Timestamp),
		}
		if err := data.setChecksums(e.Checksum.Type, e.Checksum.Value, e.Open.Type, e.Open.Value); err != nil {
			return nil, fmt.Errorf("repomd.xml, %q: %w", e.Type, err)
		}
		md.Data = append(md.Data, data)
	}
	if md.Find("primary") == nil {
		return nil, errors.New("repomd.xml names no primary metadata")
	}
	return md, nil
}

func (d *Data) setChecksums(algorithm, value, openAlgorithm, openValue string) (err error) {
	if d.Checksum, err = fetch.NewChecksum(strings.TrimSpace(algorithm), strings.TrimSpace(value)); err != nil {
		return err
	}
	if openValue = strings.TrimSpace(openValue); openValue != "" {
		if d.OpenChecksum, err = fetch.NewChecksum(strings.TrimSpace(openAlgorithm), openValue); err != nil {
			return err
		}
	}
	switch {
	case d.Type == "":
		return errors.New("has no type")
	case d.Location == "":
		return errors.New("has no location")
	case d.Size < 0 || d.Size > maxMetadata || d.OpenSize < 0 || d.OpenSize > maxOpen:
		return fmt.Errorf("claims to be %d bytes, %d uncompressed: more than is allowed", d.Size, d.OpenSize)
	}
	return nil
}

// onlyBlanksLeft checks that the document's element is the end of it.
func onlyBlanksLeft(d *xml.Decoder) error {
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return errors.New("text follows the document's element")
			}
		case xml.StartElement:
			return errors.New("a second element follows the document's")
		}
	}
}

// Find returns the entry of a type, nil when there is none.
func (m *RepoMD) Find(kind string) *Data {
	for i := range m.Data {
		if m.Data[i].Type == kind {
			return &m.Data[i]
		}
	}
	return nil
}

// Variants returns the entries that hold the same: kind itself and kind with a
// compression's name, as old repositories have group and group_gz.
func (m *RepoMD) Variants(kind string) []*Data {
	var found []*Data
	for _, suffix := range []string{"", "_zst", "_gz", "_xz", "_bz2"} {
		if d := m.Find(kind + suffix); d != nil {
			found = append(found, d)
		}
	}
	return found
}
