package compose

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/treewright/treewright/compose/ondisk"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/sandbox"
)

// A stage is the tree on disk, with a sandbox over it.
type stage struct {
	c   *composer
	box *sandbox.Sandbox
}

// openStage lays the tree out on disk. Close it.
func (c *composer) openStage(ctx context.Context) (*stage, error) { return c.openStageOf(ctx, c.tree) }

// openStageOf lays out another form of the tree.
func (c *composer) openStageOf(ctx context.Context, tree *rootfs.Tree) (_ *stage, err error) {
	s := &stage{c: c}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("preparing to run programs of the tree: %w", err), s.Close())
		}
	}()
	if err := c.fill(ctx, tree); err != nil {
		return nil, err
	}
	dir, err := c.in.store.Scratch("stage")
	if err != nil {
		return nil, err
	}
	c.plan.opts.Progress.Send("lay out", 0, 0)
	lower := filepath.Join(dir, "tree")
	o := ondisk.Options{Jobs: c.plan.opts.jobs(), Repair: func(ctx context.Context, n *rootfs.Node) error { return c.in.repair(ctx, n) }}
	if err := ondisk.Write(ctx, tree, c.in.store, lower, o); err != nil {
		return nil, err
	}
	work, err := c.in.store.Scratch("work")
	if err != nil {
		return nil, err
	}
	s.box, err = sandbox.Open(ctx, sandbox.Options{Lower: lower, Dir: work})
	return s, err
}

// readBack takes over what programs changed, cleaned of what differs from one
// run to the next.
func (s *stage) readBack(ctx context.Context) error {
	c := s.c
	changes := func(fn func(*tar.Header, io.Reader) error) error { return s.box.Changes(ctx, fn) }
	report, err := ondisk.ReadBack(ctx, c.tree, c.in.store, changes)
	if err != nil {
		return fmt.Errorf("reading what programs changed: %w", err)
	}
	c.report.Changes = append(c.report.Changes, report)
	return c.normalise(ctx, report)
}

// Close ends the programs and removes what they wrote.
func (s *stage) Close() error {
	if s.box == nil {
		return nil
	}
	return s.box.Close()
}
