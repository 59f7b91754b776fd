package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/ostree/archive"
)

func composeInstallCommand() command {
	var f composeFlags
	var postprocess bool
	return command{
		path: "compose install", args: "TREEFILE DESTDIR", minArgs: 2, maxArgs: 2,
		short: "Compose a tree into a folder",
		long: `Does what compose tree does up to the commit, and leaves the tree in DESTDIR/rootfs, which must not be there: packages, scriptlets,
units, added files, postprocess scripts, the package database; /etc lies in usr/etc. Change the tree as you like, then give it to compose
postprocess and compose commit: without a change the three give the tree of compose tree. As root the files have their real owners. Others
own all files themselves, and real owners, modes and capabilities are in the attribute user.ostreemeta, as libostree has them. With --repo
the input is compared with the ref's previous commit, and nothing is written when it did not change.`,
		example: `treewright compose install --cachedir cache os.yaml work
treewright compose install --repo repo --postprocess --cachedir cache os.yaml work`,
		exits: []exit{{exitOK, "the tree is in DESTDIR/rootfs, or the input did not change and there is none"}},
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.StringVarP(&f.repo, "repo", "r", "", "the archive repository at `PATH` has the previous commit")
			f.addInstalling(fs)
			f.addReporting(fs)
			fs.StringArrayVar(&f.opts.MetadataStrings, "add-metadata-string", nil, "version=`VERSION` is the version that mutate-os-release writes")
			fs.BoolVar(&postprocess, "postprocess", false, "do what compose postprocess does as well")
			fs.BoolVar(&f.dryRun, "dry-run", false, "print what would be composed, and change nothing")
			fs.BoolVar(&f.printOnly, "print-only", false, "print the flattened treefile as JSON")
			return func(ctx context.Context, env *environment, args []string) error {
				o := dirOptions()
				o.Postprocess = postprocess
				return f.install(ctx, env, args[0], args[1], o)
			}
		},
	}
}

// dirOptions are those of this user: only root gives files to others.
func dirOptions() compose.DirOptions { return compose.DirOptions{BareUser: os.Geteuid() != 0} }

func (f *composeFlags) install(ctx context.Context, env *environment, path, dest string, o compose.DirOptions) error {
	if err := f.load(env, path); err != nil {
		return err
	}
	if f.printOnly {
		return printTreefile(env, f.opts.Treefile)
	}
	if err := f.fill(env); err != nil {
		return err
	}
	f.execute = func(ctx context.Context, p *compose.Plan) (*compose.Result, error) { return p.Install(ctx, dest, o) }
	return f.withRepos(ctx, env)
}

func composePostprocessCommand() command {
	var f composeFlags
	return command{
		path: "compose postprocess", args: "ROOTFS [TREEFILE]", minArgs: 1, maxArgs: 2,
		short: "Give a tree in a folder the form of a commit",
		long: `Changes the tree in the folder ROOTFS, which compose install or another program made, into what OSTree deploys: users and groups split,
/var as lines of tmpfiles.d, links in the root, the kernel in usr/lib/modules, an initramfs. Of TREEFILE those keys count that concern this:
boot-location, container, no-initramfs, initramfs-args, etc-group-members, opt-usrlocal, tmp-is-dir, machineid-compat and the checks of users. Without
TREEFILE only /etc and the package database move to their places. A tree that has the form already is left alone. When the command fails, ROOTFS is as
it was.`,
		example: "treewright compose postprocess --cachedir cache work/rootfs os.yaml",
		exits:   []exit{{exitOK, "the tree has the form of a commit, now or since before"}, {exitFailed, "it could not; the folder is as it was"}},
		setup: func(fs *pflag.FlagSet) runFunc {
			f.inputFlags.add(fs)
			f.addReporting(fs)
			for _, name := range []string{"cache-only", "proxy", "lockfile", "lockfile-strict", "locked", "ex-lockfile", "ex-lockfile-strict"} {
				_ = fs.MarkHidden(name)
			}
			return func(ctx context.Context, env *environment, args []string) error {
				return f.withCache(env, args[0], func() error {
					if len(args) == 2 {
						if err := f.load(env, args[1]); err != nil {
							return err
						}
					}
					if err := f.fill(env); err != nil {
						return err
					}
					r, err := compose.PostprocessDir(ctx, f.opts, args[0], dirOptions())
					if err != nil {
						return err
					}
					if !r.Changed {
						env.printf("%s has been postprocessed before: nothing to do\n", args[0])
					}
					return printComposed(env, &f, r)
				})
			}
		},
	}
}

// withCache calls fn with a cache that lasts as long, beside the tree in dir, for
// a user who has no place for one: that of a build system.
func (f *composeFlags) withCache(env *environment, dir string, fn func() error) (err error) {
	if _, err := cacheFolder(env, f.cacheDir, f.repo); err == nil {
		return fn()
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	if f.cacheDir, err = os.MkdirTemp(filepath.Dir(dir), ".treewright-cache-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(f.cacheDir)) }()
	return fn()
}

func composeCommitCommand() command {
	var f composeFlags
	return command{
		path: "compose commit", args: "TREEFILE ROOTFS", minArgs: 2, maxArgs: 2,
		short: "Commit a tree in a folder",
		long: `Commits the tree in the folder ROOTFS to the ref of TREEFILE, labelled by the tree's own SELinux policy, with the keys that compose tree
writes; packages are those of the tree's database. A tree that is not postprocessed yet is, in the commit. ROOTFS does not change. What it was
made from is not known: give --add-metadata-string=rpmostree.inputhash=HASH if you know. Of a folder that is not root's, what belongs to you
belongs to root in the commit, but for files that have another owner in user.ostreemeta.`,
		example: `treewright compose commit --repo repo --cachedir cache os.yaml work/rootfs
treewright compose commit --repo repo --add-metadata-string=version=42 --write-composejson-to compose.json os.yaml work/rootfs`,
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.StringVarP(&f.repo, "repo", "r", "", "the archive repository at `PATH` gets the commit")
			f.inputFlags.add(fs)
			f.addCommitting(fs)
			f.addReporting(fs)
			fs.BoolVar(&f.opts.DisableSELinux, "disable-selinux", false, "no labels")
			for _, name := range []string{"cache-only", "proxy", "lockfile", "lockfile-strict", "locked", "ex-lockfile", "ex-lockfile-strict"} {
				_ = fs.MarkHidden(name)
			}
			return func(ctx context.Context, env *environment, args []string) error {
				if f.repo == "" {
					return usagef("compose commit needs --repo")
				}
				if err := f.load(env, args[0]); err != nil {
					return err
				}
				if err := f.fill(env); err != nil {
					return err
				}
				return withRepo(env, f.repo, func(repo *archive.Repo) error {
					f.opts.Repo = repo
					r, err := compose.CommitDir(ctx, f.opts, args[1])
					if err != nil {
						return err
					}
					return printComposed(env, &f, r)
				})
			}
		},
	}
}
