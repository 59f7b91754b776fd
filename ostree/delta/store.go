package delta

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"golang.org/x/sys/unix"
)

func (g *generator) partFile(i int) string { return filepath.Join(g.dir, strconv.Itoa(i)) }

// staged is the folder of a delta that is being made. There is one at most in
// a repository: who makes it holds the lock "deltas".
type staged struct{ repo, path string }

func newStaged(repo string) (*staged, error) {
	s := &staged{repo, filepath.Join(repo, "tmp", "delta-new")}
	if err := s.remove(); err != nil { // of a process that died
		return nil, err
	}
	return s, os.Mkdir(s.path, 0o777)
}

func (s *staged) remove() error { return os.RemoveAll(s.path) }

// publish writes the superblock and puts the folder in its place.
func (s *staged) publish(n Name, superblock []byte) (err error) {
	err = atomicfile.WriteFile(filepath.Join(s.path, superblockFile), superblock, 0o644)
	if err != nil {
		return err
	}
	return s.place(n)
}

// place puts the folder, whose files are synced, where the delta belongs.
func (s *staged) place(n Name) error {
	if err := syncDir(s.path); err != nil {
		return err
	}
	dest := filepath.Join(s.repo, filepath.FromSlash(n.Path()))
	first := filepath.Dir(dest)
	if err := os.MkdirAll(first, 0o777); err != nil {
		return err
	}
	if err := replace(s.path, dest); err != nil {
		return err
	}
	return errors.Join(syncDir(first), syncDir(filepath.Dir(first)), syncDir(s.repo))
}

// export writes the superblock to a file, after the parts beside it.
func (s *staged) export(superblock []byte, file string) error {
	parts, err := os.ReadDir(s.path)
	if err != nil {
		return err
	}
	for _, p := range parts {
		data, err := os.ReadFile(filepath.Join(s.path, p.Name()))
		if err != nil {
			return err
		}
		if err := atomicfile.WriteFile(filepath.Join(filepath.Dir(file), p.Name()), data, 0o644); err != nil {
			return err
		}
	}
	return atomicfile.WriteFile(file, superblock, 0o644)
}

// replace puts a folder in the place of another, if there is one, at once if
// the file system can do that.
func replace(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
	switch err {
	case nil:
		return nil
	case unix.ENOENT:
		return os.Rename(from, to)
	case unix.EINVAL, unix.ENOSYS, unix.ENOTSUP:
		// No exchange here. Without its superblock a delta does not exist.
		if err := os.Remove(filepath.Join(to, superblockFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
		return os.Rename(from, to)
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}

func syncDir(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return nil
}

// inline moves the parts into the superblock.
func (g *generator) inline(s *Superblock) error {
	var total int64
	for i, p := range s.Parts {
		if total += p.Size; total > 120<<20 {
			return errors.New("inline parts of more than 120 MiB: clients accept no such superblock")
		}
		data, err := os.ReadFile(g.partFile(i))
		if err != nil {
			return err
		}
		s.Metadata.Set(s.Path()+"/"+strconv.Itoa(i), gvariant.Tuple(gvariant.Byte(data[0]), gvariant.Bytes(data[1:])))
		if err := os.Remove(g.partFile(i)); err != nil {
			return err
		}
	}
	return nil
}

// RewriteDetachedMeta puts the commit's detached metadata, as it is in the
// repository now, into the superblock of a delta: after a commit was signed
// again. Parts are not touched. It tells whether anything changed; then the
// summary and the delta index must be written anew.
func RewriteDetachedMeta(ctx context.Context, repo *archive.Repo, n Name) (changed bool, err error) {
	if changed, err = rewrite(ctx, repo, n); err != nil {
		return false, fmt.Errorf("rewriting the detached metadata in delta %s: %w", n, err)
	}
	return changed, nil
}

func rewrite(ctx context.Context, repo *archive.Repo, n Name) (changed bool, err error) {
	lock, err := repo.Lock(ctx, "deltas")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	folder := FolderOf(repo, n)
	s, err := folder.Superblock()
	if err != nil {
		return false, err
	}
	if s.Name != n {
		return false, fmt.Errorf("its folder holds the delta %s", s.Name)
	}
	if s.Signed != nil {
		return false, errors.New("its superblock is signed: make the delta again")
	}
	have, _ := s.CommitMeta()
	want, err := repo.CommitMeta(n.To)
	if err != nil || string(have.Encode().Data()) == string(want.Encode().Data()) {
		return false, err
	}
	s.setCommitMeta(want)
	data, err := s.Encode()
	if err != nil {
		return false, err
	}
	path := filepath.Join(string(folder), superblockFile)
	if err := atomicfile.WriteFile(path, data, 0o644); err != nil {
		return false, err
	}
	return true, syncDir(string(folder))
}
