package main

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/ostree/archive"
)

func repoExportCommand() command {
	var opts archive.ExportOptions
	var output string
	return command{
		path: "repo export", args: "REPO REV", minArgs: 2, maxArgs: 2,
		short: "Write a commit as a tar file",
		long: `Writes the tree of the commit REV as a tar file, to --output or standard output, also with --json: owners are numbers, xattrs are PAX
records, and the time of everything is the commit's. The same commit gives the same bytes.`,
		example: "treewright repo export --subpath /usr --output usr.tar repo example/x86_64/os",
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.StringVarP(&output, "output", "o", "", "write to `FILE`, which is there only when it is whole")
			fs.StringVar(&opts.Subpath, "subpath", "", "write only what lies at `PATH` of the commit")
			fs.StringVar(&opts.Prefix, "prefix", "", "put `PATH` before every name")
			return func(ctx context.Context, env *environment, args []string) error {
				return withRepo(env, args[0], func(repo *archive.Repo) (err error) {
					c, err := repo.ResolveRev(ctx, args[1])
					if err != nil {
						return err
					}
					if output == "" {
						return repo.ExportTar(ctx, c, env.stdout, opts)
					}
					f, err := atomicfile.Create(output, 0o644)
					if err != nil {
						return err
					}
					defer func() { err = errors.Join(err, f.Close()) }()
					if err := repo.ExportTar(ctx, c, f, opts); err != nil {
						return err
					}
					if err := f.Commit(); err != nil {
						return err
					}
					env.printf("%s holds commit %s\n", output, c)
					return env.result(map[string]string{"commit": c.String(), "file": output})
				})
			}
		},
	}
}
