package delta

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// Verify makes every object of a delta of the repository and compares it with
// its name, but stores nothing. It also looks for objects of the commit that
// neither the commit it starts from nor the delta has. Without that commit it
// can but compare the parts with their checksums; then the error is ErrNoStart.
func Verify(ctx context.Context, repo *archive.Repo, n Name, o ApplyOptions) error {
	if err := verify(ctx, repo, n, o); err != nil {
		return fmt.Errorf("verifying delta %s: %w", n, err)
	}
	return nil
}

func verify(ctx context.Context, repo *archive.Repo, n Name, o ApplyOptions) error {
	folder := FolderOf(repo, n)
	s, err := folder.Superblock()
	if err != nil {
		return err
	}
	if s.Name != n {
		return fmt.Errorf("its folder holds the delta %s", s.Name)
	}
	if err := hasFrom(repo, s); err != nil {
		return cmp.Or(checkParts(folder, s), err)
	}
	return verifyFolder(ctx, repo, folder, s, o)
}

// verifyFolder verifies the delta in a folder, whose start the repository has.
func verifyFolder(ctx context.Context, repo *archive.Repo, folder Folder, s *Superblock, o ApplyOptions) error {
	sums := &hashSink{made: map[ostree.ObjectName]bool{}, trees: map[ostree.ObjectName][]byte{}, repo: repo}
	if err := runParts(ctx, repo, s, folder, sums, o); err != nil {
		return err
	}
	for _, f := range s.Fallbacks {
		sums.made[f.Object] = true
	}
	return sums.complete(ctx, s)
}

// hashSink hashes what it gets, and keeps dirtrees.
type hashSink struct {
	repo *archive.Repo

	mu    sync.Mutex
	made  map[ostree.ObjectName]bool
	trees map[ostree.ObjectName][]byte
}

func (s *hashSink) add(n ostree.ObjectName, got ostree.Checksum, tree []byte) error {
	if got != n.Checksum {
		return &ostree.ChecksumError{Object: n, Got: got}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made[n] = true
	if tree != nil {
		s.trees[n] = tree
	}
	return nil
}

func (s *hashSink) meta(_ context.Context, n ostree.ObjectName, data []byte) error {
	var tree []byte
	var err error
	switch n.Type {
	case ostree.ObjectDirTree:
		_, err = ostree.DecodeDirTree(data)
		tree = append([]byte{}, data...)
	case ostree.ObjectDirMeta:
		_, err = ostree.DecodeDirMeta(data)
	case ostree.ObjectCommit:
		_, err = ostree.DecodeCommit(data)
	}
	if err != nil {
		return fmt.Errorf("object %s: %w", n, err)
	}
	return s.add(n, ostree.ChecksumOf(data), tree)
}

func (s *hashSink) file(_ context.Context, want ostree.Checksum, h ostree.FileHeader, c archive.Content) (err error) {
	sum := ostree.ContentHasher(h)
	if c.Open != nil {
		src, err := c.Open()
		if err != nil {
			return err
		}
		if _, err := io.Copy(sum, src); err != nil {
			return errors.Join(err, src.Close())
		}
		if err := src.Close(); err != nil {
			return err
		}
	}
	return s.add(ostree.ObjectName{Checksum: want, Type: ostree.ObjectFile}, ostree.Checksum(sum.Sum(nil)), nil)
}

// ReadMeta makes a hashSink an ostree.ObjectReader of the delta's dirtrees and
// those of the repository.
func (s *hashSink) ReadMeta(ctx context.Context, n ostree.ObjectName) ([]byte, error) {
	if data, ok := s.trees[n]; ok {
		return data, nil
	}
	return s.repo.ReadMeta(ctx, n)
}

// complete finds out whether a client that has the old commit has all of the
// new one.
func (s *hashSink) complete(ctx context.Context, sb *Superblock) error {
	if !sb.From.IsZero() {
		from, err := s.repo.Commit(ctx, sb.From)
		if err != nil {
			return err
		}
		err = ostree.Reachable(ctx, s.repo, from.RootTree, from.RootMeta, func(n ostree.ObjectName) error {
			s.made[n] = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	to, err := ostree.DecodeCommit(sb.Commit)
	if err != nil {
		return err
	}
	return ostree.Reachable(ctx, s, to.RootTree, to.RootMeta, func(n ostree.ObjectName) error {
		if !s.made[n] {
			return fmt.Errorf("neither the delta nor the commit that it starts from has object %s", n)
		}
		return nil
	})
}
