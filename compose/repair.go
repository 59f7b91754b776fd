package compose

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
)

// lost tells whether reading a node failed because the cache has lost or damaged
// its content.
func lost(n *rootfs.Node, err error) bool {
	var corrupt *content.CorruptError
	return n.IsRegular() && n.Data == nil && (errors.As(err, &corrupt) || errors.Is(err, content.ErrNotExist))
}

// repair unpacks the package of a node again, because the node's content is
// lost. Once: what is damaged right after it was written is no accident.
func (in *intake) repair(ctx context.Context, n *rootfs.Node) error {
	in.repairing.Lock()
	defer in.repairing.Unlock()
	if in.repaired[n.Content] {
		return nil // for another file with this content
	}
	if in.source.file(n) != nil {
		return in.extractAgain(ctx, n)
	}
	if n.Package == rootfs.NoPackage || n.Package >= len(in.plan.Packages) || in.plan.fromDir {
		return fmt.Errorf("no package has the content %s", n.Content)
	}
	p := &in.plan.Packages[n.Package]
	in.plan.opts.Warn(fmt.Sprintf("the cache has lost or damaged a file of %s: the package is unpacked again", p.NEVRA))
	if err := in.store.Remove(n.Content); err != nil {
		return err
	}
	path, err := in.fetch(ctx, n.Package)
	if err != nil {
		return err
	}
	if _, err := in.store.Import(ctx, p.Checksum, path); err != nil {
		return err
	}
	in.isRepaired(n.Content)
	return nil
}

func (in *intake) isRepaired(d content.Digest) {
	if in.repaired == nil {
		in.repaired = map[content.Digest]bool{}
	}
	in.repaired[d] = true
}

// extractAgain takes the content of a node from the commit that it comes from.
func (in *intake) extractAgain(ctx context.Context, n *rootfs.Node) error {
	in.plan.opts.Warn(fmt.Sprintf("the cache has lost or damaged a file of a commit: object %s is read again", n.Object))
	if err := in.store.Remove(n.Content); err != nil {
		return err
	}
	in.isRepaired(n.Content)
	return in.source.extract(ctx, in.store, n.Object)
}

// read returns the content of a small file of the tree.
func (in *intake) read(ctx context.Context, n *rootfs.Node) ([]byte, error) {
	if n.Data != nil {
		return n.Data, nil
	}
	if n.Content.IsZero() && in.source.file(n) != nil {
		return in.source.read(ctx, n)
	}
	data, err := in.readStored(n)
	if lost(n, err) {
		if err = in.repair(ctx, n); err == nil {
			data, err = in.readStored(n)
		}
	}
	return data, err
}

func (in *intake) readStored(n *rootfs.Node) (_ []byte, err error) {
	f, err := in.store.OpenContent(n.Content, n.Size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(f)
}
