package archive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// ErrRefChanged is wrapped by the error of Txn.Commit when a ref is not what
// ExpectRef said. The transaction has changed nothing then.
var ErrRefChanged = ostree.ErrRefChanged

// errEnded is returned by every call after Commit or Abort.
var errEnded = errors.New("the transaction has ended")

type counters struct {
	filesTotal, filesNew, metaTotal, metaNew, bytesRead, bytesStored atomic.Int64
}

// Txn collects objects and changes of refs, and makes them visible together.
// All methods but Commit and Abort may be called from many goroutines. End it
// with Commit; Abort, which does nothing after Commit, belongs in a defer.
type Txn struct {
	repo    *Repo
	config  config
	lock    *Lock
	staging *staging
	space   *space
	stats   counters
	writing sync.WaitGroup // calls of the write methods

	mu      sync.Mutex
	ended   bool
	staged  map[ostree.ObjectName]int64 // with their sizes
	pending map[ostree.ObjectName]chan struct{}
	replace map[ostree.ObjectName]bool // even if the repository has it
	changes changes
}

// changes are what a transaction does to what can change.
type changes struct {
	refs     map[string]ostree.Checksum // zero: delete
	expected map[string]ostree.Checksum
	metas    []metaChange
	partial  map[ostree.Checksum]bool // true: mark, false: clear
}

type metaChange struct {
	commit ostree.Checksum
	unread bool // what is there does not matter
	fn     func(gvariant.Dict) (gvariant.Dict, error)
}

// Begin starts a transaction. It holds the repository's shared lock until it
// ends: nobody prunes meanwhile, others may write.
func (r *Repo) Begin(ctx context.Context) (*Txn, error) {
	lock, err := r.lockShared(ctx)
	if err != nil {
		return nil, err
	}
	t := &Txn{
		repo:    r,
		config:  r.settings(),
		lock:    lock,
		staged:  map[ostree.ObjectName]int64{},
		pending: map[ostree.ObjectName]chan struct{}{},
		replace: map[ostree.ObjectName]bool{},
		changes: changes{
			refs:     map[string]ostree.Checksum{},
			expected: map[string]ostree.Checksum{},
			partial:  map[ostree.Checksum]bool{},
		},
	}
	if t.space, err = r.newSpace(t.config); err == nil {
		t.staging, err = r.newStaging(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("writing to repository %s: %w", r.path, err), lock.Unlock())
	}
	return t, nil
}

// enter is called by the write methods, leave when they return.
func (t *Txn) enter() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return errEnded
	}
	t.writing.Add(1)
	return nil
}

func (t *Txn) leave() { t.writing.Done() }

// end marks the transaction as ended, and waits for the write methods.
func (t *Txn) end() (first bool) {
	t.mu.Lock()
	first = !t.ended
	t.ended = true
	t.mu.Unlock()
	if first {
		t.writing.Wait()
	}
	return first
}

// Abort ends the transaction and drops what it wrote.
func (t *Txn) Abort() error {
	if !t.end() {
		return nil
	}
	return t.release()
}

func (t *Txn) release() error {
	return errors.Join(t.staging.remove(), t.lock.Unlock())
}

// HasObject tells whether the repository or the transaction has the object.
func (t *Txn) HasObject(n ostree.ObjectName) (bool, error) {
	t.mu.Lock()
	_, ok := t.staged[n]
	t.mu.Unlock()
	if ok {
		return true, nil
	}
	return t.repo.HasObject(n)
}

// ReadMeta returns the bytes of a dirtree, dirmeta or commit of the
// transaction or the repository; it makes a Txn an ostree.ObjectReader.
func (t *Txn) ReadMeta(ctx context.Context, n ostree.ObjectName) ([]byte, error) {
	t.mu.Lock()
	_, ok := t.staged[n]
	ended := t.ended
	t.mu.Unlock()
	if ok && !ended {
		return readMeta(ctx, t.staging.dir, stagedName(n), n)
	}
	return t.repo.ReadMeta(ctx, n)
}

// stagedName is the path of an object in the staging folder. It has the
// sub-folders of objects/ too: file systems are slow at many new files in one.
func stagedName(n ostree.ObjectName) string { return n.ArchivePath() }

// store makes sure that the transaction or the repository has the object. It
// calls write, with the name for the file, unless it is there; of several
// callers at once one writes and the others wait.
func (t *Txn) store(ctx context.Context, n ostree.ObjectName, write func(name string) (int64, error)) (WriteResult, error) {
	for {
		mine, wait := t.claim(n)
		if wait != nil {
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return WriteResult{}, ctx.Err()
			}
		}
		if !mine {
			t.count(n, false, 0)
			return WriteResult{Checksum: n.Checksum}, nil
		}
		size, have, err := t.writeClaimed(n, write)
		t.settle(n, size, err == nil && !have)
		if err != nil {
			return WriteResult{}, err
		}
		t.count(n, !have, size)
		if !have && t.staging.count.Add(1)%keepAlive == 0 {
			t.staging.touch()
		}
		return WriteResult{Checksum: n.Checksum, New: !have, Stored: size}, nil
	}
}

func (t *Txn) writeClaimed(n ostree.ObjectName, write func(string) (int64, error)) (size int64, have bool, err error) {
	if !t.replaces(n) {
		if have, err = t.repo.HasObject(n); have || err != nil {
			return 0, have, err
		}
	}
	name := stagedName(n)
	size, err = write(name)
	if err == nil && t.config.fsync && t.config.perObjectFsync {
		err = syncFile(t.staging.dir, name)
	}
	return size, false, err
}

// claim gives the right to write an object, or a channel that is closed when
// another has written it, or neither when it is staged.
func (t *Txn) claim(n ostree.ObjectName) (mine bool, wait <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.staged[n]; ok {
		return false, nil
	}
	if ch, ok := t.pending[n]; ok {
		return false, ch
	}
	t.pending[n] = make(chan struct{})
	return true, nil
}

// settle ends a claim.
func (t *Txn) settle(n ostree.ObjectName, size int64, staged bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.pending[n])
	delete(t.pending, n)
	if staged {
		t.staged[n] = size
	}
}

func (t *Txn) count(n ostree.ObjectName, isNew bool, size int64) {
	total, fresh := &t.stats.metaTotal, &t.stats.metaNew
	if n.Type == ostree.ObjectFile {
		total, fresh = &t.stats.filesTotal, &t.stats.filesNew
	}
	total.Add(1)
	if isNew {
		fresh.Add(1)
		t.stats.bytesStored.Add(size)
	}
}

func (c *counters) snapshot() Stats {
	return Stats{
		FilesTotal: c.filesTotal.Load(), FilesNew: c.filesNew.Load(),
		MetaTotal: c.metaTotal.Load(), MetaNew: c.metaNew.Load(),
		BytesRead: c.bytesRead.Load(), BytesStored: c.bytesStored.Load(),
	}
}
