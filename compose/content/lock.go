package content

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockPause is how long to wait between two tries to get a lock.
const lockPause = 50 * time.Millisecond

// lock is a lock on a file; it dies with the process.
type lock struct{ file *os.File }

func (l *lock) unlock() error {
	if l == nil || l.file == nil {
		return nil
	}
	return l.file.Close()
}

// acquire takes the lock of path, kind F_RDLCK (shared) or F_WRLCK (exclusive),
// waiting until ctx ends.
func acquire(ctx context.Context, path string, kind int16) (*lock, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the lock %s: %w", path, context.Cause(ctx))
		case <-timer.C:
		}
		l, err := tryLock(path, kind)
		if l != nil || err != nil {
			return l, err
		}
		timer.Reset(lockPause)
	}
}

// tryLock returns nil without an error when another holds the lock.
func tryLock(path string, kind int16) (*lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind})
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err == nil {
		return &lock{f}, nil
	}
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return nil, f.Close()
	}
	return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
}
