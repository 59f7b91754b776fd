package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"golang.org/x/sys/unix"
)

// HasObject tells whether the object is here, not whether it is whole.
func (r *Repo) HasObject(n ostree.ObjectName) (bool, error) {
	return existsAt(r.objects, n.ArchivePath())
}

// OpenObject opens the object's bytes as they are stored: those that clients
// download. They are not verified. The caller closes the file.
func (r *Repo) OpenObject(n ostree.ObjectName) (*os.File, error) {
	return openObject(r.objects, n.ArchivePath(), n)
}

func openObject(dir int, path string, n ostree.ObjectName) (*os.File, error) {
	f, err := openAt(dir, path, unix.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &MissingError{Object: n}
	}
	return f, err
}

// ObjectSize returns how many bytes the object takes as it is stored.
func (r *Repo) ObjectSize(n ostree.ObjectName) (int64, error) {
	var st unix.Stat_t
	err := retry(func() error { return unix.Fstatat(r.objects, n.ArchivePath(), &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err == unix.ENOENT {
		return 0, &MissingError{Object: n}
	}
	return st.Size, pathError("stat", n.ArchivePath(), err)
}

// ReadMeta returns the bytes of a dirtree, dirmeta or commit. They have the
// checksum of the name; else the error is an *ostree.ChecksumError.
func (r *Repo) ReadMeta(ctx context.Context, n ostree.ObjectName) ([]byte, error) {
	return readMeta(ctx, r.objects, n.ArchivePath(), n)
}

func readMeta(ctx context.Context, dir int, path string, n ostree.ObjectName) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !n.Type.IsMeta() {
		return nil, fmt.Errorf("object %s is no dirtree, dirmeta or commit", n)
	}
	data, err := readStored(dir, path, n)
	if err != nil {
		return nil, err
	}
	if got := ostree.ChecksumOf(data); got != n.Checksum {
		return nil, &ostree.ChecksumError{Object: n, Got: got}
	}
	return data, nil
}

func readStored(dir int, path string, n ostree.ObjectName) (_ []byte, err error) {
	f, err := openObject(dir, path, n)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > ostree.MaxMetadataSize {
		return nil, fmt.Errorf("object %s has %d bytes; metadata has at most %d", n, info.Size(), ostree.MaxMetadataSize)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("reading object %s: %w", n, err)
	}
	return data, nil
}

// Commit reads a commit object.
func (r *Repo) Commit(ctx context.Context, c ostree.Checksum) (*ostree.Commit, error) {
	return ostree.ReadCommit(ctx, r, c)
}

// DirTree reads a dirtree object.
func (r *Repo) DirTree(ctx context.Context, c ostree.Checksum) (ostree.DirTree, error) {
	return ostree.ReadDirTree(ctx, r, c)
}

// DirMeta reads a dirmeta object.
func (r *Repo) DirMeta(ctx context.Context, c ostree.Checksum) (ostree.DirMeta, error) {
	return ostree.ReadDirMeta(ctx, r, c)
}

// CommitMeta returns the detached metadata of a commit, nil when it has none.
func (r *Repo) CommitMeta(c ostree.Checksum) (gvariant.Dict, error) {
	return readCommitMeta(r.objects, commitMetaName(c))
}

func commitMetaName(c ostree.Checksum) ostree.ObjectName {
	return ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommitMeta}
}

func readCommitMeta(dir int, n ostree.ObjectName) (gvariant.Dict, error) {
	data, err := readStored(dir, n.ArchivePath(), n)
	if errors.Is(err, ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := gvariant.ParseDict(data)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", n, err)
	}
	return d, nil
}

// IsPartial tells whether a commit is marked as lacking some of its objects.
func (r *Repo) IsPartial(c ostree.Checksum) (bool, error) {
	return existsAt(r.root, partialPath(c))
}

func partialPath(c ostree.Checksum) string { return "state/" + c.String() + ".commitpartial" }
