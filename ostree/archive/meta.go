package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// WriteMeta stores a dirtree, dirmeta or commit. Its bytes must be such an
// object in normal form.
func (t *Txn) WriteMeta(ctx context.Context, typ ostree.ObjectType, data []byte) (ostree.Checksum, error) {
	if err := t.enter(); err != nil {
		return ostree.Checksum{}, err
	}
	defer t.leave()
	n := ostree.ObjectName{Checksum: ostree.ChecksumOf(data), Type: typ}
	return n.Checksum, t.storeMeta(ctx, n, data)
}

func (t *Txn) importMeta(ctx context.Context, n ostree.ObjectName, r io.Reader) error {
	if have, err := t.HasObject(n); have || err != nil {
		return err
	}
	data, err := readMetaFrom(n, r)
	if err != nil {
		return err
	}
	if got := ostree.ChecksumOf(data); got != n.Checksum {
		return &ostree.ChecksumError{Object: n, Got: got}
	}
	return t.storeMeta(ctx, n, data)
}

func readMetaFrom(n ostree.ObjectName, r io.Reader) ([]byte, error) {
	var buf bytes.Buffer
	size, err := io.Copy(&buf, io.LimitReader(r, ostree.MaxMetadataSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading object %s: %w", n, err)
	}
	return buf.Bytes(), ostree.CheckMetaSize(n, size)
}

func (t *Txn) storeMeta(ctx context.Context, n ostree.ObjectName, data []byte) error {
	if err := ostree.CheckMeta(n, data); err != nil {
		return err
	}
	_, err := t.store(ctx, n, func(name string) (int64, error) {
		return int64(len(data)), t.staging.write(name, data)
	})
	return err
}

func (t *Txn) importCommitMeta(n ostree.ObjectName, r io.Reader) error {
	data, err := readMetaFrom(n, r)
	if err != nil {
		return err
	}
	d, err := gvariant.ParseDict(data)
	if err != nil {
		return fmt.Errorf("object %s: %w", n, err)
	}
	t.SetCommitMeta(n.Checksum, d)
	return nil
}

// SetCommitMeta replaces the detached metadata of a commit; nil removes it. An
// empty one is stored: it tells those who pull that what they have is gone.
func (t *Txn) SetCommitMeta(commit ostree.Checksum, d gvariant.Dict) {
	d = d.Clone()
	t.UpdateCommitMeta(commit, func(gvariant.Dict) (gvariant.Dict, error) { return d, nil })
}

// UpdateCommitMeta has fn change the detached metadata of a commit, during
// Commit and under the lock that all who change it take. fn gets what is
// there then and returns what shall be; its error ends Commit, with nothing
// changed. Changes of one commit happen in the order of their calls.
func (t *Txn) UpdateCommitMeta(commit ostree.Checksum, fn func(gvariant.Dict) (gvariant.Dict, error)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes.metas = append(t.changes.metas, metaChange{commit: commit, fn: fn})
}

// ReplaceCommitMeta replaces the detached metadata of a commit, even if what is
// there is damaged.
func (t *Txn) ReplaceCommitMeta(commit ostree.Checksum, d gvariant.Dict) {
	d = d.Clone()
	t.mu.Lock()
	defer t.mu.Unlock()
	fn := func(gvariant.Dict) (gvariant.Dict, error) { return d, nil }
	t.changes.metas = append(t.changes.metas, metaChange{commit, true, fn})
}

// MarkPartial says that the commit lacks some of its objects on purpose: a
// reader of the repository does not take it for damaged.
func (t *Txn) MarkPartial(commit ostree.Checksum) { t.setPartial(commit, true) }

// ClearPartial says that all objects of the commit are there now.
func (t *Txn) ClearPartial(commit ostree.Checksum) { t.setPartial(commit, false) }

func (t *Txn) setPartial(commit ostree.Checksum, partial bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changes.partial[commit] = partial
}

// UpdateCommitMeta has fn change the detached metadata of a commit that the
// repository has, as Txn.UpdateCommitMeta does, in a transaction of its own.
func (r *Repo) UpdateCommitMeta(ctx context.Context, commit ostree.Checksum, fn func(gvariant.Dict) (gvariant.Dict, error)) (err error) {
	n := ostree.ObjectName{Checksum: commit, Type: ostree.ObjectCommit}
	if have, err := r.HasObject(n); err != nil || !have {
		return errors.Join(err, fmt.Errorf("changing the detached metadata of a commit: %w", &MissingError{Object: n}))
	}
	t, err := r.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Abort()) }()
	t.UpdateCommitMeta(commit, fn)
	_, err = t.Commit(ctx)
	return err
}

// newCommitMetas runs the changes of detached metadata and stages what they
// give. The result maps each commit to whether it has any now.
func (t *Txn) newCommitMetas() (map[ostree.Checksum]bool, error) {
	dicts := map[ostree.Checksum]gvariant.Dict{}
	for _, m := range t.changes.metas {
		d, ok := dicts[m.commit]
		if !ok && !m.unread {
			var err error
			if d, err = t.repo.CommitMeta(m.commit); err != nil {
				return nil, err
			}
		}
		d, err := m.fn(d)
		if err != nil {
			return nil, fmt.Errorf("detached metadata of commit %s: %w", m.commit, err)
		}
		dicts[m.commit] = d
	}
	out := map[ostree.Checksum]bool{}
	for commit, d := range dicts {
		out[commit] = d != nil
		if d == nil {
			continue
		}
		n := commitMetaName(commit)
		v := d.Encode()
		if err := v.Check(); err != nil {
			return nil, fmt.Errorf("object %s: %w", n, err)
		}
		if len(v.Data()) > ostree.MaxMetadataSize {
			return nil, fmt.Errorf("object %s has %d bytes; clients accept %d", n, len(v.Data()), ostree.MaxMetadataSize)
		}
		if err := t.staging.write(stagedName(n), v.Data()); err != nil {
			return nil, err
		}
	}
	return out, nil
}
