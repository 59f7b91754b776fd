package archive

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// Writers who follow each other closely would keep the exclusive lock from a
// prune for ever. So it closes a gate while it waits for the lock, and who
// wants the shared lock waits there first, if a gate was ever made.
const gatePath = "extensions/treewright/gate.lock"

// gatePatience is how long a writer waits at a closed gate at most. One that
// holds the lock already, and wants it again, must not wait for ever.
const gatePatience = 5 * time.Second

// closeGate keeps writers away from the lock for a while; one closes it at a
// time.
func (r *Repo) closeGate(ctx context.Context) (*Lock, error) {
	if !r.settings().locking {
		return nil, nil
	}
	return r.Lock(ctx, "gate")
}

// passGate waits while the gate is closed, for some time.
func (r *Repo) passGate(ctx context.Context) error {
	if has, err := existsAt(r.root, gatePath); !has || err != nil {
		return nil // nobody has pruned here, or nobody else writes
	}
	lock, err := r.acquireWithin(ctx, gatePath, shared, gatePatience)
	switch {
	case err == nil:
		return lock.Unlock()
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errBusy), errors.Is(err, errNoLocks), errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return nil
	}
	return err
}
