package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// stagingPrefix starts the names of our folders in tmp/. The C tool deletes
// those that start with "staging-", and others when they are a day old.
const stagingPrefix = "treewright-"

// staging is a folder of files that a transaction will rename to where they
// belong. Its lock tells the living from the dead.
type staging struct {
	repo  *Repo
	path  string // absolute
	dir   int
	lock  *os.File
	chmod bool // the umask takes bits that files must have
	count atomic.Int64
}

// keepAlive is how many files are written before the folder is touched.
const keepAlive = 1024

// touch shows the C tool, which goes by the time, that the folder is in use.
// It would delete it after a day: an error here is no reason to stop.
func (s *staging) touch() {
	_ = unix.UtimesNanoAt(s.dir, ".", []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}}, 0)
}

// newStaging makes a folder, and removes those of processes that died. Both
// happen under a lock, so that a folder is never seen before its lock is held.
func (r *Repo) newStaging(ctx context.Context) (_ *staging, err error) {
	lock, err := r.Lock(ctx, "staging")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if _, err := mkdirAt(r.root, "tmp", topDirMode); err != nil {
		return nil, err
	}
	if err := r.removeStale(); err != nil {
		return nil, err
	}
	s := &staging{repo: r, dir: -1, path: filepath.Join(r.path, "tmp", stagingPrefix+strings.ToLower(rand.Text()))}
	if err := os.Mkdir(s.path, subDirMode); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

func (s *staging) open() (err error) {
	if s.dir, err = openDir(s.path); err != nil {
		return err
	}
	if s.lock, err = openAt(s.dir, "lock", unix.O_RDWR|unix.O_CREAT, fileMode); err != nil {
		return err
	}
	info, err := s.lock.Stat()
	if err != nil {
		return err
	}
	s.chmod = info.Mode().Perm() != fileMode
	if err := s.repo.tryLock(s.lock, exclusive); err != nil && !errors.Is(err, errNoLocks) {
		return err
	}
	return nil
}

// removeStale removes the folders that nobody holds the lock of.
func (r *Repo) removeStale() error {
	tmp := filepath.Join(r.path, "tmp")
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), stagingPrefix) {
			continue
		}
		path := filepath.Join(tmp, e.Name())
		dead, err := r.isDead(path)
		if err == nil && dead {
			err = os.RemoveAll(path)
		}
		// What another user left can stay: it is in nobody's way.
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("removing what a dead process left: %w", err)
		}
	}
	return nil
}

func (r *Repo) isDead(path string) (dead bool, err error) {
	f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if !r.settings().locking { // it may be being made
			return r.isOld(path)
		}
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	err = r.tryLock(f, exclusive)
	switch {
	case errors.Is(err, errBusy):
		return false, nil
	case errors.Is(err, errNoLocks):
		return r.isOld(path)
	}
	return err == nil, err
}

// isOld stands in for a lock where there are none.
func (r *Repo) isOld(path string) (bool, error) {
	if r.opts.Clock == nil {
		return false, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return r.opts.Clock().Sub(info.ModTime()) > r.settings().tmpExpiry, nil
}

// create makes a new file in the folder, and the sub-folder that it needs.
func (s *staging) create(name string) (*os.File, error) {
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL
	full := s.path + "/" + name
	f, err := openAs(s.dir, name, full, flags, fileMode)
	if sub, _, ok := strings.Cut(name, "/"); ok && errors.Is(err, fs.ErrNotExist) {
		if _, err := mkdirAt(s.dir, sub, subDirMode); err != nil {
			return nil, err
		}
		f, err = openAs(s.dir, name, full, flags, fileMode)
	}
	if err != nil || !s.chmod {
		return f, err
	}
	if err := f.Chmod(fileMode); err != nil {
		return nil, errors.Join(err, f.Close(), s.unlink(name))
	}
	return f, nil
}

// write makes a new file of the given parts. Nothing stays after an error.
func (s *staging) write(name string, parts ...[]byte) (err error) {
	f, err := s.create(name)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(err, s.unlink(name))
		}
	}()
	// One call for all; files are small here.
	if len(parts) > 1 {
		parts = [][]byte{bytes.Join(parts, nil)}
	}
	for _, p := range parts {
		if _, err := f.Write(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *staging) unlink(name string) error { return unlinkAt(s.dir, name) }

// remove deletes the folder, the lock last: while it is held nobody else
// deletes what is in here, and some network file systems keep an open file.
func (s *staging) remove() error {
	var errs []error
	entries, err := os.ReadDir(s.path)
	if !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			errs = append(errs, os.RemoveAll(filepath.Join(s.path, e.Name())))
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	if s.dir >= 0 {
		errs = append(errs, unix.Close(s.dir))
		s.dir = -1
	}
	return errors.Join(append(errs, os.RemoveAll(s.path))...)
}
