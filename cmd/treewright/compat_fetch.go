package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/remote"
	"github.com/treewright/treewright/ostree/sign"
)

// fetchHistory fetches and verifies a commit and its wanted ancestors. One that
// the remote has no more ends the history.
func (p *compatPuller) fetchHistory(ctx context.Context, tip compatTip) error {
	sum, ref := tip.commit, tip.ref
	for depth := p.depth; ; depth-- {
		c, err := p.fetchCommit(ctx, sum, tip.size)
		if errors.Is(err, remote.ErrNotFound) && sum != tip.commit {
			return nil
		}
		if err == nil {
			err = p.checkCommit(ctx, c, ref, tip)
		}
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(p.commits, func(o *compatFetched) bool { return o.sum == sum }) {
			p.commits = append(p.commits, c)
		}
		if depth == 0 || c.commit.Parent.IsZero() {
			return nil
		}
		sum, ref, tip.size = c.commit.Parent, "", 0
	}
}

func (p *compatPuller) fetchCommit(ctx context.Context, sum ostree.Checksum, size uint64) (*compatFetched, error) {
	name := ostree.ObjectName{Checksum: sum, Type: ostree.ObjectCommit}
	c := &compatFetched{sum: sum}
	var err error
	if c.have, err = p.repo.HasObject(name); err != nil {
		return nil, err
	}
	if c.have {
		c.data, err = p.repo.ReadMeta(ctx, name)
	} else {
		most := int64(ostree.MaxMetadataSize)
		if size > 0 {
			most = min(most, int64(size))
		}
		c.data, err = p.r.ReadFile(ctx, "objects/"+name.ArchivePath(), most)
	}
	if err != nil {
		return nil, err
	}
	if got := ostree.ChecksumOf(c.data); got != sum {
		return nil, &ostree.ChecksumError{Object: name, Got: got}
	}
	if c.commit, err = ostree.DecodeCommit(c.data); err != nil {
		return nil, err
	}
	metaName := ostree.ObjectName{Checksum: sum, Type: ostree.ObjectCommitMeta}
	data, err := p.r.ReadFile(ctx, "objects/"+metaName.ArchivePath(), 4<<20)
	if errors.Is(err, remote.ErrNotFound) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	p.meta += int64(len(data))
	c.meta, err = gvariant.ParseDict(data)
	return c, err
}

// checkCommit checks signatures, bindings and time. The ref is empty for
// ancestors and for commits that were named by their checksum.
func (p *compatPuller) checkCommit(ctx context.Context, c *compatFetched, ref string, tip compatTip) error {
	if err := p.verifyCommit(c.data, c.meta); err != nil {
		return fmt.Errorf("%s: %w", compatf("Commit %s", c.sum), err)
	}
	if c.sum != tip.commit {
		return nil
	}
	if err := p.checkBindings(c, ref); err != nil {
		return err
	}
	older := ostree.Checksum{}
	var err error
	switch {
	case p.newerThan != "":
		older, err = p.c.resolve(ctx, p.repo, p.newerThan)
	case p.newer && ref != "":
		older, err = p.repo.ResolveRef(p.localRef(ref))
		if errors.Is(err, archive.ErrNotExist) {
			return nil
		}
	}
	if err != nil || older.IsZero() {
		return err
	}
	old, err := p.repo.Commit(ctx, older)
	if err != nil {
		return err
	}
	if c.commit.Timestamp < old.Timestamp {
		return compatf("Upgrade target revision '%s' with timestamp '%s' is chronologically older than current revision '%s' with timestamp '%s'; use --allow-downgrade to permit",
			c.sum, compatUnix(c.commit.Timestamp), older, compatUnix(old.Timestamp))
	}
	return nil
}

func compatUnix(seconds uint64) string {
	return time.Unix(int64(min(seconds, 1<<40)), 0).UTC().Format(time.UnixDate)
}

func (p *compatPuller) checkBindings(c *compatFetched, ref string) error {
	if p.noBindings {
		return nil
	}
	if err := verifyBindings(c.commit, p.collection, ref); err != nil {
		return compatf("Commit %s: %s", c.sum, err)
	}
	return nil
}

// storeCommits stores the commits alone, marked as partial.
func (p *compatPuller) storeCommits(ctx context.Context) error {
	for _, c := range p.commits {
		if !c.have {
			if _, err := p.txn.WriteMeta(ctx, ostree.ObjectCommit, c.data); err != nil {
				return err
			}
			p.txn.MarkPartial(c.sum)
		}
		if c.meta != nil {
			p.txn.UpdateCommitMeta(c.sum, func(now gvariant.Dict) (gvariant.Dict, error) { return sign.Merge(now, c.meta), nil })
		}
	}
	return nil
}

// fetchTrees brings the commits' trees into the transaction.
func (p *compatPuller) fetchTrees(ctx context.Context) (*remote.Result, error) {
	for _, path := range p.localCache {
		if err := p.fromCache(ctx, path); err != nil {
			return nil, err
		}
	}
	var wants []remote.Want
	for _, c := range p.commits {
		wants = append(wants, remote.Want{Commit: c.sum, Subpaths: p.subpaths})
	}
	result, err := p.r.PullInto(ctx, p.repo, p.txn, wants)
	if err == nil && p.userOnly {
		err = p.checkUserOnly(ctx)
	}
	return result, err
}

// checkUserOnly refuses files with mode bits that a user's own may not have.
func (p *compatPuller) checkUserOnly(ctx context.Context) error {
	var bad error
	for _, c := range p.commits {
		root := ostree.TreeDir{Tree: c.commit.RootTree, Meta: c.commit.RootMeta}
		_, err := p.txn.EditTree(ctx, root, func(path string, h ostree.FileHeader) (ostree.FileHeader, bool) {
			mode := h.Mode &^ ostree.ModeType
			if bits := mode &^ 0o775; bad == nil && bits != 0 && h.Mode&ostree.ModeType == ostree.ModeRegular {
				bad = compatf("Content object %s: invalid mode 0%04o with bits 0%o", path, mode, bits)
			}
			return h, true
		})
		if err = errors.Join(err, bad); err != nil {
			return err
		}
	}
	return nil
}

// compatCached counts what --localcache-repo saved.
type compatCached struct {
	meta, files int64 // from there
	fetched     int64 // metadata that had to be fetched to look further
}

// fromCache takes objects from another repository of this machine. They are
// stored before the commits that need them.
func (p *compatPuller) fromCache(ctx context.Context, path string) (err error) {
	cache, err := archive.Open(path, archive.Options{Clock: p.c.env.clock})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cache.Close()) }()
	txn, err := p.repo.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	for _, c := range p.commits {
		s := cacheSearch{p, cache, txn}
		if err := s.object(ctx, ostree.ObjectName{Checksum: c.commit.RootMeta, Type: ostree.ObjectDirMeta}, &p.local.meta); err != nil {
			return err
		}
		if err := s.tree(ctx, c.commit.RootTree, 0); err != nil {
			return err
		}
	}
	_, err = txn.Commit(ctx)
	return err
}

type cacheSearch struct {
	p     *compatPuller
	cache *archive.Repo
	txn   *archive.Txn
}

// object copies an object that only the cache has.
func (s cacheSearch) object(ctx context.Context, n ostree.ObjectName, count *int64) (err error) {
	have, err := s.txn.HasObject(n)
	if err != nil || have {
		return err
	}
	if have, err = s.cache.HasObject(n); err != nil || !have {
		return err
	}
	f, err := s.cache.OpenObject(n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	*count++
	return s.txn.ImportObject(ctx, n, f)
}

func (s cacheSearch) tree(ctx context.Context, sum ostree.Checksum, depth int) error {
	if depth > 2048 {
		return errors.New("directories nested too deep")
	}
	n := ostree.ObjectName{Checksum: sum, Type: ostree.ObjectDirTree}
	if err := s.object(ctx, n, &s.p.local.meta); err != nil {
		return err
	}
	if have, err := s.txn.HasObject(n); err != nil {
		return err
	} else if !have {
		data, err := s.p.r.ReadFile(ctx, "objects/"+n.ArchivePath(), ostree.MaxMetadataSize)
		if err != nil {
			return err
		}
		if err := s.txn.ImportObject(ctx, n, bytes.NewReader(data)); err != nil {
			return err
		}
		s.p.local.fetched++
	}
	data, err := s.txn.ReadMeta(ctx, n)
	if err != nil {
		return err
	}
	tree, err := ostree.DecodeDirTree(data)
	if err != nil {
		return err
	}
	for _, f := range tree.Files {
		if err := s.object(ctx, ostree.ObjectName{Checksum: f.Checksum, Type: ostree.ObjectFile}, &s.p.local.files); err != nil {
			return err
		}
	}
	for _, d := range tree.Dirs {
		if err := s.object(ctx, ostree.ObjectName{Checksum: d.Meta, Type: ostree.ObjectDirMeta}, &s.p.local.meta); err != nil {
			return err
		}
		if err := s.tree(ctx, d.Tree, depth+1); err != nil {
			return err
		}
	}
	return nil
}
