package compose

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// objectWriter writes a tree into a transaction.
type objectWriter struct {
	plan   *Plan
	intake *intake
	tree   *rootfs.Tree
	txn    *archive.Txn

	hits  atomic.Int64 // contents that were not read
	done  atomic.Int64
	total int64

	mu     sync.Mutex
	sums   map[*rootfs.Node]ostree.Checksum // of regular files and symbolic links
	stored map[ostree.Checksum]int64        // length of new objects
}

func newObjectWriter(c *composer, txn *archive.Txn) *objectWriter {
	return &objectWriter{plan: c.plan, intake: c.in, tree: c.tree, txn: txn,
		sums: map[*rootfs.Node]ostree.Checksum{}, stored: map[ostree.Checksum]int64{}}
}

// writeFiles writes the content objects that are not written yet, large files
// first: one that is left to the end would keep a single CPU busy.
func (w *objectWriter) writeFiles(ctx context.Context) error {
	var files []*rootfs.Node
	err := w.tree.Walk(func(_ string, n *rootfs.Node) error {
		if _, written := w.sums[n]; !written && !n.IsDir() {
			files = append(files, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.total += int64(len(files))
	slices.SortStableFunc(files, func(a, b *rootfs.Node) int { return cmp.Compare(b.Size, a.Size) })
	group, groupCtx := errgroup.WithContext(ctx)
	var cursor atomic.Int64
	for range w.plan.opts.jobs() {
		group.Go(func() error {
			for {
				k := int(cursor.Add(1)) - 1
				if k >= len(files) {
					return nil
				}
				if groupCtx.Err() != nil {
					return context.Cause(groupCtx)
				}
				if err := w.writeFile(groupCtx, files[k]); err != nil {
					return err
				}
				w.progress()
			}
		})
	}
	return group.Wait()
}

// writeDirs writes the dirtree and dirmeta objects, and returns those of the root.
func (w *objectWriter) writeDirs(ctx context.Context) (root, meta ostree.Checksum, err error) {
	return w.writeDir(ctx, w.tree.Root)
}

// progressStep is how many objects pass between two updates.
const progressStep = 64

func (w *objectWriter) progress() {
	if n := w.done.Add(1); n%progressStep == 0 || n == w.total {
		w.mu.Lock()
		w.plan.opts.Progress.Send("objects", w.done.Load(), w.total)
		w.mu.Unlock()
	}
}

// writeFile writes one content object. Cached content that turns out to be
// damaged or gone is imported from its package again, once.
func (w *objectWriter) writeFile(ctx context.Context, n *rootfs.Node) error {
	h := n.FileHeader()
	sum, err := w.put(ctx, n, h)
	if lost(n, err) {
		if err = w.intake.repair(ctx, n); err == nil {
			sum, err = w.put(ctx, n, h)
		}
	}
	if err != nil {
		return fmt.Errorf("writing %q of %s: %w", n.Name, w.tree.PackageName(n), err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sums[n] = sum
	return nil
}

func (w *objectWriter) put(ctx context.Context, n *rootfs.Node, h ostree.FileHeader) (ostree.Checksum, error) {
	if n.IsSymlink() {
		r, err := w.txn.WriteFile(ctx, h, archive.Content{})
		return r.Checksum, err
	}
	if f := w.intake.source.file(n); f != nil && f.isObject(h) {
		w.hits.Add(1)
		return n.Object, f.put(ctx, w.txn, n.Object)
	}
	if n.Content.IsZero() && n.Data == nil {
		return w.rewrite(ctx, n, h)
	}
	known, ok := w.intake.store.Object(n.Content, h)
	if ok {
		r, err := w.txn.WriteFileKnown(ctx, known, h, archive.Content{Size: n.Size, Open: w.opener(n)})
		if err == nil && !r.New {
			w.hits.Add(1)
		}
		var wrong *ostree.ChecksumError
		if !errors.As(err, &wrong) {
			w.note(r)
			return known, err
		}
		// The index is wrong; what is written now is hashed.
	}
	r, err := w.txn.WriteFile(ctx, h, archive.Content{Size: n.Size, Open: w.opener(n)})
	if err == nil {
		w.note(r)
		w.intake.store.SetObject(n.Content, h, r.Checksum)
	}
	return r.Checksum, err
}

// rewrite writes a file whose bytes come from a commit, where it had another
// owner, mode or label.
func (w *objectWriter) rewrite(ctx context.Context, n *rootfs.Node, h ostree.FileHeader) (ostree.Checksum, error) {
	r, err := w.txn.WriteFile(ctx, h, archive.Content{Size: n.Size, Open: func() (io.ReadCloser, error) {
		return w.intake.source.open(ctx, n.Object)
	}})
	if err == nil {
		w.note(r)
	}
	return r.Checksum, err
}

// opener opens the content of a file. The first reading compares it with its
// digest; when the archive reads a large file again, to compress it, it compares
// the second reading with the first.
func (w *objectWriter) opener(n *rootfs.Node) func() (io.ReadCloser, error) {
	opened := false
	return func() (io.ReadCloser, error) {
		switch {
		case n.Data != nil:
			return io.NopCloser(bytes.NewReader(n.Data)), nil
		case opened && n.Size > 0:
			return w.intake.store.OpenUnverified(n.Content, n.Size)
		}
		opened = true
		return w.intake.store.OpenContent(n.Content, n.Size)
	}
}

// note remembers the lengths of new objects, for the sizes of a flatpak.
func (w *objectWriter) note(r archive.WriteResult) {
	if !r.New {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stored[r.Checksum] = r.Stored
}

// writeDir writes the dirtree and dirmeta of a directory, those below it first.
func (w *objectWriter) writeDir(ctx context.Context, n *rootfs.Node) (tree, meta ostree.Checksum, err error) {
	var d ostree.DirTree
	for _, c := range n.Children() {
		if !c.IsDir() {
			d.Files = append(d.Files, ostree.TreeFile{Name: c.Name, Checksum: w.sums[c]})
			continue
		}
		sub := ostree.TreeDir{Name: c.Name}
		if sub.Tree, sub.Meta, err = w.writeDir(ctx, c); err != nil {
			return tree, meta, err
		}
		d.Dirs = append(d.Dirs, sub)
	}
	data, err := d.Encode()
	if err == nil {
		tree, err = w.txn.WriteMeta(ctx, ostree.ObjectDirTree, data)
	}
	if err != nil {
		return tree, meta, fmt.Errorf("writing the directory %q: %w", n.Name, err)
	}
	if data, err = n.DirMeta().Encode(); err == nil {
		meta, err = w.txn.WriteMeta(ctx, ostree.ObjectDirMeta, data)
	}
	if err != nil {
		return tree, meta, fmt.Errorf("writing the directory %q: %w", n.Name, err)
	}
	return tree, meta, nil
}

// sizes adds up what a client of a flatpak installs and downloads.
func (w *objectWriter) sizes() (flatpak.Sizes, error) {
	var s flatpak.Sizes
	for n, sum := range w.sums {
		if !n.IsRegular() {
			continue
		}
		stored, ok := w.stored[sum]
		if !ok {
			var err error
			stored, err = w.plan.opts.Repo.ObjectSize(ostree.ObjectName{Checksum: sum, Type: ostree.ObjectFile})
			if err != nil {
				return s, err
			}
		}
		s.AddFile(uint64(n.Size), uint64(stored))
	}
	return s, nil
}
