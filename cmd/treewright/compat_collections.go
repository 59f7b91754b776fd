package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// metadataRef is where ostree summary --update leaves a commit of a repository
// with a collection ID.
const metadataRef = "ostree-metadata"

// collectionRef is a ref and the collection that it is of.
type collectionRef struct {
	archive.CollectionRef
	remote bool // pulled from a remote that has the collection ID
}

// collections returns the refs of collections, sorted: the repository's own,
// those that it mirrors, and those of remotes with a collection ID.
func (c *compat) collections(ctx context.Context, repo *archive.Repo) (all []collectionRef, err error) {
	mirrored, err := repo.MirrorRefs(ctx)
	if err != nil {
		return nil, err
	}
	for _, ref := range mirrored {
		all = append(all, collectionRef{ref, false})
	}
	config, err := repo.Config()
	if err != nil {
		return nil, err
	}
	refs, err := repo.AllRefs(ctx)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		id, name, isRemote := repo.CollectionID(), ref.Name, false
		if remote, rest, ok := strings.Cut(ref.Name, ":"); ok {
			id, name, isRemote = remoteConfig(config, remote)("collection-id"), rest, true
		}
		if id != "" {
			all = append(all, collectionRef{archive.CollectionRef{Collection: id, Name: name, Commit: ref.Commit}, isRemote})
		}
	}
	slices.SortStableFunc(all, func(a, b collectionRef) int {
		return strings.Compare(a.Collection+"\x00"+a.Name, b.Collection+"\x00"+b.Name)
	})
	return slices.CompactFunc(all, func(a, b collectionRef) bool { return a.Collection == b.Collection && a.Name == b.Name }), nil
}

// resolveIn finds the commit of a ref of a collection; zero when there is none.
func resolveIn(refs []collectionRef, collection, name string) ostree.Checksum {
	for _, ref := range refs {
		if ref.Collection == collection && ref.Name == name {
			return ref.Commit
		}
	}
	return ostree.Checksum{}
}

// verifyBindings checks that a commit may be shown by a ref, of a collection
// unless that is "". An empty ref is not checked.
func verifyBindings(commit *ostree.Commit, collection, ref string) error {
	refs, bound := commit.RefBindings()
	switch {
	case !bound && collection == "":
		return nil
	case !bound:
		return compatf("Expected commit metadata to have ref binding information, found none")
	case ref != "" && !slices.Contains(refs, ref):
		said := "no refs"
		if len(refs) > 0 {
			said = "‘" + strings.Join(refs, "’, ‘") + "’"
		}
		return compatf("Commit has no requested ref ‘%s’ in ref binding metadata (%s)", ref, said)
	case collection == "":
		return nil
	}
	got, ok := commit.Metadata.Get(ostree.KeyCollectionBinding)
	switch {
	case !ok:
		return compatf("Expected commit metadata to have collection ID binding information, found none")
	case got.Str() != collection:
		return compatf("Commit has collection ID ‘%s’ in collection binding metadata, while the remote it came from has collection ID ‘%s’", got.Str(), collection)
	}
	return nil
}

// refInCollection is the ref of the repository that a ref of a collection is.
func refInCollection(repo *archive.Repo, collection, name string) string {
	if collection == repo.CollectionID() {
		return name
	}
	return archive.MirrorRef(collection, name)
}

// withCollections does what ostree refs --collections does: names are
// "COLLECTION:REF", and what selects refs is a collection ID.
func (f *compatRefsFlags) withCollections(ctx context.Context, c *compat, repo *archive.Repo, args []string) error {
	if f.create != "" {
		id, name, ok := strings.Cut(f.create, ":")
		if ostree.ValidateCollectionID(id) != nil {
			return compatf("Invalid collection ID %s", id)
		}
		if !ok || ostree.ValidateRef(name) != nil {
			return compatf("Invalid ref name %s", name)
		}
		commit, err := c.resolve(ctx, repo, args[0])
		if err != nil {
			return err
		}
		return c.setRef(ctx, repo, refInCollection(repo, id, name), commit)
	}
	all, err := c.collections(ctx, repo)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{""}
	}
	for _, id := range args {
		if id != "" && ostree.ValidateCollectionID(id) != nil {
			return compatf("Invalid collection ID %s", id)
		}
		for _, ref := range all {
			if id != "" && ref.Collection != id {
				continue
			}
			if !f.remove {
				c.printf("(%s, %s)\n", ref.Collection, ref.Name)
			} else if !ref.remote {
				if err := c.setRef(ctx, repo, refInCollection(repo, ref.Collection, ref.Name), ostree.Checksum{}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// writeMetadataCommit makes the commit, without any files, that tells those who
// pull from the repository's collection what its summary tells others.
func (c *compat) writeMetadataCommit(ctx context.Context, repo *archive.Repo, more gvariant.Dict, signers []sign.Signer) (err error) {
	id := repo.CollectionID()
	if id == "" {
		return nil
	}
	m := compatMaker{compatCommitFlags: &compatCommitFlags{branch: metadataRef}, c: c, repo: repo}
	commit := &ostree.Commit{Metadata: compatHashed(more,
		gvariant.Entry{Key: ostree.KeyCollectionBinding, Value: gvariant.String(id)},
		gvariant.Entry{Key: ostree.KeyRefBinding, Value: gvariant.Strings(metadataRef)})}
	if commit.Parent, err = m.findParent(); err != nil {
		return err
	}
	if commit.Timestamp, err = m.time(); err != nil {
		return err
	}
	if m.txn, err = repo.Begin(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.txn.Abort()) }()
	for _, part := range []struct {
		sum    *ostree.Checksum
		typ    ostree.ObjectType
		encode func() ([]byte, error)
	}{
		{&commit.RootTree, ostree.ObjectDirTree, ostree.DirTree{}.Encode},
		{&commit.RootMeta, ostree.ObjectDirMeta, ostree.DirMeta{Mode: ostree.ModeDir | 0o755}.Encode},
	} {
		data, err := part.encode()
		if err != nil {
			return err
		}
		if *part.sum, err = m.txn.WriteMeta(ctx, part.typ, data); err != nil {
			return err
		}
	}
	_, _, err = m.finish(ctx, commit, nil, signers)
	return err
}
