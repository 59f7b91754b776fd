package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/delta"
)

// megabyte is the unit of the C tool's options.
const megabyte = 1_000_000

func deltaGenerateCommand() command {
	var from string
	var empty bool
	var fallback, bsdiff, chunk int64
	var opts delta.GenerateOptions
	return command{
		path: "repo delta generate", args: "REPO REV", minArgs: 2, maxArgs: 2,
		short: "Make a static delta",
		long: `Makes the delta to the commit REV from its parent, from the commit --from, or with --empty from nothing. The same commits and options
give the same bytes. Clients see the delta once treewright publish lists it.`,
		example: "treewright repo delta generate repo example/x86_64/os\ntreewright repo delta generate --empty repo example/x86_64/os",
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.StringVar(&from, "from", "", "start from the commit `REV`")
			fs.BoolVar(&empty, "empty", false, "start from nothing")
			fs.BoolVar(&opts.DisableBsdiff, "disable-bsdiff", false, "find whole chunks of old files only: faster, larger")
			fs.BoolVar(&opts.Inline, "inline", false, "put the parts into the superblock")
			fs.Int64Var(&fallback, "min-fallback-size", delta.DefaultMinFallbackSize/megabyte, "leave out new files of more than `MB`, which clients then fetch loose; 0: none")
			fs.Int64Var(&bsdiff, "max-bsdiff-size", delta.DefaultMaxBsdiffSize/megabyte, "no bsdiff of files that have more than `MB` together")
			fs.Int64Var(&chunk, "max-chunk-size", delta.DefaultMaxChunkSize/megabyte, "unpacked size of a part in `MB`")
			return func(ctx context.Context, env *environment, args []string) error {
				if empty && from != "" {
					return usagef("--empty and --from exclude each other")
				}
				for _, size := range []int64{fallback, bsdiff, chunk - 1} {
					if size < 0 || size > 1<<40 {
						return usagef("sizes are numbers of megabytes; --max-chunk-size is at least 1")
					}
				}
				opts.MinFallbackSize, opts.MaxBsdiffSize, opts.MaxChunkSize = fallback*megabyte, bsdiff*megabyte, chunk*megabyte
				if fallback == 0 {
					opts.MinFallbackSize = -1
				}
				opts.DisableBsdiff = opts.DisableBsdiff || bsdiff == 0
				opts.Progress = env.drawer().call
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					return generateDelta(ctx, env, repo, args[1], from, empty, opts)
				})
			}
		},
	}
}

func generateDelta(ctx context.Context, env *environment, repo *archive.Repo, rev, from string, empty bool, opts delta.GenerateOptions) error {
	name, err := deltaOf(ctx, repo, rev, from, empty)
	if err != nil {
		return err
	}
	s, err := delta.Generate(ctx, repo, name, opts)
	if err != nil {
		return err
	}
	return describeDelta(env, s)
}

// deltaOf finds the commits of a delta.
func deltaOf(ctx context.Context, repo *archive.Repo, rev, from string, empty bool) (n delta.Name, err error) {
	if n.To, err = repo.ResolveRev(ctx, rev); err != nil || empty {
		return n, err
	}
	if from != "" {
		n.From, err = repo.ResolveRev(ctx, from)
		return n, err
	}
	commit, err := repo.Commit(ctx, n.To)
	if err != nil {
		return n, err
	}
	if n.From = commit.Parent; n.From.IsZero() {
		return n, fmt.Errorf("commit %s has no parent: use --empty, or name another commit with --from", n.To)
	}
	return n, nil
}

// describeDelta prints a delta on a few lines.
func describeDelta(env *environment, s *delta.Superblock) error {
	download, unpacked := s.Size()
	objects := 0
	for _, p := range s.Parts {
		objects += len(p.Objects)
	}
	env.printf("Delta: %s\n", s.Name)
	if !s.From.IsZero() {
		env.printf("From: %s\n", s.From)
	}
	env.printf("To: %s\nTimestamp: %s\n", s.To, time.Unix(int64(s.Timestamp), 0).UTC().Format("2006-01-02 15:04:05 +0000"))
	env.printf("Parts: %d\nObjects: %d\nFallbacks: %d\nDownload: %d bytes\nUnpacked: %d bytes\n", len(s.Parts), objects, len(s.Fallbacks), download, unpacked)
	result := map[string]any{
		"delta": s.Name.String(), "to": s.To.String(), "timestamp": s.Timestamp, "parts": len(s.Parts), "objects": objects,
		"fallbacks": len(s.Fallbacks), "download": download, "unpacked": unpacked,
	}
	if !s.From.IsZero() {
		result["from"] = s.From.String()
	}
	return env.result(result)
}

func deltaListCommand() command {
	return command{
		path: "repo delta list", args: "REPO", minArgs: 1, maxArgs: 1,
		short:   "List the static deltas of a repository",
		long:    "Lists the deltas in deltas/ by their names: FROM-TO, or TO for a delta from nothing.",
		example: "treewright repo delta list repo",
		setup: func(*pflag.FlagSet) runFunc {
			return func(ctx context.Context, env *environment, args []string) error {
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					names, err := delta.List(ctx, repo)
					if err != nil {
						return err
					}
					for _, n := range names {
						env.printf("%s\n", n)
						if err := env.result(map[string]string{"delta": n.String()}); err != nil {
							return err
						}
					}
					return nil
				})
			}
		},
	}
}

func deltaShowCommand() command {
	return command{
		path: "repo delta show", args: "REPO DELTA", minArgs: 2, maxArgs: 2,
		short:   "Show a static delta",
		long:    "Shows the delta of a name that treewright repo delta list prints: its parts, and the objects that clients must fetch besides.",
		example: "treewright repo delta show repo 3f0c2e1bbd1e7e1c6f7a9b8f6a2f4f1f6a55b6a3a1d0c4e5f60718293a4b5c6d",
		setup: func(*pflag.FlagSet) runFunc {
			return func(_ context.Context, env *environment, args []string) error {
				n, err := delta.ParseName(args[1])
				if err != nil {
					return &usageError{err}
				}
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					s, err := delta.FolderOf(repo, n).Superblock()
					if err != nil {
						return err
					}
					for i, p := range s.Parts {
						where := ""
						if _, inline := s.Inline(i); inline {
							where = ", inline"
						}
						env.printf("Part %d: %d objects, %d bytes, %d unpacked%s\n", i, len(p.Objects), p.Size, p.Unpacked, where)
					}
					for _, f := range s.Fallbacks {
						env.printf("Fallback %s: %d bytes, %d unpacked\n", f.Object, f.Size, f.Unpacked)
					}
					return describeDelta(env, s)
				})
			}
		},
	}
}

func deltaApplyCommand() command {
	var trust trustFlags
	return command{
		path: "repo delta apply", args: "REPO PATH", minArgs: 2, maxArgs: 2,
		short: "Apply a static delta from a folder",
		long: `Makes the commit that the delta leads to, with its objects and detached metadata, in REPO, which must have the commit that it starts
from. PATH is the delta's folder or its superblock. No ref changes. Every object is compared with its checksum; with --key the commit must
carry a good signature, and without it a warning says that signatures are not checked.`,
		example: "treewright repo delta apply --key trees.key.pub repo /media/usb/delta",
		setup: func(fs *pflag.FlagSet) runFunc {
			trust.addKeys(fs)
			return func(ctx context.Context, env *environment, args []string) error {
				folder, s, err := deltaAt(args[1])
				if err != nil {
					return err
				}
				if err := checkDeltaSignature(env, s, &trust); err != nil {
					return fmt.Errorf("commit %s: %w", s.To, err)
				}
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					if _, err := delta.Apply(ctx, repo, s, folder, delta.ApplyOptions{Progress: env.drawer().call}); err != nil {
						return err
					}
					env.printf("%s\n", s.To)
					return env.result(map[string]string{"delta": s.Name.String(), "commit": s.To.String()})
				})
			}
		},
	}
}

func checkDeltaSignature(env *environment, s *delta.Superblock, trust *trustFlags) error {
	if !trust.given() {
		env.warn("no --key is given: signatures are not checked")
		return nil
	}
	keys, err := trust.read()
	if err != nil {
		return err
	}
	meta, _ := s.CommitMeta()
	_, err = keys.verify(s.Commit, meta, env.clock())
	return err
}

func deltaVerifyCommand() command {
	return command{
		path: "repo delta verify", args: "REPO [DELTA...]", minArgs: 1, maxArgs: -1,
		short:   "Check static deltas",
		long:    "Makes every object of the deltas, all of the repository's if none is named, and compares it with its checksum. Nothing is stored.",
		example: "treewright repo delta verify repo",
		exits:   []exit{{exitFailed, "a delta is damaged or incomplete; standard output names it"}},
		setup: func(*pflag.FlagSet) runFunc {
			return func(ctx context.Context, env *environment, args []string) error {
				var names []delta.Name
				for _, arg := range args[1:] {
					n, err := delta.ParseName(arg)
					if err != nil {
						return &usageError{err}
					}
					names = append(names, n)
				}
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					return verifyDeltas(ctx, env, repo, names)
				})
			}
		},
	}
}

func verifyDeltas(ctx context.Context, env *environment, repo *archive.Repo, names []delta.Name) (err error) {
	if len(names) == 0 {
		if names, err = delta.List(ctx, repo); err != nil {
			return err
		}
	}
	broken := 0
	for _, n := range names {
		result, problem := "ok", ""
		err := delta.Verify(ctx, repo, n, delta.ApplyOptions{Progress: env.drawer().call})
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return err
		case errors.Is(err, delta.ErrNoStart): // kept for clients that have it
			result = "its parts are whole; the commit that it starts from is not here, so nothing more can be checked"
		default:
			broken++
			result, problem = err.Error(), err.Error()
		}
		env.printf("%s: %s\n", n, result)
		if err := env.result(map[string]string{"delta": n.String(), "error": problem}); err != nil {
			return err
		}
	}
	if broken > 0 {
		return fmt.Errorf("%d of %d deltas are damaged: make them again with treewright repo delta generate", broken, len(names))
	}
	return nil
}

// deltaAt reads a delta from its folder, or from the path of its superblock.
func deltaAt(path string) (delta.Folder, *delta.Superblock, error) {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		path = filepath.Dir(path)
	}
	folder := delta.Folder(path)
	s, err := folder.Superblock()
	return folder, s, err
}
