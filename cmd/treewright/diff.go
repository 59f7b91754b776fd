package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

func repoDiffCommand() command {
	var packagesOnly bool
	return command{
		path: "repo diff", args: "REPO OLD [NEW]", minArgs: 2, maxArgs: 3,
		short: "Show what differs between two commits",
		long: `Shows what differs between the commits OLD and NEW; without NEW, between OLD's parent and OLD. A is a path that came, D one that went,
M one that is different, as in ostree diff; the number is how many bytes larger the file is. Packages stand first, if both commits list them.`,
		example: "treewright repo diff repo example/x86_64/os^ example/x86_64/os",
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.BoolVar(&packagesOnly, "packages", false, "show packages only")
			return func(ctx context.Context, env *environment, args []string) error {
				before, after := args[1], args[len(args)-1]
				if len(args) == 2 {
					before += "^"
				}
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					return diff(ctx, env, repo, before, after, packagesOnly)
				})
			}
		},
	}
}

func diff(ctx context.Context, env *environment, repo *archive.Repo, before, after string, packagesOnly bool) error {
	a, err := repo.ResolveRev(ctx, before)
	if err != nil {
		return err
	}
	b, err := repo.ResolveRev(ctx, after)
	if err != nil {
		return err
	}
	listed, err := diffPackages(ctx, env, repo, a, b)
	if err != nil {
		return err
	}
	if packagesOnly {
		if !listed {
			return errors.New("one of the commits lists no packages (" + ostree.KeyPackages + "): leave --packages away to see files")
		}
		return nil
	}
	return repo.Diff(ctx, a, b, func(c archive.FileChange) error {
		kind := "M"
		if c.Old.Type == 0 {
			kind = "A"
		} else if c.New.Type == 0 {
			kind = "D"
		}
		size := ""
		if grown := c.NewSize - c.OldSize; grown != 0 {
			size = fmt.Sprintf(" (%+d)", grown)
		}
		env.printf("%s    %s%s\n", kind, c.Path, size)
		return env.result(map[string]any{"change": kind, "path": c.Path, "old-size": c.OldSize, "new-size": c.NewSize})
	})
}

func diffPackages(ctx context.Context, env *environment, repo *archive.Repo, a, b ostree.Checksum) (listed bool, err error) {
	old, err := repo.Commit(ctx, a)
	if err != nil {
		return false, err
	}
	now, err := repo.Commit(ctx, b)
	if err != nil {
		return false, err
	}
	changes, listed := ostree.DiffPackages(old, now)
	for _, c := range changes {
		kind, name, before, after := "M", c.New.Name+"."+c.New.Arch, "", ""
		if c.Old != (ostree.Package{}) {
			before = c.Old.EVR()
		}
		if c.New != (ostree.Package{}) {
			after = c.New.EVR()
		}
		switch {
		case before == "":
			kind = "A"
			env.printf("A  package %s %s\n", name, after)
		case after == "":
			kind, name = "D", c.Old.Name+"."+c.Old.Arch
			env.printf("D  package %s %s\n", name, before)
		default:
			env.printf("M  package %s %s -> %s\n", name, before, after)
		}
		if err := env.result(map[string]any{"change": kind, "package": name, "old": before, "new": after}); err != nil {
			return listed, err
		}
	}
	return listed, nil
}
