package main

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

func compatPullLocal(fs *pflag.FlagSet) compatRun {
	depth := fs.Int("depth", 0, "")
	requireDeltas := fs.Bool("require-static-deltas", false, "")
	// Everything is verified and made durable in any case.
	fs.Bool("untrusted", false, "")
	fs.Bool("disable-fsync", false, "")
	fs.Bool("per-object-fsync", false, "")
	return func(ctx context.Context, c *compat, args []string) (err error) {
		if len(args) < 1 {
			return compatf("DESTINATION must be specified")
		}
		if *requireDeltas {
			return compatf("Can't use static deltas in an archive repo")
		}
		repo, err := c.open()
		if err != nil {
			return err
		}
		src, err := archive.Open(args[0], archive.Options{Clock: c.env.clock})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, src.Close()) }()
		refs, commits, err := localRefs(ctx, c, src, args[1:])
		if err != nil {
			return err
		}
		if err := refuseMirrored(repo, refs); err != nil {
			return err
		}
		res, err := repo.PullLocal(ctx, src, archive.PullLocalOptions{Refs: refs, Commits: commits, Depth: *depth})
		if err != nil {
			return err
		}
		c.printf("%d objects linked, %d copied; %s content written\n", res.Linked, res.Copied, compatSize(res.Bytes))
		return nil
	}
}

// localRefs are the refs and commits that a command line names; all refs of the
// source without any.
func localRefs(ctx context.Context, c *compat, src *archive.Repo, args []string) (refs []string, commits []ostree.Checksum, err error) {
	if len(args) == 0 {
		all, err := src.AllRefs(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, ref := range all {
			if ostree.ValidateRef(ref.Name) != nil {
				return nil, nil, compatf("Invalid ref name %s", ref.Name)
			}
			refs = append(refs, ref.Name)
		}
		if len(refs) == 0 {
			return nil, nil, compatf("No refs found in %s", filepath.Clean(src.Path()))
		}
		return refs, nil, nil
	}
	for _, arg := range args {
		if sum, err := ostree.ParseChecksum(arg); err == nil {
			commits = append(commits, sum)
			continue
		}
		if ostree.ValidateRef(arg) != nil {
			return nil, nil, compatf("Invalid ref name %s", arg)
		}
		if _, err := src.ResolveRef(arg); errors.Is(err, archive.ErrNotExist) {
			return nil, nil, compatf("Refspec '%s' not found", arg)
		} else if err != nil {
			return nil, nil, err
		}
		refs = append(refs, arg)
	}
	return refs, commits, nil
}
