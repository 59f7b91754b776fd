package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// Limits of a tree on disk.
const (
	maxDirDepth   = 512
	maxDirEntries = 1 << 23
)

// diskTree is a tree that was read from a directory.
type diskTree struct {
	*rootfs.Tree
	// origin says where each regular file lies, relative to the directory, and
	// what it was.
	origin map[*rootfs.Node]diskFile
	// dropped is what OSTree cannot store.
	dropped []layout.Dropped
}

type diskFile struct {
	path string
	node rootfs.Node
}

// unread are directories of the root on which a machine mounts something of its
// own: what lies in them is in no commit.
var unread = [...]string{"dev", "proc", "sys"}

// readDir reads the directory dir, whose contents go into the store. No
// symbolic link is followed, whatever happens to the directory meanwhile.
func readDir(ctx context.Context, store *content.Store, dir string, jobs int) (_ *diskTree, err error) {
	root, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	defer func() { err = errors.Join(err, unix.Close(root)) }()
	r := &dirReader{store: store, root: root, euid: uint32(os.Geteuid()), egid: uint32(os.Getegid()),
		out: &diskTree{Tree: rootfs.New(), origin: map[*rootfs.Node]diskFile{}}}
	if err := r.run(ctx, jobs); err != nil {
		return nil, fmt.Errorf("reading the tree in %s: %w", dir, err)
	}
	slices.SortFunc(r.out.dropped, func(a, b layout.Dropped) int { return cmp.Compare(a.Path, b.Path) })
	return r.out, nil
}

type dirReader struct {
	store      *content.Store
	root       int
	euid, egid uint32
	entries    int
	folders    []*folder
	out        *diskTree
}

// folder is a directory whose regular files are still to be read.
type folder struct {
	path  string // relative to the root, which is ""
	files []*rootfs.Node
}

func (r *dirReader) run(ctx context.Context, jobs int) error {
	pending := []string{""}
	for len(pending) > 0 {
		path := pending[len(pending)-1]
		below, err := r.list(ctx, path)
		if err != nil {
			return fmt.Errorf("/%s: %w", path, err)
		}
		pending = append(pending[:len(pending)-1], below...)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	var cursor atomic.Int64
	for range max(jobs, 1) {
		group.Go(func() error {
			for {
				k := int(cursor.Add(1)) - 1
				if k >= len(r.folders) {
					return nil
				}
				if err := r.read(groupCtx, r.folders[k]); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, d := range r.folders {
		for _, n := range d.files {
			r.out.origin[n] = diskFile{path: strings.TrimPrefix(d.path+"/"+n.Name, "/"), node: *n}
		}
	}
	return nil
}

// openDirAt opens a directory below root; a symbolic link on the way is an error.
func openDirAt(root int, path string) (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(root, ".", flags, 0)
	for part := range strings.SplitSeq(path, "/") {
		if err != nil || part == "" {
			break
		}
		next, err2 := unix.Openat(fd, part, flags, 0)
		err = errors.Join(err2, unix.Close(fd))
		fd = next
	}
	if err != nil {
		return -1, fmt.Errorf("opening the directory: %w", err)
	}
	return fd, nil
}

// list adds what is in a directory to the tree, and returns the directories in it.
func (r *dirReader) list(ctx context.Context, path string) (below []string, err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if strings.Count(path, "/") > maxDirDepth {
		return nil, fmt.Errorf("directories lie more than %d deep", maxDirDepth)
	}
	fd, err := openDirAt(r.root, path)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := r.directory(fd, path); err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	if slices.Contains(unread[:], path) {
		if len(names) > 0 {
			r.drop(path+"/*", "nothing of a commit is seen in /"+path+" of a machine")
		}
		return nil, nil
	}
	if r.entries += len(names); r.entries > maxDirEntries {
		return nil, fmt.Errorf("the tree has more than %d entries", maxDirEntries)
	}
	slices.Sort(names)
	here := &folder{path: path}
	for _, name := range names {
		full := strings.TrimPrefix(path+"/"+name, "/")
		isDir, err := r.entry(fd, here, full, name)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		if isDir {
			below = append(below, full)
		}
	}
	if len(here.files) > 0 {
		r.folders = append(r.folders, here)
	}
	return below, nil
}

// directory gives the node of a directory what the open one says.
func (r *dirReader) directory(fd int, path string) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	m, err := metaOf(fd, &st, r.euid, r.egid)
	if err != nil {
		return err
	}
	m.set(r.out.Lookup(path))
	return nil
}

func (m *dirMeta) set(n *rootfs.Node) {
	n.Mode, n.UID, n.GID, n.User, n.Group, n.Xattrs = m.mode, m.uid, m.gid, "", "", m.xattrs
}

// entry adds one entry to the tree; regular files are read later.
func (r *dirReader) entry(fd int, here *folder, path, name string) (isDir bool, err error) {
	var st unix.Stat_t
	if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, err
	}
	n := &rootfs.Node{Package: rootfs.NoPackage, Mode: ostree.ModeRegular}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return true, r.out.Attach(path, rootfs.NewDir(0o755))
	case unix.S_IFREG:
		here.files = append(here.files, n)
		return false, r.out.Attach(path, n)
	case unix.S_IFLNK:
		return false, r.symlink(fd, path, name, &st)
	case unix.S_IFCHR:
		if st.Rdev == 0 { // an overlay's word for "removed"
			n.SetData(nil)
			return false, r.out.Attach(strings.TrimSuffix(path, name)+".ostree-wh."+name, n)
		}
		r.drop(path, "a character device, which OSTree cannot store")
	case unix.S_IFBLK:
		r.drop(path, "a block device, which OSTree cannot store")
	case unix.S_IFIFO:
		r.drop(path, "a FIFO, which OSTree cannot store")
	default:
		r.drop(path, "a socket, which OSTree cannot store")
	}
	return false, nil
}

func (r *dirReader) drop(path, why string) {
	r.out.dropped = append(r.out.dropped, layout.Dropped{Path: "/" + path, Why: why})
}

func (r *dirReader) symlink(fd int, path, name string, st *unix.Stat_t) error {
	target := make([]byte, unix.PathMax)
	size, err := unix.Readlinkat(fd, name, target)
	if err != nil {
		return err
	}
	n := rootfs.NewSymlink(string(target[:size]))
	m := dirMeta{uid: st.Uid, gid: st.Gid, mode: ostree.ModeSymlink | 0o777}
	if r.euid != 0 && m.uid == r.euid {
		m.uid = 0
	}
	if r.euid != 0 && m.gid == r.egid {
		m.gid = 0
	}
	m.set(n)
	return r.out.Attach(path, n)
}

// read reads the regular files of a directory.
func (r *dirReader) read(ctx context.Context, d *folder) (err error) {
	fd, err := openDirAt(r.root, d.path)
	if err != nil {
		return fmt.Errorf("/%s: %w", d.path, err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	for _, n := range d.files {
		if err := r.file(ctx, fd, n); err != nil {
			return fmt.Errorf("/%s: %w", strings.TrimPrefix(d.path+"/"+n.Name, "/"), err)
		}
	}
	return nil
}

func (r *dirReader) file(ctx context.Context, dir int, n *rootfs.Node) (err error) {
	fd, err := unix.Openat(dir, n.Name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), n.Name)
	defer func() { err = errors.Join(err, f.Close()) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("somebody replaced the file while it was read")
	}
	m, err := metaOf(fd, &st, r.euid, r.egid)
	if err != nil {
		return err
	}
	m.set(n)
	n.Content, n.Size, err = r.store.Add(ctx, f)
	return err
}
