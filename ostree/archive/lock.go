package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/treewright/treewright/ostree"
	"golang.org/x/sys/unix"
)

// A Lock is held until Unlock or the end of the process.
type Lock struct{ f *os.File }

// Unlock releases the lock. A second call does nothing.
func (l *Lock) Unlock() error {
	if l == nil || l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	return f.Close()
}

type lockKind int

const (
	shared lockKind = iota
	exclusive
)

// errBusy is returned by tryLock while another holds the lock.
var errBusy = errors.New("another process holds the lock")

// errNoLocks is returned by tryLock where the file system has no locks.
var errNoLocks = errors.New("the file system has no locks")

// tryLock takes the lock of the C tool: an open file description lock, and
// where those are unknown flock(2).
func (r *Repo) tryLock(f *os.File, mode lockKind) error {
	if r.quirks.noLocks {
		return errNoLocks
	}
	fl := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart}
	how := unix.LOCK_SH
	if mode == exclusive {
		fl.Type, how = unix.F_WRLCK, unix.LOCK_EX
	}
	err := error(unix.EINVAL)
	if !r.quirks.noOFDLocks {
		err = retry(func() error { return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &fl) })
	}
	if err == unix.EINVAL {
		err = retry(func() error { return unix.Flock(int(f.Fd()), how|unix.LOCK_NB) })
	}
	switch err {
	case unix.EAGAIN, unix.EACCES:
		return errBusy
	case unix.ENOLCK, unix.ENOSYS, unix.ENOTSUP, unix.EINVAL:
		return fmt.Errorf("%w (%w)", errNoLocks, err)
	}
	return pathError("lock", f.Name(), err)
}

// acquire waits for a lock on the file at path below the repository.
func (r *Repo) acquire(ctx context.Context, path string, mode lockKind) (*Lock, error) {
	return r.acquireWithin(ctx, path, mode, r.settings().lockTimeout)
}

// acquireWithin is acquire with a time to wait; negative: for ever.
func (r *Repo) acquireWithin(ctx context.Context, path string, mode lockKind, timeout time.Duration) (*Lock, error) {
	f, err := openAt(r.root, path, unix.O_RDWR|unix.O_CREAT, lockMode)
	if errors.Is(err, fs.ErrPermission) && mode == shared {
		f, err = openAt(r.root, path, unix.O_RDONLY, 0)
	}
	if err != nil {
		return nil, err
	}
	wait := ctx
	if timeout >= 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := r.tryLock(f, mode)
		if err == nil {
			return &Lock{f}, nil
		}
		if !errors.Is(err, errBusy) {
			return nil, errors.Join(err, f.Close())
		}
		select {
		case <-time.After(pause):
		case <-wait.Done():
			if ctx.Err() == nil {
				err = fmt.Errorf("%w: waited %s, as lock-timeout-secs says", err, timeout)
			} else {
				err = ctx.Err()
			}
			return nil, errors.Join(err, f.Close())
		}
	}
}

// lockShared takes the lock that keeps prune away.
func (r *Repo) lockShared(ctx context.Context) (*Lock, error) {
	if !r.settings().locking {
		return nil, nil
	}
	if err := r.passGate(ctx); err != nil {
		return nil, err
	}
	lock, err := r.acquire(ctx, ".lock", shared)
	if err != nil {
		return nil, fmt.Errorf("locking repository %s: %w%s", r.path, err, lockAdvice(err))
	}
	return lock, nil
}

// lockForReading is lockShared for those who write nothing: a repository that
// they may only read is not locked.
func (r *Repo) lockForReading(ctx context.Context) (*Lock, error) {
	lock, err := r.lockShared(ctx)
	if errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return lock, err
}

// LockExclusive takes the lock that keeps all transactions away, ours and
// those of the C tool, for those who delete objects.
func (r *Repo) LockExclusive(ctx context.Context) (*Lock, error) {
	if !r.settings().locking {
		return nil, nil
	}
	lock, err := r.acquire(ctx, ".lock", exclusive)
	if err != nil {
		return nil, fmt.Errorf("locking repository %s: %w%s", r.path, err, lockAdvice(err))
	}
	return lock, nil
}

func lockAdvice(err error) string {
	if errors.Is(err, errNoLocks) {
		return "; set locking=false under [core] in its config if nothing else writes to it"
	}
	return ""
}

// Lock takes a lock that only this program knows, named by its purpose such
// as "publish", and waits while another holds it. Take it before a
// transaction, never within.
func (r *Repo) Lock(ctx context.Context, purpose string) (*Lock, error) {
	if err := ostree.ValidateRemote(purpose); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	for _, dir := range []string{"extensions", "extensions/treewright"} {
		if _, err := mkdirAt(r.root, dir, subDirMode); err != nil {
			return nil, fmt.Errorf("locking repository %s for %s: %w", r.path, purpose, err)
		}
	}
	lock, err := r.acquire(ctx, "extensions/treewright/"+purpose+".lock", exclusive)
	if errors.Is(err, errNoLocks) && !r.settings().locking {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("locking repository %s for %s: %w%s", r.path, purpose, err, lockAdvice(err))
	}
	return lock, nil
}
