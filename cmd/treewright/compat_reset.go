package main

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

func compatReset(*pflag.FlagSet) compatRun {
	return func(ctx context.Context, c *compat, args []string) error {
		if len(args) < 2 {
			return compatf("A REF and COMMIT argument is required")
		}
		repo, err := c.open()
		if err != nil {
			return err
		}
		if _, err := repo.ResolveRef(args[0]); errors.Is(err, archive.ErrNotExist) || err != nil && ostree.ValidateRef(args[0]) != nil {
			return compatf("Invalid ref '%s'", args[0])
		} else if err != nil {
			return err
		}
		commit, err := c.resolve(ctx, repo, args[1])
		if err != nil {
			return err
		}
		if err := refuseMirrored(repo, args[:1]); err != nil {
			return err
		}
		if err := c.setRef(ctx, repo, args[0], commit); err != nil {
			return err
		}
		return c.updateSummaryIf(ctx, repo, "auto-update-summary")
	}
}
