package compose

import (
	"context"
	"fmt"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
)

// A step is a part of making an operating system.
type step struct {
	doing string
	run   func(context.Context) error
}

// system makes an operating system of the assembled packages.
func (c *composer) system(ctx context.Context) error {
	return do(ctx, append(c.installing(), c.finishing()...))
}

// installing are the steps that need to know the packages.
func (c *composer) installing() []step {
	return []step{
		{"adding layers", c.addLayers},
		{"preparing users and groups", c.seedUsers},
		{"moving the SELinux policy's store", c.moveStore},
		{"running scriptlets", c.runScriptlets},
		{"finding out owners", c.resolveOwners},
		{"preparing the tree", c.prepare},
		{"writing the package database", c.writeDatabase},
		{"running postprocess scripts", c.postprocess},
		{"rebuilding the SELinux policy", c.rebuildPolicy},
		{"finding out owners", c.resolveOwners},
	}
}

// finishing are the steps that give the tree the form of a commit. A tree that
// was installed into a directory goes through them as well.
func (c *composer) finishing() []step {
	return []step{
		{"finishing the tree", c.finish},
		{"preparing the kernel", c.prepareKernel},
		{"labelling", c.label},
	}
}

func do(ctx context.Context, steps []step) error {
	for _, s := range steps {
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.doing, err)
		}
	}
	return nil
}

// reader reads files of the tree.
func (c *composer) reader(ctx context.Context) layout.Reader {
	return func(n *rootfs.Node) ([]byte, error) { return c.in.read(ctx, n) }
}

// resolveOwners gives ids to the owners that have names.
func (c *composer) resolveOwners(ctx context.Context) (err error) {
	c.report.UnknownOwners, err = c.tree.ResolveOwners(c.reader(ctx))
	return err
}

// finish gives the tree the form that OSTree deploys.
func (c *composer) finish(ctx context.Context) (err error) {
	t := c.plan.opts.Treefile
	checks, err := c.accountChecks()
	if err != nil {
		return err
	}
	c.report.Layout, err = layout.Finish(c.tree, c.reader(ctx), layout.FinishOptions{
		OptUsrLocal: optUsrLocal[t.OptUsrLocal], TmpIsDir: t.TmpIsDir, NoMachineID: !t.MachineIDCompat,
		Container: t.Container, DropDevices: t.IgnoreDevices, EtcGroupMembers: t.EtcGroupMembers, Check: checks,
	})
	return err
}
