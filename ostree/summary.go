package ostree

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/treewright/treewright/ostree/gvariant"
)

// Keys of a summary's metadata and of that of its refs.
const (
	KeySummaryLastModified  = "ostree.summary.last-modified" // t, big-endian
	KeySummaryExpires       = "ostree.summary.expires"       // t, big-endian
	KeySummaryMode          = "ostree.summary.mode"          // s
	KeySummaryTombstones    = "ostree.summary.tombstone-commits"
	KeySummaryIndexedDeltas = "ostree.summary.indexed-deltas" // b
	KeySummaryCollectionID  = "ostree.summary.collection-id"  // s
	KeySummaryCollectionMap = "ostree.summary.collection-map" // a{sa(s(taya{sv}))}
	KeyStaticDeltas         = "ostree.static-deltas"          // a{sv}
	KeyCommitTimestamp      = "ostree.commit.timestamp"       // t, big-endian; per ref
	KeyCommitVersion        = "ostree.commit.version"         // s; per ref
)

const typeSummary = "(a(s(taya{sv}))a{sv})"

// SummaryRef is one ref of a summary.
type SummaryRef struct {
	Name       string
	CommitSize uint64 // of the commit object; clients fetch no more
	Commit     Checksum
	Metadata   gvariant.Dict
}

// Summary lists the refs of a repository for clients.
type Summary struct {
	Refs     []SummaryRef // sorted by name: clients search it
	Metadata gvariant.Dict
}

// Ref looks up a ref of a decoded summary.
func (s *Summary) Ref(name string) (SummaryRef, bool) {
	i, ok := slices.BinarySearchFunc(s.Refs, name, func(r SummaryRef, n string) int { return cmp.Compare(r.Name, n) })
	if !ok {
		return SummaryRef{}, false
	}
	return s.Refs[i], true
}

// Encode returns the summary's bytes. It sorts the refs.
func (s Summary) Encode() ([]byte, error) {
	refs := sorted(s.Refs, func(r SummaryRef) string { return r.Name })
	if err := validateSummaryRefs(refs); err != nil {
		return nil, err
	}
	vs := make([]gvariant.Value, len(refs))
	for i, r := range refs {
		vs[i] = gvariant.Tuple(gvariant.String(r.Name), gvariant.Tuple(
			gvariant.Uint64(r.CommitSize), gvariant.Bytes(r.Commit[:]), r.Metadata.Encode()))
	}
	v := gvariant.Tuple(gvariant.Array("(s(taya{sv}))", vs...), s.Metadata.Encode())
	if err := v.Check(); err != nil {
		return nil, fmt.Errorf("summary: %w", err)
	}
	if len(v.Data()) > MaxMetadataSize {
		return nil, fmt.Errorf("summary: %d bytes; clients accept %d", len(v.Data()), MaxMetadataSize)
	}
	return v.Data(), nil
}

func validateSummaryRefs(refs []SummaryRef) error {
	prev := ""
	for _, r := range refs {
		if err := ValidateRef(r.Name); err != nil {
			return fmt.Errorf("summary: %w", err)
		}
		if r.Name <= prev {
			return fmt.Errorf("summary: ref %q after %q: the refs are not sorted, or one stands twice", r.Name, prev)
		}
		prev = r.Name
	}
	return nil
}

// DecodeSummary reads a summary.
func DecodeSummary(data []byte) (*Summary, error) {
	v, err := gvariant.Parse(typeSummary, data)
	if err != nil {
		return nil, fmt.Errorf("summary: %w", err)
	}
	refs := v.Index(0)
	s := &Summary{Refs: make([]SummaryRef, refs.Len()), Metadata: v.Index(1).Dict()}
	for i, r := range refs.All() {
		info := r.Index(1)
		s.Refs[i] = SummaryRef{
			Name:       r.Index(0).Str(),
			CommitSize: info.Index(0).Uint64(),
			Metadata:   info.Index(2).Dict(),
		}
		if s.Refs[i].Commit, err = ChecksumFromBytes(info.Index(1).Bytes()); err != nil {
			return nil, fmt.Errorf("summary: ref %q: %w", s.Refs[i].Name, err)
		}
	}
	return s, validateSummaryRefs(s.Refs)
}
