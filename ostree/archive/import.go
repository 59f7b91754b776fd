package archive

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/treewright/treewright/internal/ctxio"
	"github.com/treewright/treewright/ostree"
)

// ImportObject stores an object as another archive repository stores it: the
// bytes of r are kept as they are, once they have been found to be the object
// of that name. The object may be there already; then r is not read. Detached
// metadata, which has no checksum, replaces what is there.
func (t *Txn) ImportObject(ctx context.Context, n ostree.ObjectName, r io.Reader) error {
	if err := t.enter(); err != nil {
		return err
	}
	defer t.leave()
	switch {
	case n.Type == ostree.ObjectFile:
		return t.importFile(ctx, n, r)
	case n.Type.IsMeta():
		return t.importMeta(ctx, n, r)
	case n.Type == ostree.ObjectCommitMeta:
		return t.importCommitMeta(n, r)
	}
	return fmt.Errorf("object %s: an archive repository imports no objects of this type", n)
}

// ReplaceObject is ImportObject of an object that takes the place of the one
// of its name, which is damaged. It does so when the transaction commits.
func (t *Txn) ReplaceObject(ctx context.Context, n ostree.ObjectName, r io.Reader) error {
	if n.Type != ostree.ObjectFile && !n.Type.IsMeta() {
		return fmt.Errorf("object %s: it has no checksum to compare another with", n)
	}
	if err := t.enter(); err != nil {
		return err
	}
	defer t.leave()
	t.mu.Lock()
	t.replace[n] = true
	t.mu.Unlock()
	if n.Type == ostree.ObjectFile {
		return t.importFile(ctx, n, r)
	}
	data, err := verifiedMeta(n, r)
	if err != nil {
		return err
	}
	return t.storeMeta(ctx, n, data)
}

// replaces tells whether the object takes the place of one that is there.
func (t *Txn) replaces(n ostree.ObjectName) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.replace[n]
}

func (t *Txn) importFile(ctx context.Context, n ostree.ObjectName, r io.Reader) error {
	_, err := t.store(ctx, n, func(name string) (int64, error) { return t.copyFile(ctx, n, name, r) })
	return err
}

// copyFile verifies and writes a content object as it is stored elsewhere.
func (t *Txn) copyFile(ctx context.Context, n ostree.ObjectName, name string, r io.Reader) (int64, error) {
	buf, ok := t.repo.buffers.Get().(*bytes.Buffer)
	if !ok {
		buf = new(bytes.Buffer)
	}
	defer t.repo.buffers.Put(buf)
	buf.Reset()
	size, err := buf.ReadFrom(io.LimitReader(ctxio.Reader(ctx, r), smallFile))
	if err != nil {
		return 0, fmt.Errorf("reading object %s: %w", n, err)
	}
	if size == smallFile {
		return t.importLarge(ctx, n, name, buf.Bytes(), r)
	}
	if _, err := t.repo.verify(n, bytes.NewReader(buf.Bytes())); err != nil {
		return 0, err
	}
	if err := t.space.take(size); err != nil {
		return 0, err
	}
	return size, t.staging.write(name, buf.Bytes())
}

// importLarge verifies and writes what starts with head and goes on in r.
func (t *Txn) importLarge(ctx context.Context, n ostree.ObjectName, name string, head []byte, r io.Reader) (int64, error) {
	f, err := t.staging.create(name)
	if err != nil {
		return 0, err
	}
	dst := &spaceWriter{f: f, space: t.space}
	out := bufio.NewWriterSize(dst, 256<<10)
	src := io.MultiReader(bytes.NewReader(head), ctxio.Reader(ctx, r))
	_, err = t.repo.verify(n, io.TeeReader(src, out))
	if err == nil {
		err = out.Flush()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		return 0, errors.Join(err, t.staging.unlink(name))
	}
	return dst.n, nil
}
