package mirror

import (
	"context"
	"errors"
	"fmt"

	"github.com/treewright/treewright/internal/origin"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/remote"
)

// execute does what was planned.
func (m *run) execute(ctx context.Context) error {
	if len(m.wants) > 0 {
		claimed, err := m.claim(ctx)
		if err != nil {
			return err
		}
		if err := m.transfer(ctx); err != nil {
			return errors.Join(err, m.release(context.WithoutCancel(ctx), claimed))
		}
	}
	return m.note(ctx)
}

// transfer brings the wanted commits and moves the refs, all at once.
func (m *run) transfer(ctx context.Context) (err error) {
	txn, err := m.Repo.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	wants := make([]remote.Want, len(m.wants))
	for i, w := range m.wants {
		wants[i] = w.Want
	}
	pulled, err := m.remote.PullInto(ctx, m.Repo, txn, wants)
	if err != nil {
		return advise(err)
	}
	for i, got := range pulled.Refs {
		result := &m.result.Refs[m.wants[i].result]
		result.Objects, result.Bytes = got.Objects, got.Bytes
		if err := errors.Join(txn.ExpectRef(result.Ref, result.Old), txn.SetRef(result.Ref, result.New)); err != nil {
			return err
		}
	}
	if _, err := txn.Commit(ctx); err != nil {
		if errors.Is(err, archive.ErrRefChanged) {
			return fmt.Errorf("%w; nothing was changed: run the mirror again", err)
		}
		return err
	}
	m.result.Objects, m.result.Bytes = pulled.Objects, pulled.Bytes
	return nil
}

// advise says what can be done about an error of a pull.
func advise(err error) error {
	if errors.Is(err, remote.ErrRollback) {
		return fmt.Errorf("%w; nothing was changed: an old copy is being served, or the upstream took an update back; allow the rollback if you trust it", err)
	}
	return err
}

// claim records that the wanted refs are this upstream's, before they appear.
// It returns those that were not before.
func (m *run) claim(ctx context.Context) (claimed []string, err error) {
	err = origin.Update(ctx, m.Repo.Path(), func(r *origin.Record) error {
		for _, w := range m.wants {
			// Once more: things may have changed since the plan.
			old, err := m.Repo.ResolveRef(w.Ref)
			if err != nil && !errors.Is(err, archive.ErrNotExist) {
				return err
			}
			if err := m.checkOrigin(r, w.Ref, old != ostree.Checksum{}); err != nil {
				return err
			}
			if _, mirrored := r.Of(w.Ref); !mirrored {
				r.Set(w.Ref, m.Name)
				claimed = append(claimed, w.Ref)
			}
		}
		return nil
	})
	return claimed, err
}

// release takes back the claims of refs that did not appear.
func (m *run) release(ctx context.Context, claimed []string) error {
	if len(claimed) == 0 {
		return nil
	}
	return origin.Update(ctx, m.Repo.Path(), func(r *origin.Record) error {
		for _, ref := range claimed {
			if _, err := m.Repo.ResolveRef(ref); errors.Is(err, archive.ErrNotExist) {
				r.Unset(ref)
			}
		}
		return nil
	})
}

// note records what was learnt of the upstream.
func (m *run) note(ctx context.Context) error {
	return origin.Update(ctx, m.Repo.Path(), func(r *origin.Record) error {
		r.SetUpstream(m.Name, origin.Upstream{URL: m.result.URL, LastModified: m.listing.lastModified})
		return nil
	})
}
