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

	files []*rootfs.Node // regular files and symbolic links, in the order of the walk
	sums  []ostree.Checksum
	hits  atomic.Int64 // contents that were not read
	done  atomic.Int64

	mu     sync.Mutex
	stored map[ostree.Checksum]int64 // length of new objects
}

// write writes all objects of the tree and returns its root's dirtree and
// dirmeta.
func (w *objectWriter) write(ctx context.Context) (root, meta ostree.Checksum, err error) {
	w.stored = map[ostree.Checksum]int64{}
	err = w.tree.Walk(func(_ string, n *rootfs.Node) error {
		if !n.IsDir() {
			w.files = append(w.files, n)
		}
		return nil
	})
	if err != nil {
		return root, meta, err
	}
	w.sums = make([]ostree.Checksum, len(w.files))
	if err := w.writeFiles(ctx); err != nil {
		return root, meta, err
	}
	next := 0
	return w.writeDir(ctx, w.tree.Root, &next)
}

// writeFiles writes the content objects, large files first: one that is left to
// the end would keep a single CPU busy.
func (w *objectWriter) writeFiles(ctx context.Context) error {
	order := make([]int, len(w.files))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(w.files[b].Size, w.files[a].Size) })
	group, groupCtx := errgroup.WithContext(ctx)
	var cursor atomic.Int64
	for range w.plan.opts.jobs() {
		group.Go(func() error {
			for {
				k := int(cursor.Add(1)) - 1
				if k >= len(order) {
					return nil
				}
				if groupCtx.Err() != nil {
					return context.Cause(groupCtx)
				}
				if err := w.writeFile(groupCtx, order[k]); err != nil {
					return err
				}
				w.progress()
			}
		})
	}
	return group.Wait()
}

// progressStep is how many objects pass between two updates.
const progressStep = 64

func (w *objectWriter) progress() {
	if n := w.done.Add(1); n%progressStep == 0 || n == int64(len(w.files)) {
		w.mu.Lock()
		w.plan.opts.Progress.Send("objects", w.done.Load(), int64(len(w.files)))
		w.mu.Unlock()
	}
}

// writeFile writes one content object. Cached content that turns out to be
// damaged or gone is imported from its package again, once.
func (w *objectWriter) writeFile(ctx context.Context, i int) error {
	n := w.files[i]
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
	w.sums[i] = sum
	return nil
}

func (w *objectWriter) put(ctx context.Context, n *rootfs.Node, h ostree.FileHeader) (ostree.Checksum, error) {
	if n.IsSymlink() {
		r, err := w.txn.WriteFile(ctx, h, archive.Content{})
		return r.Checksum, err
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
// next counts through w.files, which are in the same order.
func (w *objectWriter) writeDir(ctx context.Context, n *rootfs.Node, next *int) (tree, meta ostree.Checksum, err error) {
	var d ostree.DirTree
	for _, c := range n.Children() {
		if !c.IsDir() {
			d.Files = append(d.Files, ostree.TreeFile{Name: c.Name, Checksum: w.sums[*next]})
			*next++
			continue
		}
		sub := ostree.TreeDir{Name: c.Name}
		if sub.Tree, sub.Meta, err = w.writeDir(ctx, c, next); err != nil {
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
	for i, n := range w.files {
		if !n.IsRegular() {
			continue
		}
		stored, ok := w.stored[w.sums[i]]
		if !ok {
			var err error
			stored, err = w.plan.opts.Repo.ObjectSize(ostree.ObjectName{Checksum: w.sums[i], Type: ostree.ObjectFile})
			if err != nil {
				return s, err
			}
		}
		s.AddFile(uint64(n.Size), uint64(stored))
	}
	return s, nil
}
