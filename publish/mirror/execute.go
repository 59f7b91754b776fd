package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/treewright/treewright/internal/origin"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/remote"
)

// execute does what was planned.
func (m *run) execute(ctx context.Context) (err error) {
	if len(m.wants) == 0 {
		_, err := m.claim(ctx)
		return err
	}
	txn, err := m.Repo.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	if err := m.transfer(ctx, txn); err != nil {
		return advise(err)
	}
	claimed, err := m.claim(ctx)
	if err != nil {
		return err
	}
	if _, err := txn.Commit(ctx); err != nil {
		err = errors.Join(err, m.release(context.WithoutCancel(ctx), claimed))
		return advise(err)
	}
	return nil
}

// transfer brings the wanted commits into txn, and moves the refs there.
func (m *run) transfer(ctx context.Context, txn *archive.Txn) error {
	wants := make([]remote.Want, len(m.wants))
	for i, w := range m.wants {
		wants[i] = w.Want
	}
	var pulled *remote.Result
	var err error
	if m.keeper != nil {
		pulled, err = m.keeper.PullInto(ctx, txn, wants)
	} else {
		pulled, err = m.remote.PullInto(ctx, m.Repo, txn, wants)
	}
	if err != nil {
		return err
	}
	for i, got := range pulled.Refs {
		result := &m.result.Refs[m.wants[i].result]
		result.Objects, result.Bytes = got.Objects, got.Bytes
		if err := errors.Join(txn.ExpectRef(result.Ref, result.Old), txn.SetRef(result.Ref, result.New)); err != nil {
			return err
		}
	}
	m.result.Objects, m.result.Bytes = pulled.Objects, pulled.Bytes
	return nil
}

// keepDeltas brings the deltas to the commits that the refs show now.
func (m *run) keepDeltas(ctx context.Context) error {
	var commits []ostree.Checksum
	for _, ref := range m.result.Refs {
		if !ref.New.IsZero() && !slices.Contains(commits, ref.New) {
			commits = append(commits, ref.New)
		}
	}
	kept, err := m.keeper.Keep(ctx, commits)
	for _, n := range kept {
		m.result.Deltas = append(m.result.Deltas, n.String())
	}
	return err
}

// advise says what can be done about an error.
func advise(err error) error {
	switch {
	case errors.Is(err, remote.ErrRollback):
		return fmt.Errorf("%w; nothing was changed: an old copy is being served, or the upstream took an update back; allow the rollback if you trust it", err)
	case errors.Is(err, archive.ErrRefChanged):
		return fmt.Errorf("%w; nothing was changed: run the mirror again", err)
	}
	return err
}

// claim records, before the refs appear, that they are this upstream's, and
// how new its list is. It returns the refs that were not its own before.
func (m *run) claim(ctx context.Context) (claimed []string, err error) {
	err = origin.Update(ctx, m.Repo.Path(), func(r *origin.Record) error {
		r.SetUpstream(m.Name, origin.Upstream{
			URL:          m.result.URL,
			LastModified: cmp.Or(m.listing.lastModified, r.Upstreams[m.Name].LastModified),
		})
		for _, w := range m.wants {
			// Once more: others may have written since the plan.
			old, err := m.Repo.ResolveRef(w.Ref)
			if err != nil && !errors.Is(err, archive.ErrNotExist) {
				return err
			}
			if err := m.checkOrigin(r, w.Ref, !old.IsZero()); err != nil {
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

// release takes back the claims of refs that do not show what this run brought:
// they did not appear, or somebody else made a ref of that name meanwhile.
func (m *run) release(ctx context.Context, claimed []string) error {
	if len(claimed) == 0 {
		return nil
	}
	return origin.Update(ctx, m.Repo.Path(), func(r *origin.Record) error {
		for _, w := range m.wants {
			if !slices.Contains(claimed, w.Ref) {
				continue
			}
			now, err := m.Repo.ResolveRef(w.Ref)
			if err != nil && !errors.Is(err, archive.ErrNotExist) {
				return err
			}
			if now != w.Commit {
				r.Unset(w.Ref)
			}
		}
		return nil
	})
}
