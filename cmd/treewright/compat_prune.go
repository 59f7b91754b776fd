package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree/archive"
)

// compatPruneFlags are the options of ostree prune.
type compatPruneFlags struct {
	dry, refsOnly, commitOnly, deltasOnly bool
	depth                                 int
	deletes, retain, only                 []string
	younger                               string
}

func compatPrune(fs *pflag.FlagSet) compatRun {
	f := &compatPruneFlags{}
	fs.BoolVar(&f.dry, "no-prune", false, "")
	fs.BoolVar(&f.refsOnly, "refs-only", false, "")
	fs.IntVar(&f.depth, "depth", -1, "")
	fs.StringArrayVar(&f.deletes, "delete-commit", nil, "")
	fs.StringVar(&f.younger, "keep-younger-than", "", "")
	fs.BoolVar(&f.deltasOnly, "static-deltas-only", false, "")
	fs.StringArrayVar(&f.retain, "retain-branch-depth", nil, "")
	fs.StringArrayVar(&f.only, "only-branch", nil, "")
	fs.BoolVar(&f.commitOnly, "commit-only", false, "")
	return func(ctx context.Context, c *compat, _ []string) error {
		switch {
		case f.deltasOnly && len(f.deletes) == 0:
			return compatf("--static-deltas-only requires --delete-commit; see https://github.com/ostreedev/ostree/issues/1479")
		case f.deltasOnly && f.commitOnly:
			return compatf("--commit-only cannot be used with --static-deltas-only")
		case f.dry && len(f.deletes) > 0:
			return compatf("Cannot specify both --delete-commit and --no-prune")
		}
		repo, err := c.open()
		if err != nil {
			return err
		}
		return f.run(ctx, c, repo)
	}
}

func (f *compatPruneFlags) run(ctx context.Context, c *compat, repo *archive.Repo) error {
	o := archive.PruneOptions{RefsOnly: f.refsOnly, CommitOnly: f.commitOnly, DryRun: f.dry}
	if err := f.retention(ctx, c, repo, &o); err != nil {
		return err
	}
	for _, rev := range f.deletes {
		sum, err := c.resolve(ctx, repo, rev)
		if err != nil {
			return err
		}
		if f.deltasOnly {
			if err := deleteDeltasTo(ctx, repo, sum); err != nil {
				return err
			}
			continue
		}
		o.Delete = append(o.Delete, sum)
	}
	report, err := repo.Prune(ctx, o)
	if err != nil {
		return err
	}
	if err := pruneSummaryCache(repo); err != nil {
		return err
	}
	what := ""
	if f.commitOnly {
		what = "(commit only) "
	}
	c.printf("Total %sobjects: %d\n", what, report.Objects)
	switch {
	case report.Deleted() == 0:
		c.printf("No unreachable objects\n")
	case f.dry:
		c.printf("Would delete: %d objects, freeing %s\n", report.Deleted(), compatSize(report.Bytes))
	default:
		c.printf("Deleted %d objects, %s freed\n", report.Deleted(), compatSize(report.Bytes))
	}
	return nil
}

// retention says how much of each ref's history stays.
func (f *compatPruneFlags) retention(ctx context.Context, c *compat, repo *archive.Repo, o *archive.PruneOptions) error {
	keep := archive.Retention{}
	if f.depth >= 0 {
		keep.Commits = f.depth + 1
	}
	if f.younger != "" {
		since, err := compatTime(f.younger, c.env.clock())
		if err != nil {
			return compatf("Could not parse '%s'", f.younger)
		}
		keep.Since, o.RefsOnly = since, true
	}
	o.RefsOnly = o.RefsOnly || len(f.retain) > 0 || len(f.only) > 0
	for _, text := range f.retain {
		i := strings.LastIndex(text, "=")
		if i < 0 {
			return compatf("Invalid value %s, must specify BRANCH=DEPTH", text)
		}
		var depth int
		if n, err := fmt.Sscanf(text[i+1:], "%d", &depth); n != 1 || err != nil {
			return compatf("Out of range depth: Invalid depth %s", text[i+1:])
		}
		r := archive.Retention{}
		if depth >= 0 {
			r = archive.Retention{Commits: depth + 1, Since: keep.Since}
		}
		o.Refs = append(o.Refs, archive.RefRetention{Pattern: text[:i], Retention: r})
	}
	if len(f.only) == 0 {
		o.Keep = keep
		return nil
	}
	for _, ref := range f.only {
		if _, err := repo.ResolveRef(ref); err != nil {
			return compatf("Refspec '%s' not found", ref)
		}
		o.Refs = append(o.Refs, archive.RefRetention{Pattern: ref, Retention: keep})
	}
	return ctx.Err()
}

// compatSize writes a number of bytes as GLib does.
func compatSize(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d bytes", n)
	}
	size, unit := float64(n)/1000, 0
	for ; size >= 999.95 && unit < 4; unit++ {
		size /= 1000
	}
	return fmt.Sprintf("%.1f\u00a0%cB", size, "kMGTP"[unit])
}

// summaryCache is where pulls keep the summaries of remotes.
func summaryCache(repo string) string { return filepath.Join(repo, "tmp", "cache", "summaries") }

// pruneSummaryCache deletes the summaries of remotes that are not there any more.
func pruneSummaryCache(repo *archive.Repo) error {
	config, err := repo.Config()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(summaryCache(repo.Path()))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		remote := strings.TrimSuffix(e.Name(), ".sig")
		if config.Has(remoteGroup(remote)) || e.IsDir() {
			continue
		}
		err = errors.Join(err, os.Remove(filepath.Join(summaryCache(repo.Path()), e.Name())))
	}
	return err
}
