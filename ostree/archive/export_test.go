package archive

import "context"

// PlayNFS makes the repository behave as on a file system without open file
// description locks and syncfs.
func (r *Repo) PlayNFS() { r.quirks.noOFDLocks, r.quirks.noSyncfs = true, true }

// PlayNoLocks makes the repository behave as on a file system without locks.
func (r *Repo) PlayNoLocks() { r.quirks.noLocks = true }

// CrashAt calls fn between the steps of Txn.Commit, and has Commit end with
// the error that it returns.
func (r *Repo) CrashAt(fn func(point string) error) { r.quirks.crash = fn }

// CrashPoints are the names that fn is called with.
func CrashPoints() []string {
	return []string{"prepare", "sync", "partial", "objects", "object", "commits", "complete", "refs", "ref"}
}

// PruneCrashPoints are the names that fn is called with during Prune.
func PruneCrashPoints() []string {
	return []string{"prune recheck", "prune tombstones", "prune commits", "prune commit", "prune deltas", "prune objects", "prune object"}
}

// PruneWhile prunes, and calls fn between looking and deleting.
func (r *Repo) PruneWhile(ctx context.Context, o PruneOptions, fn func()) (*PruneReport, error) {
	p := newPruner(r, o)
	if err := p.find(ctx, r.lockShared); err != nil {
		return nil, err
	}
	fn()
	return p.report, p.finish(ctx)
}
