package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/treewright/treewright/internal/ctxio"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// PullLocalOptions say what PullLocal takes. The zero value is all refs of
// the source's refs/heads, without history.
type PullLocalOptions struct {
	Refs    []string          // none, and no Commits: all
	Commits []ostree.Checksum // to be pulled without a ref
	Depth   int               // ancestors of each commit; negative: all that are there
}

// PullLocalResult counts what PullLocal did.
type PullLocalResult struct {
	Refs           []Ref // that were pulled
	Linked, Copied int64 // objects that the repository did not have
	Meta           int64 // of them dirtrees, dirmetas and commits
	Bytes          int64 // of those that were copied
}

// PullLocal pulls refs from another archive repository of this machine, into
// refs of the same names. Every object that is new is verified; it is
// hard-linked where the file system allows it and the file is like ours, and
// copied elsewhere. The source is not pruned meanwhile.
func (r *Repo) PullLocal(ctx context.Context, src *Repo, o PullLocalOptions) (*PullLocalResult, error) {
	return r.pullLocal(ctx, &Source{src, modeArchive}, o)
}

func (r *Repo) pullLocal(ctx context.Context, from *Source, o PullLocalOptions) (_ *PullLocalResult, err error) {
	src := from.repo
	defer func() {
		if err != nil {
			err = fmt.Errorf("pulling from %s: %w", src.path, err)
		}
	}()
	lock, err := src.lockForReading(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	txn, err := r.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	p := localPull{src: src, from: from, txn: txn, depth: o.Depth, seen: map[ostree.Checksum]int{}}
	refs, err := p.refs(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, c := range o.Commits {
		if err := p.history(ctx, c); err != nil {
			return nil, fmt.Errorf("%s: %w", c, err)
		}
	}
	for _, ref := range refs {
		if err := p.history(ctx, ref.Commit); err != nil {
			return nil, fmt.Errorf("%s: %w", ref.Name, err)
		}
		if err := txn.SetRef(ref.Name, ref.Commit); err != nil {
			return nil, err
		}
	}
	if _, err := txn.Commit(ctx); err != nil {
		return nil, err
	}
	return &PullLocalResult{Refs: refs, Linked: p.linked.Load(), Copied: p.copied.Load(), Meta: p.meta.Load(), Bytes: p.bytes.Load()}, nil
}

type localPull struct {
	src                  *Repo
	from                 *Source // src and its mode
	txn                  *Txn
	depth                int
	seen                 map[ostree.Checksum]int // with how many ancestors
	linked, copied, meta atomic.Int64
	bytes                atomic.Int64
}

func (p *localPull) refs(ctx context.Context, o PullLocalOptions) ([]Ref, error) {
	names := o.Refs
	if len(names)+len(o.Commits) == 0 {
		return p.src.Refs(ctx, "")
	}
	refs := make([]Ref, len(names))
	for i, name := range names {
		c, err := p.src.ResolveRef(name)
		if err != nil {
			return nil, err
		}
		refs[i] = Ref{Name: name, Commit: c}
	}
	return refs, nil
}

// history pulls a commit and as many ancestors as are wanted and there.
func (p *localPull) history(ctx context.Context, c ostree.Checksum) error {
	for left := p.depth; ; left-- {
		if before, ok := p.seen[c]; ok && (before < 0 || left >= 0 && before >= left) {
			return nil
		}
		_, again := p.seen[c]
		p.seen[c] = left
		commit, err := p.src.Commit(ctx, c)
		if err != nil {
			return err
		}
		if !again {
			if err := p.commit(ctx, c, commit); err != nil {
				return fmt.Errorf("commit %s: %w", c, err)
			}
		}
		if left == 0 || commit.Parent.IsZero() {
			return nil
		}
		if has, err := p.src.HasObject(ostree.ObjectName{Checksum: commit.Parent, Type: ostree.ObjectCommit}); err != nil || !has {
			return err
		}
		c = commit.Parent
	}
}

func (p *localPull) commit(ctx context.Context, c ostree.Checksum, commit *ostree.Commit) error {
	partial, err := p.src.IsPartial(c)
	if err != nil {
		return err
	}
	if partial {
		return errors.New("it is partial there: pull it whole into the source first")
	}
	meta, err := p.src.CommitMeta(c)
	if err != nil {
		return err
	}
	if meta != nil {
		p.txn.UpdateCommitMeta(c, func(gvariant.Dict) (gvariant.Dict, error) { return meta, nil })
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	err = ostree.Reachable(gctx, p.src, commit.RootTree, commit.RootMeta, func(n ostree.ObjectName) error {
		has, err := p.txn.HasObject(n)
		if has || err != nil {
			return err
		}
		g.Go(func() error { return p.object(gctx, n) })
		return nil
	})
	if err := cmpErr(g.Wait(), err); err != nil {
		return err
	}
	p.txn.ClearPartial(c)
	return p.object(ctx, ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
}

// bareFile stores a content object of a bare repository.
func (p *localPull) bareFile(ctx context.Context, c ostree.Checksum) error {
	h, content, err := p.from.bareFile(c)
	if err != nil {
		return err
	}
	result, err := p.txn.WriteFileKnown(ctx, c, h, content)
	if err == nil && result.New {
		p.copied.Add(1)
		p.bytes.Add(result.Stored)
	}
	return err
}

func (p *localPull) object(ctx context.Context, n ostree.ObjectName) (err error) {
	if n.Type == ostree.ObjectFile && p.from.mode != modeArchive {
		return p.bareFile(ctx, n.Checksum)
	}
	f, err := p.src.OpenObject(n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	how, size, err := p.txn.linkObject(ctx, n, f)
	switch how {
	case objectLinked:
		p.linked.Add(1)
	case objectCopied:
		p.copied.Add(1)
		p.bytes.Add(size)
	}
	if how != objectThere && n.Type != ostree.ObjectFile {
		p.meta.Add(1)
	}
	if done := p.linked.Load() + p.copied.Load(); done%256 == 0 {
		p.txn.repo.progress("pull", done, 0)
	}
	return err
}

// What linkObject did.
type objectFate int

const (
	objectThere objectFate = iota
	objectLinked
	objectCopied
)

// linkObject is ImportObject for the open file of an object, which it links to
// if it can: the very file that it has verified.
func (t *Txn) linkObject(ctx context.Context, n ostree.ObjectName, f *os.File) (how objectFate, size int64, err error) {
	if err := t.enter(); err != nil {
		return objectThere, 0, err
	}
	defer t.leave()
	_, err = t.store(ctx, n, func(name string) (int64, error) {
		linkable, err := t.linkable(f)
		if err != nil {
			return 0, err
		}
		if linkable {
			if err := t.verifyStored(ctx, n, f); err != nil {
				return 0, err
			}
			if err = t.staging.link(f, name); err == nil {
				how = objectLinked
				return 0, nil
			}
			if !isNoLink(err) {
				return 0, err
			}
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return 0, err
			}
		}
		how = objectCopied
		size, err = t.copyObject(ctx, n, name, f)
		return size, err
	})
	return how, size, err
}

// linkable tells whether a file has the owner and the mode that one of ours
// would have: what others may change is not shared.
func (t *Txn) linkable(f *os.File) (bool, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(int(f.Fd()), &st) }); err != nil {
		return false, pathError("stat", f.Name(), err)
	}
	return st.Uid == uint32(os.Geteuid()) && st.Mode == unix.S_IFREG|fileMode, nil
}

func (t *Txn) verifyStored(ctx context.Context, n ostree.ObjectName, f *os.File) error {
	if n.Type == ostree.ObjectFile {
		_, err := t.repo.verify(n, ctxio.Reader(ctx, f))
		return err
	}
	_, err := verifiedMeta(n, f)
	return err
}

func (t *Txn) copyObject(ctx context.Context, n ostree.ObjectName, name string, f *os.File) (int64, error) {
	if n.Type == ostree.ObjectFile {
		return t.copyFile(ctx, n, name, f)
	}
	data, err := verifiedMeta(n, f)
	if err != nil {
		return 0, err
	}
	return int64(len(data)), t.staging.write(name, data)
}

func verifiedMeta(n ostree.ObjectName, r io.Reader) ([]byte, error) {
	data, err := readMetaFrom(n, r)
	if err != nil {
		return nil, err
	}
	if got := ostree.ChecksumOf(data); got != n.Checksum {
		return nil, &ostree.ChecksumError{Object: n, Got: got}
	}
	return data, ostree.CheckMeta(n, data)
}

// link gives an open file a name in the folder.
func (s *staging) link(f *os.File, name string) error {
	from := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	do := func() error {
		err := retry(func() error { return unix.Linkat(unix.AT_FDCWD, from, s.dir, name, unix.AT_SYMLINK_FOLLOW) })
		return pathError("link", name, err)
	}
	err := do()
	if sub, _, ok := strings.Cut(name, "/"); ok && errors.Is(err, fs.ErrNotExist) {
		if _, err := mkdirAt(s.dir, sub, subDirMode); err != nil {
			return err
		}
		err = do()
	}
	return err
}

// isNoLink tells that files cannot be linked here, and must be copied.
func isNoLink(err error) bool {
	for _, no := range []error{unix.EXDEV, unix.EPERM, unix.EMLINK, unix.ENOTSUP, unix.ENOSYS, unix.ENOENT} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}
