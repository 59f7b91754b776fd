package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// What is stored is made durable each time that one of these is reached: a
// pull that is killed loses less than this.
const (
	flushObjects = 20_000
	flushBytes   = 256 << 20
)

// manyFiles is how many files may wait before directories are read no further:
// it bounds what a large tree costs in memory.
const manyFiles = 8192

// puller brings the objects of trees into a repository: workers take tasks,
// and directories give new ones.
type puller struct {
	remote *Remote
	dst    *archive.Repo
	known  map[ostree.Checksum]struct{} // dirtrees that are there with all below
	holed  map[ostree.Checksum]struct{} // dirtrees that are not, for learn

	batches *batches
	deltas  *batches // of what static deltas bring
	keeper  *Keeper  // of the deltas' files; nil: they are not kept

	mu          sync.Mutex
	wake        *sync.Cond
	trees       []task // last in, first out: few wait at a time
	files       []task
	active      int
	stopped     bool
	seen        map[ostree.ObjectName]struct{}
	done, total int64
}

// run brings the trees of commits into the repository, by way of txn.
func (p *puller) run(ctx context.Context, txn *archive.Txn, commits []*verifiedCommit) (err error) {
	var roots []task
	for _, c := range commits {
		if c.whole || c.want.CommitOnly {
			continue
		}
		roots = append(roots,
			task{name: ostree.ObjectName{Checksum: c.commit.RootMeta, Type: ostree.ObjectDirMeta}, want: c.want},
			task{name: ostree.ObjectName{Checksum: c.commit.RootTree, Type: ostree.ObjectDirTree}, want: c.want, only: splitPaths(c.want.Subpaths)})
	}
	if len(roots) == 0 {
		return nil
	}
	if err := p.pullDeltas(ctx, commits); err != nil {
		return err
	}
	if err := p.learn(ctx, commits); err != nil {
		return err
	}
	p.batches = newBatches(p.dst, txn, &p.remote.opts)
	defer func() { err = errors.Join(err, p.batches.abort()) }()
	p.wake = sync.NewCond(&p.mu)
	p.add(roots)
	if err := p.work(ctx); err != nil {
		return err
	}
	return p.batches.finish(ctx)
}

// work runs the workers until no task is left.
func (p *puller) work(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, p.stop)
	defer stop()
	for range p.remote.opts.MaxRequests {
		group.Go(func() error {
			for {
				t, ok := p.next()
				if !ok {
					return ctx.Err()
				}
				more, err := p.handle(ctx, t)
				if err != nil {
					p.finish(nil)
					return p.explain(t, err)
				}
				p.finish(more)
			}
		})
	}
	return group.Wait()
}

// explain says which part of which commit err is about.
func (p *puller) explain(t task, err error) error {
	var absent *NotFoundError
	if errors.As(err, &absent) {
		ref := t.want.Ref
		if ref == "" {
			ref = "commit " + t.want.Commit.String()
		}
		return &MissingError{Object: t.name, Path: t.path(), Ref: ref, URL: p.remote.URL()}
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	err = fmt.Errorf("%s, %s: %w", t.path(), t.name, err)
	return &CommitError{Ref: t.want.Ref, Commit: t.want.Commit, URL: p.remote.URL(), Err: err}
}

// next waits for a task. ok is false when none will come.
func (p *puller) next() (t task, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.stopped:
			return task{}, false
		case len(p.trees) > 0 && len(p.files) < manyFiles:
			t, p.trees = p.trees[len(p.trees)-1], p.trees[:len(p.trees)-1]
			p.active++
			return t, true
		case len(p.files) > 0:
			t, p.files = p.files[len(p.files)-1], p.files[:len(p.files)-1]
			p.active++
			return t, true
		case p.active == 0:
			p.wake.Broadcast()
			return task{}, false
		}
		p.wake.Wait()
	}
}

// finish takes in what a task led to.
func (p *puller) finish(more []task) {
	p.add(more)
	p.mu.Lock()
	p.active--
	p.done++
	done, total := p.done, p.total
	p.wake.Broadcast()
	p.mu.Unlock()
	if progress := p.remote.opts.Progress; progress != nil {
		progress("pull", done, total)
	}
}

// add queues those tasks that are new.
func (p *puller) add(tasks []task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range tasks {
		if t.only != nil { // others may want all of the directory
			p.total++
			p.trees = append(p.trees, t)
			continue
		}
		if _, ok := p.seen[t.name]; ok {
			continue
		}
		if _, ok := p.known[t.name.Checksum]; ok && t.name.Type == ostree.ObjectDirTree {
			continue
		}
		p.seen[t.name] = struct{}{}
		p.total++
		if t.name.Type == ostree.ObjectFile {
			p.files = append(p.files, t)
		} else {
			p.trees = append(p.trees, t)
		}
	}
	p.wake.Broadcast()
}

// stop ends the workers that wait.
func (p *puller) stop() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.wake.Broadcast()
}

// learn notes the directories of commits that the repository holds whole and
// that the new ones probably share most with.
func (p *puller) learn(ctx context.Context, commits []*verifiedCommit) error {
	p.known, p.holed = map[ostree.Checksum]struct{}{}, map[ostree.Checksum]struct{}{}
	for _, c := range commits {
		if c.whole {
			continue
		}
		for _, base := range []ostree.Checksum{c.want.Have, c.commit.Parent} {
			if base.IsZero() {
				continue
			}
			if err := p.learnCommit(ctx, base); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *puller) learnCommit(ctx context.Context, c ostree.Checksum) error {
	have, err := p.dst.HasObject(ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
	if err != nil || !have {
		return err
	}
	if partial, err := p.dst.IsPartial(c); err != nil || partial {
		return err
	}
	commit, err := p.dst.Commit(ctx, c)
	if err != nil {
		return err
	}
	_, err = p.learnTree(ctx, commit.RootTree, 0)
	return err
}

// learnTree notes c when all directories below it are there, too.
func (p *puller) learnTree(ctx context.Context, c ostree.Checksum, depth int) (whole bool, err error) {
	if _, ok := p.known[c]; ok {
		return true, nil
	}
	if _, ok := p.holed[c]; ok {
		return false, nil
	}
	tree, err := p.dst.DirTree(ctx, c)
	if errors.Is(err, archive.ErrNotExist) || depth > maxDepth {
		return false, nil // a damaged repository: this pull may repair it
	}
	if err != nil {
		return false, err
	}
	whole = true
	for _, d := range tree.Dirs {
		below, err := p.learnTree(ctx, d.Tree, depth+1)
		if err != nil {
			return false, err
		}
		whole = whole && below
	}
	if whole {
		p.known[c] = struct{}{}
	} else {
		p.holed[c] = struct{}{}
	}
	return whole, nil
}
