package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/compose/rootfs"
)

// dirWriter writes a tree into a directory, in which people may change it: its
// files are copies, not links of the cache.
type dirWriter struct {
	in   *intake
	jobs int
	// bare writes files of the caller's, with their owners in bareMetaName.
	bare bool
	// from has files that may be linked instead of copied, open as fromDir.
	from    *diskTree
	fromDir int
}

// write makes dir, which must be absent or empty.
func (w *dirWriter) write(ctx context.Context, tree *rootfs.Tree, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	root, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	defer func() { err = errors.Join(err, unix.Close(root)) }()
	var dirs []*place
	if err := w.mkdirs(root, "", tree.Root, &dirs); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	var cursor atomic.Int64
	for range max(w.jobs, 1) {
		group.Go(func() error {
			for {
				k := int(cursor.Add(1)) - 1
				if k >= len(dirs) {
					return nil
				}
				if err := w.fill(groupCtx, root, dirs[k]); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, d := range slices.Backward(dirs) { // those below first
		if err := w.finish(root, d); err != nil {
			return fmt.Errorf("/%s: %w", d.path, err)
		}
	}
	return nil
}

// place is a directory of the tree; its path is relative to the root, "".
type place struct {
	path string
	node *rootfs.Node
}

func (w *dirWriter) mkdirs(root int, path string, n *rootfs.Node, dirs *[]*place) error {
	*dirs = append(*dirs, &place{path, n})
	for _, c := range n.Children() {
		if !c.IsDir() {
			continue
		}
		below := filepath.Join(path, c.Name)
		if err := unix.Mkdirat(root, below, 0o700); err != nil {
			return &fs.PathError{Op: "mkdir", Path: "/" + below, Err: err}
		}
		if err := w.mkdirs(root, below, c, dirs); err != nil {
			return err
		}
	}
	return nil
}

// fill writes the files and links of a directory.
func (w *dirWriter) fill(ctx context.Context, root int, d *place) (err error) {
	fd, err := openDirAt(root, d.path)
	if err != nil {
		return fmt.Errorf("/%s: %w", d.path, err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	for _, n := range d.node.Children() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch {
		case n.IsDir():
		case n.IsSymlink():
			err = w.symlink(fd, n)
		default:
			err = w.file(ctx, fd, n)
		}
		if err != nil {
			return fmt.Errorf("/%s: %w", filepath.Join(d.path, n.Name), err)
		}
	}
	return nil
}

func (w *dirWriter) symlink(dir int, n *rootfs.Node) error {
	if err := unix.Symlinkat(n.Target, dir, n.Name); err != nil {
		return err
	}
	if !w.bare {
		if err := unix.Fchownat(dir, n.Name, int(n.UID), int(n.GID), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return fmt.Errorf("setting its owner: %w", err)
		}
	}
	return unix.UtimesNanoAt(dir, n.Name, make([]unix.Timespec, 2), unix.AT_SYMLINK_NOFOLLOW)
}

func (w *dirWriter) file(ctx context.Context, dir int, n *rootfs.Node) (err error) {
	if w.linked(dir, n) {
		return nil
	}
	fd, err := unix.Openat(dir, n.Name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), n.Name)
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := w.copy(ctx, f, n); err != nil {
		return err
	}
	return w.attributes(fd, n)
}

// linked links a file that is what it was when it was read.
func (w *dirWriter) linked(dir int, n *rootfs.Node) bool {
	if w.from == nil {
		return false
	}
	old, ok := w.from.origin[n]
	if !ok || n.Data != nil || old.node.Content != n.Content || !sameMeta(&old.node, n) {
		return false
	}
	fd, err := openDirAt(w.fromDir, filepath.Dir("/" + old.path)[1:])
	if err != nil {
		return false
	}
	err = unix.Linkat(fd, filepath.Base(old.path), dir, n.Name, 0)
	return errors.Join(err, unix.Close(fd)) == nil
}

// sameMeta tells whether two nodes have one owner, mode and set of attributes.
func sameMeta(a, b *rootfs.Node) bool {
	if a.UID != b.UID || a.GID != b.GID || a.Mode != b.Mode || len(a.Xattrs) != len(b.Xattrs) {
		return false
	}
	for i := range a.Xattrs {
		if a.Xattrs[i].Name != b.Xattrs[i].Name || string(a.Xattrs[i].Value) != string(b.Xattrs[i].Value) {
			return false
		}
	}
	return true
}

// copy writes the content of a node, verified.
func (w *dirWriter) copy(ctx context.Context, f *os.File, n *rootfs.Node) (err error) {
	if n.Data != nil {
		_, err := f.Write(n.Data)
		return err
	}
	r, err := w.in.store.OpenContent(n.Content, n.Size)
	if lost(n, err) {
		if err = w.in.repair(ctx, n); err == nil {
			r, err = w.in.store.OpenContent(n.Content, n.Size)
		}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = io.Copy(f, r)
	return err
}

// finish gives a directory its attributes when all in it is made.
func (w *dirWriter) finish(root int, d *place) error {
	fd, err := openDirAt(root, d.path)
	if err != nil {
		return err
	}
	return errors.Join(w.attributes(fd, d.node), unix.Close(fd))
}

// attributes gives the file or directory open as fd what a commit says of it.
// The kernel takes setuid bits and capabilities from what gets another owner,
// and lets nobody but root change attributes of what is not writable.
func (w *dirWriter) attributes(fd int, n *rootfs.Node) error {
	m := dirMeta{uid: n.UID, gid: n.GID, mode: n.Mode, xattrs: n.Xattrs}
	mode, xattrs := n.Mode&0o7777, n.Xattrs
	if w.bare {
		mode = bareMode(n.Mode)
		value := m.encode()
		if err := unix.Fsetxattr(fd, bareMetaName, value, 0); err != nil {
			return fmt.Errorf("keeping its owner and mode in the attribute %s: %w%s", bareMetaName, err, xattrHint(err))
		}
		xattrs = nil
	} else if err := unix.Fchown(fd, int(n.UID), int(n.GID)); err != nil {
		return fmt.Errorf("giving it to %d:%d: %w", n.UID, n.GID, err)
	}
	if err := unix.Fchmod(fd, mode); err != nil {
		return fmt.Errorf("setting its mode: %w", err)
	}
	for _, x := range xattrs {
		if err := unix.Fsetxattr(fd, x.Name, x.Value, 0); err != nil {
			return fmt.Errorf("setting its attribute %s: %w%s", x.Name, err, xattrHint(err))
		}
	}
	return unix.Futimes(fd, make([]unix.Timeval, 2))
}

func xattrHint(err error) string {
	if errors.Is(err, unix.EOPNOTSUPP) {
		return ": choose a folder on a file system with extended attributes, such as ext4, xfs or btrfs"
	}
	return ""
}
