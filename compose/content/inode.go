package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// defaultMode is that of most files of a tree.
const defaultMode = 0o644

// Inode is a file as a tree on disk wants it. The store keeps such files for
// Link: each is a file of the store itself or a copy of one below layout/.
type Inode struct {
	Content Digest
	Size    int64
	Mode    uint32 // permissions, with setuid, setgid and sticky
	// Copy tells apart the inodes of paths with the same content and mode
	// that must not be hard links of each other.
	Copy int
}

// seal gives a temporary file the mode and the time that files of a tree have
// on disk. A mode with which the store could not read it, or that gives rights
// to who executes it, is not for the store's own files.
func seal(f *os.File, mode uint32) error {
	mode &= 0o7777
	if mode&0o7000 != 0 || mode&0o400 == 0 {
		mode = defaultMode
	}
	return setAttributes(f, mode)
}

// setAttributes sets the mode, and the modification time 0 that files have in
// a checkout of OSTree.
func setAttributes(f *os.File, mode uint32) error {
	err := unix.Fchmod(int(f.Fd()), mode)
	if err == nil {
		err = unix.Futimes(int(f.Fd()), []unix.Timeval{{}, {}})
	}
	if err != nil {
		return fmt.Errorf("%w: setting the mode of %s: %w", errStoring, f.Name(), err)
	}
	return nil
}

// Link makes the entry name of the directory open as dirfd a hard link of the
// inode e. The content is hashed when a copy is made; later the copy is used
// again as long as its size and mode are right and its modification time is
// still 0, which writing into it would have changed. Where hard links are not
// possible, the entry is a file of its own. When the content is missing or
// damaged, the error is ErrNotExist or a *CorruptError.
func (s *Store) Link(ctx context.Context, e Inode, dirfd int, name string) error {
	if e.Content == emptyDigest {
		return s.writeEntry(e, dirfd, name)
	}
	if e.Copy == 0 {
		linked, err := e.link(s.contentPath(e.Content), dirfd, name)
		if linked || err != nil {
			return err
		}
	}
	path := s.inodePath(e)
	linked, err := e.link(path, dirfd, name)
	if linked || err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := s.makeInode(e, path); err != nil {
		return err
	}
	if linked, err = e.link(path, dirfd, name); err == nil && !linked {
		err = s.writeEntry(e, dirfd, name)
	}
	return err
}

func (s *Store) inodePath(e Inode) string {
	hex := e.Content.String()
	name := fmt.Sprintf("%s-%04o", hex[2:], e.Mode&0o7777)
	if e.Copy > 0 {
		name += fmt.Sprintf(".%d", e.Copy)
	}
	return s.path("layout", hex[:2], name)
}

// link reports whether path was the inode e and could be linked.
func (e *Inode) link(path string, dirfd int, name string) (bool, error) {
	var st unix.Stat_t
	err := unix.Fstatat(unix.AT_FDCWD, path, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode != unix.S_IFREG|e.Mode&0o7777 || st.Size != e.Size || st.Mtim != (unix.Timespec{}) {
		return false, nil
	}
	switch err := unix.Linkat(unix.AT_FDCWD, path, dirfd, name, 0); err {
	case nil:
		return true, nil
	case unix.EMLINK, unix.EXDEV, unix.EPERM, unix.EOPNOTSUPP, unix.ENOENT:
		return false, nil
	default:
		return false, &os.LinkError{Op: "link", Old: path, New: name, Err: err}
	}
}

// makeInode puts a copy of the content at path, in the place of what is there.
func (s *Store) makeInode(e Inode, path string) (err error) {
	f, err := s.create()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, discard(f)) }()
	if err := s.fill(e, f); err != nil {
		return err
	}
	if err = f.Close(); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.Rename(f.Name(), path)
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errStoring, err)
	}
	return nil
}

// writeEntry makes an entry that shares nothing with the store.
func (s *Store) writeEntry(e Inode, dirfd int, name string) (err error) {
	fd, err := unix.Openat(dirfd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return &fs.PathError{Op: "create", Path: name, Err: err}
	}
	f := os.NewFile(uintptr(fd), name)
	defer func() { err = errors.Join(err, f.Close()) }()
	return s.fill(e, f)
}

// fill writes the content into f, verified, and gives f its attributes.
func (s *Store) fill(e Inode, f *os.File) (err error) {
	r, err := s.OpenContent(e.Content, e.Size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return setAttributes(f, e.Mode&0o7777)
}
