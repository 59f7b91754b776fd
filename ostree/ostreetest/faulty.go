package ostreetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// ErrFault is wrapped by what a call returns that a Fault lets fail.
var ErrFault = errors.New("a fault that the test asked for")

// A Fault says which call of a Faulty store fails, and how. The zero Fault lets
// all of them pass.
type Fault struct {
	At    int  // the number of the call, from 1
	After bool // it does its work before it fails, but for reading
	Stays bool // all calls after it fail, too
}

// Faulty is a store of whose calls some fail. Calls are those of the store and
// its transactions that can return an error, what they call in turn (Open, Read
// and Close of content, Read of an object to be imported, the function that
// changes detached metadata), and Read of what the store opens. Abort and
// Close, and these alone, do their work even if they fail before it.
type Faulty struct {
	store ostree.Store
	fault Fault

	mu    sync.Mutex
	calls int
	hit   string
}

var _ ostree.Store = (*Faulty)(nil)

// NewFaulty puts faults before a store.
func NewFaulty(store ostree.Store, fault Fault) *Faulty { return &Faulty{store: store, fault: fault} }

// Calls returns how many calls there were, and the name of the one that failed
// first, "" when none did.
func (f *Faulty) Calls() (n int, hit string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls, f.hit
}

// next counts a call and returns its error, nil when it shall pass.
func (f *Faulty) next(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.fault.At == 0 || f.calls < f.fault.At || f.calls > f.fault.At && !f.fault.Stays {
		return nil
	}
	if f.hit == "" {
		f.hit = name
	}
	return fmt.Errorf("%s: %w", name, ErrFault)
}

// call does a call that returns a value.
func call[T any](f *Faulty, name string, do func() (T, error)) (T, error) {
	fault := f.next(name)
	if fault != nil && !f.fault.After {
		var none T
		return none, fault
	}
	v, err := do()
	return v, errors.Join(fault, err)
}

func (f *Faulty) plain(name string, do func() error) error {
	_, err := call(f, name, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// always does a call that works even if it fails.
func (f *Faulty) always(name string, do func() error) error { return errors.Join(f.next(name), do()) }

func (f *Faulty) ReadMeta(ctx context.Context, n ostree.ObjectName) ([]byte, error) {
	return call(f, "ReadMeta", func() ([]byte, error) { return f.store.ReadMeta(ctx, n) })
}

func (f *Faulty) HasObject(n ostree.ObjectName) (bool, error) {
	return call(f, "HasObject", func() (bool, error) { return f.store.HasObject(n) })
}

func (f *Faulty) StatFile(ctx context.Context, c ostree.Checksum) (h ostree.FileHeader, size int64, err error) {
	err = f.plain("StatFile", func() error {
		h, size, err = f.store.StatFile(ctx, c)
		return err
	})
	return h, size, err
}

func (f *Faulty) OpenFile(ctx context.Context, c ostree.Checksum) (ostree.FileHeader, int64, io.ReadCloser, error) {
	if err := f.next("OpenFile"); err != nil {
		return ostree.FileHeader{}, 0, nil, err
	}
	h, size, r, err := f.store.OpenFile(ctx, c)
	if err != nil {
		return h, 0, nil, err
	}
	return h, size, &faultyReader{f: f, r: r}, nil
}

func (f *Faulty) OpenObject(n ostree.ObjectName) (io.ReadCloser, error) {
	if err := f.next("OpenObject"); err != nil {
		return nil, err
	}
	r, err := f.store.OpenObject(n)
	if err != nil {
		return nil, err
	}
	return &faultyReader{f: f, r: r}, nil
}

func (f *Faulty) CommitMeta(c ostree.Checksum) (gvariant.Dict, error) {
	return call(f, "CommitMeta", func() (gvariant.Dict, error) { return f.store.CommitMeta(c) })
}

func (f *Faulty) IsPartial(c ostree.Checksum) (bool, error) {
	return call(f, "IsPartial", func() (bool, error) { return f.store.IsPartial(c) })
}

func (f *Faulty) ResolveRef(ref string) (ostree.Checksum, error) {
	return call(f, "ResolveRef", func() (ostree.Checksum, error) { return f.store.ResolveRef(ref) })
}

func (f *Faulty) Refs(ctx context.Context, prefix string) ([]ostree.Ref, error) {
	return call(f, "Refs", func() ([]ostree.Ref, error) { return f.store.Refs(ctx, prefix) })
}

func (f *Faulty) UpdateCommitMeta(ctx context.Context, c ostree.Checksum, fn func(gvariant.Dict) (gvariant.Dict, error)) error {
	return f.plain("UpdateCommitMeta", func() error {
		return f.store.UpdateCommitMeta(ctx, c, func(d gvariant.Dict) (gvariant.Dict, error) {
			return call(f, "the change of detached metadata", func() (gvariant.Dict, error) { return fn(d) })
		})
	})
}

// Begin never fails after it worked: nobody could end that transaction.
func (f *Faulty) Begin(ctx context.Context) (ostree.Txn, error) {
	if err := f.next("Begin"); err != nil {
		return nil, err
	}
	txn, err := f.store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return faultyTxn{txn, f}, nil
}

// faultyTxn is a transaction of a Faulty store.
type faultyTxn struct {
	ostree.Txn
	f *Faulty
}

func (t faultyTxn) ReadMeta(ctx context.Context, n ostree.ObjectName) ([]byte, error) {
	return call(t.f, "Txn.ReadMeta", func() ([]byte, error) { return t.Txn.ReadMeta(ctx, n) })
}

func (t faultyTxn) HasObject(n ostree.ObjectName) (bool, error) {
	return call(t.f, "Txn.HasObject", func() (bool, error) { return t.Txn.HasObject(n) })
}

func (t faultyTxn) WriteFile(ctx context.Context, h ostree.FileHeader, c ostree.Content) (ostree.WriteResult, error) {
	return call(t.f, "WriteFile", func() (ostree.WriteResult, error) { return t.Txn.WriteFile(ctx, h, t.f.content(c)) })
}

func (t faultyTxn) WriteFileKnown(ctx context.Context, want ostree.Checksum, h ostree.FileHeader, c ostree.Content) (ostree.WriteResult, error) {
	return call(t.f, "WriteFileKnown", func() (ostree.WriteResult, error) { return t.Txn.WriteFileKnown(ctx, want, h, t.f.content(c)) })
}

func (t faultyTxn) WriteMeta(ctx context.Context, typ ostree.ObjectType, data []byte) (ostree.Checksum, error) {
	return call(t.f, "WriteMeta", func() (ostree.Checksum, error) { return t.Txn.WriteMeta(ctx, typ, data) })
}

func (t faultyTxn) ImportObject(ctx context.Context, n ostree.ObjectName, r io.Reader) error {
	return t.f.plain("ImportObject", func() error {
		if r == nil {
			return t.Txn.ImportObject(ctx, n, nil)
		}
		return t.Txn.ImportObject(ctx, n, &faultyReader{f: t.f, r: io.NopCloser(r)})
	})
}

func (t faultyTxn) SetRef(ref string, c ostree.Checksum) error {
	return t.f.plain("SetRef", func() error { return t.Txn.SetRef(ref, c) })
}

func (t faultyTxn) DeleteRef(ref string) error {
	return t.f.plain("DeleteRef", func() error { return t.Txn.DeleteRef(ref) })
}

func (t faultyTxn) ExpectRef(ref string, old ostree.Checksum) error {
	return t.f.plain("ExpectRef", func() error { return t.Txn.ExpectRef(ref, old) })
}

func (t faultyTxn) Commit(ctx context.Context) (ostree.Stats, error) {
	return call(t.f, "Commit", func() (ostree.Stats, error) { return t.Txn.Commit(ctx) })
}

func (t faultyTxn) Abort() error { return t.f.always("Abort", t.Txn.Abort) }

// content is content whose reading is a call.
func (f *Faulty) content(c ostree.Content) ostree.Content {
	if c.Open == nil {
		return c
	}
	open := c.Open
	c.Open = func() (io.ReadCloser, error) {
		if err := f.next("Open of content"); err != nil {
			return nil, err
		}
		r, err := open()
		if err != nil {
			return nil, err
		}
		return &faultyReader{f: f, r: r}, nil
	}
	return c
}

type faultyReader struct {
	f   *Faulty
	r   io.ReadCloser
	err error // what Read returns from now on
}

// Read gives out bytes and an error together when it fails after its work. It
// fails for good, as that of a file does.
func (r *faultyReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	r.err = r.f.next("Read")
	if r.err != nil && !r.f.fault.After {
		return 0, r.err
	}
	n, err := r.r.Read(p)
	if r.err != nil {
		err = r.err
	}
	return n, err
}

func (r *faultyReader) Close() error { return r.f.always("Close", r.r.Close) }
