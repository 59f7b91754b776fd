package compose

import (
	"context"

	"github.com/treewright/treewright/compose/ondisk"
	"github.com/treewright/treewright/internal/sandbox"
)

// normalise takes out of what programs changed what differs from run to run.
func (c *composer) normalise(ctx context.Context, r *ondisk.Report) error {
	done, err := ondisk.Normalise(c.tree, r.Paths(), c.reader(ctx))
	if err != nil {
		return err
	}
	c.report.Normalised = append(c.report.Normalised, done)
	return nil
}

// removeStage removes a folder of a compose, in which programs of a tree may
// have left files of other users.
func removeStage(dir string) error {
	return sandbox.Remove(context.Background(), sandbox.Options{Dir: dir})
}
