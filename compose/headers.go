package compose

import (
	"bytes"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// header reads the header of a package.
func (in *intake) header(i int) (*rpm.Package, error) {
	data, err := in.store.Header(in.plan.Packages[i].Checksum)
	if err != nil {
		return nil, err
	}
	return rpm.OpenHeaders(bytes.NewReader(data))
}
