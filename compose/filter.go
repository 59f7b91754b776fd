package compose

import (
	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
)

// filter leaves out of packages what the treefile does not want of them.
func (c *composer) filter(packages []rootfs.Package) (_ []rootfs.Package, err error) {
	t := c.plan.opts.Treefile
	if len(t.RemoveFromPackages) == 0 {
		return packages, nil
	}
	removals := make([]layout.Removal, len(t.RemoveFromPackages))
	for i, r := range t.RemoveFromPackages {
		removals[i] = layout.Removal{Package: r.Package, Patterns: r.Patterns}
	}
	packages, c.report.Filtered, err = layout.FilterPackages(packages, removals)
	return packages, err
}
