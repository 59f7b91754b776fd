package ondisk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
)

// Options for Write. The zero value works.
type Options struct {
	// Jobs is how many files are made at a time; zero means one a processor.
	Jobs int
	// Repair brings the content of a file back into the store when it is
	// missing or damaged; nil makes an error of it.
	Repair func(context.Context, *rootfs.Node) error
}

// A ContentError says that the bytes of a file of the tree cannot be had.
type ContentError struct {
	Path    string
	Package string
	Err     error
}

func (e *ContentError) Error() string {
	return fmt.Sprintf("the content of %s of %s: %v", e.Path, e.Package, e.Err)
}

func (e *ContentError) Unwrap() error { return e.Err }

// Write lays the tree out in dir, which must be empty or absent, and on the
// store's filesystem to be quick. Remove removes it. When Write returns an
// error, something may be left in dir.
func Write(ctx context.Context, tree *rootfs.Tree, store *content.Store, dir string, opts Options) (err error) {
	w := &writer{tree: tree, store: store, opts: opts, nth: map[*rootfs.Node]int{}, copies: map[inodeKey]*copies{}}
	if err := w.open(dir); err != nil {
		return fmt.Errorf("laying the tree out in %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, unix.Close(w.root)) }()
	w.number(tree.Root)
	if err := w.run(ctx); err != nil {
		return fmt.Errorf("laying the tree out in %s: %w", dir, err)
	}
	return nil
}

type writer struct {
	tree  *rootfs.Tree
	store *content.Store
	opts  Options

	root   int // descriptor of the directory
	nth    map[*rootfs.Node]int
	copies map[inodeKey]*copies

	mu     sync.Mutex
	closed []*directory // without all rights for their owner, in any order
}

// directory is a directory of the tree; its path is relative to the root.
type directory struct {
	path string
	node *rootfs.Node
}

type inodeKey struct {
	content content.Digest
	mode    uint32
}

// copies numbers the inodes that a content with one mode has in the tree.
type copies struct {
	next  int
	links map[linkKey]int
}

// linkKey is a group of hard links of one package.
type linkKey struct {
	pkg  int
	link uint32
}

func (w *writer) open(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("it is not empty: it has %q", entries[0].Name())
	}
	w.root, err = unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	return nil
}

// number decides which inode each file gets; most get the first of their content.
func (w *writer) number(n *rootfs.Node) {
	for _, c := range n.Children() {
		if c.IsRegular() && c.Data == nil {
			if nth := w.copyOf(c); nth > 0 {
				w.nth[c] = nth
			}
		}
		w.number(c)
	}
}

func (w *writer) copyOf(n *rootfs.Node) int {
	key := inodeKey{n.Content, n.Mode}
	c := w.copies[key]
	if c == nil {
		c = &copies{}
		w.copies[key] = c
	}
	group := linkKey{n.Package, n.Link}
	if n.Link != 0 {
		if nth, known := c.links[group]; known {
			return nth
		}
		if c.links == nil {
			c.links = map[linkKey]int{}
		}
		c.links[group] = c.next
	}
	c.next++
	return c.next - 1
}

// run makes everything, directories side by side. A directory is made before
// what is in it and nothing replaces it, so no path leads through a link.
func (w *writer) run(ctx context.Context) error {
	jobs := w.opts.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	group.Go(func() error { return w.fill(ctx, group, &directory{".", w.tree.Root}) })
	if err := group.Wait(); err != nil {
		return err
	}
	slices.SortFunc(w.closed, func(x, y *directory) int { return cmp.Compare(y.path, x.path) })
	for _, d := range w.closed {
		if err := unix.Fchmodat(w.root, d.path, d.node.Mode&0o7777, 0); err != nil {
			return &fs.PathError{Op: "chmod", Path: absolute(d.path), Err: err}
		}
	}
	return nil
}

func absolute(path string) string {
	return "/" + strings.TrimPrefix(strings.TrimPrefix(path, "."), "/")
}

// fill makes what is in a directory, and then what is below.
func (w *writer) fill(ctx context.Context, group *errgroup.Group, d *directory) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	below, err := w.entries(ctx, d)
	if err != nil {
		return err
	}
	for _, c := range below {
		fill := func() error { return w.fill(ctx, group, c) }
		if group.TryGo(fill) {
			continue
		}
		if err := fill(); err != nil {
			return err
		}
	}
	return nil
}

// entries makes the entries of a directory, and gives it its mode and time. It
// returns the directories in it, which are still empty.
func (w *writer) entries(ctx context.Context, d *directory) (below []*directory, err error) {
	fd, err := unix.Openat(w.root, d.path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: absolute(d.path), Err: err}
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	for _, n := range d.node.Children() {
		switch {
		case n.IsDir():
			below = append(below, &directory{d.path + "/" + n.Name, n})
			err = unix.Mkdirat(fd, n.Name, 0o700)
		case n.IsSymlink():
			err = writeSymlink(fd, n)
		case n.IsRegular():
			err = w.writeFile(ctx, fd, n)
		default:
			err = fmt.Errorf("its mode %o is no file's, directory's or link's", n.Mode)
		}
		if err != nil {
			path := strings.TrimSuffix(absolute(d.path), "/") + "/" + n.Name
			return nil, &ContentError{Path: path, Package: w.tree.PackageName(n), Err: err}
		}
	}
	if err := w.finish(fd, d); err != nil {
		return nil, fmt.Errorf("setting the mode of %s: %w", absolute(d.path), err)
	}
	return below, nil
}

// finish gives a directory whose entries are made its time and, if what is below
// can then still be made, its mode.
func (w *writer) finish(fd int, d *directory) error {
	if err := unix.Futimes(fd, make([]unix.Timeval, 2)); err != nil {
		return err
	}
	if d.node.Mode&0o700 == 0o700 {
		return unix.Fchmod(fd, d.node.Mode&0o7777)
	}
	w.mu.Lock()
	w.closed = append(w.closed, d)
	w.mu.Unlock()
	return nil
}

func writeSymlink(dirfd int, n *rootfs.Node) error {
	if err := unix.Symlinkat(n.Target, dirfd, n.Name); err != nil {
		return fmt.Errorf("linking to %q: %w", n.Target, err)
	}
	return unix.UtimesNanoAt(dirfd, n.Name, make([]unix.Timespec, 2), unix.AT_SYMLINK_NOFOLLOW)
}

func (w *writer) writeFile(ctx context.Context, dirfd int, n *rootfs.Node) error {
	if n.Data != nil {
		return writeData(dirfd, n)
	}
	if n.Content.IsZero() {
		return errors.New("the package does not deliver it")
	}
	e := content.Inode{Content: n.Content, Size: n.Size, Mode: n.Mode & 0o7777, Copy: w.nth[n]}
	err := w.store.Link(ctx, e, dirfd, n.Name)
	var corrupt *content.CorruptError
	if w.opts.Repair == nil || !errors.Is(err, content.ErrNotExist) && !errors.As(err, &corrupt) {
		return err
	}
	if err := w.opts.Repair(ctx, n); err != nil {
		return err
	}
	// A copy that was begun where no links are possible stays in the way.
	if err := unix.Unlinkat(dirfd, n.Name, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return w.store.Link(ctx, e, dirfd, n.Name)
}

// writeData writes a file whose content no package brought.
func writeData(dirfd int, n *rootfs.Node) (err error) {
	fd, err := unix.Openat(dirfd, n.Name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), n.Name)
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(n.Data); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, n.Mode&0o7777); err != nil {
		return err
	}
	return unix.Futimes(fd, []unix.Timeval{{}, {}})
}
