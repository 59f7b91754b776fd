package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/delta"
	"github.com/treewright/treewright/ostree/gvariant"
)

// A Delta is a static delta that a remote offers.
type Delta struct {
	delta.Name
	// Superblock is the checksum of the superblock's file; zero when nothing
	// lists the delta.
	Superblock ostree.Checksum
}

// Deltas returns the static deltas that lead to a commit, as the remote lists
// them: in the commit's delta index where the config or the summary says that
// there are such, else in the summary. A remote without either is asked for
// the index.
func (r *Remote) Deltas(ctx context.Context, to ostree.Checksum) ([]Delta, error) {
	deltas, err := r.listDeltas(ctx, to)
	if err != nil {
		return nil, fmt.Errorf("listing the deltas to commit %s: %w", to, err)
	}
	return deltas, nil
}

func (r *Remote) listDeltas(ctx context.Context, to ostree.Checksum) ([]Delta, error) {
	config, err := r.Config(ctx)
	if err != nil {
		return nil, err
	}
	if config.IndexedDeltas {
		return r.readDeltaIndex(ctx, to)
	}
	summary, err := r.Summary(ctx)
	if errors.Is(err, ErrNoSummary) {
		return r.readDeltaIndex(ctx, to)
	}
	if err != nil {
		return nil, err
	}
	if v, ok := summary.Metadata.Get(ostree.KeySummaryIndexedDeltas); ok && v.Type() == "b" && v.Bool() {
		return r.readDeltaIndex(ctx, to)
	}
	return deltasTo(summary.Metadata, to)
}

func (r *Remote) readDeltaIndex(ctx context.Context, to ostree.Checksum) ([]Delta, error) {
	data, err := r.ReadFile(ctx, delta.IndexPath(to), maxIndex)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	dict, err := gvariant.ParseDict(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", delta.IndexPath(to), r.URL(), err)
	}
	return deltasTo(dict, to)
}

// deltasTo picks the deltas to a commit from a list of them.
func deltasTo(metadata gvariant.Dict, to ostree.Checksum) ([]Delta, error) {
	v, ok := metadata.Get(ostree.KeyStaticDeltas)
	if !ok {
		return nil, nil
	}
	if v.Type() != "a{sv}" {
		return nil, fmt.Errorf("%s: got type %s, want a{sv}", ostree.KeyStaticDeltas, v.Type())
	}
	var deltas []Delta
	for _, entry := range v.Dict() {
		if !strings.HasSuffix(entry.Key, to.String()) {
			continue
		}
		name, err := delta.ParseName(entry.Key)
		if err != nil {
			return nil, err
		}
		if entry.Value.Type() != "ay" {
			return nil, fmt.Errorf("delta %s: got a checksum of type %s, want ay", name, entry.Value.Type())
		}
		sum, err := ostree.ChecksumFromBytes(entry.Value.Bytes())
		if err != nil {
			return nil, fmt.Errorf("delta %s: %w", name, err)
		}
		deltas = append(deltas, Delta{Name: name, Superblock: sum})
	}
	slices.SortFunc(deltas, func(a, b Delta) int {
		return cmp.Or(a.From.Compare(b.From), a.Superblock.Compare(b.Superblock))
	})
	return slices.CompactFunc(deltas, func(a, b Delta) bool { return a.From == b.From }), nil
}

// superblock fetches and checks the superblock of a listed delta.
func (r *Remote) superblock(ctx context.Context, d Delta) (*fetchedDelta, error) {
	name := d.Path() + "/superblock"
	data, err := r.readLarge(ctx, name, ostree.MaxMetadataSize)
	if err != nil {
		return nil, err
	}
	if got := ostree.ChecksumOf(data); !d.Superblock.IsZero() && got != d.Superblock {
		return nil, fmt.Errorf("%s of %s has the checksum %s, but %s is listed", name, r.URL(), got, d.Superblock)
	}
	s, err := delta.DecodeSuperblock(data)
	if err == nil && s.Name != d.Name {
		err = fmt.Errorf("it is that of the delta %s", s.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", name, r.URL(), err)
	}
	return &fetchedDelta{s, data}, nil
}
