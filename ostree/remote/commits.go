package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// A Want is one commit to pull.
type Want struct {
	Ref    string // checked against the commit's bindings; empty: not checked
	Commit ostree.Checksum
	Size   uint64 // of the commit object, from the summary; zero: unknown
	Depth  int    // how many ancestors to pull, too; -1: all that the remote has
	// Collection is the one that the commit must be bound to; empty: that of
	// the Options.
	Collection string
	// NotBefore refuses a commit that is older: the time of the one that it
	// replaces, in Unix seconds.
	NotBefore uint64
	// Have is a commit that the repository holds whole, and whose directories
	// need no look when they occur again; zero: none but the parent.
	Have ostree.Checksum
	// CommitOnly brings the commit without its tree, Subpaths nothing of the
	// tree but these paths. The commit is marked as partial then.
	CommitOnly bool
	Subpaths   []string
}

// narrow tells whether not all of the commit is wanted.
func (w *Want) narrow() bool { return w.CommitOnly || len(w.Subpaths) > 0 }

// A CommitError says why a commit was refused. Ref may be empty.
type CommitError struct {
	Ref    string
	Commit ostree.Checksum
	URL    string
	Err    error
}

func (e *CommitError) Error() string {
	if e.Ref == "" {
		return fmt.Sprintf("commit %s of %s: %v", e.Commit, e.URL, e.Err)
	}
	return fmt.Sprintf("ref %s, commit %s of %s: %v", e.Ref, e.Commit, e.URL, e.Err)
}

func (e *CommitError) Unwrap() error { return e.Err }

// Reasons for a CommitError, besides those of package sign.
var (
	ErrBinding  = errors.New("it is bound to other refs")
	ErrRollback = errors.New("it is older than the commit that it would replace")
)

// verifiedCommit is a commit that may be stored.
type verifiedCommit struct {
	want     *pulled // what it belongs to
	checksum ostree.Checksum
	data     []byte
	commit   *ostree.Commit
	meta     gvariant.Dict // the remote's detached metadata
	whole    bool          // the repository has all of it
	partial  bool          // the repository has some of it
}

// fetchCommits fetches and verifies the wanted commits and their ancestors.
// Nothing is stored.
func (r *Remote) fetchCommits(ctx context.Context, dst *archive.Repo, wants []*pulled) ([]*verifiedCommit, error) {
	chains := make([][]*verifiedCommit, len(wants))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.opts.MaxRequests)
	for i, w := range wants {
		group.Go(func() (err error) {
			chains[i], err = r.fetchChain(ctx, dst, w)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(chains...), nil
}

// fetchChain fetches one wanted commit and as many ancestors as are wanted. A
// missing ancestor ends the chain: upstreams prune their history.
func (r *Remote) fetchChain(ctx context.Context, dst *archive.Repo, w *pulled) ([]*verifiedCommit, error) {
	var chain []*verifiedCommit
	next, ref := w.Commit, w.Ref
	for depth := w.Depth; ; depth-- {
		c, err := r.fetchCommit(ctx, dst, w, next, ref)
		if errors.Is(err, ErrNotFound) && len(chain) > 0 {
			return chain, nil
		}
		if err != nil {
			return nil, &CommitError{Ref: w.Ref, Commit: next, URL: r.URL(), Err: err}
		}
		if len(chain) == 0 && c.commit.Timestamp < w.NotBefore {
			err := fmt.Errorf("%w: it is of %s, that one of %s", ErrRollback, unix(c.commit.Timestamp), unix(w.NotBefore))
			return nil, &CommitError{Ref: w.Ref, Commit: next, URL: r.URL(), Err: err}
		}
		chain = append(chain, c)
		if depth == 0 || c.commit.Parent.IsZero() {
			return chain, nil
		}
		next, ref = c.commit.Parent, "" // an ancestor may be of a ref that was renamed
	}
}

func unix(seconds uint64) string {
	return time.Unix(int64(min(seconds, 1<<40)), 0).UTC().Format(time.RFC3339)
}

// fetchCommit fetches one commit, from the repository itself where it is
// there, and checks all that is known of it.
func (r *Remote) fetchCommit(ctx context.Context, dst *archive.Repo, w *pulled, c ostree.Checksum, ref string) (*verifiedCommit, error) {
	v := &verifiedCommit{want: w, checksum: c}
	name := ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit}
	have, err := dst.HasObject(name)
	if err != nil {
		return nil, err
	}
	if have {
		if v.partial, err = dst.IsPartial(c); err != nil {
			return nil, err
		}
		v.whole = !v.partial
		if v.data, err = dst.ReadMeta(ctx, name); err != nil {
			return nil, err
		}
	} else {
		most := int64(ostree.MaxMetadataSize)
		if w.Size > 0 && c == w.Commit {
			most = int64(min(w.Size, ostree.MaxMetadataSize))
		}
		if v.data, err = r.readMeta(ctx, name, most); err != nil {
			return nil, err
		}
		w.bytes.Add(int64(len(v.data)))
	}
	if v.commit, err = ostree.DecodeCommit(v.data); err != nil {
		return nil, err
	}
	if v.meta, err = r.fetchCommitMeta(ctx, w, c); err != nil {
		return nil, err
	}
	if err := r.verifySignature(dst, v); err != nil {
		return nil, err
	}
	return v, r.checkBindings(v.commit, ref, cmp.Or(w.Collection, r.opts.CollectionID))
}

// fetchCommitMeta fetches detached metadata; a commit may have none.
func (r *Remote) fetchCommitMeta(ctx context.Context, w *pulled, c ostree.Checksum) (gvariant.Dict, error) {
	name := ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommitMeta}
	data, err := r.ReadFile(ctx, "objects/"+name.ArchivePath(), maxSignatures)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	w.bytes.Add(int64(len(data)))
	dict, err := gvariant.ParseDict(data)
	if err != nil {
		return nil, fmt.Errorf("reading its detached metadata: %w", err)
	}
	return dict, nil
}

// checkBindings checks that the commit may be shown under ref, and belongs to
// the expected collection. It follows libostree's rules.
func (r *Remote) checkBindings(c *ostree.Commit, ref, collection string) error {
	refs, bound := c.RefBindings()
	if bound && ref != "" && !slices.Contains(refs, ref) {
		return fmt.Errorf("%w: %s", ErrBinding, joinSome(refs))
	}
	if !bound && (collection != "" || r.opts.RequireBinding) {
		return fmt.Errorf("%w: it names none (%s), so that anyone could show it under any ref", ErrBinding, ostree.KeyRefBinding)
	}
	if got := c.Metadata.Str(ostree.KeyCollectionBinding); collection != "" && got != collection {
		return fmt.Errorf("%w: it is of the collection %q, not %q", ErrBinding, got, collection)
	}
	return nil
}

// joinSome lists names, a few of them.
func joinSome(names []string) string {
	const most = 5
	text := ""
	for i, n := range names {
		if i == most {
			return fmt.Sprintf("%s and %d more", text, len(names)-most)
		}
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%.200s", n)
	}
	if text == "" {
		return "none"
	}
	return text
}

// storeMeta plans the detached metadata of a commit: what the repository has,
// what the remote adds, and our own signature.
func (r *Remote) storeMeta(ctx context.Context, dst *archive.Repo, txn *archive.Txn, v *verifiedCommit) error {
	local, err := dst.CommitMeta(v.checksum)
	if err != nil {
		return err
	}
	merged := sign.Merge(local, v.meta)
	var own *sign.Signature
	if r.opts.Signer != nil {
		signed, err := r.opts.Signer.Signed(ctx, v.data, merged)
		if err != nil {
			return err
		}
		if !signed {
			sig, err := r.opts.Signer.Sign(ctx, v.data)
			if err != nil {
				return err
			}
			own = &sig
			merged = sign.Append(merged, sig)
		}
	}
	if string(merged.Encode().Data()) == string(local.Encode().Data()) {
		return nil
	}
	v.want.out.MetaChanged = true
	txn.UpdateCommitMeta(v.checksum, func(now gvariant.Dict) (gvariant.Dict, error) {
		now = sign.Merge(now, v.meta)
		if own != nil {
			now = sign.Append(now, *own)
		}
		return now, nil
	})
	return nil
}
