package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/internal/origin"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/remote"
)

// pullFlags say what a pull brings, and how.
type pullFlags struct {
	remote               remoteFlags
	trust                trustFlags
	noDeltas, onlyDeltas bool
	opts                 remote.PullOptions
}

// add adds the flags that all commands that pull have.
func (f *pullFlags) add(fs *pflag.FlagSet) {
	f.remote.add(fs)
	f.remote.addMore(fs)
	f.trust.add(fs)
	fs.BoolVar(&f.noDeltas, "disable-static-deltas", false, "use no static deltas")
	fs.BoolVar(&f.onlyDeltas, "require-static-deltas", false, "fail if no static delta brings a commit")
	fs.BoolVar(&f.opts.KeepDeltas, "keep-deltas", false, "keep the remote's static deltas to the commits, for own clients; treewright publish lists them")
	fs.IntVar(&f.opts.Depth, "depth", 0, "pull `NUMBER` ancestors of each commit too; -1: all")
	fs.BoolVar(&f.opts.TimestampCheck, "timestamp-check", false, "refuse commits that are older than those they replace")
}

// open opens the remote that a person named.
func (f *pullFlags) open(env *environment, address string) (*remote.Remote, error) {
	if f.noDeltas && f.onlyDeltas {
		return nil, usagef("--disable-static-deltas and --require-static-deltas exclude each other")
	}
	opts, err := f.remote.options(env)
	if err == nil {
		err = f.trust.apply(env, &opts)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case f.noDeltas:
		opts.Deltas = remote.NoDeltas
	case f.onlyDeltas:
		opts.Deltas = remote.RequireDeltas
	}
	return f.remote.open(address, opts)
}

func repoPullCommand() command {
	var flags pullFlags
	opts := &flags.opts
	return command{
		path: "repo pull", args: "REPO URL [REF...]", minArgs: 2, maxArgs: -1,
		short: "Pull refs from another repository",
		long: `Pulls the refs REF from the repository at URL (http, https, file:, a path, or mirrorlist=URL) into refs of the same names in REPO. With
--mirror and no REF, all refs that the remote's summary lists. Objects are verified and stored as they came. With --key or --ed25519-key
every commit must carry a good signature; without, checksums alone are checked and a warning says so. Where the remote has a static delta
to a commit, it is used.`,
		example: "treewright repo pull --key trees.key.pub repo https://example.org/repo example/x86_64/os\ntreewright repo pull --mirror --key trees.key.pub repo https://example.org/repo",
		setup: func(fs *pflag.FlagSet) runFunc {
			flags.add(fs)
			fs.BoolVar(&opts.Mirror, "mirror", false, "without REF, pull all refs")
			fs.StringArrayVar(&opts.Subpaths, "subpath", nil, "of each tree pull `PATH` alone; the commit is marked as partial; may be given again")
			fs.BoolVar(&opts.CommitOnly, "commit-metadata-only", false, "pull commits without their trees; they are marked as partial")
			return func(ctx context.Context, env *environment, args []string) error {
				opts.Refs = args[2:]
				if len(opts.Refs) == 0 && !opts.Mirror {
					return usagef("name the refs to pull, or use --mirror for all")
				}
				if len(opts.Subpaths) > 0 && opts.CommitOnly {
					return usagef("--subpath and --commit-metadata-only exclude each other")
				}
				return flags.run(ctx, env, args[0], args[1])
			}
		},
	}
}

func repoMirrorRefsCommand() command {
	var flags pullFlags
	return command{
		path: "repo mirror-refs", args: "REPO URL [REF...]", minArgs: 2, maxArgs: -1,
		short: "Pull refs of collections, as mirrors of them",
		long: `Pulls the refs REF, all without one, from the repository at URL into refs/mirrors/COLLECTION/REF of REPO: those of its own collection, and
those of the collections that it mirrors. Each commit must be bound to its collection and its ref. treewright publish shows clients
refs/heads alone: treewright mirror is for those.`,
		example: "treewright repo mirror-refs --key trees.key.pub repo https://example.org/repo",
		setup: func(fs *pflag.FlagSet) runFunc {
			flags.add(fs)
			return func(ctx context.Context, env *environment, args []string) error {
				flags.opts.Refs, flags.opts.Mirror, flags.opts.Collections = args[2:], true, true
				return flags.run(ctx, env, args[0], args[1])
			}
		},
	}
}

// run pulls from the remote at address into the repository at path.
func (f *pullFlags) run(ctx context.Context, env *environment, path, address string) error {
	r, err := f.open(env, address)
	if err != nil {
		return err
	}
	defer r.Close()
	return withRepo(env, path, func(repo *archive.Repo) error { return pull(ctx, env, repo, r, f.opts) })
}

// checkOrigins refuses to pull over mirrored refs: mirror alone knows their
// upstream and its key. No refs stand for all that the remote has.
func checkOrigins(ctx context.Context, repo *archive.Repo, r *remote.Remote, refs []string) error {
	record, err := origin.Read(repo.Path())
	if err != nil || len(record.Refs) == 0 {
		return err
	}
	if len(refs) == 0 {
		summary, err := r.Summary(ctx)
		if err != nil {
			return err
		}
		for _, ref := range summary.Refs {
			refs = append(refs, ref.Name)
		}
	}
	return refuseMirrored(repo, refs)
}

// refuseMirrored refuses refs that a mirror keeps up to date.
func refuseMirrored(repo *archive.Repo, refs []string) error {
	if err := origin.CheckOwn(repo.Path(), refs...); err != nil {
		return fmt.Errorf("%w: treewright mirror updates it; name other refs", err)
	}
	return nil
}

func pull(ctx context.Context, env *environment, repo *archive.Repo, r *remote.Remote, opts remote.PullOptions) error {
	if !opts.Collections {
		if err := checkOrigins(ctx, repo, r, opts.Refs); err != nil {
			return err
		}
	}
	result, err := r.Pull(ctx, repo, opts)
	if err != nil {
		return err
	}
	for _, ref := range result.Refs {
		if ref.Old == ref.New {
			env.printf("%s is up to date\n", ref.Ref)
		} else {
			env.printf("%s %s\n", ref.Ref, ref.New)
		}
	}
	for _, name := range result.Deltas {
		env.printf("delta %s\n", name)
	}
	env.printf("%d objects, %d bytes\n", result.Objects, result.Bytes)
	return env.result(result)
}
