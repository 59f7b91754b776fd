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
	if err := checkParts(folder, s); err != nil {
		return fmt.Errorf("delta %s, %w", s.Name, err)
	}
	if err := settle(folder, s); err != nil {
		return err
	}
	if hasFrom(repo, s) == nil {
		if err := verifyFolder(ctx, repo, folder, s, o); err != nil {
			return fmt.Errorf("delta %s: %w", s.Name, err)
		}
	}
	return (&staged{repo.Path(), string(folder)}).place(s.Name)
}

// settle makes a delta's files durable, and readable for those who serve the
// repository.
func settle(folder Folder, s *Superblock) error {
	names := []string{superblockFile}
	for i := range s.Parts {
		if _, inline := s.Inline(i); !inline {
			names = append(names, strconv.Itoa(i))
		}
	}
	for _, name := range names {
		f, err := os.Open(filepath.Join(string(folder), name))
		if err != nil {
			return err
		}
		if err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// checkParts compares the parts' files with their checksums.
func checkParts(folder Folder, s *Superblock) error {
	for i, p := range s.Parts {
		if _, inline := s.Inline(i); inline {
			continue
		}
		if err := checkPart(filepath.Join(string(folder), strconv.Itoa(i)), p); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
	}
	return nil
}

func checkPart(path string, want Part) (err error) {
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
	return nil
}
