package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/treewright/treewright/internal/ctxio"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// errEnded is returned by every call after Commit or Abort.
var errEnded = errors.New("the transaction has ended")

// txn is a transaction.
type txn struct {
	store   *Store
	writing sync.WaitGroup // calls of the write methods

	mu      sync.Mutex
	ended   bool
	staged  map[ostree.ObjectName][]byte
	stats   ostree.Stats
	changes changes
}

// Begin starts a transaction. Others may write and commit meanwhile.
func (s *Store) Begin(ctx context.Context) (ostree.Txn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.begin(), nil
}

func (s *Store) begin() *txn {
	return &txn{store: s, staged: map[ostree.ObjectName][]byte{}, changes: changes{
		refs:     map[string]ostree.Checksum{},
		expected: map[string]ostree.Checksum{},
		names:    map[string]string{},
		partial:  map[ostree.Checksum]bool{},
	}}
}

// enter is called by the write methods, writing.Done when they return.
func (t *txn) enter(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return errEnded
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t.writing.Add(1)
	return nil
}

// end marks the transaction as ended, and waits for the write methods.
func (t *txn) end() (first bool) {
	t.mu.Lock()
	first = !t.ended
	t.ended = true
	t.mu.Unlock()
	if first {
		t.writing.Wait()
	}
	return first
}

// Abort drops what the transaction wrote.
func (t *txn) Abort() error {
	if t.end() {
		t.drop()
	}
	return nil
}

// drop lets go of what was staged, and returns it.
func (t *txn) drop() map[ostree.ObjectName][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	staged := t.staged
	t.staged = nil
	return staged
}

func (t *txn) object(n ostree.ObjectName) ([]byte, bool) {
	t.mu.Lock()
	data, ok := t.staged[n]
	t.mu.Unlock()
	if ok {
		return data, true
	}
	return t.store.object(n)
}

func (t *txn) HasObject(n ostree.ObjectName) (bool, error) {
	if _, ok := t.object(n); ok {
		return true, nil
	}
	return t.store.HasObject(n)
}

func (t *txn) ReadMeta(ctx context.Context, n ostree.ObjectName) ([]byte, error) {
	data, ok := t.object(n)
	return metaBytes(ctx, n, data, ok)
}

// put stages an object, and counts it. Of several that put the same one the
// first does. data must not be changed any more.
func (t *txn) put(n ostree.ObjectName, data []byte) ostree.WriteResult {
	_, old := t.store.object(n)
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, staged := t.staged[n]; staged || old {
		t.count(n, false, 0)
		return ostree.WriteResult{Checksum: n.Checksum}
	}
	t.staged[n] = data
	t.count(n, true, len(data))
	return ostree.WriteResult{Checksum: n.Checksum, New: true, Stored: int64(len(data))}
}

// count is called with t.mu held.
func (t *txn) count(n ostree.ObjectName, isNew bool, size int) {
	total, fresh := &t.stats.MetaTotal, &t.stats.MetaNew
	if n.Type == ostree.ObjectFile {
		total, fresh = &t.stats.FilesTotal, &t.stats.FilesNew
	}
	*total++
	if isNew {
		*fresh++
		t.stats.BytesStored += int64(size)
	}
}

// seen counts an object that need not be written, if it is there.
func (t *txn) seen(n ostree.ObjectName) bool {
	_, ok := t.object(n)
	if ok {
		t.mu.Lock()
		t.count(n, false, 0)
		t.mu.Unlock()
	}
	return ok
}

func (t *txn) WriteFile(ctx context.Context, h ostree.FileHeader, c ostree.Content) (ostree.WriteResult, error) {
	return t.writeFile(ctx, nil, h, c)
}

func (t *txn) WriteFileKnown(ctx context.Context, want ostree.Checksum, h ostree.FileHeader, c ostree.Content) (ostree.WriteResult, error) {
	return t.writeFile(ctx, &want, h, c)
}

func (t *txn) writeFile(ctx context.Context, want *ostree.Checksum, h ostree.FileHeader, c ostree.Content) (ostree.WriteResult, error) {
	if err := h.Validate(); err != nil {
		return ostree.WriteResult{}, err
	}
	if err := t.enter(ctx); err != nil {
		return ostree.WriteResult{}, err
	}
	defer t.writing.Done()
	if want != nil && t.seen(ostree.ObjectName{Checksum: *want, Type: ostree.ObjectFile}) {
		return ostree.WriteResult{Checksum: *want}, nil
	}
	var data []byte
	if !h.IsSymlink() {
		var err error
		if data, err = readContent(ctx, c); err != nil {
			return ostree.WriteResult{}, err
		}
		t.mu.Lock()
		t.stats.BytesRead += c.Size
		t.mu.Unlock()
	}
	n := contentName(h, data)
	if want != nil && n.Checksum != *want {
		return ostree.WriteResult{}, &ostree.ChecksumError{Object: ostree.ObjectName{Checksum: *want, Type: n.Type}, Got: n.Checksum}
	}
	if t.seen(n) {
		return ostree.WriteResult{Checksum: n.Checksum}, nil
	}
	stored, err := t.store.deflate(h, data)
	if err != nil {
		return ostree.WriteResult{}, err
	}
	return t.put(n, stored), nil
}

func (t *txn) WriteMeta(ctx context.Context, typ ostree.ObjectType, data []byte) (ostree.Checksum, error) {
	if err := t.enter(ctx); err != nil {
		return ostree.Checksum{}, err
	}
	defer t.writing.Done()
	n := ostree.ObjectName{Checksum: ostree.ChecksumOf(data), Type: typ}
	if err := ostree.CheckMeta(n, data); err != nil {
		return n.Checksum, err
	}
	t.put(n, bytes.Clone(data))
	return n.Checksum, nil
}

func (t *txn) ImportObject(ctx context.Context, n ostree.ObjectName, r io.Reader) error {
	if err := t.enter(ctx); err != nil {
		return err
	}
	defer t.writing.Done()
	isMeta := n.Type.IsMeta() || n.Type == ostree.ObjectCommitMeta
	if !isMeta && n.Type != ostree.ObjectFile {
		return fmt.Errorf("object %s: a store imports no objects of this type", n)
	}
	if n.Type != ostree.ObjectCommitMeta && t.seen(n) {
		return nil
	}
	r = ctxio.Reader(ctx, r)
	if isMeta {
		r = io.LimitReader(r, ostree.MaxMetadataSize+1)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("reading object %s: %w", n, err)
	}
	switch n.Type {
	case ostree.ObjectFile:
		err = verifyContent(n, data)
	case ostree.ObjectCommitMeta:
		return t.importCommitMeta(n, data)
	default:
		err = verifyMeta(n, data)
	}
	if err == nil {
		t.put(n, bytes.Clone(data)) // without the room that was left
	}
	return err
}

func verifyMeta(n ostree.ObjectName, data []byte) error {
	if err := ostree.CheckMetaSize(n, int64(len(data))); err != nil {
		return err
	}
	if got := ostree.ChecksumOf(data); got != n.Checksum {
		return &ostree.ChecksumError{Object: n, Got: got}
	}
	return ostree.CheckMeta(n, data)
}

func (t *txn) importCommitMeta(n ostree.ObjectName, data []byte) error {
	if err := ostree.CheckMetaSize(n, int64(len(data))); err != nil {
		return err
	}
	d, err := gvariant.ParseDict(data)
	if err != nil {
		return fmt.Errorf("object %s: %w", n, err)
	}
	t.SetCommitMeta(n.Checksum, d)
	return nil
}

// Commit makes all that the transaction did visible at once.
func (t *txn) Commit(ctx context.Context) (ostree.Stats, error) {
	if !t.end() {
		return ostree.Stats{}, errEnded
	}
	t.store.changing.Lock()
	defer t.store.changing.Unlock()
	err := ctx.Err()
	var refs map[string]ostree.Checksum
	if err == nil {
		refs, err = t.newRefs()
	}
	var metas map[ostree.Checksum][]byte
	if err == nil {
		metas, err = t.newMetas()
	}
	if err != nil {
		t.drop()
		return ostree.Stats{}, fmt.Errorf("committing to the store: %w", err)
	}
	t.apply(refs, metas)
	return t.stats, nil
}
