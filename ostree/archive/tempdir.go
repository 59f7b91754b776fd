package archive

import (
	"context"
	"fmt"
)

// TempDir makes a folder below tmp/ for files that may be renamed into the
// repository. It lives as long as the process, at most: when remove was not
// called, whoever writes next removes it.
func (r *Repo) TempDir(ctx context.Context) (path string, remove func() error, err error) {
	s, err := r.newStaging(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("making a temporary folder in repository %s: %w", r.path, err)
	}
	return s.path, s.remove, nil
}
