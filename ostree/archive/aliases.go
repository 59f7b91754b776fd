package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/treewright/treewright/ostree"
)

// AllRefs returns the refs of refs/heads and those that were pulled from
// remotes, "REMOTE:NAME", sorted by name.
func (r *Repo) AllRefs(ctx context.Context) ([]Ref, error) {
	var refs []Ref
	for _, kind := range []string{"heads", "remotes"} {
		err := r.eachRef(ctx, kind, func(ref Ref, err error) error {
			ref.Name = refName(kind, ref.Name)
			refs = append(refs, ref)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("listing the refs of repository %s: %w", r.path, err)
		}
	}
	slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return refs, nil
}

// CollectionRefs returns the refs of refs/mirrors by the collection that they
// are of, each sorted by name.
func (r *Repo) CollectionRefs(ctx context.Context) (map[string][]Ref, error) {
	found := map[string][]Ref{}
	err := r.eachRef(ctx, "mirrors", func(ref Ref, err error) error {
		id, name, ok := strings.Cut(ref.Name, "/")
		if ok && ostree.ValidateCollectionID(id) == nil {
			found[id] = append(found[id], Ref{Name: name, Commit: ref.Commit})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the refs of collections of repository %s: %w", r.path, err)
	}
	for _, refs := range found {
		slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	}
	return found, nil
}

// Aliases returns the refs of refs/heads that are symlinks to others, with the
// names of these.
func (r *Repo) Aliases(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	heads := filepath.Join(r.path, "refs", "heads")
	err := filepath.WalkDir(heads, func(name string, e fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil || e.Type()&fs.ModeSymlink == 0 {
			return errors.Join(err, ctx.Err())
		}
		target, err := os.Readlink(name)
		if err != nil {
			return err
		}
		alias, err := filepath.Rel(heads, name)
		if err != nil {
			return err
		}
		if target, err = filepath.Rel(heads, filepath.Join(filepath.Dir(name), target)); err != nil {
			return err
		}
		if ostree.ValidateRef(alias) == nil && ostree.ValidateRef(target) == nil {
			found[alias] = target
		}
		return nil
	})
	return found, err
}

// SetAlias makes alias, a ref of refs/heads, show whatever the ref target does,
// from now on: it is a symlink. A reader sees the old ref or the new one.
func (r *Repo) SetAlias(ctx context.Context, alias, target string) (err error) {
	if _, err := r.ResolveRef(target); err != nil {
		return err
	}
	for _, ref := range []string{alias, target} {
		if err := ostree.ValidateRef(ref); err != nil {
			return err
		}
	}
	lock, err := r.lockShared(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := r.makeRefParents(alias); err != nil {
		return err
	}
	up := strings.Repeat("../", strings.Count(alias, "/"))
	s, err := r.newStaging(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	if err := os.Symlink(up+target, filepath.Join(s.path, stagedRef(0))); err != nil {
		return err
	}
	return r.placeRef(s.dir, stagedRef(0), "refs/heads/"+alias)
}
