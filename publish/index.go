package publish

import (
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// indexType is the type of summary.idx:
//
//	(a{s(ayaaya{sv})}a{sv})
//	   s       "x86_64", or "SUBSET-x86_64"
//	   ay      SHA-256 of the sub-summary, uncompressed: summaries/HEX.gz
//	   aay     of those before it, newest first
//	   a{sv}   nothing so far
//	 a{sv}     about the repository
const (
	indexType      = "(a{s(ayaaya{sv})}a{sv})"
	indexEntryType = "{s(ayaaya{sv})}"
)

// Index is what summary.idx holds: one sub-summary for each architecture, and
// for each subset of it.
type Index struct {
	Entries  []IndexEntry // sorted by name
	Metadata gvariant.Dict
}

// IndexEntry names a sub-summary by the checksum of its uncompressed bytes.
type IndexEntry struct {
	Name    string
	Digest  ostree.Checksum
	History []ostree.Checksum // newest first
}

// Encode returns the index's bytes. It sorts the entries.
func (x Index) Encode() ([]byte, error) {
	entries := slices.SortedFunc(slices.Values(x.Entries), func(a, b IndexEntry) int { return strings.Compare(a.Name, b.Name) })
	values := make([]gvariant.Value, len(entries))
	for i, e := range entries {
		history := make([]gvariant.Value, len(e.History))
		for j, h := range e.History {
			history[j] = gvariant.Bytes(h[:])
		}
		values[i] = gvariant.DictEntry(gvariant.String(e.Name),
			gvariant.Tuple(gvariant.Bytes(e.Digest[:]), gvariant.Array("ay", history...), gvariant.VarDict()))
	}
	v := gvariant.Tuple(gvariant.Array(indexEntryType, values...), x.Metadata.Encode())
	if err := v.Check(); err != nil {
		return nil, fmt.Errorf("encoding the summary index: %w", err)
	}
	return v.Data(), nil
}

// DecodeIndex reads a summary.idx.
func DecodeIndex(data []byte) (*Index, error) {
	v, err := gvariant.Parse(indexType, data)
	if err != nil {
		return nil, fmt.Errorf("decoding the summary index: %w", err)
	}
	x := &Index{Metadata: v.Index(1).Dict()}
	for _, entry := range v.Index(0).All() {
		e := IndexEntry{Name: entry.Index(0).Str()}
		if e.Digest, err = ostree.ChecksumFromBytes(entry.Index(1).Index(0).Bytes()); err != nil {
			return nil, fmt.Errorf("decoding the summary index: %s: %w", e.Name, err)
		}
		for _, h := range entry.Index(1).Index(1).All() {
			c, err := ostree.ChecksumFromBytes(h.Bytes())
			if err != nil {
				return nil, fmt.Errorf("decoding the summary index: history of %s: %w", e.Name, err)
			}
			e.History = append(e.History, c)
		}
		x.Entries = append(x.Entries, e)
	}
	return x, nil
}

// Entry looks up a sub-summary by name.
func (x *Index) Entry(name string) (IndexEntry, bool) {
	for _, e := range x.Entries {
		if e.Name == name {
			return e, true
		}
	}
	return IndexEntry{}, false
}

// split is the subset and the architecture that the entry's name tells.
func (e IndexEntry) split() (subset, arch string) {
	i := strings.LastIndexByte(e.Name, '-')
	if i < 0 {
		return "", e.Name
	}
	return e.Name[:i], e.Name[i+1:]
}
