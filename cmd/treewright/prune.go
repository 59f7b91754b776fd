package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree/archive"
)

// pruneFlags say what a prune keeps.
type pruneFlags struct {
	refsOnly, commitOnly, dryRun bool
	depth                        int
	younger                      string
	retain, deletes              []string
}

func repoPruneCommand() command {
	var flags pruneFlags
	return command{
		path: "repo prune", args: "REPO", minArgs: 1, maxArgs: 1,
		short: "Delete what no commit needs",
		long: `Deletes objects that no kept commit needs, and deltas to commits that are gone. Without options every commit is kept; with --refs-only,
--depth, --keep-younger-than or --retain only those that refs show and, within these limits, their ancestors. Others may read and write
meanwhile. A prune that is killed does no harm: the next one does the rest. Publish again when deltas were deleted.`,
		example: `treewright repo prune --refs-only --dry-run repo
treewright repo prune --depth 5 --keep-younger-than 2160h --retain 'app/*=1' repo`,
		exits: []exit{{exitFailed, "it could not; the last line on standard error says why, and no commit lost anything that it needs"}},
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.BoolVar(&flags.refsOnly, "refs-only", false, "keep what refs show, not every commit")
			fs.IntVar(&flags.depth, "depth", -1, "keep `NUMBER` ancestors of what a ref shows; -1: all")
			fs.StringVar(&flags.younger, "keep-younger-than", "", "keep ancestors since `TIME`: 2006-01-02, RFC 3339, or an age such as 72h")
			fs.StringArrayVar(&flags.retain, "retain", nil, "`PATTERN=NUMBER`: keep so many commits of the refs that match (0: all), whatever else is given; may be given again")
			fs.StringArrayVar(&flags.deletes, "delete-commit", nil, "delete the commit `REV`, which no ref may show; may be given again")
			fs.BoolVar(&flags.commitOnly, "commit-only", false, "delete commits only, not what they alone needed")
			fs.BoolVarP(&flags.dryRun, "dry-run", "n", false, "count only")
			return func(ctx context.Context, env *environment, args []string) error {
				return withRepo(env, args[0], func(repo *archive.Repo) error {
					opts, err := flags.options(ctx, env, repo)
					if err != nil {
						return err
					}
					report, err := repo.Prune(ctx, opts)
					if err != nil {
						return err
					}
					return reportPrune(env, report, opts.DryRun)
				})
			}
		},
	}
}

func (f *pruneFlags) options(ctx context.Context, env *environment, repo *archive.Repo) (archive.PruneOptions, error) {
	o := archive.PruneOptions{RefsOnly: f.refsOnly, CommitOnly: f.commitOnly, DryRun: f.dryRun}
	if f.depth < -1 {
		return o, usagef("--depth is %d: give -1 for all ancestors, 0 for none", f.depth)
	}
	if f.depth >= 0 {
		o.RefsOnly, o.Keep.Commits = true, f.depth+1
	}
	if f.younger != "" {
		since, err := parseTime(f.younger, env.clock())
		if err != nil {
			return o, err
		}
		o.RefsOnly, o.Keep.Since = true, since
	}
	for _, text := range f.retain {
		pattern, number, ok := strings.Cut(text, "=")
		n, err := strconv.Atoi(number)
		if !ok || pattern == "" || err != nil || n < 0 {
			return o, usagef("--retain is %q: it must be PATTERN=NUMBER, such as 'app/*=3'", text)
		}
		o.RefsOnly = true
		o.Refs = append(o.Refs, archive.RefRetention{Pattern: pattern, Retention: archive.Retention{Commits: n}})
	}
	for _, rev := range f.deletes {
		c, err := repo.ResolveRev(ctx, rev)
		if err != nil {
			return o, err
		}
		o.Delete = append(o.Delete, c)
	}
	return o, nil
}

// parseTime reads a day, a time, or how long ago it was.
func parseTime(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02 15:04:05 -0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	age, err := time.ParseDuration(text)
	if err != nil || age < 0 {
		return time.Time{}, usagef("%q is no time: write 2006-01-02, 2006-01-02T15:04:05Z, or an age such as 72h", text)
	}
	return now.Add(-age), nil
}

func reportPrune(env *environment, p *archive.PruneReport, dry bool) error {
	did := "deleted"
	if dry {
		did = "would delete"
	}
	env.printf("%s %d of %d objects, %d bytes: %d commits, %d dirtrees and dirmetas, %d files\n",
		did, p.Deleted(), p.Objects, p.Bytes, p.Commits, p.Meta, p.Files)
	if p.Deltas > 0 {
		env.printf("%s %d deltas, %d bytes\n", did, p.Deltas, p.DeltaBytes)
	}
	return env.result(map[string]any{
		"dry-run": dry, "objects": p.Objects, "deleted": p.Deleted(), "bytes": p.Bytes, "commits": p.Commits, "meta": p.Meta,
		"files": p.Files, "deltas": p.Deltas, "delta-bytes": p.DeltaBytes, "commitmetas": p.CommitMetas,
	})
}
