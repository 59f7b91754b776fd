package compose

import (
	"context"
	"errors"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/selinux"
)

// moveStore puts the SELinux policy's store where programs and commits have it.
func (c *composer) moveStore(ctx context.Context) (err error) {
	c.report.MovedStore, err = layout.MoveSELinuxStore(c.tree, c.reader(ctx))
	return err
}

// rebuildPolicy builds the SELinux policy again when scripts changed its modules.
func (c *composer) rebuildPolicy(ctx context.Context) (err error) {
	if !c.plan.opts.Treefile.SELinux {
		return nil
	}
	policy, err := selinux.PolicyName(c.tree, c.reader(ctx))
	if err != nil {
		return err
	}
	var changed []string
	for _, r := range c.report.Changes {
		changed = append(append(changed, r.Paths()...), r.Removed...)
	}
	if !selinux.NeedsRebuild(c.tree, policy, changed) {
		return nil
	}
	s, err := c.openStage(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := selinux.Rebuild(ctx, s.box, policy); err != nil {
		return err
	}
	return s.readBack(ctx)
}

// label gives every file the label that the tree's own policy has for it.
func (c *composer) label(ctx context.Context) (err error) {
	t := c.plan.opts.Treefile
	if !t.SELinux || c.toDisk {
		return nil
	}
	if c.policy == nil {
		if c.policy, err = selinux.Load(c.tree, c.reader(ctx)); err != nil {
			return err
		}
	}
	if c.report.Labels, err = selinux.Apply(c.tree, c.policy, t.SELinuxLabelVersion); err != nil {
		return err
	}
	return c.report.Labels.Err()
}
