package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree/archive"
)

func repoPullLocalCommand() command {
	var opts archive.PullLocalOptions
	return command{
		path: "repo pull-local", args: "REPO SOURCE [REF...]", minArgs: 2, maxArgs: -1,
		short: "Pull refs from a repository on this machine",
		long: `Pulls the refs REF, all without one, from the repository in the folder SOURCE, an archive or a bare one, into refs of the same names in REPO. New
objects are verified, and hard-linked where that is possible. Signatures come along and are not checked: repo pull --key does that.`,
		example: "treewright repo pull-local --depth -1 repo /srv/build/repo example/x86_64/os",
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.IntVar(&opts.Depth, "depth", 0, "pull `NUMBER` ancestors of each commit too; -1: all")
			return func(ctx context.Context, env *environment, args []string) error {
				opts.Refs = args[2:]
				return withRepo(env, args[0], func(repo *archive.Repo) error { return pullLocal(ctx, env, repo, args[1], opts) })
			}
		},
	}
}

func pullLocal(ctx context.Context, env *environment, repo *archive.Repo, source string, opts archive.PullLocalOptions) (err error) {
	src, err := archive.OpenSource(source, archive.Options{Clock: env.clock})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if len(opts.Refs) == 0 {
		refs, err := src.Refs(ctx, "")
		if err != nil {
			return err
		}
		for _, ref := range refs {
			opts.Refs = append(opts.Refs, ref.Name)
		}
	}
	if len(opts.Refs) == 0 {
		return fmt.Errorf("there are no refs in %s", source)
	}
	if err := refuseMirrored(repo, opts.Refs); err != nil {
		return err
	}
	res, err := repo.PullFrom(ctx, src, opts)
	if err != nil {
		return err
	}
	refs := map[string]string{}
	for _, ref := range res.Refs {
		refs[ref.Name] = ref.Commit.String()
		env.printf("%s %s\n", ref.Name, ref.Commit)
	}
	env.printf("%d objects linked, %d copied (%d bytes)\n", res.Linked, res.Copied, res.Bytes)
	return env.result(map[string]any{"refs": refs, "linked": res.Linked, "copied": res.Copied, "bytes": res.Bytes})
}
