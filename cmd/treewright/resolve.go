package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/ostree/archive"
)

// resolveFlags are the flags of resolve.
type resolveFlags struct {
	inputFlags
	lock       writeFlags
	tree, size bool
}

func resolveCommand() command {
	var f resolveFlags
	return command{
		path: "resolve", args: "TREEFILE", minArgs: 1, maxArgs: 1,
		short: "Print the packages that a treefile comes to",
		long: `Resolves the packages that TREEFILE names from the .repo files beside it, as compose tree does, and prints each with its repository and
the reason why it was chosen. Keys of the treefile that do not concern packages are not looked at. Nothing is fetched but metadata.`,
		example: `treewright resolve os.yaml
treewright resolve --tree --size os.yaml
treewright resolve --write-lockfile-to os.lock os.yaml
treewright resolve --lockfile os.lock --locked os.yaml`,
		setup: func(fs *pflag.FlagSet) runFunc {
			f.add(fs)
			f.addRepo(fs)
			f.lock.add(fs)
			fs.BoolVar(&f.tree, "tree", false, "draw who brought whom, each package once")
			fs.BoolVar(&f.size, "size", false, "list the largest first; with --tree show what each brings with all below it")
			return func(ctx context.Context, env *environment, args []string) error {
				return withResolution(ctx, env, &f.inputFlags, args[0], func(r *compose.Resolution) error {
					return printResolution(env, &f, r)
				})
			}
		},
	}
}

func printResolution(env *environment, f *resolveFlags, r *compose.Resolution) error {
	if err := f.lock.write(r); err != nil {
		return err
	}
	if env.json {
		return env.result(r)
	}
	env.progress.clear()
	switch {
	case f.tree:
		return r.WriteTree(env.text(), compose.TreeOptions{Sizes: f.size})
	case f.size:
		return r.WriteSizes(env.text())
	}
	return r.WriteText(env.text())
}

// withResolution resolves a treefile.
func withResolution(ctx context.Context, env *environment, f *inputFlags, path string, use func(*compose.Resolution) error) error {
	if err := f.load(env, path); err != nil {
		return err
	}
	if err := f.fill(env); err != nil {
		return err
	}
	resolve := func() (err error) {
		r, err := compose.Resolve(ctx, f.opts)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		return use(r)
	}
	if f.repo == "" {
		return resolve()
	}
	return withRepo(env, f.repo, func(repo *archive.Repo) error {
		f.opts.Repo = repo
		return resolve()
	})
}

func whyCommand() command {
	var f inputFlags
	return command{
		path: "why", args: "TREEFILE PACKAGE", minArgs: 2, maxArgs: 2,
		short: "Say why a package is in a tree, or why not",
		long: `Resolves TREEFILE as resolve does and prints the shortest chain from what the treefile asks for to PACKAGE: each dependency, the package
that it brought, and which others would have been possible. PACKAGE is a name, name-version-release.arch, a wildcard, something that packages
provide, or a path. For a package that is not among those chosen it says what stands in the way: an exclude, a lock, a repository that is
not in use (as far as the cache knows it), a package that was taken instead, or that nothing asks for it.`,
		example: `treewright why os.yaml glibc
treewright why os.yaml /usr/bin/perl
treewright why --lockfile os.lock os.yaml 'openssl-libs >= 3'`,
		exits: []exit{
			{exitOK, "the package is in the tree; the chain was printed"},
			{exitFailed, "it is not, or the treefile cannot be resolved; standard error says why"},
		},
		setup: func(fs *pflag.FlagSet) runFunc {
			f.add(fs)
			f.addRepo(fs)
			return func(ctx context.Context, env *environment, args []string) error {
				return withResolution(ctx, env, &f, args[0], func(r *compose.Resolution) error {
					return printWhy(ctx, env, r, args[0], args[1])
				})
			}
		},
	}
}

func printWhy(ctx context.Context, env *environment, r *compose.Resolution, path, name string) error {
	e, err := r.Why(ctx, name)
	if err != nil {
		return err
	}
	if err := env.result(e); err != nil {
		return err
	}
	if len(e.Chains) == 0 {
		var b strings.Builder
		if err := e.WriteText(&b); err != nil {
			return err
		}
		return fmt.Errorf("%s is not among the %d packages of %s:\n%s", name, len(r.Packages), path, strings.TrimSuffix(b.String(), "\n"))
	}
	if env.json {
		return nil
	}
	env.progress.clear()
	return e.WriteText(env.text())
}
