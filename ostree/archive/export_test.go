package archive

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
