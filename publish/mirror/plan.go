package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/treewright/treewright/internal/origin"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/remote"
)

// plan reads both sides and decides what to do. It changes nothing.
func (m *run) plan(ctx context.Context) (err error) {
	if m.record, err = origin.Read(m.Repo.Path()); err != nil {
		return err
	}
	if before := m.record.Upstreams[m.Name].URL; m.Keyring == nil && before != "" && before != m.result.URL {
		return fmt.Errorf("it was mirrored from %s before, and without a pinned key nothing tells that %s is the same: give it another name", before, m.result.URL)
	}
	if m.listing, err = m.list(ctx); err != nil {
		return err
	}
	m.result.Listing = m.remote.Bytes()
	if err := m.checkAge(); err != nil {
		return err
	}
	for _, name := range m.listing.names() {
		if !m.wanted(name) {
			continue
		}
		if err := m.planRef(ctx, m.listing.refs[name]); err != nil {
			return err
		}
	}
	if err := m.planVanished(); err != nil {
		return err
	}
	slices.SortFunc(m.result.Refs, func(a, b RefResult) int { return strings.Compare(a.Ref, b.Ref) })
	for i := range m.wants {
		m.wants[i].result = slices.IndexFunc(m.result.Refs, func(r RefResult) bool { return r.Ref == m.wants[i].Ref })
	}
	return m.checkPatterns()
}

// checkAge refuses a list of refs that is older than one seen before: a replay
// of it would hide updates.
func (m *run) checkAge() error {
	before := m.record.Upstreams[m.Name].LastModified
	if m.AllowRollback || m.listing.lastModified == 0 || m.listing.lastModified >= before {
		return nil
	}
	return fmt.Errorf("the upstream's list of refs is of %s, but one of %s was seen before: an old copy is being served; "+
		"try again later, or allow the rollback if the upstream was restored from a backup", date(m.listing.lastModified), date(before))
}

func date(seconds uint64) string {
	return time.Unix(int64(min(seconds, 1<<40)), 0).UTC().Format(time.RFC3339)
}

// planRef decides about one ref that the upstream has and the options choose.
func (m *run) planRef(ctx context.Context, ref ostree.SummaryRef) error {
	old, err := m.Repo.ResolveRef(ref.Name)
	if err != nil && !errors.Is(err, archive.ErrNotExist) {
		return err
	}
	if err := m.checkOrigin(m.record, ref.Name, !old.IsZero()); err != nil {
		return err
	}
	result := RefResult{Ref: ref.Name, Old: old, New: ref.Commit}
	w := want{Want: remote.Want{Ref: ref.Name, Commit: ref.Commit, Size: ref.CommitSize, Have: old}}
	switch {
	case old.IsZero():
		result.Status = New
	case old == ref.Commit:
		complete, err := m.complete(ctx, old)
		if err != nil {
			return err
		}
		if complete {
			result.Status = Unchanged
			m.result.Refs = append(m.result.Refs, result)
			return nil
		}
		result.Status, w.Have = Completed, ostree.Checksum{}
	default:
		result.Status = Updated
		have, err := m.Repo.Commit(ctx, old)
		if err != nil {
			return fmt.Errorf("reading the present commit of %s: %w", ref.Name, err)
		}
		if !m.AllowRollback {
			w.NotBefore = have.Timestamp
		}
	}
	m.result.Refs = append(m.result.Refs, result)
	m.wants = append(m.wants, w)
	return nil
}

// checkOrigin refuses refs that are not this upstream's. here tells whether the
// repository has the ref.
func (m *run) checkOrigin(record *origin.Record, ref string, here bool) error {
	name, mirrored := record.Of(ref)
	if mirrored && name == m.Name || !mirrored && !here {
		return nil
	}
	return fmt.Errorf("%w; %s has a ref of that name, too: leave it out, or delete ours first", &origin.ConflictError{Ref: ref, Origin: name}, m.result.URL)
}

// complete reports whether nothing is left to do for a commit: it is there and
// has our signature.
func (m *run) complete(ctx context.Context, c ostree.Checksum) (bool, error) {
	partial, err := m.Repo.IsPartial(c)
	if err != nil || partial {
		return false, err
	}
	data, err := m.Repo.ReadMeta(ctx, ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
	if errors.Is(err, archive.ErrNotExist) {
		return false, nil
	}
	if err != nil || m.Signer == nil {
		return err == nil, err
	}
	meta, err := m.Repo.CommitMeta(c)
	if err != nil {
		return false, err
	}
	return m.Signer.Signed(ctx, data, meta)
}

// planVanished notes the refs that came from this upstream, that the options
// still choose, and that it lists no more.
func (m *run) planVanished() error {
	for _, ref := range m.record.From(m.Name) {
		if _, listed := m.listing.refs[ref]; listed || !m.wanted(ref) {
			continue
		}
		old, err := m.Repo.ResolveRef(ref)
		if errors.Is(err, archive.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		m.result.Refs = append(m.result.Refs, RefResult{Ref: ref, Status: Vanished, Old: old, New: old})
	}
	return nil
}

// checkPatterns wants every pattern to have chosen something: one that did not
// is probably misspelled.
func (m *run) checkPatterns() error {
	for _, p := range m.Refs {
		if slices.ContainsFunc(m.result.Refs, func(r RefResult) bool { return match(p, r.Ref) }) {
			continue
		}
		switch {
		case !isPattern(p) && reserved(p):
			return fmt.Errorf("ref %s describes its own repository and is never mirrored; publishing makes ours", p)
		case isPattern(p):
			return fmt.Errorf("no ref of %s matches %s", m.result.URL, p)
		}
		return fmt.Errorf("%s has no ref %s%s", m.result.URL, p, m.near(p))
	}
	return nil
}

// near names refs of the upstream that resemble ref.
func (m *run) near(ref string) string {
	parts := strings.Split(ref, "/")
	if len(parts) < 2 {
		return ""
	}
	var found []string
	for _, name := range m.listing.names() {
		other := strings.Split(name, "/")
		if len(other) > 1 && !reserved(name) && strings.EqualFold(other[1], parts[1]) {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return "; it has " + strings.Join(found[:min(len(found), 5)], ", ")
}
