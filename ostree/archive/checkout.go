package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"

	"github.com/treewright/treewright/internal/ctxio"
	"github.com/treewright/treewright/ostree"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// CheckoutOptions tune Checkout. The zero CheckoutOptions check out all of a
// commit into a new folder, which the process owns.
type CheckoutOptions struct {
	Subpath string // of the commit; a file is laid into the folder
	Union   bool   // the folder may be there: directories are merged, files replaced
	Owners  bool   // set owners, setuid and setgid bits and xattrs too; needs root
}

// CheckoutStats counts what Checkout wrote.
type CheckoutStats struct {
	Files, Dirs, Bytes int64
}

// checkout is one run of Checkout. It works with open directories and follows
// no symlink below the folder, so nothing outside of it can be written,
// whatever stands there and whoever changes it meanwhile.
type checkout struct {
	repo *Repo
	opts CheckoutOptions
	jobs int
	done counters
}

// Checkout writes the tree of a commit to the folder target, as `ostree
// checkout -U` does: modes are those of the commit without setuid and setgid
// bits, times are zero. Every file's checksum is verified. An error leaves
// what was written.
func (r *Repo) Checkout(ctx context.Context, commit ostree.Checksum, target string, o CheckoutOptions) (CheckoutStats, error) {
	c := &checkout{repo: r, opts: o, jobs: runtime.GOMAXPROCS(0)}
	if err := c.run(ctx, commit, target); err != nil {
		return CheckoutStats{}, fmt.Errorf("checking out commit %s to %s: %w", commit, target, err)
	}
	return CheckoutStats{Files: c.done.filesTotal.Load(), Dirs: c.done.metaTotal.Load(), Bytes: c.done.bytesRead.Load()}, nil
}

func (c *checkout) run(ctx context.Context, commit ostree.Checksum, target string) error {
	root, err := c.repo.Commit(ctx, commit)
	if err != nil {
		return err
	}
	e, found, err := ostree.Lookup(ctx, c.repo, root.RootTree, root.RootMeta, c.opts.Subpath)
	if err == nil && !found {
		err = absentError(fmt.Sprintf("%s is not in the commit", c.opts.Subpath))
	}
	if err != nil {
		return err
	}
	if e.Type == ostree.ObjectDirTree {
		return c.dir(ctx, unix.AT_FDCWD, target, ostree.TreeDir{Tree: e.Tree, Meta: e.Meta}, 0)
	}
	if _, err := c.makeDir(unix.AT_FDCWD, target, 0o755); err != nil {
		return err
	}
	dir, err := openDir(target)
	if err != nil {
		return err
	}
	name := path.Base(path.Clean("/" + c.opts.Subpath))
	return errors.Join(c.file(ctx, dir, ostree.TreeFile{Name: name, Checksum: e.File}), unix.Close(dir))
}

// makeDir makes a directory; with Union it may be there.
func (c *checkout) makeDir(at int, name string, mode uint32) (made bool, err error) {
	made, err = mkdirAt(at, name, mode)
	if err == nil && !made && !c.opts.Union {
		err = fmt.Errorf("%w: --union merges into a folder that is there", pathError("mkdir", name, unix.EEXIST))
	}
	return made, err
}

// dir writes a directory and all below. Its mode comes last: it may forbid
// writing.
func (c *checkout) dir(ctx context.Context, at int, name string, d ostree.TreeDir, depth int) (err error) {
	if depth > maxTreeDepth {
		return fmt.Errorf("directories nested deeper than %d", maxTreeDepth)
	}
	meta, err := c.repo.DirMeta(ctx, d.Meta)
	if err != nil {
		return err
	}
	tree, err := c.repo.DirTree(ctx, d.Tree)
	if err != nil {
		return err
	}
	made, err := c.makeDir(at, name, 0o700)
	if err != nil {
		return err
	}
	flags := unix.O_RDONLY | unix.O_DIRECTORY
	if depth > 0 {
		flags |= unix.O_NOFOLLOW
	}
	f, err := openAt(at, name, flags, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := c.entries(ctx, int(f.Fd()), tree, depth); err != nil {
		return err
	}
	c.done.metaTotal.Add(1)
	if !made {
		return nil
	}
	return c.attributes(f, ostree.FileHeader{UID: meta.UID, GID: meta.GID, Mode: meta.Mode, Xattrs: meta.Xattrs})
}

func (c *checkout) entries(ctx context.Context, dir int, tree ostree.DirTree, depth int) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.jobs)
	for _, f := range tree.Files {
		g.Go(func() error {
			if err := c.file(gctx, dir, f); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, d := range tree.Dirs {
		if err := c.dir(ctx, dir, d.Name, d, depth+1); err != nil {
			return fmt.Errorf("%s: %w", d.Name, err)
		}
	}
	return nil
}

// file writes a file or symlink. One that is there is replaced at once.
func (c *checkout) file(ctx context.Context, dir int, f ostree.TreeFile) (err error) {
	h, _, src, err := c.repo.OpenFile(ctx, f.Checksum)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	name := f.Name
	if c.opts.Union {
		name = ".treewright-" + strings.ToLower(rand.Text())
		defer func() {
			if err != nil {
				err = errors.Join(err, unlinkAt(dir, name))
			}
		}()
	}
	if h.IsSymlink() {
		err = c.symlink(dir, name, h, src)
	} else {
		err = c.regular(ctx, dir, name, h, src)
	}
	if err == nil && c.opts.Union {
		err = renameAt(dir, name, dir, f.Name)
	}
	if err == nil {
		if n := c.done.filesTotal.Add(1); n%256 == 0 {
			c.repo.progress("checkout", n, 0)
		}
	}
	return err
}

func (c *checkout) regular(ctx context.Context, dir int, name string, h ostree.FileHeader, src io.Reader) (err error) {
	out, err := openAt(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	n, err := io.Copy(onlyWriter{out}, ctxio.Reader(ctx, src))
	c.done.bytesRead.Add(n)
	if err != nil {
		return err
	}
	return c.attributes(out, h)
}

// onlyWriter hides all methods but Write.
type onlyWriter struct{ io.Writer }

func (c *checkout) symlink(dir int, name string, h ostree.FileHeader, src io.Reader) error {
	if _, err := io.Copy(io.Discard, src); err != nil { // it verifies
		return err
	}
	if err := retry(func() error { return unix.Symlinkat(h.Symlink, dir, name) }); err != nil {
		return pathError("symlink", name, err)
	}
	if c.opts.Owners {
		err := unix.Fchownat(dir, name, int(h.UID), int(h.GID), unix.AT_SYMLINK_NOFOLLOW)
		if err != nil {
			return pathError("chown", name, err)
		}
		for _, x := range h.Xattrs {
			if err := unix.Lsetxattr(fmt.Sprintf("/proc/self/fd/%d/%s", dir, name), x.Name, x.Value, 0); err != nil {
				return pathError("setxattr "+x.Name, name, err)
			}
		}
	}
	return pathError("utimensat", name, unix.UtimesNanoAt(dir, name, epoch(), unix.AT_SYMLINK_NOFOLLOW))
}

// epoch is the time that everything has in a checkout.
func epoch() []unix.Timespec { return make([]unix.Timespec, 2) }

// attributes gives an open file or directory what its header says.
func (c *checkout) attributes(f *os.File, h ostree.FileHeader) error {
	fd, mode := int(f.Fd()), h.Mode&0o7777
	if c.opts.Owners {
		if err := unix.Fchown(fd, int(h.UID), int(h.GID)); err != nil {
			return pathError("chown", f.Name(), err)
		}
		for _, x := range h.Xattrs {
			if err := unix.Fsetxattr(fd, x.Name, x.Value, 0); err != nil {
				return pathError("setxattr "+x.Name, f.Name(), err)
			}
		}
	} else if h.Mode&ostree.ModeType != ostree.ModeDir {
		mode = mode&^(unix.S_ISUID|unix.S_ISGID) | unix.S_IRUSR
	}
	if err := unix.Fchmod(fd, mode); err != nil {
		return pathError("chmod", f.Name(), err)
	}
	// By /proc, since it is an open file: a mode may forbid all else.
	return pathError("utimensat", f.Name(), unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), epoch(), 0))
}
