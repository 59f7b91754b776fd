package publish

import (
	"context"
	"slices"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/delta"
	"github.com/treewright/treewright/ostree/gvariant"
)

// listDeltas finds the deltas of the repository.
func (p *publication) listDeltas(ctx context.Context) (err error) {
	p.deltas, err = delta.Digests(ctx, p.repo)
	return err
}

// deltasTo is what a summary says about the deltas to some commits; nothing
// when there is none.
func (p *publication) deltasTo(commits map[ostree.Checksum]bool) gvariant.Dict {
	list := slices.DeleteFunc(slices.Clone(p.deltas), func(e gvariant.Entry) bool {
		n, err := delta.ParseName(e.Key)
		return err != nil || !commits[n.To]
	})
	if len(list) == 0 {
		return nil
	}
	return gvariant.Dict{{Key: ostree.KeyStaticDeltas, Value: list.Encode()}}
}

// prepareDeltaIndexes stages the index of each commit that deltas end at, and
// the removal of those that lead to none. Clients that see indexed-deltas=true
// in the config look for them.
func (p *publication) prepareDeltaIndexes(context.Context) error {
	files, err := delta.IndexFiles(p.repo, p.deltas)
	if err != nil {
		return err
	}
	for _, f := range files {
		path := delta.IndexPath(f.Commit)
		if f.Data == nil {
			p.staging.remove(path)
			continue
		}
		old, err := p.read(path)
		if err != nil {
			return err
		}
		if old == nil || string(old) != string(f.Data) {
			if err := p.staging.add(path, f.Data); err != nil {
				return err
			}
		}
	}
	return nil
}
