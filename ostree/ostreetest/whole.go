package ostreetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// CheckStore fails the test unless every ref of the store shows a whole commit,
// in our eyes and in those of the real ostree: of a store that is not on disk it
// gets a copy.
func CheckStore(tb testing.TB, store ostree.Store) {
	tb.Helper()
	if err := Whole(tb.Context(), store); err != nil {
		tb.Error(err)
		return
	}
	if s, ok := store.(archive.Store); ok {
		Check(tb, s.Repo)
		return
	}
	repo := NewRepo(tb)
	if err := copyRefs(tb.Context(), archive.Store{Repo: repo}, store); err != nil {
		tb.Errorf("copying to disk: %v", err)
		return
	}
	Check(tb, repo)
}

// Whole reads all that the refs of refs/heads need and compares it with its
// checksums. The error names the ref.
func Whole(ctx context.Context, store ostree.Store) error {
	return eachRef(ctx, store, func(ref ostree.Ref, partial bool) error {
		head, err := ostree.ReadCommit(ctx, store, ref.Commit)
		if err != nil || partial {
			return err
		}
		if _, err := store.CommitMeta(ref.Commit); err != nil {
			return err
		}
		return ostree.Reachable(ctx, store, head.RootTree, head.RootMeta, func(n ostree.ObjectName) error {
			if n.Type == ostree.ObjectFile {
				return wholeFile(ctx, store, n)
			}
			data, err := store.ReadMeta(ctx, n)
			if err == nil && ostree.ChecksumOf(data) != n.Checksum {
				err = &ostree.ChecksumError{Object: n, Got: ostree.ChecksumOf(data)}
			}
			return err
		})
	})
}

func eachRef(ctx context.Context, store ostree.Store, fn func(ref ostree.Ref, partial bool) error) error {
	refs, err := store.Refs(ctx, "")
	if err != nil {
		return err
	}
	for _, ref := range refs {
		partial, err := store.IsPartial(ref.Commit)
		if err == nil {
			err = fn(ref, partial)
		}
		if err != nil {
			return fmt.Errorf("ref %s shows commit %s: %w", ref.Name, ref.Commit, err)
		}
	}
	return nil
}

func wholeFile(ctx context.Context, store ostree.Reader, n ostree.ObjectName) error {
	h, size, r, err := store.OpenFile(ctx, n.Checksum)
	if err != nil {
		return err
	}
	if stat, statSize, err := store.StatFile(ctx, n.Checksum); err != nil || !reflect.DeepEqual(stat, h) || statSize != size {
		return errors.Join(err, r.Close(), fmt.Errorf("object %s: got %v and %d bytes of StatFile, want %v and %d", n, stat, statSize, h, size))
	}
	sum := ostree.ContentHasher(h)
	got, err := io.Copy(sum, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	if c := ostree.Checksum(sum.Sum(nil)); c != n.Checksum || got != size {
		return fmt.Errorf("object %s: got %d bytes with the checksum %s, want %d", n, got, c, size)
	}
	return nil
}

// copyRefs copies all refs of refs/heads, with their commits, as whole as they
// are.
func copyRefs(ctx context.Context, dst, src ostree.Store) (err error) {
	txn, err := dst.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, txn.Abort()) }()
	err = eachRef(ctx, src, func(ref ostree.Ref, partial bool) error {
		if partial {
			data, err := src.ReadMeta(ctx, ostree.ObjectName{Checksum: ref.Commit, Type: ostree.ObjectCommit})
			if err != nil {
				return err
			}
			txn.MarkPartial(ref.Commit)
			if _, err := txn.WriteMeta(ctx, ostree.ObjectCommit, data); err != nil {
				return err
			}
		} else if err := ostree.CopyCommit(ctx, txn, src, ref.Commit); err != nil {
			return err
		}
		return txn.SetRef(ref.Name, ref.Commit)
	})
	if err != nil {
		return err
	}
	_, err = txn.Commit(ctx)
	return err
}
