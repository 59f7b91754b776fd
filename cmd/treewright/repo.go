package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// withRepo opens a repository around fn.
func withRepo(env *environment, path string, fn func(*archive.Repo) error) (err error) {
	repo, err := archive.Open(path, archive.Options{Progress: env.drawer().call, Clock: env.clock})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	return fn(repo)
}

// withCommit reads the commit rev of a repository.
func withCommit(ctx context.Context, env *environment, path, rev string, fn func(*archive.Repo, ostree.Checksum, *ostree.Commit) error) error {
	return withRepo(env, path, func(repo *archive.Repo) error {
		c, err := repo.ResolveRev(ctx, rev)
		if err != nil {
			return err
		}
		commit, err := repo.Commit(ctx, c)
		if err != nil {
			return err
		}
		return fn(repo, c, commit)
	})
}

func repoInitCommand() command {
	var collection string
	return command{
		path: "repo init", args: "REPO", minArgs: 1, maxArgs: 1,
		short:   "Make an archive repository",
		long:    "Makes an empty archive repository in the folder REPO. A repository that is there already is left as it is.",
		example: "treewright repo init repo",
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.StringVar(&collection, "collection-id", "", "the repository's collection `ID`; flatpak clients of a mixed repository need none")
			return func(_ context.Context, env *environment, args []string) error {
				repo, err := archive.Init(args[0], archive.InitOptions{CollectionID: collection})
				if err != nil {
					return err
				}
				env.printf("%s is an archive repository\n", args[0])
				return errors.Join(env.result(map[string]string{"repo": args[0]}), repo.Close())
			}
		},
	}
}

func repoRefsCommand() command {
	var list bool
	return command{
		path: "repo refs", args: "REPO [PREFIX]", minArgs: 1, maxArgs: 2,
		short:   "List the refs of a repository",
		long:    "Lists the refs in refs/heads, those below PREFIX when it is given. With --revision their commits too.",
		example: "treewright repo refs --revision repo app/",
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.BoolVarP(&list, "revision", "r", false, "show each ref's commit")
			return func(ctx context.Context, env *environment, args []string) error {
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					prefix := ""
					if len(args) > 1 {
						prefix = args[1]
					}
					refs, err := repo.Refs(ctx, prefix)
					if err != nil {
						return err
					}
					for _, ref := range refs {
						if list {
							env.printf("%s\t%s\n", ref.Name, ref.Commit)
						} else {
							env.printf("%s\n", ref.Name)
						}
						if err := env.result(map[string]string{"ref": ref.Name, "commit": ref.Commit.String()}); err != nil {
							return err
						}
					}
					return nil
				})
			}
		},
	}
}

func repoLogCommand() command {
	return command{
		path: "repo log", args: "REPO REV", minArgs: 2, maxArgs: 2,
		short:   "Show a ref's history",
		long:    "Shows the commit REV (a ref, a commit, or either with ^ for its parent) and its ancestors, newest first.",
		example: "treewright repo log repo example/x86_64/os",
		setup: func(*pflag.FlagSet) runFunc {
			return func(ctx context.Context, env *environment, args []string) error {
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					tip, err := repo.ResolveRev(ctx, args[1])
					if err != nil {
						return err
					}
					return repo.Log(ctx, tip, func(c ostree.Checksum, commit *ostree.Commit) error {
						return showCommit(env, c, commit)
					})
				})
			}
		},
	}
}

func repoShowCommand() command {
	return command{
		path: "repo show", args: "REPO REV", minArgs: 2, maxArgs: 2,
		short:   "Show a commit with its metadata",
		long:    "Shows the commit REV: time, parent, subject, its metadata and how many signatures it carries.",
		example: "treewright repo show repo example/x86_64/os",
		setup: func(*pflag.FlagSet) runFunc {
			return func(ctx context.Context, env *environment, args []string) error {
				return withCommit(ctx, env, args[0], args[1], func(repo *archive.Repo, c ostree.Checksum, commit *ostree.Commit) error {
					if err := showCommit(env, c, commit); err != nil {
						return err
					}
					for _, entry := range commit.Metadata {
						env.printf("  %s: %s\n", entry.Key, entry.Value.Text())
					}
					meta, err := repo.CommitMeta(c)
					if err != nil && !errors.Is(err, archive.ErrNotExist) {
						return err
					}
					env.printf("  signatures: %d\n", sign.Count(meta))
					return nil
				})
			}
		},
	}
}

// showCommit prints a commit in the manner of `ostree log`.
func showCommit(env *environment, c ostree.Checksum, commit *ostree.Commit) error {
	date := time.Unix(int64(commit.Timestamp), 0).UTC().Format("2006-01-02 15:04:05 +0000")
	env.printf("commit %s\n", c)
	if !commit.Parent.IsZero() {
		env.printf("Parent:  %s\n", commit.Parent)
	}
	env.printf("ContentChecksum:  %s\nDate:  %s\n", commit.ContentChecksum(), date)
	version := ""
	if v, ok := commit.Metadata.Get(ostree.KeyVersion); ok && v.Type() == "s" {
		version = v.Str()
		env.printf("Version: %s\n", version)
	}
	if commit.Subject == "" {
		env.printf("(no subject)\n\n")
	} else {
		env.printf("\n    %s\n\n", commit.Subject)
	}
	metadata := map[string]string{}
	for _, entry := range commit.Metadata {
		metadata[entry.Key] = entry.Value.Text()
	}
	result := map[string]any{
		"commit": c.String(), "content-checksum": commit.ContentChecksum().String(), "timestamp": commit.Timestamp,
		"subject": commit.Subject, "version": version, "metadata": metadata,
	}
	if !commit.Parent.IsZero() {
		result["parent"] = commit.Parent.String()
	}
	return env.result(result)
}

func repoLsCommand() command {
	var recursive, checksums bool
	return command{
		path: "repo ls", args: "REPO REV [PATH]", minArgs: 2, maxArgs: 3,
		short:   "List the files of a commit",
		long:    "Lists what lies at PATH (the root when it is not given) in the commit REV: mode, owner, size and name, as ostree ls does.",
		example: "treewright repo ls -R repo example/x86_64/os /usr/bin",
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.BoolVarP(&recursive, "recursive", "R", false, "list the directories below too")
			fs.BoolVarP(&checksums, "checksum", "C", false, "show checksums of objects")
			return func(ctx context.Context, env *environment, args []string) error {
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					c, err := repo.ResolveRev(ctx, args[1])
					if err != nil {
						return err
					}
					path := "/"
					if len(args) > 2 {
						path = args[2]
					}
					return repo.Ls(ctx, c, path, archive.LsOptions{Recursive: recursive}, func(e archive.LsEntry) error {
						return listEntry(env, e, checksums)
					})
				})
			}
		},
	}
}

func listEntry(env *environment, e archive.LsEntry, checksums bool) error {
	kind, target := "-", ""
	switch {
	case e.Header.IsSymlink():
		kind, target = "l", " -> "+e.Header.Symlink
	case e.Entry.Type == ostree.ObjectDirTree:
		kind = "d"
	}
	object, sum := e.Entry.File, ""
	if kind == "d" {
		object = e.Entry.Tree
	}
	if checksums {
		sum = object.String() + " "
		if kind == "d" {
			sum += e.Entry.Meta.String() + " "
		}
	}
	env.printf("%s%05o %d %d %6d %s%s%s\n", kind, e.Header.Mode&0o7777, e.Header.UID, e.Header.GID, e.Size, sum, e.Path, target)
	return env.result(map[string]any{
		"path": e.Path, "kind": kind, "mode": fmt.Sprintf("%o", e.Header.Mode&0o7777), "uid": e.Header.UID, "gid": e.Header.GID,
		"size": e.Size, "target": e.Header.Symlink, "checksum": object.String(),
	})
}

func repoSignCommand() command {
	var flags signFlags
	return command{
		path: "repo sign", args: "REPO REV...", minArgs: 2, maxArgs: -1,
		short:   "Sign commits",
		long:    "Appends a signature to the detached metadata of each commit REV. Signatures that are there stay; a commit that this key has signed is left alone.",
		example: "treewright repo sign --sign-key trees.key repo example/x86_64/os",
		setup: func(fs *pflag.FlagSet) runFunc {
			flags.add(fs)
			return func(ctx context.Context, env *environment, args []string) error {
				signer, err := flags.signer(env)
				if err != nil {
					return err
				}
				if signer == nil {
					return usagef("repo sign needs --sign-key or --gpg-sign")
				}
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					for _, rev := range args[1:] {
						if err := signCommit(ctx, env, repo, signer, rev); err != nil {
							return fmt.Errorf("signing %s: %w", rev, err)
						}
					}
					return nil
				})
			}
		},
	}
}

func signCommit(ctx context.Context, env *environment, repo *archive.Repo, signer sign.Signer, rev string) error {
	c, err := repo.ResolveRev(ctx, rev)
	if err != nil {
		return err
	}
	data, err := repo.ReadMeta(ctx, ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
	if err != nil {
		return err
	}
	signed := false
	err = repo.UpdateCommitMeta(ctx, c, func(meta gvariant.Dict) (gvariant.Dict, error) {
		has, err := signer.Signed(ctx, data, meta)
		if err != nil || has {
			return meta, err
		}
		signature, err := signer.Sign(ctx, data)
		if err != nil {
			return nil, err
		}
		signed = true
		return sign.Append(meta, signature), nil
	})
	if err != nil {
		return err
	}
	if signed {
		env.printf("signed %s (%s)\n", rev, c)
	} else {
		env.printf("%s carries this key's signature already\n", rev)
	}
	return env.result(map[string]any{"rev": rev, "commit": c.String(), "signed": signed})
}
