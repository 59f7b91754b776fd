package remote

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// PullOptions say what Pull brings.
type PullOptions struct {
	// Refs are the refs to pull, into refs of the same names. Mirror with no
	// Refs pulls all that the summary lists.
	Refs   []string
	Mirror bool
	// Depth is how many ancestors of each commit to pull; -1 means all.
	Depth int
	// TimestampCheck refuses commits that are older than those they replace.
	TimestampCheck bool
	// CommitOnly brings commits without their trees, Subpaths nothing of the
	// trees but these paths. The commits are marked as partial then.
	CommitOnly bool
	Subpaths   []string
	// Collections pulls into refs/mirrors/COLLECTION/REF: each commit must be
	// bound to the collection that the remote's summary shows it in.
	Collections bool
	// KeepDeltas brings all static deltas to the refs' commits, too, as they
	// are, for the clients of the repository; publishing lists them there.
	KeepDeltas bool
}

// PulledRef is the outcome for one wanted commit.
type PulledRef struct {
	Ref     string          `json:"ref,omitempty"`
	Old     ostree.Checksum `json:"old,omitzero"` // zero: the ref is new
	New     ostree.Checksum `json:"new"`
	Objects int64           `json:"objects"` // fetched
	Bytes   int64           `json:"bytes"`   // fetched
	Parents int             `json:"parents,omitempty"`
	// Delta is the static delta that brought most of it.
	Delta string `json:"delta,omitempty"`
	// MetaChanged says that signatures were added.
	MetaChanged bool `json:"metadata-changed,omitempty"`
}

// Result is what a pull brought.
type Result struct {
	Refs    []PulledRef `json:"refs"` // in the order of the wishes
	Objects int64       `json:"objects"`
	Bytes   int64       `json:"bytes"`
	Deltas  []string    `json:"deltas,omitempty"` // kept, by name
}

// pulled is a Want at work.
type pulled struct {
	Want
	out            PulledRef
	objects, bytes atomic.Int64
}

// Pull brings refs of the remote, with their commits, into dst. All of them
// become visible together, after their objects. On an error dst's refs are as
// they were.
func (r *Remote) Pull(ctx context.Context, dst *archive.Repo, opts PullOptions) (_ *Result, err error) {
	if _, err := r.Config(ctx); err != nil {
		return nil, err
	}
	wishes, err := r.wishes(ctx, opts)
	if err != nil {
		return nil, err
	}
	var k *Keeper
	if opts.KeepDeltas {
		if k, err = r.Keeper(ctx, dst); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, k.Close()) }()
	}
	result, err := r.pullWishes(ctx, dst, wishes, opts, k)
	if err == nil && k != nil {
		err = k.keepAll(ctx, result)
	}
	return result, err
}

// pullWishes brings the wishes, up to the point at which they are visible.
func (r *Remote) pullWishes(ctx context.Context, dst *archive.Repo, wishes []wish, opts PullOptions, k *Keeper) (_ *Result, err error) {
	txn, err := dst.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	wants := make([]Want, len(wishes))
	old := make([]ostree.Checksum, len(wishes))
	for i, w := range wishes {
		if wants[i], old[i], err = want(ctx, dst, w, opts); err != nil {
			return nil, err
		}
	}
	result, err := r.pullInto(ctx, dst, txn, wants, k)
	if err != nil {
		return nil, err
	}
	for i := range result.Refs {
		ref := &result.Refs[i]
		ref.Ref, ref.Old = wishes[i].target, old[i]
		if err := errors.Join(txn.ExpectRef(ref.Ref, ref.Old), txn.SetRef(ref.Ref, ref.New)); err != nil {
			return nil, err
		}
	}
	if _, err := txn.Commit(ctx); err != nil {
		return nil, err
	}
	return result, nil
}

// want compares a wish with what the repository has, and returns that too.
func want(ctx context.Context, dst *archive.Repo, from wish, opts PullOptions) (Want, ostree.Checksum, error) {
	w := Want{
		Ref: from.ref, Commit: from.commit, Size: from.size, Collection: from.collection,
		Depth: opts.Depth, CommitOnly: opts.CommitOnly, Subpaths: opts.Subpaths,
	}
	old, err := dst.ResolveRef(from.target)
	if errors.Is(err, archive.ErrNotExist) {
		return w, ostree.Checksum{}, nil
	}
	if err != nil {
		return w, ostree.Checksum{}, err
	}
	w.Have = old
	if opts.TimestampCheck && old != w.Commit {
		have, err := dst.Commit(ctx, old)
		if err != nil {
			return w, old, fmt.Errorf("reading the present commit of %s: %w", from.target, err)
		}
		w.NotBefore = have.Timestamp
	}
	return w, old, nil
}

// PullInto brings the wanted commits, with all that they need, into dst. Every
// commit is verified before the first object is stored. Commits and their
// detached metadata become visible when txn, of dst, is committed; setting refs
// is the caller's. Objects may be stored before that, so that a pull which is
// killed can go on later.
func (r *Remote) PullInto(ctx context.Context, dst *archive.Repo, txn *archive.Txn, wants []Want) (*Result, error) {
	return r.pullInto(ctx, dst, txn, wants, nil)
}

func (r *Remote) pullInto(ctx context.Context, dst *archive.Repo, txn *archive.Txn, wants []Want, k *Keeper) (*Result, error) {
	work := make([]*pulled, len(wants))
	for i, w := range wants {
		work[i] = &pulled{Want: w, out: PulledRef{Ref: w.Ref, New: w.Commit}}
	}
	commits, err := r.fetchCommits(ctx, dst, work)
	if err != nil {
		return nil, err
	}
	p := &puller{remote: r, dst: dst, seen: map[ostree.ObjectName]struct{}{}, keeper: k}
	if err := p.run(ctx, txn, commits); err != nil {
		return nil, err
	}
	partly := map[ostree.Checksum]bool{}
	for _, c := range commits {
		narrow, ok := partly[c.checksum]
		partly[c.checksum] = c.want.narrow() && (narrow || !ok)
	}
	stored := map[ostree.Checksum]bool{}
	for _, c := range commits {
		if c.checksum != c.want.Commit {
			c.want.out.Parents++
		}
		if stored[c.checksum] {
			continue
		}
		stored[c.checksum] = true
		if err := r.storeCommit(ctx, dst, txn, c, partly[c.checksum]); err != nil {
			return nil, &CommitError{Ref: c.want.Ref, Commit: c.checksum, URL: r.URL(), Err: err}
		}
	}
	result := &Result{Refs: make([]PulledRef, len(work))}
	for i, w := range work {
		w.out.Objects, w.out.Bytes = w.objects.Load(), w.bytes.Load()
		result.Refs[i] = w.out
		result.Objects += w.out.Objects
		result.Bytes += w.out.Bytes
	}
	return result, nil
}

// storeCommit puts a commit whose objects are there, as far as they are wanted,
// into txn.
func (r *Remote) storeCommit(ctx context.Context, dst *archive.Repo, txn *archive.Txn, c *verifiedCommit, partly bool) error {
	if !c.whole {
		if _, err := txn.WriteMeta(ctx, ostree.ObjectCommit, c.data); err != nil {
			return err
		}
	}
	switch {
	case partly && !c.whole:
		txn.MarkPartial(c.checksum)
	case c.partial:
		txn.ClearPartial(c.checksum)
	}
	return r.storeMeta(ctx, dst, txn, c)
}
