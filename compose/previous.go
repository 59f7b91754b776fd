package compose

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// maxAccountFile bounds a file of accounts.
const maxAccountFile = 16 << 20

// previousAccounts reads the account files of the previous commit; it is empty
// when there is none.
func (p *Plan) previousAccounts(ctx context.Context) (layout.Previous, error) {
	files := layout.Previous{}
	if p.Previous.IsZero() {
		return files, nil
	}
	for _, path := range layout.PreviousPaths() {
		data, err := readCommitFile(ctx, p.opts.Repo, p.Previous, path, maxAccountFile)
		if err != nil {
			return nil, fmt.Errorf("reading /%s of the previous commit %s: %w", path, p.Previous, err)
		}
		if data != nil {
			files[path] = data
		}
	}
	return files, nil
}

// readCommitFile returns the content of a regular file of a commit; nil when
// there is none at path.
func readCommitFile(ctx context.Context, repo *archive.Repo, commit ostree.Checksum, path string, limit int64) (_ []byte, err error) {
	c, err := repo.Commit(ctx, commit)
	if err != nil {
		return nil, err
	}
	e, found, err := ostree.Lookup(ctx, repo, c.RootTree, c.RootMeta, path)
	if err != nil || !found || e.Type != ostree.ObjectFile {
		return nil, err
	}
	h, size, r, err := repo.OpenFile(ctx, e.File)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if h.IsSymlink() {
		return nil, nil
	}
	if size > limit {
		return nil, fmt.Errorf("it has %d bytes; at most %d are read", size, limit)
	}
	data, err := io.ReadAll(r)
	if data == nil {
		data = []byte{}
	}
	return data, err
}
