package compose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/ostree"
)

// replaceDir puts the tree in the place of what is in dir. The directory itself
// stays, as it may be one that something is mounted on.
func (c *composer) replaceDir(ctx context.Context, dir string, o DirOptions, from *diskTree) (err error) {
	const fresh, old = "new", "old"
	root, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if err := checkMounts(root); err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, ".treewright-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeStage(work)) }()
	if err := os.Mkdir(filepath.Join(work, old), 0o700); err != nil {
		return err
	}
	if err := c.writeDir(ctx, filepath.Join(work, fresh), o, from, int(root.Fd())); err != nil {
		return err
	}
	if err := swap(dir, work, filepath.Join(work, fresh), filepath.Join(work, old)); err != nil {
		return err
	}
	w := &dirWriter{bare: o.BareUser}
	return w.attributes(int(root.Fd()), c.tree.Root)
}

// swap moves what is in dir, work apart, to old and what is in fresh to dir. When
// that fails, it moves all back.
func swap(dir, work, fresh, old string) error {
	type move struct{ from, to string }
	var moves []move
	for _, way := range [...][2]string{{dir, old}, {fresh, dir}} {
		entries, err := os.ReadDir(way[0])
		if err != nil {
			return err
		}
		for _, e := range entries {
			if from := filepath.Join(way[0], e.Name()); from != work {
				moves = append(moves, move{from, filepath.Join(way[1], e.Name())})
			}
		}
	}
	for i, m := range moves {
		err := os.Rename(m.from, m.to)
		if err == nil {
			continue
		}
		for k := i - 1; k >= 0; k-- {
			err = errors.Join(err, os.Rename(moves[k].to, moves[k].from))
		}
		return err
	}
	return nil
}

// checkMounts refuses a directory in which other file systems are mounted: they
// cannot be moved.
func checkMounts(root *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(root.Fd()), &st); err != nil {
		return err
	}
	entries, err := root.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		var below unix.Stat_t
		if err := unix.Fstatat(int(root.Fd()), e.Name(), &below, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &fs.PathError{Op: "stat", Path: e.Name(), Err: err}
		}
		if below.Dev != st.Dev && below.Mode&unix.S_IFMT == ostree.ModeDir {
			return fmt.Errorf("something is mounted on %s: unmount it", filepath.Join(root.Name(), e.Name()))
		}
	}
	return nil
}
