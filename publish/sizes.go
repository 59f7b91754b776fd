package publish

import (
	"context"
	"fmt"

	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// treeSizes adds up a tree whose commit does not say how large it is. Entries
// that occur at several paths count at each, and cost one look: a tree of a few
// directories can have more paths than there are atoms.
func treeSizes(ctx context.Context, repo *archive.Repo, commit *ostree.Commit) (flatpak.Sizes, error) {
	s := sizer{repo: repo, dirs: map[ostree.Checksum]flatpak.Sizes{}}
	return s.dir(ctx, commit.RootTree, 0)
}

// maxTreeDepth is deeper than any path that a kernel accepts.
const maxTreeDepth = 2048

type sizer struct {
	repo *archive.Repo
	dirs map[ostree.Checksum]flatpak.Sizes // by dirtree, all below included
}

func (s *sizer) dir(ctx context.Context, c ostree.Checksum, depth int) (sizes flatpak.Sizes, err error) {
	if known, ok := s.dirs[c]; ok {
		return known, nil
	}
	if depth > maxTreeDepth {
		return sizes, fmt.Errorf("directories nested deeper than %d", maxTreeDepth)
	}
	tree, err := s.repo.DirTree(ctx, c)
	if err != nil {
		return sizes, err
	}
	for _, f := range tree.Files {
		if err := s.file(ctx, f.Checksum, &sizes); err != nil {
			return sizes, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	for _, d := range tree.Dirs {
		below, err := s.dir(ctx, d.Tree, depth+1)
		if err != nil {
			return sizes, fmt.Errorf("%s/%w", d.Name, err)
		}
		sizes.Add(below)
	}
	s.dirs[c] = sizes
	return sizes, nil
}

func (s *sizer) file(ctx context.Context, c ostree.Checksum, sizes *flatpak.Sizes) error {
	h, size, content, err := s.repo.OpenFile(ctx, c)
	if err != nil {
		return err
	}
	if err := content.Close(); err != nil || h.IsSymlink() {
		return err
	}
	stored, err := s.repo.ObjectSize(ostree.ObjectName{Checksum: c, Type: ostree.ObjectFile})
	if err != nil {
		return err
	}
	sizes.AddFile(uint64(size), uint64(stored))
	return nil
}
