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
	if n.Package == rootfs.NoPackage || in.plan.fromDir {
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
	if in.repaired == nil {
		in.repaired = map[content.Digest]bool{}
	}
	in.repaired[n.Content] = true
	return nil
}

// read returns the content of a small file of the tree.
func (in *intake) read(ctx context.Context, n *rootfs.Node) ([]byte, error) {
	if n.Data != nil {
		return n.Data, nil
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
