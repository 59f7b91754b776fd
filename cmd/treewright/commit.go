package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

// commitFlags say what a commit is made of.
type commitFlags struct {
	subject, body string
	metadata      []string
	uid, gid      int64
	tree          archive.TreeOptions
	unchanged     bool
}

func repoCommitCommand() command {
	var flags commitFlags
	return command{
		path: "repo commit", args: "REPO REF TREE", minArgs: 3, maxArgs: 3,
		short: "Commit a folder or a tar file",
		long: `Commits the tree in TREE, a folder or an uncompressed tar file, to the ref REF, which gets its old commit as parent; its time is
SOURCE_DATE_EPOCH or now. The same tree gets the same checksums as with ostree commit; of tar files it reads xattrs too, and makes
directories that they do not name. A ref that somebody changes meanwhile is an error.`,
		example: "treewright repo commit --canonical-permissions --subject 'New shell' repo example/x86_64/os tree\ntreewright repo commit --add-metadata-string version=41.7 repo example/x86_64/os tree.tar",
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.StringVarP(&flags.subject, "subject", "s", "", "the commit's first `LINE`")
			fs.StringVarP(&flags.body, "body", "m", "", "the commit's further `TEXT`")
			fs.StringArrayVar(&flags.metadata, "add-metadata-string", nil, "`KEY=VALUE` for the commit's metadata; may be given again")
			fs.Int64Var(&flags.uid, "owner-uid", -1, "the user `ID` that owns all")
			fs.Int64Var(&flags.gid, "owner-gid", -1, "the group `ID` that owns all")
			fs.BoolVar(&flags.tree.NoXattrs, "no-xattrs", false, "leave xattrs out")
			fs.BoolVar(&flags.tree.CanonicalPermissions, "canonical-permissions", false, "root owns all, modes are within 0755, no xattrs")
			fs.BoolVar(&flags.unchanged, "skip-if-unchanged", false, "make no commit if REF shows the same tree")
			return func(ctx context.Context, env *environment, args []string) error {
				for _, id := range []struct {
					from int64
					to   **uint32
				}{{flags.uid, &flags.tree.OwnerUID}, {flags.gid, &flags.tree.OwnerGID}} {
					if id.from < -1 || id.from >= 1<<32 {
						return usagef("%d is no user or group ID", id.from)
					}
					if n := uint32(id.from); id.from >= 0 {
						*id.to = &n
					}
				}
				return withRepo(env, args[0], func(repo *archive.Repo) error { return flags.commit(ctx, env, repo, args[1], args[2]) })
			}
		},
	}
}

// commit writes the tree and points the ref at it.
func (f *commitFlags) commit(ctx context.Context, env *environment, repo *archive.Repo, ref, source string) (err error) {
	if err := refuseMirrored(repo, []string{ref}); err != nil {
		return err
	}
	c, err := f.newCommit(env, repo, ref)
	if err != nil {
		return err
	}
	txn, err := repo.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	parent, err := repo.ResolveRef(ref)
	if err != nil && !errors.Is(err, archive.ErrNotExist) {
		return err
	}
	c.Parent = parent
	tree, err := f.writeTree(ctx, env, txn, source)
	if err != nil {
		return err
	}
	c.RootTree, c.RootMeta = tree.Tree, tree.Meta
	if f.unchanged && !parent.IsZero() {
		old, err := repo.Commit(ctx, parent)
		if err != nil {
			return err
		}
		if old.ContentChecksum() == c.ContentChecksum() {
			env.printf("%s shows this tree already\n", ref)
			return env.result(map[string]any{"ref": ref, "commit": parent.String(), "changed": false})
		}
	}
	data, err := c.Encode()
	if err != nil {
		return err
	}
	sum, err := txn.WriteMeta(ctx, ostree.ObjectCommit, data)
	if err == nil {
		err = errors.Join(txn.ExpectRef(ref, parent), txn.SetRef(ref, sum))
	}
	if err != nil {
		return err
	}
	stats, err := txn.Commit(ctx)
	if err != nil {
		return err
	}
	env.printf("%s\n", sum)
	return env.result(map[string]any{
		"ref": ref, "commit": sum.String(), "content-checksum": c.ContentChecksum().String(), "changed": true,
		"objects": stats.FilesTotal + stats.MetaTotal, "new": stats.FilesNew + stats.MetaNew, "bytes": stats.BytesStored,
	})
}

// newCommit is the commit without its tree.
func (f *commitFlags) newCommit(env *environment, repo *archive.Repo, ref string) (*ostree.Commit, error) {
	if err := ostree.ValidateRef(ref); err != nil {
		return nil, err
	}
	date, err := env.sourceDate()
	if err != nil {
		return nil, err
	}
	if date.IsZero() {
		date = env.clock()
	}
	c := &ostree.Commit{Subject: f.subject, Body: f.body, Timestamp: uint64(date.Unix())}
	for _, text := range f.metadata {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, usagef("--add-metadata-string is %q: it must be KEY=VALUE", text)
		}
		c.Metadata.Set(key, gvariant.String(value))
	}
	c.Metadata.Set(ostree.KeyRefBinding, gvariant.Strings(ref))
	if id := repo.CollectionID(); id != "" {
		c.Metadata.Set(ostree.KeyCollectionBinding, gvariant.String(id))
	}
	return c, nil
}

func (f *commitFlags) writeTree(ctx context.Context, env *environment, txn *archive.Txn, source string) (tree ostree.TreeDir, err error) {
	info, err := os.Stat(source)
	if err != nil {
		return tree, err
	}
	if info.IsDir() {
		return f.writeDir(ctx, env, txn, source)
	}
	file, err := os.Open(source)
	if err != nil {
		return tree, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	tree, err = txn.WriteTar(ctx, bufio.NewReaderSize(file, 1<<20), f.tree)
	if err != nil {
		err = fmt.Errorf("%s: %w", source, err)
	}
	return tree, err
}

// writeDir stores a folder, and says what of it is not stored.
func (f *commitFlags) writeDir(ctx context.Context, env *environment, txn *archive.Txn, source string) (ostree.TreeDir, error) {
	var lock sync.Mutex
	var leftOut []string
	o := f.tree
	o.LeftOut = func(path, xattr string) {
		lock.Lock()
		defer lock.Unlock()
		leftOut = append(leftOut, fmt.Sprintf("%s: the xattr %s has no value, and is left out", path, xattr))
	}
	tree, err := txn.WriteDir(ctx, source, o)
	slices.Sort(leftOut)
	for _, text := range leftOut {
		env.warn("%s", text)
	}
	return tree, err
}
