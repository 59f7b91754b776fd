package main

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

func treeDiffCommand() command {
	var path string
	var o compose.DiffOptions
	return command{
		path: "diff", args: "A [B]", minArgs: 1, maxArgs: 2,
		short: "Show what is different in a tree",
		long: `Compares two trees, each a ref or a commit of the repository --repo; without B, A with its parent. It shows packages that came, went or
have another version, with their sizes, users and groups, and all paths: A is one that came, D one that went, M one that changed, with what of it did:
content, target, mode, owner, label, attributes. Packages are read from the trees' databases, or from the lists in the commits.`,
		example: `treewright diff --repo repo example/x86_64/os
treewright diff --repo repo --packages --changelogs example/x86_64/os^ example/x86_64/os`,
		exits: []exit{{exitOK, "the trees were compared, alike or not"}},
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.StringVarP(&path, "repo", "r", "", "the archive repository at `PATH` has both")
			fs.BoolVar(&o.PackagesOnly, "packages", false, "show packages only")
			fs.BoolVar(&o.Changelogs, "changelogs", false, "show what the new packages say has changed")
			return func(ctx context.Context, env *environment, args []string) error {
				if path == "" {
					return usagef("diff needs --repo")
				}
				before, after := args[0], args[len(args)-1]
				if len(args) == 1 {
					before += "^"
				}
				return withRepo(env, path, func(repo *archive.Repo) error { return treeDiff(ctx, env, repo, before, after, o) })
			}
		},
	}
}

func treeDiff(ctx context.Context, env *environment, repo *archive.Repo, before, after string, o compose.DiffOptions) error {
	var sums [2]ostree.Checksum
	for i, rev := range [...]string{before, after} {
		var err error
		if sums[i], err = repo.ResolveRev(ctx, rev); err != nil {
			return err
		}
	}
	d, err := compose.Diff(ctx, repo, sums[0], sums[1], o)
	if err != nil {
		return err
	}
	if env.json {
		return env.result(d)
	}
	env.progress.clear()
	return d.WriteText(env.text())
}
