package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

// wish is a ref to pull, and the ref that shall show its commit.
type wish struct {
	ref, target string
	collection  string // that the summary shows the ref in; "" for refs/heads
	commit      ostree.Checksum
	size        uint64
}

// wishes returns what opts ask for, each ref once, sorted.
func (r *Remote) wishes(ctx context.Context, opts PullOptions) ([]wish, error) {
	if len(opts.Refs) == 0 && !opts.Mirror {
		return nil, fmt.Errorf("pulling from %s: name the refs, or ask for all of them (--mirror)", r.URL())
	}
	if opts.Collections {
		return r.collectionWishes(ctx, opts.Refs)
	}
	var wishes []wish
	if len(opts.Refs) > 0 {
		refs := slices.Clone(opts.Refs)
		slices.Sort(refs)
		for _, ref := range slices.Compact(refs) {
			w := wish{ref: ref, target: ref}
			var err error
			if w.commit, w.size, err = r.ResolveRef(ctx, ref); err != nil {
				return nil, err
			}
			wishes = append(wishes, w)
		}
		return wishes, nil
	}
	summary, err := r.Summary(ctx)
	if errors.Is(err, ErrNoSummary) {
		return nil, fmt.Errorf("%w, so that its refs must be named", err)
	}
	if err != nil {
		return nil, err
	}
	for _, ref := range summary.Refs {
		wishes = append(wishes, wish{ref: ref.Name, target: ref.Name, commit: ref.Commit, size: ref.CommitSize})
	}
	return wishes, nil
}

// collectionWishes returns refs of the remote's collections, all without names.
func (r *Remote) collectionWishes(ctx context.Context, names []string) ([]wish, error) {
	refs, err := r.CollectionRefs(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]int{}
	var wishes []wish
	for _, ref := range refs {
		if len(names) > 0 && !slices.Contains(names, ref.Name) {
			continue
		}
		found[ref.Name]++
		wishes = append(wishes, wish{
			ref: ref.Name, target: archive.MirrorRef(ref.Collection, ref.Name), collection: ref.Collection,
			commit: ref.Commit, size: ref.CommitSize,
		})
	}
	for _, name := range names {
		if found[name] == 0 {
			return nil, fmt.Errorf("ref %s: %w: no collection in the summary of %s lists it", name, ErrNotFound, r.URL())
		}
	}
	return wishes, nil
}

// CollectionRef is a ref of a collection in a summary.
type CollectionRef struct {
	Collection string
	ostree.SummaryRef
}

// CollectionRefs returns the refs that the summary lists, with the collections
// that they are of, sorted: the remote's own, and those that it mirrors.
func (r *Remote) CollectionRefs(ctx context.Context) ([]CollectionRef, error) {
	summary, err := r.Summary(ctx)
	if err != nil {
		return nil, err
	}
	var refs []CollectionRef
	own := summary.Metadata.Str(ostree.KeySummaryCollectionID)
	if own == "" && len(summary.Refs) > 0 {
		return nil, fmt.Errorf("the summary of %s names no collection ID for its refs", r.URL())
	}
	if want := r.opts.CollectionID; want != "" && own != want {
		return nil, fmt.Errorf("%w: %s is of the collection %q, not %q", ErrBinding, r.URL(), own, want)
	}
	for _, ref := range summary.Refs {
		refs = append(refs, CollectionRef{own, ref})
	}
	more, err := decodeCollectionMap(summary.Metadata)
	if err != nil {
		return nil, fmt.Errorf("reading the summary of %s: %w", r.URL(), err)
	}
	refs = append(refs, more...)
	for _, ref := range refs {
		if err := ostree.ValidateCollectionID(ref.Collection); err != nil {
			return nil, fmt.Errorf("reading the summary of %s: %w", r.URL(), err)
		}
	}
	slices.SortFunc(refs, func(a, b CollectionRef) int {
		return cmp.Or(cmp.Compare(a.Collection, b.Collection), cmp.Compare(a.Name, b.Name))
	})
	return slices.CompactFunc(refs, func(a, b CollectionRef) bool {
		return a.Collection == b.Collection && a.Name == b.Name
	}), nil
}

// decodeCollectionMap reads the refs of other collections.
func decodeCollectionMap(metadata gvariant.Dict) ([]CollectionRef, error) {
	v, ok := metadata.Get(ostree.KeySummaryCollectionMap)
	if !ok {
		return nil, nil
	}
	if v.Type() != "a{sa(s(taya{sv}))}" {
		return nil, fmt.Errorf("%s: got type %s", ostree.KeySummaryCollectionMap, v.Type())
	}
	var refs []CollectionRef
	for _, entry := range v.All() {
		for _, item := range entry.Index(1).All() {
			ref := CollectionRef{Collection: entry.Index(0).Str()}
			ref.Name = item.Index(0).Str()
			if err := ostree.ValidateRef(ref.Name); err != nil {
				return nil, err
			}
			var err error
			if ref.Commit, err = ostree.ChecksumFromBytes(item.Index(1).Index(1).Bytes()); err != nil {
				return nil, fmt.Errorf("ref %s: %w", ref.Name, err)
			}
			ref.CommitSize, ref.Metadata = item.Index(1).Index(0).Uint64(), item.Index(1).Index(2).Dict()
			refs = append(refs, ref)
		}
	}
	return refs, nil
}
