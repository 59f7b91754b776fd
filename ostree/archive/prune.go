package archive

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/treewright/treewright/ostree"
)

// Retention says which commits of a ref's history are kept. What it shows is
// kept always; the zero Retention keeps all. With both limits a commit stays
// that either keeps.
type Retention struct {
	Commits int       // keep as many, the one that the ref shows included
	Since   time.Time // keep those that are not older, up to the first that is
}

// RefRetention is the Retention of the refs that a pattern matches: "*" is any
// letters, slashes too, "?" one. Refs of remotes are "REMOTE:NAME".
type RefRetention struct {
	Pattern string
	Retention
}

// PruneOptions say what Prune keeps. The zero PruneOptions keep every commit,
// and so delete only what no commit needs.
type PruneOptions struct {
	RefsOnly   bool              // keep what refs show, within the limits below; not every commit
	Keep       Retention         // of refs that Refs does not name; counts with RefsOnly
	Refs       []RefRetention    // the first that matches counts; with RefsOnly
	Delete     []ostree.Checksum // commits to delete in any case; a ref that shows one is an error
	CommitOnly bool              // delete commits, not what they alone needed: a later Prune does
	DryRun     bool              // count only
}

// PruneReport counts what Prune deleted or, with DryRun, would delete.
type PruneReport struct {
	Objects     int64 // in the repository before; with CommitOnly its commits alone
	Commits     int64 // deleted, as are the next two
	Meta        int64 // dirtrees and dirmetas
	Files       int64 // content objects
	Bytes       int64 // that the deleted objects took
	Deltas      int64 // static deltas to commits that are gone
	DeltaBytes  int64 // of these and of their indexes
	CommitMetas int64 // detached metadata of commits that are gone
}

// Deleted is the number of objects that were deleted.
func (p *PruneReport) Deleted() int64 { return p.Commits + p.Meta + p.Files }

// Prune deletes objects that nothing needs any more. It looks for them while
// others write, and keeps writers away only while it deletes, having looked at
// what they did meanwhile. Readers are not disturbed: commits go before what
// they need. The end of ctx or of the process does no harm. A commit that
// lacks objects and is not marked as partial is an error, with nothing
// deleted.
func (r *Repo) Prune(ctx context.Context, o PruneOptions) (_ *PruneReport, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("pruning repository %s: %w", r.path, err)
		}
	}()
	p := newPruner(r, o)
	for _, k := range o.Refs {
		if _, err := path.Match(k.Pattern, ""); err != nil {
			return nil, fmt.Errorf("the pattern %q of refs: %w", k.Pattern, err)
		}
	}
	if o.DryRun {
		err = p.find(ctx, r.lockForReading)
	} else {
		err = p.run(ctx)
	}
	if err != nil {
		return nil, err
	}
	return p.report, nil
}

// run finds what to delete and deletes it, alone of its kind.
func (p *pruner) run(ctx context.Context) (err error) {
	alone, err := p.repo.Lock(ctx, "prune")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, alone.Unlock()) }()
	if err := p.find(ctx, p.repo.lockShared); err != nil {
		return err
	}
	return p.finish(ctx)
}

// finish deletes what find found, once nobody writes.
func (p *pruner) finish(ctx context.Context) (err error) {
	gate, err := p.repo.closeGate(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gate.Unlock()) }()
	lock, err := p.repo.LockExclusive(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := p.repo.crash("prune recheck"); err != nil {
		return err
	}
	if err := p.markAgain(ctx); err != nil {
		return err
	}
	return p.sweep(ctx)
}

// pruner is one run of Prune.
type pruner struct {
	repo    *Repo
	opts    PruneOptions
	report  *PruneReport
	index   *objectIndex
	dropped map[ostree.Checksum]bool // opts.Delete
	missing []missingTree            // met while others write
	strict  bool                     // nobody writes
	trees   int64                    // that were read
}

func newPruner(r *Repo, o PruneOptions) *pruner {
	p := &pruner{repo: r, opts: o, report: &PruneReport{}, dropped: map[ostree.Checksum]bool{}}
	for _, c := range o.Delete {
		p.dropped[c] = true
	}
	return p
}

// missingTree is a dirtree that was not there. A partial commit may lack it;
// with the C tool a commit may be seen some moments before its dirtrees.
type missingTree struct {
	tree    ostree.Checksum
	partial bool
}

// find marks what must stay. With DryRun it counts the rest.
func (p *pruner) find(ctx context.Context, lock func(context.Context) (*Lock, error)) (err error) {
	l, err := lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Unlock()) }()
	if p.index, err = p.repo.index(ctx); err != nil {
		return err
	}
	if err := p.markRoots(ctx, p.index.commits()); err != nil {
		return err
	}
	p.report.Objects = p.index.count(ostree.ObjectCommit)
	if !p.opts.CommitOnly {
		for _, t := range []ostree.ObjectType{ostree.ObjectFile, ostree.ObjectDirTree, ostree.ObjectDirMeta} {
			p.report.Objects += p.index.count(t)
		}
	}
	if !p.opts.DryRun {
		return nil
	}
	if err := p.markAgain(ctx); err != nil {
		return err
	}
	return p.sweep(ctx)
}

// markRoots marks every commit that stays, of those that there are, and what
// it needs.
func (p *pruner) markRoots(ctx context.Context, commits []ostree.Checksum) error {
	kept := keptCommits{p: p, budgets: map[ostree.Checksum]budget{}}
	for _, kind := range []string{"heads", "remotes", "mirrors"} {
		err := p.repo.eachRef(ctx, kind, func(ref Ref, err error) error {
			if err != nil {
				return err // what it shows is unknown, and must not be deleted
			}
			name := refName(kind, ref.Name)
			if p.dropped[ref.Commit] {
				return fmt.Errorf("commit %s cannot be deleted: the ref %s shows it", ref.Commit, name)
			}
			return kept.follow(ctx, name, ref.Commit)
		})
		if err != nil {
			return err
		}
	}
	for _, c := range commits {
		_, keep := kept.budgets[c]
		// A commit that came after the index was made stays until the next time.
		isNew := !p.index.has(ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
		if p.dropped[c] && !isNew || !keep && !isNew && p.opts.RefsOnly {
			continue
		}
		if err := p.markCommit(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// refName is how people name a ref of refs/KIND.
func refName(kind, name string) string {
	first, rest, _ := strings.Cut(name, "/")
	switch kind {
	case "remotes":
		return first + ":" + rest
	case "mirrors":
		return rest // first is the collection ID
	}
	return name
}

// markAgain marks what writers have added since the first time.
func (p *pruner) markAgain(ctx context.Context) error {
	missing := p.missing
	p.missing, p.strict = nil, true
	for _, m := range missing {
		if err := p.markTree(ctx, m.tree, m.partial); err != nil {
			return err
		}
	}
	commits, err := p.repo.Commits(ctx)
	if err != nil {
		return err
	}
	return p.markRoots(ctx, commits)
}

func (p *pruner) markCommit(ctx context.Context, c ostree.Checksum) error {
	n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit}
	if !p.index.mark(n) {
		return nil
	}
	p.index.mark(commitMetaName(c))
	if p.opts.CommitOnly {
		return nil
	}
	commit, err := p.repo.Commit(ctx, c)
	if err != nil {
		return err
	}
	partial, err := p.repo.IsPartial(c)
	if err != nil {
		return err
	}
	p.index.mark(ostree.ObjectName{Checksum: commit.RootMeta, Type: ostree.ObjectDirMeta})
	if err := p.markTree(ctx, commit.RootTree, partial); err != nil {
		return fmt.Errorf("commit %s: %w", c, err)
	}
	return nil
}

// markTree marks a dirtree and all below. What partial commits lack is noted.
func (p *pruner) markTree(ctx context.Context, top ostree.Checksum, partial bool) error {
	for stack := []ostree.Checksum{top}; len(stack) > 0; {
		c := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectDirTree}
		if p.index.isMarked(n) {
			continue
		}
		tree, err := p.repo.DirTree(ctx, c)
		if errors.Is(err, ErrNotExist) && (partial || !p.strict) {
			p.missing = append(p.missing, missingTree{c, partial})
			continue
		}
		if err != nil {
			return fmt.Errorf("%w; `treewright repo fsck` tells which refs this breaks", err)
		}
		p.index.mark(n)
		if p.trees++; p.trees%256 == 0 {
			p.repo.progress("mark", p.trees, 0)
		}
		for _, f := range tree.Files {
			p.index.mark(ostree.ObjectName{Checksum: f.Checksum, Type: ostree.ObjectFile})
		}
		for _, d := range tree.Dirs {
			p.index.mark(ostree.ObjectName{Checksum: d.Meta, Type: ostree.ObjectDirMeta})
			stack = append(stack, d.Tree)
		}
	}
	return ctx.Err()
}

// keptCommits collects the commits that refs keep.
type keptCommits struct {
	p       *pruner
	budgets map[ostree.Checksum]budget // that each was reached with
}

// budget is how far a history is still followed. A commit may be met again
// with a larger one, through another ref.
type budget struct {
	commits int   // this one included; negative: all
	since   int64 // seconds
}

const never = 1<<63 - 1

func (b budget) covers(o budget) bool {
	return (b.commits < 0 || o.commits >= 0 && b.commits >= o.commits) && b.since <= o.since
}

func (r Retention) budget() budget {
	b := budget{commits: r.Commits, since: never}
	if !r.Since.IsZero() {
		b.since = r.Since.Unix()
	}
	if r.Commits <= 0 && b.since == never {
		b.commits = -1
	}
	return b
}

// withoutSlashes puts a letter for slashes that no ref can hold.
func withoutSlashes(s string) string { return strings.ReplaceAll(s, "/", "\x01") }

func (p *pruner) retention(ref string) Retention {
	for _, k := range p.opts.Refs {
		// path.Match stops at slashes; here they are letters like others.
		ok, _ := path.Match(withoutSlashes(k.Pattern), withoutSlashes(ref)) // Prune has checked the pattern
		if ok {
			return k.Retention
		}
	}
	return p.opts.Keep
}

// follow keeps the commit that a ref shows and those ancestors that its
// retention says.
func (k *keptCommits) follow(ctx context.Context, ref string, c ostree.Checksum) error {
	left := k.p.retention(ref).budget()
	for tip := true; ; tip = false {
		commit, err := k.p.repo.Commit(ctx, c)
		if !tip && (errors.Is(err, ErrNotExist) || k.p.dropped[c]) {
			return nil // history was cut here
		}
		if err != nil {
			return fmt.Errorf("ref %s: %w", ref, err)
		}
		young := left.since != never && int64(min(commit.Timestamp, never)) >= left.since
		if !young && left.commits == 0 && !tip {
			return nil
		}
		if seen, ok := k.budgets[c]; ok && seen.covers(left) {
			return nil
		}
		k.budgets[c] = left
		if !young && !tip {
			left.since = never // a younger one behind an older is not looked for
		}
		if left.commits > 0 {
			left.commits--
		}
		if left.commits == 0 && left.since == never || commit.Parent.IsZero() {
			return ctx.Err()
		}
		c = commit.Parent
	}
}
