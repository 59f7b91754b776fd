package compose

import (
	"bytes"
	"context"
	"errors"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// headers returns the headers of a package. When the cache has lost them, the
// package is unpacked again.
func (in *intake) headers(ctx context.Context, i int) ([]byte, error) {
	p := &in.plan.Packages[i]
	data, err := in.store.Header(p.Checksum)
	if !errors.Is(err, content.ErrNotExist) {
		return data, err
	}
	in.plan.opts.Warn("the cache has lost or damaged the headers of " + p.NEVRA.String() + ": the package is unpacked again")
	path, err := in.fetch(ctx, i)
	if err != nil {
		return nil, err
	}
	if _, err := in.store.Import(ctx, p.Checksum, path); err != nil {
		return nil, err
	}
	return in.store.Header(p.Checksum)
}

// header reads the headers of a package.
func (in *intake) header(ctx context.Context, i int) (*rpm.Package, error) {
	data, err := in.headers(ctx, i)
	if err != nil {
		return nil, err
	}
	return rpm.OpenHeaders(bytes.NewReader(data))
}
