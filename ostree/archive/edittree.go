package archive

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/treewright/treewright/ostree"
)

// EditFunc changes the header of a file or directory, or tells that it, with
// all below, shall not be in the tree. The path is absolute in the tree.
type EditFunc func(path string, h ostree.FileHeader) (_ ostree.FileHeader, keep bool)

// EditTree stores a tree that is like another one of the transaction or the
// repository but for what edit changes. The root is always kept. What the
// other tree alone needs stays in the transaction: a later Prune deletes it.
// edit is called once for each entry, one after the other.
func (t *Txn) EditTree(ctx context.Context, d ostree.TreeDir, edit EditFunc) (ostree.TreeDir, error) {
	h, err := t.dirHeader(ctx, d.Meta)
	if err != nil {
		return d, err
	}
	h, _ = edit("/", h)
	return t.editDir(ctx, "/", d, h, edit, 0)
}

// editDir stores a directory whose own header is edited already.
func (t *Txn) editDir(ctx context.Context, at string, d ostree.TreeDir, header ostree.FileHeader, edit EditFunc, depth int) (ostree.TreeDir, error) {
	if depth > maxTreeDepth {
		return d, fmt.Errorf("directories nested deeper than %d", maxTreeDepth)
	}
	old, err := t.dirTree(ctx, d.Tree)
	if err != nil {
		return d, err
	}
	var tree ostree.DirTree
	for _, f := range old.Files {
		sum, keep, err := t.editFile(ctx, path.Join(at, f.Name), f.Checksum, edit)
		if err != nil {
			return d, err
		}
		if keep {
			tree.Files = append(tree.Files, ostree.TreeFile{Name: f.Name, Checksum: sum})
		}
	}
	for _, sub := range old.Dirs {
		name := path.Join(at, sub.Name)
		h, err := t.dirHeader(ctx, sub.Meta)
		if err != nil {
			return d, err
		}
		h, keep := edit(name, h)
		if !keep {
			continue
		}
		edited, err := t.editDir(ctx, name, sub, h, edit, depth+1)
		if err != nil {
			return d, err
		}
		edited.Name = sub.Name
		tree.Dirs = append(tree.Dirs, edited)
	}
	return t.writeTree(ctx, tree, header)
}

// editFile stores a file again when its header changes.
func (t *Txn) editFile(ctx context.Context, name string, c ostree.Checksum, edit EditFunc) (_ ostree.Checksum, keep bool, err error) {
	h, size, body, err := t.openFile(ctx, c)
	if err != nil {
		return c, false, err
	}
	if err := body.Close(); err != nil {
		return c, false, err
	}
	before := h.Encode()
	h, keep = edit(name, h)
	if !keep || slices.Equal(before, h.Encode()) {
		return c, keep, nil
	}
	content := Content{}
	if !h.IsSymlink() {
		content = Content{Size: size, Open: func() (io.ReadCloser, error) {
			_, _, body, err := t.openFile(ctx, c)
			return body, err
		}}
	}
	res, err := t.WriteFile(ctx, h, content)
	return res.Checksum, true, err
}

// openFile is Repo.OpenFile for what the transaction has, too.
func (t *Txn) openFile(ctx context.Context, c ostree.Checksum) (ostree.FileHeader, int64, io.ReadCloser, error) {
	n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectFile}
	t.mu.Lock()
	_, staged := t.staged[n]
	t.mu.Unlock()
	if !staged {
		return t.repo.OpenFile(ctx, c)
	}
	f, err := openObject(t.staging.dir, stagedName(n), n)
	if err != nil {
		return ostree.FileHeader{}, 0, nil, err
	}
	return t.repo.openFile(n, f)
}

func (t *Txn) dirTree(ctx context.Context, c ostree.Checksum) (ostree.DirTree, error) {
	return ostree.ReadDirTree(ctx, t, c)
}

// dirHeader is a dirmeta in the form of a header.
func (t *Txn) dirHeader(ctx context.Context, c ostree.Checksum) (ostree.FileHeader, error) {
	m, err := ostree.ReadDirMeta(ctx, t, c)
	return ostree.FileHeader{UID: m.UID, GID: m.GID, Mode: m.Mode, Xattrs: m.Xattrs}, err
}
