package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"github.com/treewright/treewright/ostree"
	"golang.org/x/sys/unix"
)

// Commit makes the transaction's objects durable, then visible, then changes
// the refs. An error, the end of ctx or of the process before that leaves
// every ref and all detached metadata as they were; objects that are in place
// already are whole and harmless. With several refs a reader may see some
// changed before the others.
func (t *Txn) Commit(ctx context.Context) (_ Stats, err error) {
	if !t.end() {
		return Stats{}, errEnded
	}
	defer func() {
		if err = errors.Join(err, t.release()); err != nil {
			err = fmt.Errorf("committing to repository %s: %w", t.repo.path, err)
		}
	}()
	if t.changes.any() {
		lock, err := t.repo.Lock(ctx, "refs")
		if err != nil {
			return Stats{}, err
		}
		defer func() { err = errors.Join(err, lock.Unlock()) }()
	}
	p := publication{t: t}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"prepare", p.prepare}, // everything that can go wrong in common ways
		{"sync", p.sync},
		{"partial", p.markPartial},
		{"objects", p.moveObjects},
		{"commits", p.moveCommits},
		{"complete", p.clearPartial},
		{"refs", p.moveRefs},
	} {
		if err := cmpErr(ctx.Err(), t.repo.crash(step.name)); err != nil {
			return Stats{}, err
		}
		if err := step.do(ctx); err != nil {
			return Stats{}, err
		}
	}
	return t.stats.snapshot(), t.repo.touch()
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (r *Repo) crash(point string) error {
	if r.quirks.crash == nil {
		return nil
	}
	return r.quirks.crash(point)
}

// touch tells those who watch the repository's folder that something changed.
func (r *Repo) touch() error {
	now := []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}}
	err := unix.UtimesNanoAt(r.root, ".", now, 0)
	if err == unix.EPERM || err == unix.EACCES {
		return nil // another's folder: only its owner may set times
	}
	return pathError("utimensat", r.path, err)
}

func (c *changes) any() bool {
	return len(c.refs)+len(c.expected)+len(c.metas)+len(c.partial) > 0
}

// publication is the end of a transaction, step by step.
type publication struct {
	t       *Txn
	files   []ostree.ObjectName // to rename: content, dirtrees, dirmetas
	commits []ostree.ObjectName
	metas   map[ostree.Checksum]bool
	refs    []string // that change, sorted
}

// prepare checks and stages what is not staged yet, and makes every folder.
// Nothing of it is visible.
func (p *publication) prepare(ctx context.Context) (err error) {
	t := p.t
	for n := range t.staged {
		if n.Type == ostree.ObjectCommit {
			p.commits = append(p.commits, n)
		} else {
			p.files = append(p.files, n)
		}
	}
	slices.SortFunc(p.files, ostree.ObjectName.Compare)
	slices.SortFunc(p.commits, ostree.ObjectName.Compare)
	if err := t.checkExpected(); err != nil {
		return err
	}
	if p.refs, err = t.stageRefs(); err != nil {
		return err
	}
	if p.metas, err = t.newCommitMetas(); err != nil {
		return err
	}
	return p.makeFolders()
}

// fanouts returns the two-digit folders of the names, which are sorted.
func fanouts(names []ostree.ObjectName) []string {
	var out []string
	for _, n := range names {
		if d := n.ArchivePath()[:2]; len(out) == 0 || out[len(out)-1] != d {
			out = append(out, d)
		}
	}
	return out
}

func (p *publication) metaNames() []ostree.ObjectName {
	var names []ostree.ObjectName
	for c := range p.metas {
		names = append(names, commitMetaName(c))
	}
	slices.SortFunc(names, ostree.ObjectName.Compare)
	return names
}

func (p *publication) makeFolders() error {
	for _, names := range [][]ostree.ObjectName{p.files, p.commits, p.metaNames()} {
		for _, dir := range fanouts(names) {
			if _, err := mkdirAt(p.t.repo.objects, dir, subDirMode); err != nil {
				return err
			}
		}
	}
	if len(p.t.changes.partial) > 0 {
		if _, err := mkdirAt(p.t.repo.root, "state", topDirMode); err != nil {
			return err
		}
	}
	for _, ref := range p.refs {
		if err := p.t.repo.makeRefParents(ref); err != nil {
			return err
		}
	}
	return nil
}

// sync makes all that was staged durable, and the folders.
func (p *publication) sync(context.Context) error {
	t := p.t
	if !t.config.fsync {
		return nil
	}
	err := retry(func() error { return unix.Syncfs(t.repo.root) })
	if t.repo.quirks.noSyncfs {
		err = unix.ENOSYS
	}
	if err != unix.ENOSYS && err != unix.EINVAL {
		return pathError("syncfs", t.repo.path, err)
	}
	err = filepath.WalkDir(t.staging.path, func(name string, _ fs.DirEntry, err error) error {
		return cmpErr(err, syncFile(unix.AT_FDCWD, name))
	})
	if err != nil {
		return err
	}
	return p.syncDirs(t.repo.objects, []string{"."})
}

func (p *publication) syncDirs(at int, dirs []string) error {
	if !p.t.config.fsync {
		return nil
	}
	for _, dir := range dirs {
		if err := syncDir(at, dir); err != nil {
			return err
		}
	}
	return nil
}

// markPartial comes before the commit objects: a commit that is here without
// its objects is never taken for whole.
func (p *publication) markPartial(context.Context) error {
	marked := false
	for c, partial := range p.t.changes.partial {
		if !partial {
			continue
		}
		f, err := openAt(p.t.repo.root, partialPath(c), unix.O_WRONLY|unix.O_CREAT, fileMode)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		marked = true
	}
	if !marked {
		return nil
	}
	return p.syncDirs(p.t.repo.root, []string{"state"})
}

// clearPartial comes when all objects are durable. Commits that are back are no
// longer said to have been deleted.
func (p *publication) clearPartial(context.Context) error {
	for _, n := range p.commits {
		if err := unlinkAt(p.t.repo.objects, tombstoneName(n.Checksum).ArchivePath()); err != nil {
			return err
		}
	}
	for c, partial := range p.t.changes.partial {
		if partial {
			continue
		}
		if err := unlinkAt(p.t.repo.root, partialPath(c)); err != nil {
			return err
		}
	}
	return nil
}

// moveObjects renames all but commits: a commit that is visible has its
// objects, whenever the process dies.
func (p *publication) moveObjects(ctx context.Context) error {
	const step = 1024
	for i, n := range p.files {
		if i%step == 0 {
			p.t.repo.progress("commit", int64(i), int64(len(p.files)))
			if err := cmpErr(ctx.Err(), p.t.repo.crash("object")); err != nil {
				return err
			}
		}
		if err := p.move(n); err != nil {
			return err
		}
	}
	if len(p.files) == 0 {
		return nil
	}
	p.t.repo.progress("commit", int64(len(p.files)), int64(len(p.files)))
	return p.syncDirs(p.t.repo.objects, append(fanouts(p.files), "."))
}

// move renames a staged object, over what is there only if it is to be replaced.
func (p *publication) move(n ostree.ObjectName) error {
	if p.t.replaces(n) {
		return renameAt(p.t.staging.dir, stagedName(n), p.t.repo.objects, n.ArchivePath())
	}
	return renameNew(p.t.staging.dir, stagedName(n), p.t.repo.objects, n.ArchivePath())
}

// moveCommits renames detached metadata, so that a commit is never seen
// without its signature, and then the commits.
func (p *publication) moveCommits(context.Context) error {
	metas := p.metaNames()
	for _, n := range metas {
		var err error
		if p.metas[n.Checksum] {
			err = renameAt(p.t.staging.dir, stagedName(n), p.t.repo.objects, n.ArchivePath())
		} else {
			err = unlinkAt(p.t.repo.objects, n.ArchivePath())
		}
		if err != nil {
			return err
		}
	}
	for _, n := range p.commits {
		if err := p.move(n); err != nil {
			return err
		}
	}
	if len(metas)+len(p.commits) == 0 {
		return nil
	}
	return p.syncDirs(p.t.repo.objects, append(append(fanouts(metas), fanouts(p.commits)...), "."))
}

// moveRefs is the moment at which readers see the change. It is not
// interrupted by the end of the context.
func (p *publication) moveRefs(context.Context) error {
	var dirs []string
	for i, ref := range p.refs {
		if err := p.t.repo.crash("ref"); err != nil {
			return err
		}
		target, err := ostree.RefPath(ref)
		if err != nil {
			return err
		}
		dirs = append(dirs, path.Dir(target))
		if p.t.changes.refs[ref].IsZero() {
			err = unlinkAt(p.t.repo.root, target)
		} else {
			err = p.t.repo.placeRef(p.t.staging.dir, stagedRef(i), target)
		}
		if err != nil {
			return fmt.Errorf("ref %s: %w", ref, err)
		}
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		if err := p.syncDirs(p.t.repo.root, []string{dir}); err != nil && !errors.Is(err, ErrNotExist) {
			return err
		}
	}
	return nil
}
