package remote

import (
	"context"
	"errors"
	"sync"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// batches are the transactions that objects go into, one after the other: when
// one has grown enough, new objects go into the next and it is committed. The
// first may be the caller's, which the caller commits, with the refs.
type batches struct {
	dst                  *archive.Repo
	maxObjects, maxBytes int64

	mu   sync.Mutex
	last *batch   // takes new objects
	open []*batch // our own that are not committed yet
}

type batch struct {
	txn            *archive.Txn
	own            bool
	writers        sync.WaitGroup
	objects, bytes int64 // guarded by batches.mu
}

func newBatches(dst *archive.Repo, first *archive.Txn, o *Options) *batches {
	b := &batches{dst: dst, maxObjects: flushObjects, maxBytes: flushBytes}
	if first != nil {
		b.last = &batch{txn: first}
	}
	if o.flushObjects > 0 {
		b.maxObjects, b.maxBytes = o.flushObjects, o.flushBytes
	}
	return b
}

// begin opens the batch for new objects. It is called with mu held.
func (b *batches) begin(ctx context.Context) error {
	txn, err := b.dst.Begin(ctx)
	if err != nil {
		return err
	}
	b.last = &batch{txn: txn, own: true}
	b.open = append(b.open, b.last)
	return nil
}

// current returns the batch for new objects. Its user calls writers.Done.
func (b *batches) current(ctx context.Context) (*batch, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil {
		if err := b.begin(ctx); err != nil {
			return nil, err
		}
	}
	b.last.writers.Add(1)
	return b.last, nil
}

// write has fn write one object, and commits the batch when it is full.
func (b *batches) write(ctx context.Context, fn func(*archive.Txn) (int64, error)) (int64, error) {
	in, err := b.current(ctx)
	if err != nil {
		return 0, err
	}
	n, err := fn(in.txn)
	in.writers.Done()
	if err != nil {
		return n, err
	}
	full, err := b.count(ctx, in, n)
	if err == nil && full {
		err = b.commit(ctx, in)
	}
	return n, err
}

// count notes an object of in. It reports whether in became full with it, and
// then a new batch is open.
func (b *batches) count(ctx context.Context, in *batch, n int64) (full bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	in.objects++
	in.bytes += n
	if in != b.last || in.objects < b.maxObjects && in.bytes < b.maxBytes {
		return false, nil
	}
	return true, b.begin(ctx)
}

// commit waits for those who write into in, and makes it durable.
func (b *batches) commit(ctx context.Context, in *batch) error {
	if in == nil || !in.own {
		return nil
	}
	in.writers.Wait()
	// What was fetched is kept even when the pull ends early.
	if _, err := in.txn.Commit(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, o := range b.open {
		if o == in {
			b.open = append(b.open[:i], b.open[i+1:]...)
			break
		}
	}
	return nil
}

// finish makes what is left durable. No writer may be active.
func (b *batches) finish(ctx context.Context) error { return b.commit(ctx, b.last) }

// abort drops what was not committed. No writer may be active.
func (b *batches) abort() error {
	var errs []error
	for _, in := range b.open {
		errs = append(errs, in.txn.Abort())
	}
	b.open = nil
	return errors.Join(errs...)
}

// store writes an object and counts it.
func (p *puller) store(ctx context.Context, t task, fn func(*archive.Txn) (int64, error)) error {
	n, err := p.batches.write(ctx, fn)
	t.want.bytes.Add(n)
	if err == nil {
		t.want.objects.Add(1)
	}
	return err
}

// has reports whether the repository holds an object. Those of open batches
// are no matter: each is asked for once.
func (p *puller) has(name ostree.ObjectName) (bool, error) { return p.dst.HasObject(name) }
