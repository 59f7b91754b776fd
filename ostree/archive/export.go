package archive

import (
	"context"
	"io"

	"github.com/treewright/treewright/ostree"
)

// ExportOptions tune ExportTar. The zero ExportOptions export all of a commit.
type ExportOptions = ostree.ExportOptions

// paxXattr starts the names of PAX records that hold xattrs.
const paxXattr = "SCHILY.xattr."

// ExportTar is ostree.ExportTar of the repository. Without a Progress in o that
// of the repository's Options hears of it.
func (r *Repo) ExportTar(ctx context.Context, commit ostree.Checksum, w io.Writer, o ExportOptions) error {
	if o.Progress == nil {
		o.Progress = r.opts.Progress
	}
	return ostree.ExportTar(ctx, r, commit, w, o)
}
