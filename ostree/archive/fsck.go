package archive

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/treewright/treewright/ostree"
	"golang.org/x/sync/errgroup"
)

// FsckOptions tune Fsck. The zero FsckOptions check everything.
type FsckOptions struct{}

// FsckProblem is an object or ref that is not as it should be.
type FsckProblem struct {
	Object  ostree.ObjectName // zero when the ref itself is damaged
	Err     error
	Missing bool
	Refs    []string          // the refs that show a commit which needs it
	Commits []ostree.Checksum // the commits that need it
}

// FsckReport is what Fsck found.
type FsckReport struct {
	Refs, Commits, Objects int64
	Bytes                  int64             // of file content
	Partial                []ostree.Checksum // commits that are marked as such: not checked further
	Problems               []FsckProblem     // sorted by object
}

// OK tells whether nothing is wrong.
func (f *FsckReport) OK() bool { return len(f.Problems) == 0 }

// Fsck reads every object that a commit of the repository needs and compares
// it with its checksum. What is wrong is in the report; the error is for what
// kept it from looking.
func (r *Repo) Fsck(ctx context.Context, _ FsckOptions) (_ *FsckReport, err error) {
	lock, err := r.lockForReading(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	f := &fsck{
		repo: r, report: &FsckReport{},
		broken: map[ostree.ObjectName]*FsckProblem{},
		refs:   map[ostree.Checksum][]string{},
	}
	if f.seen, err = r.exactIndex(ctx); err != nil {
		return nil, err
	}
	if err := f.checkRefs(ctx); err != nil {
		return nil, err
	}
	if err := f.checkCommits(ctx); err != nil {
		return nil, err
	}
	if err := f.blame(ctx); err != nil {
		return nil, err
	}
	f.report.Bytes = f.bytes.Load()
	f.report.Objects = f.objects.Load()
	return f.report, nil
}

type fsck struct {
	repo           *Repo
	report         *FsckReport
	refs           map[ostree.Checksum][]string // by commit
	commits        []ostree.Checksum            // whole ones, to check
	seen           *objectIndex                 // marked: met
	objects, bytes atomic.Int64

	mu     sync.Mutex
	broken map[ostree.ObjectName]*FsckProblem
}

func (f *fsck) problem(n ostree.ObjectName, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken[n] == nil {
		f.broken[n] = &FsckProblem{Object: n, Err: err, Missing: errors.Is(err, ErrNotExist)}
	}
}

func (f *fsck) checkRefs(ctx context.Context) error {
	for _, kind := range []string{"heads", "remotes", "mirrors"} {
		err := f.repo.eachRef(ctx, kind, func(ref Ref, err error) error {
			f.report.Refs++
			name := ref.Name
			if kind != "heads" {
				name = kind + "/" + name
			}
			if err != nil {
				f.report.Problems = append(f.report.Problems, FsckProblem{Err: err, Refs: []string{name}})
				return nil
			}
			f.refs[ref.Commit] = append(f.refs[ref.Commit], name)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkCommits checks the commits that are here or that a ref shows.
func (f *fsck) checkCommits(ctx context.Context) error {
	commits, err := f.repo.Commits(ctx)
	if err != nil {
		return err
	}
	for c := range f.refs {
		commits = append(commits, c)
	}
	sortChecksums(commits)
	files := make(chan ostree.ObjectName, 1024)
	g, gctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error { return f.checkFiles(gctx, files) })
	}
	g.Go(func() error {
		defer close(files)
		for _, c := range slices.Compact(commits) {
			if err := f.checkCommit(gctx, c, files); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

// checkCommit checks a commit, its detached metadata, dirtrees and dirmetas,
// and hands on the content objects.
func (f *fsck) checkCommit(ctx context.Context, c ostree.Checksum, files chan<- ostree.ObjectName) error {
	f.report.Commits++
	f.count()
	n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit}
	commit, err := f.repo.Commit(ctx, c)
	if err != nil {
		f.problem(n, err)
		f.commits = append(f.commits, c)
		return ctx.Err()
	}
	if _, err := f.repo.CommitMeta(c); err != nil {
		f.problem(commitMetaName(c), err)
	}
	partial, err := f.repo.IsPartial(c)
	if err != nil {
		return err
	}
	if partial {
		f.report.Partial = append(f.report.Partial, c)
		return nil
	}
	f.commits = append(f.commits, c)
	return f.checkTree(ctx, ostree.TreeDir{Tree: commit.RootTree, Meta: commit.RootMeta}, files)
}

func (f *fsck) checkTree(ctx context.Context, top ostree.TreeDir, files chan<- ostree.ObjectName) error {
	for stack := []ostree.TreeDir{top}; len(stack) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		d := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if n := (ostree.ObjectName{Checksum: d.Meta, Type: ostree.ObjectDirMeta}); f.seen.mark(n) {
			f.count()
			if _, err := f.repo.DirMeta(ctx, d.Meta); err != nil {
				f.problem(n, err)
			}
		}
		n := ostree.ObjectName{Checksum: d.Tree, Type: ostree.ObjectDirTree}
		if !f.seen.mark(n) {
			continue
		}
		f.count()
		tree, err := f.repo.DirTree(ctx, d.Tree)
		if err != nil {
			f.problem(n, err)
			continue
		}
		stack = append(stack, tree.Dirs...)
		for _, file := range tree.Files {
			n := ostree.ObjectName{Checksum: file.Checksum, Type: ostree.ObjectFile}
			if !f.seen.mark(n) {
				continue
			}
			select {
			case files <- n:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return ctx.Err()
}

// count reports progress. The total is not known before the end.
func (f *fsck) count() {
	if n := f.objects.Add(1); n%256 == 0 {
		f.repo.progress("fsck", n, 0)
	}
}

func (f *fsck) checkFiles(ctx context.Context, files <-chan ostree.ObjectName) error {
	for n := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		f.count()
		size, err := f.checkFile(n)
		if err != nil {
			f.problem(n, err)
		}
		f.bytes.Add(size)
	}
	return nil
}

func (f *fsck) checkFile(n ostree.ObjectName) (size int64, err error) {
	file, err := f.repo.OpenObject(n)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return f.repo.verify(n, file)
}

// blame finds out which commits, and so which refs, each broken object breaks.
func (f *fsck) blame(ctx context.Context) error {
	if len(f.broken) > 0 {
		b := blamer{f: f, below: map[ostree.Checksum][]ostree.ObjectName{}}
		sortChecksums(f.commits)
		for _, c := range f.commits {
			if err := b.commit(ctx, c); err != nil {
				return err
			}
		}
	}
	for _, p := range f.broken {
		for _, c := range p.Commits {
			p.Refs = append(p.Refs, f.refs[c]...)
		}
		slices.Sort(p.Refs)
		f.report.Problems = append(f.report.Problems, *p)
	}
	slices.SortStableFunc(f.report.Problems, func(a, b FsckProblem) int { return a.Object.Compare(b.Object) })
	return nil
}

// blamer remembers which broken objects lie below each dirtree.
type blamer struct {
	f     *fsck
	below map[ostree.Checksum][]ostree.ObjectName
}

func (b *blamer) commit(ctx context.Context, c ostree.Checksum) error {
	broken := b.known(nil, ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
	broken = b.known(broken, commitMetaName(c))
	commit, err := b.f.repo.Commit(ctx, c)
	if err == nil {
		below, err := b.tree(ctx, commit.RootTree, 0)
		if err != nil {
			return fmt.Errorf("commit %s: %w", c, err)
		}
		broken = b.known(append(broken, below...), ostree.ObjectName{Checksum: commit.RootMeta, Type: ostree.ObjectDirMeta})
	}
	slices.SortFunc(broken, ostree.ObjectName.Compare)
	for _, n := range slices.Compact(broken) {
		b.f.broken[n].Commits = append(b.f.broken[n].Commits, c)
	}
	return ctx.Err()
}

// known appends n if it is broken.
func (b *blamer) known(to []ostree.ObjectName, n ostree.ObjectName) []ostree.ObjectName {
	if b.f.broken[n] != nil {
		to = append(to, n)
	}
	return to
}

func (b *blamer) tree(ctx context.Context, c ostree.Checksum, depth int) ([]ostree.ObjectName, error) {
	if broken, ok := b.below[c]; ok {
		return broken, ctx.Err()
	}
	if depth > maxTreeDepth {
		return nil, fmt.Errorf("directories nested deeper than %d", maxTreeDepth)
	}
	broken := b.known(nil, ostree.ObjectName{Checksum: c, Type: ostree.ObjectDirTree})
	tree, err := b.f.repo.DirTree(ctx, c)
	if err != nil {
		b.below[c] = broken // it is among the broken itself
		return broken, ctx.Err()
	}
	for _, file := range tree.Files {
		broken = b.known(broken, ostree.ObjectName{Checksum: file.Checksum, Type: ostree.ObjectFile})
	}
	for _, d := range tree.Dirs {
		broken = b.known(broken, ostree.ObjectName{Checksum: d.Meta, Type: ostree.ObjectDirMeta})
		below, err := b.tree(ctx, d.Tree, depth+1)
		if err != nil {
			return nil, err
		}
		broken = append(broken, below...)
	}
	slices.SortFunc(broken, ostree.ObjectName.Compare)
	b.below[c] = slices.Compact(broken)
	return b.below[c], nil
}

// maxTreeDepth is more than a path of the kernel's PATH_MAX can have.
const maxTreeDepth = 2048

func sortChecksums(cs []ostree.Checksum) { slices.SortFunc(cs, ostree.Checksum.Compare) }
