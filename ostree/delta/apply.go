package delta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"golang.org/x/sync/errgroup"
)

// Parts gives the bytes of parts that are not inline. It may be asked for
// several at once; what it gives is verified.
type Parts interface {
	OpenPart(ctx context.Context, i int) (io.ReadCloser, error)
}

// Fallbacks gives the objects that a delta lacks, as archive repositories
// store them. What it gives is verified.
type Fallbacks interface {
	OpenFallback(ctx context.Context, n ostree.ObjectName) (io.ReadCloser, error)
}

// ApplyOptions tune Apply and Verify. The zero ApplyOptions are fine.
type ApplyOptions struct {
	// Fallbacks gives what the delta lacks. Without it, objects that the
	// repository lacks too are an error.
	Fallbacks Fallbacks
	// Jobs bounds how many parts are unpacked at once; 0 means one a CPU.
	Jobs int
	// Progress hears how many bytes of parts are done.
	Progress func(stage string, done, total int64)

	// skip tells of parts that need not be unpacked.
	skip func(Part) (bool, error)
}

// Apply makes the objects of a delta in an archive repository that has the
// commit it starts from, and the commit with its detached metadata. It sets no
// ref. All of the commit is there afterwards, or nothing has changed.
func Apply(ctx context.Context, repo *archive.Repo, s *Superblock, parts Parts, o ApplyOptions) (stats archive.Stats, err error) {
	txn, err := repo.Begin(ctx)
	if err != nil {
		return stats, err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	if err := ApplyInto(ctx, repo, txn, s, parts, o); err != nil {
		return stats, err
	}
	return txn.Commit(ctx)
}

// ApplyInto is Apply within a transaction of the repository, which the caller
// ends. After an error the transaction may hold some of the objects.
func ApplyInto(ctx context.Context, repo *archive.Repo, txn *archive.Txn, s *Superblock, parts Parts, o ApplyOptions) error {
	if err := applyInto(ctx, repo, txn, s, parts, o); err != nil {
		return fmt.Errorf("applying delta %s: %w", s.Name, err)
	}
	return nil
}

func applyInto(ctx context.Context, repo *archive.Repo, txn *archive.Txn, s *Superblock, parts Parts, o ApplyOptions) error {
	if err := hasFrom(repo, s); err != nil {
		return err
	}
	if err := runParts(ctx, repo, s, parts, storeSink{txn}, o); err != nil {
		return err
	}
	for _, f := range s.Fallbacks {
		if err := importFallback(ctx, txn, f, o.Fallbacks); err != nil {
			return fmt.Errorf("fallback %s: %w", f.Object, err)
		}
	}
	commit, err := ostree.DecodeCommit(s.Commit)
	if err != nil {
		return err
	}
	err = ostree.Reachable(ctx, txn, commit.RootTree, commit.RootMeta, func(n ostree.ObjectName) error {
		have, err := txn.HasObject(n)
		if err == nil && !have {
			err = &archive.MissingError{Object: n}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("the commit would not be whole: %w", err)
	}
	if _, err := txn.WriteMeta(ctx, ostree.ObjectCommit, s.Commit); err != nil {
		return err
	}
	if meta, ok := s.CommitMeta(); ok {
		txn.SetCommitMeta(s.To, meta)
	}
	txn.ClearPartial(s.To)
	return nil
}

// ErrNoStart says that a repository lacks the commit that a delta starts from,
// or some of it.
var ErrNoStart = errors.New("the repository needs all of the commit that it starts from")

func hasFrom(repo *archive.Repo, s *Superblock) error {
	if s.From.IsZero() {
		return nil
	}
	n := ostree.ObjectName{Checksum: s.From, Type: ostree.ObjectCommit}
	have, err := repo.HasObject(n)
	if err != nil {
		return err
	}
	partial, err := repo.IsPartial(s.From)
	if err == nil && (!have || partial) {
		err = fmt.Errorf("%w: %w", ErrNoStart, &archive.MissingError{Object: n})
	}
	return err
}

func importFallback(ctx context.Context, txn *archive.Txn, f Fallback, from Fallbacks) (err error) {
	have, err := txn.HasObject(f.Object)
	if have || err != nil {
		return err
	}
	if from == nil {
		return fmt.Errorf("the delta does not hold it, and the repository lacks it: %w", &archive.MissingError{Object: f.Object})
	}
	src, err := from.OpenFallback(ctx, f.Object)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	return txn.ImportObject(ctx, f.Object, src)
}

// runParts hands the objects of all parts to the sink.
func runParts(ctx context.Context, repo *archive.Repo, s *Superblock, parts Parts, out sink, o ApplyOptions) error {
	var total int64
	for _, p := range s.Parts {
		total += p.Size / 2 // no sum of sizes that a stranger wrote overflows
	}
	var done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(jobs(o.Jobs))
	for i, p := range s.Parts {
		g.Go(func() error {
			if err := runNeeded(ctx, repo, s, i, parts, out, o); err != nil {
				return fmt.Errorf("part %d: %w", i, err)
			}
			if o.Progress != nil {
				o.Progress("delta", 2*done.Add(p.Size/2), 2*total)
			}
			return nil
		})
	}
	return g.Wait()
}

func jobs(n int) int {
	if n <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return n
}

func runNeeded(ctx context.Context, repo *archive.Repo, s *Superblock, i int, parts Parts, out sink, o ApplyOptions) error {
	if o.skip != nil {
		if skip, err := o.skip(s.Parts[i]); skip || err != nil {
			return err
		}
	}
	return runPart(ctx, repo, s, i, parts, out)
}

func runPart(ctx context.Context, repo *archive.Repo, s *Superblock, i int, parts Parts, out sink) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir := filepath.Join(repo.Path(), "tmp")
	data, err := openPart(ctx, s, i, parts, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	raw, err := data.bytes()
	if err != nil {
		return err
	}
	p, err := decodePayload(raw)
	if err != nil {
		return err
	}
	m := machine{payload: p, objects: s.Parts[i].Objects, old: repo, out: out, dir: dir, left: s.Parts[i].allowance()}
	return m.run(ctx)
}

func openPart(ctx context.Context, s *Superblock, i int, parts Parts, dir string) (_ *spool, err error) {
	if data, ok := s.Inline(i); ok {
		return unpack(s.Parts[i], bytes.NewReader(data), dir)
	}
	src, err := parts.OpenPart(ctx, i)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	return unpack(s.Parts[i], src, dir)
}

// storeSink writes objects to a Store.
type storeSink struct{ store Store }

func (t storeSink) meta(ctx context.Context, n ostree.ObjectName, data []byte) error {
	return t.store.ImportObject(ctx, n, bytes.NewReader(data))
}

func (t storeSink) file(ctx context.Context, want ostree.Checksum, h ostree.FileHeader, c archive.Content) error {
	_, err := t.store.WriteFileKnown(ctx, want, h, c)
	return err
}
