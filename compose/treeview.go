package compose

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/treewright/treewright/compose/rootfs"
)

// treeView shows the tree to rooms that look things up in it by absolute paths,
// symbolic links followed.
type treeView struct {
	ctx context.Context
	c   *composer
}

func (v treeView) lookup(path string) *rootfs.Node {
	place, err := v.c.tree.Follow(path)
	if err != nil {
		return nil // a loop of links leads nowhere
	}
	return v.c.tree.Lookup(place)
}

// Has tells whether something is at path.
func (v treeView) Has(path string) bool { return v.lookup(path) != nil }

// Read returns the content of a file.
func (v treeView) Read(path string) ([]byte, error) {
	n := v.lookup(path)
	if n == nil || !n.IsRegular() {
		return nil, fmt.Errorf("reading %s: %w", path, fs.ErrNotExist)
	}
	return v.c.in.read(v.ctx, n)
}

// List returns the names in a folder, sorted.
func (v treeView) List(dir string) []string {
	n := v.lookup(dir)
	if n == nil {
		return nil
	}
	var names []string
	for _, c := range n.Children() {
		names = append(names, c.Name)
	}
	return names
}
