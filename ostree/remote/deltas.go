package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/delta"
)

// DeltaUse says what a pull does with static deltas.
type DeltaUse int

const (
	// UseDeltas takes a delta where one fits, and falls back to objects where
	// it turns out to be of no use.
	UseDeltas DeltaUse = iota
	// NoDeltas pulls objects alone.
	NoDeltas
	// RequireDeltas fails where no delta brings a commit.
	RequireDeltas
)

// ErrNoDelta says that a pull which requires deltas found none to use.
var ErrNoDelta = errors.New("no static delta brings it")

const (
	maxIndex    = 16 << 20 // of a delta index
	maxCompared = 3        // superblocks that are fetched to choose one
)

// pullDeltas brings what deltas have of the commits' objects. What they lack
// is fetched loose later.
func (p *puller) pullDeltas(ctx context.Context, commits []*verifiedCommit) (err error) {
	if p.remote.opts.Deltas == NoDeltas {
		return nil
	}
	p.deltas = newBatches(p.dst, nil, &p.remote.opts)
	defer func() {
		// What was verified is kept even when the pull ends early.
		err = errors.Join(err, p.deltas.finish(ctx), p.deltas.abort())
	}()
	tried := map[ostree.Checksum]bool{}
	for _, c := range commits {
		if c.whole || c.want.narrow() || tried[c.checksum] {
			continue
		}
		tried[c.checksum] = true
		err := p.pullDelta(ctx, c)
		switch {
		case err == nil || ctx.Err() != nil:
		case p.remote.opts.Deltas == RequireDeltas:
			return &CommitError{Ref: c.want.Ref, Commit: c.checksum, URL: p.remote.URL(), Err: err}
		case !errors.Is(err, ErrNoDelta):
			p.remote.warn(fmt.Errorf("%w; its objects are fetched one by one", err))
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// pullDelta brings the objects of the best delta to a commit.
func (p *puller) pullDelta(ctx context.Context, c *verifiedCommit) error {
	s, err := p.chooseDelta(ctx, c)
	if err != nil {
		return err
	}
	parts := delta.Parts(remoteParts{remote: p.remote, s: s.Superblock, want: c.want})
	if p.keeper != nil {
		if parts, err = p.keeper.download(ctx, s); err != nil {
			return err
		}
	}
	err = delta.ApplyParts(ctx, p.dst, deltaStore{p: p, want: c.want}, s.Superblock, parts, delta.ApplyOptions{Progress: p.remote.opts.Progress})
	if err == nil && c.checksum == c.want.Commit {
		c.want.out.Delta = s.String()
	}
	return err
}

// fetchedDelta is a superblock, and its bytes.
type fetchedDelta struct {
	*delta.Superblock
	data []byte
}

// chooseDelta returns the superblock of the delta that costs the least.
func (p *puller) chooseDelta(ctx context.Context, c *verifiedCommit) (*fetchedDelta, error) {
	candidates, err := p.candidates(ctx, c)
	if err != nil {
		return nil, err
	}
	var best *fetchedDelta
	var least int64
	var errs []error
	for _, d := range candidates[:min(len(candidates), maxCompared)] {
		s, err := p.superblock(ctx, d)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		size, _ := s.Size()
		if best == nil || size < least {
			best, least = s, size
		}
	}
	if best == nil {
		return nil, cmp.Or(errors.Join(errs...), ErrNoDelta)
	}
	if p.remote.opts.Deltas == RequireDeltas {
		return best, nil
	}
	if loose, known, err := p.looseSize(c); err != nil || known && loose <= least {
		return nil, cmp.Or(err, ErrNoDelta)
	}
	return best, nil
}

func (p *puller) listed(ctx context.Context, to ostree.Checksum) ([]Delta, error) {
	if p.keeper != nil {
		return p.keeper.deltas(ctx, to)
	}
	return p.remote.Deltas(ctx, to)
}

func (p *puller) superblock(ctx context.Context, d Delta) (*fetchedDelta, error) {
	if p.keeper != nil {
		return p.keeper.superblock(ctx, d)
	}
	return p.remote.superblock(ctx, d)
}

// candidates returns the deltas whose start is here, the likeliest first. One
// from nothing counts only when the ref is new.
func (p *puller) candidates(ctx context.Context, c *verifiedCommit) ([]Delta, error) {
	deltas, err := p.listed(ctx, c.checksum)
	if err != nil {
		return nil, err
	}
	type candidate struct {
		Delta
		rank int
		time uint64
	}
	var found []candidate
	old, err := p.wholeCommit(ctx, c.want.Have)
	if err != nil {
		return nil, err
	}
	for _, d := range deltas {
		if d.From.IsZero() {
			if old == nil {
				found = append(found, candidate{Delta: d, rank: 3})
			}
			continue
		}
		from, err := p.wholeCommit(ctx, d.From)
		if err != nil {
			return nil, err
		}
		if from == nil {
			continue
		}
		n := candidate{Delta: d, rank: 2, time: from.Timestamp}
		switch d.From {
		case c.want.Have:
			n.rank = 0
		case c.commit.Parent:
			n.rank = 1
		}
		found = append(found, n)
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.time, a.time))
	})
	out := make([]Delta, len(found))
	for i, f := range found {
		out[i] = f.Delta
	}
	return out, nil
}

// wholeCommit returns a commit that the repository has with all its objects,
// nil when it has not.
func (p *puller) wholeCommit(ctx context.Context, c ostree.Checksum) (*ostree.Commit, error) {
	have, err := p.dst.HasObject(ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
	if err != nil || !have {
		return nil, err
	}
	if partial, err := p.dst.IsPartial(c); err != nil || partial {
		return nil, err
	}
	return p.dst.Commit(ctx, c)
}

// looseSize adds up the objects that a commit lists and the repository lacks.
// known is false when it lists none.
func (p *puller) looseSize(c *verifiedCommit) (size int64, known bool, err error) {
	sizes, err := decodeSizes(c.commit)
	if err != nil || sizes == nil {
		return 0, false, err
	}
	for _, s := range sizes {
		have, err := p.has(s.object)
		if err != nil {
			return 0, false, err
		}
		if !have {
			size += int64(min(s.archived, 1<<40))
		}
	}
	return size, true, nil
}

// warn hands a warning to who wants to hear it.
func (r *Remote) warn(err error) {
	if r.opts.Warn != nil {
		r.opts.Warn(err)
	}
}

// remoteParts are the parts of a delta on the remote.
type remoteParts struct {
	remote *Remote
	s      *delta.Superblock
	want   *pulled
}

// OpenPart makes remoteParts the delta.Parts of a superblock. What is cut is
// resumed while it is read.
func (p remoteParts) OpenPart(ctx context.Context, i int) (io.ReadCloser, error) {
	name := p.s.Path() + "/" + strconv.Itoa(i)
	if most := p.remote.opts.MaxFileSize; p.s.Parts[i].Size > most {
		return nil, fmt.Errorf("%s has %d bytes; at most %d are allowed", name, p.s.Parts[i].Size, most)
	}
	resp, err := p.remote.open(ctx, name, fetch.GetOptions{MaxSize: p.s.Parts[i].Size, Immutable: true})
	if err != nil {
		return nil, err
	}
	return &partBody{ReadCloser: resp.Body, p: p}, nil
}

// partBody counts what was fetched of a part.
type partBody struct {
	io.ReadCloser
	p remoteParts
}

func (b *partBody) Read(buf []byte) (int, error) {
	n, err := b.ReadCloser.Read(buf)
	b.p.remote.bytes.Add(int64(n))
	b.p.want.bytes.Add(int64(n))
	return n, err
}

// deltaStore puts the objects of deltas into batches.
type deltaStore struct {
	p    *puller
	want *pulled
}

// HasObject looks into the repository alone: objects of a batch that is not
// committed are written once more at worst.
func (d deltaStore) HasObject(n ostree.ObjectName) (bool, error) { return d.p.dst.HasObject(n) }

// ImportObject stores a metadata object.
func (d deltaStore) ImportObject(ctx context.Context, n ostree.ObjectName, r io.Reader) error {
	return d.write(ctx, n, func(txn *archive.Txn) (int64, error) {
		return 0, txn.ImportObject(ctx, n, r)
	})
}

// WriteFileKnown stores a file.
func (d deltaStore) WriteFileKnown(ctx context.Context, want ostree.Checksum, h ostree.FileHeader, c archive.Content) (archive.WriteResult, error) {
	var result archive.WriteResult
	err := d.write(ctx, ostree.ObjectName{Checksum: want, Type: ostree.ObjectFile}, func(txn *archive.Txn) (_ int64, err error) {
		result, err = txn.WriteFileKnown(ctx, want, h, c)
		return result.Stored, err
	})
	return result, err
}

func (d deltaStore) write(ctx context.Context, n ostree.ObjectName, fn func(*archive.Txn) (int64, error)) error {
	have, err := d.p.dst.HasObject(n)
	if err != nil {
		return err
	}
	if _, err := d.p.deltas.write(ctx, fn); err != nil {
		return err
	}
	if !have {
		d.want.objects.Add(1)
	}
	return nil
}
