package archive

import (
	"context"
	"errors"
	"fmt"

	"github.com/treewright/treewright/ostree"
)

type (
	// LsEntry is a file or directory of a commit.
	LsEntry = ostree.LsEntry
	// LsOptions say how deep Ls goes.
	LsOptions = ostree.LsOptions
)

// Ls is ostree.Ls of the repository.
func (r *Repo) Ls(ctx context.Context, commit ostree.Checksum, name string, o LsOptions, fn func(LsEntry) error) error {
	return ostree.Ls(ctx, r, commit, name, o, fn)
}

// StatFile returns the header and the size of a content object. It verifies
// neither.
func (r *Repo) StatFile(ctx context.Context, c ostree.Checksum) (ostree.FileHeader, int64, error) {
	if err := ctx.Err(); err != nil {
		return ostree.FileHeader{}, 0, err
	}
	n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectFile}
	f, err := r.OpenObject(n)
	if err != nil {
		return ostree.FileHeader{}, 0, err
	}
	h, size, _, err := ostree.DecodeArchiveHeader(f)
	if err != nil {
		err = fmt.Errorf("object %s: %w", n, err)
	}
	return h, size, errors.Join(err, f.Close())
}
