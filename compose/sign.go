package compose

import (
	"context"
	"fmt"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// sign adds the signer's signature to the detached metadata of a new commit, so
// that the ref never names an unsigned one. A commit that exists already keeps
// the signatures that it has.
func (p *Plan) sign(ctx context.Context, txn *archive.Txn, commit ostree.Checksum, data []byte) error {
	if p.opts.Signer == nil {
		return nil
	}
	signature, err := p.opts.Signer.Sign(ctx, data)
	if err != nil {
		return fmt.Errorf("signing the commit: %w", err)
	}
	txn.UpdateCommitMeta(commit, func(d gvariant.Dict) (gvariant.Dict, error) {
		signed, err := p.opts.Signer.Signed(ctx, data, d)
		if err != nil || signed {
			return d, err
		}
		return sign.Append(d, signature), nil
	})
	return nil
}
