package archive

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/treewright/treewright/ostree"
)

// ResolveRev returns the commit that a person means by rev: a ref, a ref of a
// remote ("REMOTE:NAME"), a commit's checksum or the start of one, each with
// as many "^" behind it as there are steps to take to the parent.
func (r *Repo) ResolveRev(ctx context.Context, rev string) (ostree.Checksum, error) {
	base := strings.TrimRight(rev, "^")
	c, err := r.resolveBase(base)
	if err != nil {
		return c, err
	}
	for range len(rev) - len(base) {
		commit, err := r.Commit(ctx, c)
		if err != nil {
			return ostree.Checksum{}, err
		}
		if commit.Parent.IsZero() {
			return ostree.Checksum{}, fmt.Errorf("%s: commit %s has no parent: %w", rev, c, ErrNotExist)
		}
		c = commit.Parent
	}
	return c, nil
}

func (r *Repo) resolveBase(base string) (ostree.Checksum, error) {
	if c, err := ostree.ParseChecksum(base); err == nil {
		n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit}
		have, err := r.HasObject(n)
		if err == nil && !have {
			err = &MissingError{Object: n}
		}
		return c, err
	}
	c, err := r.ResolveRef(base)
	if err == nil || !errors.Is(err, ErrNotExist) || len(base) < 2 {
		return c, err
	}
	found, prefixErr := r.commitsWithPrefix(base)
	switch {
	case prefixErr != nil:
		return ostree.Checksum{}, prefixErr
	case len(found) > 1:
		return ostree.Checksum{}, fmt.Errorf("%s is the start of %d commits: give more of the checksum", base, len(found))
	case len(found) == 1:
		return found[0], nil
	}
	return ostree.Checksum{}, err
}

// commitsWithPrefix lists the commits whose checksum starts with at least two digits.
func (r *Repo) commitsWithPrefix(prefix string) ([]ostree.Checksum, error) {
	first, err := strconv.ParseUint(prefix[:2], 16, 8)
	if err != nil || strings.Trim(prefix, "0123456789abcdef") != "" {
		return nil, nil
	}
	var found []ostree.Checksum
	err = r.eachObject(byte(first), func(n ostree.ObjectName) {
		if n.Type == ostree.ObjectCommit && strings.HasPrefix(n.Checksum.String(), prefix) {
			found = append(found, n.Checksum)
		}
	})
	return found, err
}

// Commits lists every commit object of the repository, those that no ref
// shows included, sorted.
func (r *Repo) Commits(ctx context.Context) ([]ostree.Checksum, error) {
	var found []ostree.Checksum
	for i := range 256 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := r.eachObject(byte(i), func(n ostree.ObjectName) {
			if n.Type == ostree.ObjectCommit {
				found = append(found, n.Checksum)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	sortChecksums(found)
	return found, nil
}

// Log calls fn for the commit and its ancestors, newest first. It ends
// without error at a commit that has no parent, or whose parent is not here.
func (r *Repo) Log(ctx context.Context, c ostree.Checksum, fn func(ostree.Checksum, *ostree.Commit) error) error {
	for first := true; ; first = false {
		commit, err := r.Commit(ctx, c)
		if errors.Is(err, ErrNotExist) && !first {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(c, commit); err != nil {
			return err
		}
		if commit.Parent.IsZero() {
			return nil
		}
		c = commit.Parent
	}
}
