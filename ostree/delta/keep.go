package delta

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// Keep moves a delta that another repository published, from a folder on the
// repository's file system to its place in it, byte for byte. The repository
// has the commit that it leads to. Every part must be what the superblock says;
// where the delta starts from nothing, or from a commit that is here, every
// object in it too. A delta of the same name is replaced in one step. Clients
// see it once summary and delta index list it.
func Keep(ctx context.Context, repo *archive.Repo, folder Folder, o ApplyOptions) (*Superblock, error) {
	s, err := folder.Superblock()
	if err == nil {
		err = keep(ctx, repo, folder, s, o)
	}
	if err != nil {
		return nil, fmt.Errorf("keeping a delta: %w", err)
	}
	return s, nil
}

func keep(ctx context.Context, repo *archive.Repo, folder Folder, s *Superblock, o ApplyOptions) (err error) {
	lock, err := repo.Lock(ctx, "deltas")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	to := ostree.ObjectName{Checksum: s.To, Type: ostree.ObjectCommit}
	if have, err := repo.HasObject(to); err != nil || !have {
		return errors.Join(err, fmt.Errorf("delta %s: %w", s.Name, &archive.MissingError{Object: to}))
	}
	if err := settle(filepath.Join(string(folder), superblockFile)); err != nil {
		return err
	}
	for i, p := range s.Parts {
		if _, inline := s.Inline(i); inline {
			continue
		}
		if err := keepFile(folder, strconv.Itoa(i), p); err != nil {
			return fmt.Errorf("delta %s, part %d: %w", s.Name, i, err)
		}
	}
	if hasFrom(repo, s) == nil {
		if err := verifyFolder(ctx, repo, folder, s, o); err != nil {
			return fmt.Errorf("delta %s: %w", s.Name, err)
		}
	}
	return (&staged{repo.Path(), string(folder)}).place(s.Name)
}

// settle makes a file durable, and readable for those who serve the repository.
func settle(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o644), f.Sync(), f.Close())
}

// keepFile checks and settles a part's file.
func keepFile(folder Folder, name string, want Part) (err error) {
	path := filepath.Join(string(folder), name)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return err
	}
	if got := ostree.Checksum(sum.Sum(nil)); n != want.Size || got != want.Checksum {
		return fmt.Errorf("it is damaged: %d bytes with the checksum %s, not %d with %s", n, got, want.Size, want.Checksum)
	}
	return settle(path)
}
