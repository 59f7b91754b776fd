package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/treewright/treewright/ostree"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// TreeOptions change what is written of a tree that comes from a folder or a
// tar file. The zero TreeOptions change nothing.
type TreeOptions struct {
	OwnerUID, OwnerGID   *uint32 // instead of those of the files
	NoXattrs             bool
	CanonicalPermissions bool // root owns all, modes are within 0755, and no xattrs
	// Edit has the last word on each entry, the root included, which is kept in
	// any case. WriteDir calls it from many goroutines.
	Edit EditFunc
	// LeftOut hears what WriteDir does not store: xattrs without a value, which
	// the C tool does not see either. It is called from many goroutines.
	LeftOut func(path, xattr string)
	// TarName gives entries of a tar file other names. It gets them without "/"
	// or "./" at the start; a directory's may end in "/".
	TarName func(name string) string
}

// apply changes the header of a file or directory.
func (o TreeOptions) apply(h ostree.FileHeader) ostree.FileHeader {
	if o.OwnerUID != nil {
		h.UID = *o.OwnerUID
	}
	if o.OwnerGID != nil {
		h.GID = *o.OwnerGID
	}
	if o.CanonicalPermissions {
		h.UID, h.GID = 0, 0
		if !h.IsSymlink() {
			h.Mode &= ostree.ModeType | 0o755
		}
	}
	if o.NoXattrs || o.CanonicalPermissions {
		h.Xattrs = nil
	}
	return h
}

// edited changes the header of an entry, and tells whether the entry stays.
func (o TreeOptions) edited(path string, h ostree.FileHeader) (ostree.FileHeader, bool) {
	h = o.apply(h)
	if o.Edit == nil {
		return h, true
	}
	h, keep := o.Edit(path, h)
	return h, keep || path == "/"
}

// WriteDir stores the tree of a folder. Symlinks are stored, not followed;
// devices, sockets and pipes are errors. No file may change meanwhile.
func (t *Txn) WriteDir(ctx context.Context, folder string, o TreeOptions) (ostree.TreeDir, error) {
	w := dirWriter{txn: t, opts: o}
	d, _, err := w.dir(ctx, unix.AT_FDCWD, folder, "/", 0)
	if err != nil {
		return d, fmt.Errorf("reading %s: %w", folder, err)
	}
	return d, nil
}

type dirWriter struct {
	txn  *Txn
	opts TreeOptions
}

// dir stores a directory, whose path in the tree is given, unless it is left out.
func (w *dirWriter) dir(ctx context.Context, at int, name, path string, depth int) (_ ostree.TreeDir, keep bool, err error) {
	if depth > maxTreeDepth {
		return ostree.TreeDir{}, false, fmt.Errorf("directories nested deeper than %d", maxTreeDepth)
	}
	flags := unix.O_RDONLY | unix.O_DIRECTORY
	if depth > 0 {
		flags |= unix.O_NOFOLLOW
	}
	f, err := openAt(at, name, flags, 0)
	if err != nil {
		return ostree.TreeDir{}, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h, _, err := w.header(int(f.Fd()), ".")
	if err != nil {
		return ostree.TreeDir{}, false, err
	}
	h.Xattrs = w.opts.withValues(path, h.Xattrs)
	if h, keep = w.opts.edited(path, h); !keep {
		return ostree.TreeDir{}, false, nil
	}
	names, err := f.Readdirnames(-1)
	if err != nil {
		return ostree.TreeDir{}, false, err
	}
	tree, err := w.entries(ctx, int(f.Fd()), names, path, depth)
	if err != nil {
		return ostree.TreeDir{}, false, err
	}
	d, err := w.txn.writeTree(ctx, tree, h)
	d.Name = filepath.Base(name)
	return d, true, err
}

// entries stores what a directory holds: files in parallel, then directories.
func (w *dirWriter) entries(ctx context.Context, dir int, names []string, path string, depth int) (tree ostree.DirTree, err error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	files := make([]ostree.TreeFile, len(names)) // without a name: left out
	isDir := make([]bool, len(names))
	for i, name := range names {
		g.Go(func() (err error) {
			files[i], isDir[i], err = w.file(gctx, dir, name, path)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return tree, err
	}
	for i, name := range names {
		if !isDir[i] {
			if files[i].Name != "" {
				tree.Files = append(tree.Files, files[i])
			}
			continue
		}
		d, keep, err := w.dir(ctx, dir, name, filepath.Join(path, name), depth+1)
		if err != nil {
			return tree, fmt.Errorf("%s: %w", name, err)
		}
		if keep {
			tree.Dirs = append(tree.Dirs, d)
		}
	}
	return tree, nil
}

// file stores an entry, unless it is a directory or left out.
func (w *dirWriter) file(ctx context.Context, dir int, name, path string) (f ostree.TreeFile, isDir bool, err error) {
	h, st, err := w.header(dir, name)
	if isDir = h.Mode&ostree.ModeType == ostree.ModeDir; isDir || err != nil {
		return f, isDir, err
	}
	path = filepath.Join(path, name)
	h.Xattrs = w.opts.withValues(path, h.Xattrs)
	h, keep := w.opts.edited(path, h)
	if !keep {
		return f, false, nil
	}
	var c Content
	if h.Mode&ostree.ModeType == ostree.ModeRegular {
		c = Content{Size: st.Size, Open: func() (io.ReadCloser, error) {
			return openAt(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW, 0)
		}}
	}
	res, err := w.txn.WriteFile(ctx, h, c)
	if err != nil {
		return f, false, fmt.Errorf("%s: %w", name, err)
	}
	return ostree.TreeFile{Name: name, Checksum: res.Checksum}, false, nil
}

// header reads what the file system says of an entry.
func (w *dirWriter) header(dir int, name string) (h ostree.FileHeader, st unix.Stat_t, err error) {
	if err := retry(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return h, st, pathError("stat", name, err)
	}
	h = ostree.FileHeader{UID: st.Uid, GID: st.Gid, Mode: st.Mode}
	path := fmt.Sprintf("/proc/self/fd/%d/%s", dir, name)
	if h.IsSymlink() {
		if h.Symlink, err = os.Readlink(path); err != nil {
			return h, st, err
		}
	}
	if !w.opts.NoXattrs && !w.opts.CanonicalPermissions {
		if h.Xattrs, err = readXattrs(path); err != nil {
			return h, st, pathError("xattrs", name, err)
		}
	}
	return h, st, nil
}

// withValues leaves out the xattrs without a value.
func (o TreeOptions) withValues(path string, list []ostree.Xattr) []ostree.Xattr {
	return slices.DeleteFunc(list, func(x ostree.Xattr) bool {
		if len(x.Value) == 0 && o.LeftOut != nil {
			o.LeftOut(path, x.Name)
		}
		return len(x.Value) == 0
	})
}

// readXattrs reads the xattrs of a file, not of what a symlink names.
func readXattrs(path string) ([]ostree.Xattr, error) {
	list, err := growing(func(buf []byte) (int, error) { return unix.Llistxattr(path, buf) })
	if err == unix.ENOTSUP {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []ostree.Xattr
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		value, err := growing(func(buf []byte) (int, error) { return unix.Lgetxattr(path, name, buf) })
		if err == unix.ENODATA {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, ostree.Xattr{Name: name, Value: value})
	}
	return out, nil
}

// growing calls fn with ever larger buffers until its result fits.
func growing(fn func([]byte) (int, error)) ([]byte, error) {
	for size := 256; ; size *= 4 {
		buf := make([]byte, size)
		n := 0
		err := retry(func() (err error) { n, err = fn(buf); return err })
		if err == unix.ERANGE && size < 1<<20 {
			continue
		}
		return buf[:max(n, 0)], err
	}
}

// writeTree stores a directory's dirtree and dirmeta.
func (t *Txn) writeTree(ctx context.Context, tree ostree.DirTree, h ostree.FileHeader) (d ostree.TreeDir, err error) {
	data, err := tree.Encode()
	if err != nil {
		return d, err
	}
	if d.Tree, err = t.WriteMeta(ctx, ostree.ObjectDirTree, data); err != nil {
		return d, err
	}
	data, err = ostree.DirMeta{UID: h.UID, GID: h.GID, Mode: h.Mode, Xattrs: h.Xattrs}.Encode()
	if err != nil {
		return d, err
	}
	d.Meta, err = t.WriteMeta(ctx, ostree.ObjectDirMeta, data)
	return d, err
}
