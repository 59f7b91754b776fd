package archive

import (
	"context"

	"github.com/treewright/treewright/ostree"
)

// FileChange is a path at which two commits differ.
type FileChange = ostree.FileChange

// Diff is ostree.DiffCommits of the repository.
func (r *Repo) Diff(ctx context.Context, before, after ostree.Checksum, fn func(FileChange) error) error {
	return ostree.DiffCommits(ctx, r, before, after, fn)
}
