package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

func repoCheckoutCommand() command {
	var opts archive.CheckoutOptions
	return command{
		path: "repo checkout", args: "REPO REV FOLDER", minArgs: 3, maxArgs: 3,
		short: "Write the files of a commit to a folder",
		long: `Writes the tree of the commit REV to FOLDER, which must not be there yet unless --union is given. Files belong to who runs the command,
without setuid bits and xattrs, as with ostree checkout -U; root may have them as in the commit with --owners. Nothing outside of FOLDER is
written, whatever symlinks lie in it.`,
		example: "treewright repo checkout --subpath /usr/share repo example/x86_64/os share",
		exits:   []exit{{exitFailed, "it could not; the last line on standard error says why, and FOLDER may hold a part"}},
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.StringVar(&opts.Subpath, "subpath", "", "write only what lies at `PATH` of the commit")
			fs.BoolVar(&opts.Union, "union", false, "FOLDER may be there: merge directories, replace files")
			fs.BoolVar(&opts.Owners, "owners", false, "set owners, setuid bits and xattrs too; needs root")
			return func(ctx context.Context, env *environment, args []string) error {
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					c, err := repo.ResolveRev(ctx, args[1])
					if err != nil {
						return err
					}
					stats, err := repo.Checkout(ctx, c, args[2], opts)
					if err != nil {
						return err
					}
					env.printf("%s: %d files, %d directories, %d bytes\n", args[2], stats.Files, stats.Dirs, stats.Bytes)
					return env.result(map[string]any{
						"commit": c.String(), "folder": args[2], "files": stats.Files, "directories": stats.Dirs, "bytes": stats.Bytes,
					})
				})
			}
		},
	}
}

func repoCatCommand() command {
	return command{
		path: "repo cat", args: "REPO REV PATH...", minArgs: 3, maxArgs: -1,
		short:   "Print files of a commit",
		long:    "Writes the content of the files at PATH in the commit REV to standard output, also with --json. Symlinks are not followed. Each file's checksum is verified as it is read.",
		example: "treewright repo cat repo example/x86_64/os /usr/lib/os-release",
		setup: func(*pflag.FlagSet) runFunc {
			return func(ctx context.Context, env *environment, args []string) error {
				return withCommit(ctx, env, args[0], args[1], func(repo *archive.Repo, c ostree.Checksum, commit *ostree.Commit) error {
					for _, path := range args[2:] {
						if err := catFile(ctx, env, repo, commit, path); err != nil {
							return fmt.Errorf("%s in commit %s: %w", path, c, err)
						}
					}
					return nil
				})
			}
		},
	}
}

func catFile(ctx context.Context, env *environment, repo *archive.Repo, commit *ostree.Commit, path string) (err error) {
	e, found, err := ostree.Lookup(ctx, repo, commit.RootTree, commit.RootMeta, path)
	switch {
	case err != nil:
		return err
	case !found:
		return errors.New("there is no such file")
	case e.Type != ostree.ObjectFile:
		return errors.New("it is a directory: treewright repo ls lists it")
	}
	h, _, f, err := repo.OpenFile(ctx, e.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if h.IsSymlink() {
		return fmt.Errorf("it is a symlink to %s", h.Symlink)
	}
	env.progress.clear()
	_, err = io.Copy(env.stdout, f)
	return err
}
