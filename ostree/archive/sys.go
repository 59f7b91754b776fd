package archive

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// The functions below are system calls relative to an open directory, tried
// again when a signal interrupts them. Their errors name the path.

func retry(fn func() error) error {
	for {
		if err := fn(); err != unix.EINTR {
			return err
		}
	}
}

func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// openAt opens path below the directory; the File is named for messages only.
func openAt(dir int, path string, flags int, perm uint32) (*os.File, error) {
	return openAs(dir, path, path, flags, perm)
}

// openAs is openAt with the name that messages shall use.
func openAs(dir int, path, name string, flags int, perm uint32) (*os.File, error) {
	fd := -1
	err := retry(func() (err error) {
		fd, err = unix.Openat(dir, path, flags|unix.O_CLOEXEC, perm)
		return err
	})
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func openDir(path string) (int, error) {
	fd := -1
	err := retry(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, pathError("open", path, err)
}

func existsAt(dir int, path string) (bool, error) {
	err := retry(func() error { return unix.Faccessat(dir, path, unix.F_OK, 0) })
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return false, nil
	}
	return err == nil, pathError("access", path, err)
}

// mkdirAt makes a directory with the mode that the umask leaves. It reports
// whether it was absent.
func mkdirAt(dir int, path string, perm uint32) (made bool, err error) {
	err = retry(func() error { return unix.Mkdirat(dir, path, perm) })
	if err == unix.EEXIST {
		return false, nil
	}
	return err == nil, pathError("mkdir", path, err)
}

func unlinkAt(dir int, path string) error {
	err := retry(func() error { return unix.Unlinkat(dir, path, 0) })
	if err == unix.ENOENT {
		return nil
	}
	return pathError("remove", path, err)
}

func renameAt(oldDir int, oldPath string, newDir int, newPath string) error {
	err := retry(func() error { return unix.Renameat(oldDir, oldPath, newDir, newPath) })
	return pathError("rename", newPath, err)
}

// renameNew renames unless there is a file of the new name already, which it
// keeps. Where the file system has no such call the file is replaced: both
// are the same object.
func renameNew(oldDir int, oldPath string, newDir int, newPath string) error {
	err := retry(func() error {
		return unix.Renameat2(oldDir, oldPath, newDir, newPath, unix.RENAME_NOREPLACE)
	})
	switch err {
	case unix.EEXIST:
		return unlinkAt(oldDir, oldPath)
	case unix.EINVAL, unix.ENOSYS, unix.ENOTSUP:
		return renameAt(oldDir, oldPath, newDir, newPath)
	}
	return pathError("rename", newPath, err)
}

// syncDir makes the entries of a directory durable. Some network file systems
// cannot sync a directory and need no such call.
func syncDir(dir int, path string) error {
	f, err := openAt(dir, path, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	err = retry(func() error { return unix.Fsync(int(f.Fd())) })
	if err == unix.EINVAL || err == unix.ENOTSUP {
		err = nil
	}
	return errors.Join(pathError("fsync", path, err), f.Close())
}

// syncFile makes one file durable.
func syncFile(dir int, path string) error {
	f, err := openAt(dir, path, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
