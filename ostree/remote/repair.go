package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

// RepairResult is what Repair did.
type RepairResult struct {
	Repaired []ostree.ObjectName // sorted
	Bytes    int64               // fetched
}

// Repair fetches objects that are damaged or missing in a repository, and puts
// them in their place, all together. Each is compared with its checksum, a
// commit's detached metadata with the keys if signatures are wanted. What the
// remote does not have, or has damaged too, costs a warning. Repaired dirtrees
// may show that more is missing: check again.
func (r *Remote) Repair(ctx context.Context, dst *archive.Repo, objects []ostree.ObjectName) (_ *RepairResult, err error) {
	if _, err := r.Config(ctx); err != nil {
		return nil, err
	}
	txn, err := dst.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	before := r.Bytes()
	failed := make([]error, len(objects))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(r.opts.MaxRequests)
	for i, n := range objects {
		group.Go(func() error {
			failed[i] = r.repair(gctx, dst, txn, n)
			return context.Cause(gctx)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	result := &RepairResult{Bytes: r.Bytes() - before}
	for i, n := range objects {
		if failed[i] == nil {
			result.Repaired = append(result.Repaired, n)
		} else {
			r.warn(fmt.Errorf("object %s is not repaired: %w", n, failed[i]))
		}
	}
	slices.SortFunc(result.Repaired, ostree.ObjectName.Compare)
	if len(result.Repaired) == 0 {
		return result, nil
	}
	if _, err := txn.Commit(ctx); err != nil {
		return nil, err
	}
	return result, nil
}

func (r *Remote) repair(ctx context.Context, dst *archive.Repo, txn *archive.Txn, n ostree.ObjectName) error {
	if n.Type == ostree.ObjectCommitMeta {
		return r.repairCommitMeta(ctx, dst, txn, n.Checksum)
	}
	most := int64(ostree.MaxMetadataSize)
	if n.Type == ostree.ObjectFile {
		most = r.opts.MaxFileSize
	}
	return r.transfer(ctx, objectPath(n), most, func(body *bodyReader) error { return txn.ReplaceObject(ctx, n, body) })
}

// repairCommitMeta takes the remote's detached metadata of a commit.
func (r *Remote) repairCommitMeta(ctx context.Context, dst *archive.Repo, txn *archive.Txn, c ostree.Checksum) error {
	data, err := r.ReadFile(ctx, objectPath(ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommitMeta}), maxSignatures)
	if err != nil {
		return err
	}
	meta, err := gvariant.ParseDict(data)
	if err != nil {
		return fmt.Errorf("reading its detached metadata: %w", err)
	}
	if r.opts.GPGVerify || r.opts.SignVerify {
		commit, err := dst.ReadMeta(ctx, ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
		if err == nil {
			err = r.verifyCommit(commit, meta)
		}
		if err != nil {
			return err
		}
	}
	txn.ReplaceCommitMeta(c, meta)
	return nil
}
