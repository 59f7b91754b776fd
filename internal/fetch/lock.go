package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockPart opens dest+".part" with a lock that dies with this process. Where
// the file system has no locks, the file has a name of its own, and nothing
// is resumed.
func lockPart(ctx context.Context, dest string, sleep func(context.Context, time.Duration) error) (*part, error) {
	p := &part{path: dest + ".part"}
	for {
		f, err := os.OpenFile(p.path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
		if err != nil {
			return nil, err
		}
		err = flock(f)
		switch {
		case err == nil:
			size, same, err := stillThere(f, p.path)
			if err != nil {
				return nil, errors.Join(err, f.Close())
			}
			if same {
				p.file, p.size = f, size
				return p, nil
			}
		case errors.Is(err, unix.EWOULDBLOCK):
			if err := sleep(ctx, 50*time.Millisecond); err != nil {
				return nil, errors.Join(err, f.Close())
			}
		default:
			return ownPart(dest, f)
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// stillThere reports whether path is the file that was opened and locked: its
// former owner may have renamed or removed it since.
func stillThere(f *os.File, path string) (size int64, same bool, err error) {
	mine, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	if !mine.Mode().IsRegular() {
		return 0, false, fmt.Errorf("%s is not a regular file", path)
	}
	other, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return mine.Size(), os.SameFile(mine, other), nil
}

// ownPart takes a file with a unique name instead of the shared one.
func ownPart(dest string, shared *os.File) (*part, error) {
	if err := shared.Close(); err != nil {
		return nil, err
	}
	for i := 0; ; i++ {
		path := fmt.Sprintf("%s.%d-%d.part", dest, os.Getpid(), i)
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) && i < 10000 {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &part{file: f, path: path}, nil
	}
}
