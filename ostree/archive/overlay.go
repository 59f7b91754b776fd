package archive

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/ostree"
)

// Overlay stores the tree that comes of laying one tree over another, both of
// the transaction or the repository: directories are merged and take the
// upper one's owner, mode and xattrs; files of the upper one count. A file in
// the place of a directory, or the other way round, is an error.
func (t *Txn) Overlay(ctx context.Context, lower, upper ostree.TreeDir) (ostree.TreeDir, error) {
	return t.overlay(ctx, lower, upper, 0)
}

func (t *Txn) overlay(ctx context.Context, lower, upper ostree.TreeDir, depth int) (ostree.TreeDir, error) {
	if lower.Tree == upper.Tree {
		return upper, nil
	}
	if depth > maxTreeDepth {
		return upper, fmt.Errorf("directories nested deeper than %d", maxTreeDepth)
	}
	low, err := t.dirTree(ctx, lower.Tree)
	if err != nil {
		return upper, err
	}
	up, err := t.dirTree(ctx, upper.Tree)
	if err != nil {
		return upper, err
	}
	out := ostree.DirTree{Files: slices.Clone(up.Files), Dirs: slices.Clone(up.Dirs)}
	for _, f := range low.Files {
		if _, ok := up.Dir(f.Name); ok {
			return upper, fmt.Errorf("%s is a file in one tree and a directory in the tree laid over it", f.Name)
		}
		if _, ok := up.File(f.Name); !ok {
			out.Files = append(out.Files, f)
		}
	}
	for _, d := range low.Dirs {
		if _, ok := up.File(d.Name); ok {
			return upper, fmt.Errorf("%s is a directory in one tree and a file in the tree laid over it", d.Name)
		}
		i := slices.IndexFunc(out.Dirs, func(o ostree.TreeDir) bool { return o.Name == d.Name })
		if i < 0 {
			out.Dirs = append(out.Dirs, d)
			continue
		}
		merged, err := t.overlay(ctx, d, out.Dirs[i], depth+1)
		if err != nil {
			return upper, err
		}
		merged.Name = d.Name
		out.Dirs[i] = merged
	}
	slices.SortFunc(out.Files, func(a, b ostree.TreeFile) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Dirs, func(a, b ostree.TreeDir) int { return strings.Compare(a.Name, b.Name) })
	data, err := out.Encode()
	if err != nil {
		return upper, err
	}
	upper.Tree, err = t.WriteMeta(ctx, ostree.ObjectDirTree, data)
	return upper, err
}
