package delta

import (
	"context"
	"errors"
	"fmt"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// Sizes that GenerateOptions have when they are zero: those of the C tool.
const (
	DefaultMinFallbackSize = 4_000_000
	DefaultMaxBsdiffSize   = 128_000_000
	DefaultMaxChunkSize    = 32_000_000
)

// compareMemory bounds what all comparisons of files take at once, and so the
// files that bsdiff is for.
const compareMemory = 200 << 20

// ahead is how many files may have been compared before they are written.
const ahead = 64

// GenerateOptions say what a delta is made of. The zero GenerateOptions are
// those of the C tool.
type GenerateOptions struct {
	MinFallbackSize int64 // a larger file that is like no old one is left out; negative: none is
	MaxBsdiffSize   int64 // of the old and the new file together
	MaxChunkSize    int64 // of a part, before compression
	DisableBsdiff   bool
	// PatchBelow is how large a file may be to be patched even where whole
	// chunks of the old one make nearly all of it.
	PatchBelow int64
	// ObjectSizes makes the unpacked size of a part that of its objects, as the
	// C tool has it. Without it that is at least what clients decompress:
	// version 2026.3 of the C tool refuses parts that have more.
	ObjectSizes bool
	Inline      bool // the parts are put into the superblock
	BigEndian   bool // the superblock's integers are, as those of the C tool on such machines
	// File, when set, is where the superblock is written; the parts go into
	// files beside it that are named by their numbers. The repository's own
	// deltas stay as they are.
	File string
	Jobs int // files compared, and parts compressed, at once; 0: one a CPU
	// Progress hears how many of the objects are done.
	Progress func(stage string, done, total int64)
}

func (o GenerateOptions) withDefaults() GenerateOptions {
	for _, f := range []struct {
		size *int64
		std  int64
	}{{&o.MinFallbackSize, DefaultMinFallbackSize}, {&o.MaxBsdiffSize, DefaultMaxBsdiffSize}, {&o.MaxChunkSize, DefaultMaxChunkSize}} {
		if *f.size == 0 {
			*f.size = f.std
		}
	}
	o.Jobs = jobs(o.Jobs)
	return o
}

// fallback tells whether so many new bytes are too many for a part.
func (o GenerateOptions) fallback(size int64) bool {
	return o.MinFallbackSize > 0 && size > o.MinFallbackSize
}

// Generate makes the delta of a name in the repository, and replaces the one
// that is there. The same commits and options give the same bytes, and a reader
// sees the old delta or the new one whole. Nothing is pruned meanwhile. Clients
// see the delta once the summary, or the delta index, lists it.
func Generate(ctx context.Context, repo *archive.Repo, n Name, o GenerateOptions) (s *Superblock, err error) {
	if s, err = generate(ctx, repo, n, o.withDefaults()); err != nil {
		return nil, fmt.Errorf("making delta %s: %w", n, err)
	}
	return s, nil
}

func generate(ctx context.Context, repo *archive.Repo, n Name, o GenerateOptions) (s *Superblock, err error) {
	if n.From == n.To {
		return nil, errors.New("both commits are the same")
	}
	lock, err := repo.Lock(ctx, "deltas")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	txn, err := repo.Begin(ctx) // nothing is written to it: it keeps prune away
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	staged, err := newStaged(repo.Path())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, staged.remove()) }()
	g := &generator{repo: repo, opts: o, dir: staged.path, memory: semaphore.NewWeighted(compareMemory)}
	if s, err = g.run(ctx, n); err != nil {
		return nil, err
	}
	data, err := s.encode(o.BigEndian)
	if err != nil {
		return nil, err
	}
	if o.File != "" {
		return s, staged.export(data, o.File)
	}
	return s, staged.publish(n, data)
}

type generator struct {
	repo   *archive.Repo
	opts   GenerateOptions
	dir    string // where parts are written
	memory *semaphore.Weighted
	old    oldIndex
	parts  []*builtPart
}

// run writes the parts, and returns the superblock that describes them.
func (g *generator) run(ctx context.Context, n Name) (*Superblock, error) {
	objects, commit, err := g.inventory(ctx, n)
	if err != nil {
		return nil, err
	}
	data, err := g.repo.ReadMeta(ctx, ostree.ObjectName{Checksum: n.To, Type: ostree.ObjectCommit})
	if err != nil {
		return nil, err
	}
	s := &Superblock{Name: n, Timestamp: commit.Timestamp, Commit: data}
	meta, err := g.repo.CommitMeta(n.To)
	if err != nil {
		return nil, err
	}
	s.setCommitMeta(meta)
	if s.Fallbacks, err = g.build(ctx, objects); err != nil {
		return nil, err
	}
	for _, p := range g.parts {
		s.Parts = append(s.Parts, p.Part)
	}
	if g.opts.Inline {
		return s, g.inline(s)
	}
	return s, nil
}

// pending is an item between the two ends of the pipeline.
type pending struct {
	item *item
	done chan struct{} // closed once it is compared
}

// build compares files in parallel, adds the items to parts in their order,
// and compresses parts in parallel.
func (g *generator) build(ctx context.Context, objects []wanted) (fallbacks []Fallback, err error) {
	queue, work := make(chan pending, ahead), make(chan pending)
	var last *item // that assemble had
	defer func() {
		if last != nil {
			err = errors.Join(err, last.patch.Close())
		}
		for p := range queue {
			err = errors.Join(err, p.item.patch.Close())
		}
	}()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(queue)
		defer close(work)
		for _, w := range objects {
			p := pending{&item{wanted: w}, make(chan struct{})}
			for _, to := range []chan<- pending{queue, work} {
				select {
				case to <- p:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	})
	for range g.opts.Jobs {
		group.Go(func() error {
			for p := range work {
				if err := g.compare(ctx, p.item); err != nil {
					return fmt.Errorf("%s: %w", p.item.name, err)
				}
				close(p.done)
			}
			return nil
		})
	}
	group.Go(func() error {
		var err error
		fallbacks, last, err = g.assemble(ctx, queue, int64(len(objects)))
		return err
	})
	err = group.Wait()
	return fallbacks, err
}

// assemble adds items to parts, in order. It also returns the last one that it
// had, which after an error may still be at work.
func (g *generator) assemble(ctx context.Context, queue <-chan pending, total int64) (fallbacks []Fallback, last *item, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(g.opts.Jobs)
	b := newBuilder(g.dir)
	b.objectSizes = g.opts.ObjectSizes
	defer func() {
		err = errors.Join(err, b.blob.Close())
		if werr := group.Wait(); err == nil || errors.Is(err, context.Canceled) {
			err = errors.Join(werr, err)
		}
	}()
	cut := func() {
		full, part := b, &builtPart{file: g.partFile(len(g.parts))}
		g.parts = append(g.parts, part)
		group.Go(func() error { return full.compress(part) })
		b = newBuilder(g.dir)
		b.objectSizes = g.opts.ObjectSizes
	}
	var done int64
	for p := range queue {
		last = p.item
		select {
		case <-p.done:
		case <-ctx.Done():
			return nil, last, ctx.Err()
		}
		if p.item.kind == fallbackItem {
			size, err := g.repo.ObjectSize(p.item.name)
			if err != nil {
				return nil, last, err
			}
			fallbacks = append(fallbacks, Fallback{p.item.name, size, p.item.size})
		} else {
			if b.blob.n > 0 && b.blob.n+p.item.cost() > g.opts.MaxChunkSize {
				cut()
			}
			if err := b.add(ctx, g.repo, p.item); err != nil {
				return nil, last, fmt.Errorf("%s: %w", p.item.name, err)
			}
		}
		done++
		if g.opts.Progress != nil {
			g.opts.Progress("delta", done, total)
		}
	}
	// A delta of commits with the same tree has one part with nothing in it, as
	// that of the C tool.
	if len(b.objects) > 0 || len(g.parts)+len(fallbacks) == 0 {
		cut()
	}
	return fallbacks, last, ctx.Err()
}
