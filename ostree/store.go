package ostree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/treewright/treewright/ostree/gvariant"
)

// ErrNotExist is wrapped by the error for an object, ref or repository that
// is not there.
var ErrNotExist = fs.ErrNotExist

// ErrRefChanged is wrapped by the error of Txn.Commit when a ref is not what
// ExpectRef said. The transaction has changed nothing then.
var ErrRefChanged = errors.New("the ref was changed meanwhile")

// MissingError says that a store lacks an object. It wraps ErrNotExist.
type MissingError struct{ Object ObjectName }

func (e *MissingError) Error() string { return fmt.Sprintf("object %s is missing", e.Object) }

// Unwrap returns ErrNotExist.
func (e *MissingError) Unwrap() error { return ErrNotExist }

// absentError is ErrNotExist in words that name what is not there.
type absentError string

func (e absentError) Error() string        { return string(e) }
func (e absentError) Is(target error) bool { return target == ErrNotExist }

// Ref is a name and the commit that it shows.
type Ref struct {
	Name   string
	Commit Checksum
}

// Content is where a regular file's bytes come from. Open may be called twice
// for a large file, and must give the same Size bytes each time.
type Content struct {
	Size int64
	Open func() (io.ReadCloser, error)
}

// WriteResult tells what became of a content object.
type WriteResult struct {
	Checksum Checksum
	New      bool  // neither the store nor the transaction had it
	Stored   int64 // bytes that it takes; 0 unless New
}

// Stats counts what a transaction did.
type Stats struct {
	FilesTotal, FilesNew int64 // content objects written, and those that were new
	MetaTotal, MetaNew   int64 // dirtrees, dirmetas and commits
	BytesRead            int64 // of content that was hashed
	BytesStored          int64 // of new objects, as they are stored
}

// Reader reads what a store holds. Its methods may be called from many
// goroutines. What is absent is ErrNotExist.
type Reader interface {
	ObjectReader
	// HasObject tells whether the object is here, not whether it is whole.
	HasObject(ObjectName) (bool, error)
	// StatFile returns the header and the size of a content object, unverified.
	StatFile(context.Context, Checksum) (FileHeader, int64, error)
	// OpenFile returns the header, the size and the bytes of a content object.
	// Read to the end, where a damaged object is an error; close it.
	OpenFile(context.Context, Checksum) (FileHeader, int64, io.ReadCloser, error)
	// CommitMeta returns the detached metadata of a commit, nil when it has none.
	CommitMeta(Checksum) (gvariant.Dict, error)
	// IsPartial tells whether a commit is marked as lacking some of its objects.
	IsPartial(Checksum) (bool, error)
	// ResolveRef returns the commit that a ref shows. See RefPath for its forms.
	ResolveRef(ref string) (Checksum, error)
	// Refs returns the refs of refs/heads that are prefix or lie below it, all
	// for "", sorted by name.
	Refs(ctx context.Context, prefix string) ([]Ref, error)
}

// Writer stores the objects of a tree: the part of a Txn that is enough for
// most who make one.
type Writer interface {
	// WriteFile stores a regular file, or a symlink, whose Content is zero.
	WriteFile(context.Context, FileHeader, Content) (WriteResult, error)
	// WriteMeta stores a dirtree, dirmeta or commit. Its bytes must be such an
	// object in normal form; the caller may use them again.
	WriteMeta(context.Context, ObjectType, []byte) (Checksum, error)
}

// Txn collects objects and changes of refs, and makes them visible together.
// All methods but Commit and Abort may be called from many goroutines. End it
// with Commit; Abort, which does nothing after Commit, belongs in a defer.
type Txn interface {
	// ObjectReader and HasObject know what the store and the transaction have.
	ObjectReader
	HasObject(ObjectName) (bool, error)
	Writer
	// WriteFileKnown is WriteFile for content whose checksum the caller knows:
	// it is not read at all if the object exists. If it must be written and
	// turns out to be another, the error is a *ChecksumError.
	WriteFileKnown(context.Context, Checksum, FileHeader, Content) (WriteResult, error)
	// ImportObject stores an object in the form that Store.OpenObject gives. It
	// is verified and kept as it is. r is not read if the object is there.
	ImportObject(ctx context.Context, n ObjectName, r io.Reader) error
	// SetCommitMeta replaces the detached metadata of a commit; nil removes it.
	SetCommitMeta(Checksum, gvariant.Dict)
	// UpdateCommitMeta has fn change it during Commit, nobody else's change
	// coming between. An error of fn ends Commit, with nothing changed.
	UpdateCommitMeta(commit Checksum, fn func(gvariant.Dict) (gvariant.Dict, error))
	// MarkPartial says that the commit lacks some of its objects on purpose,
	// ClearPartial that all are there now.
	MarkPartial(Checksum)
	ClearPartial(Checksum)
	// SetRef points a ref to a commit, which must be there when the transaction
	// commits. DeleteRef removes a ref, if it is there.
	SetRef(ref string, c Checksum) error
	DeleteRef(ref string) error
	// ExpectRef makes Commit fail with ErrRefChanged, and change nothing, unless
	// the ref shows old then; zero means that there is no such ref.
	ExpectRef(ref string, old Checksum) error
	// Commit makes the objects visible, then changes the refs. After an error
	// every ref is as it was or as it was to be, and what it shows is whole.
	Commit(context.Context) (Stats, error)
	// Abort drops the transaction.
	Abort() error
}

// Store is a repository, wherever it lies: archive.Store on disk, memory.Store
// in memory. What every store must do is what ostreetest.TestStore checks.
type Store interface {
	Reader
	// OpenObject opens an object's bytes as an archive repository stores them:
	// those that clients download. They are not verified. Close it.
	OpenObject(ObjectName) (io.ReadCloser, error)
	// UpdateCommitMeta has fn change the detached metadata of a commit, nobody
	// else's change coming between. An error of fn leaves what was there.
	UpdateCommitMeta(ctx context.Context, commit Checksum, fn func(gvariant.Dict) (gvariant.Dict, error)) error
	// Begin starts a transaction.
	Begin(context.Context) (Txn, error)
}

// ReadCommit reads a commit object.
func ReadCommit(ctx context.Context, r ObjectReader, c Checksum) (*Commit, error) {
	return decoded(ctx, r, ObjectName{c, ObjectCommit}, DecodeCommit)
}

// ReadDirTree reads a dirtree object.
func ReadDirTree(ctx context.Context, r ObjectReader, c Checksum) (DirTree, error) {
	return decoded(ctx, r, ObjectName{c, ObjectDirTree}, DecodeDirTree)
}

// ReadDirMeta reads a dirmeta object.
func ReadDirMeta(ctx context.Context, r ObjectReader, c Checksum) (DirMeta, error) {
	return decoded(ctx, r, ObjectName{c, ObjectDirMeta}, DecodeDirMeta)
}

func decoded[T any](ctx context.Context, r ObjectReader, n ObjectName, decode func([]byte) (T, error)) (T, error) {
	var none T
	data, err := r.ReadMeta(ctx, n)
	if err != nil {
		return none, err
	}
	v, err := decode(data)
	if err != nil {
		return none, fmt.Errorf("object %s: %w", n, err)
	}
	return v, nil
}

// CopyCommit imports a whole commit of another store, with its detached
// metadata, into a transaction: from memory to disk, for example. Objects that
// are there are passed over.
func CopyCommit(ctx context.Context, dst Txn, src Store, c Checksum) error {
	head, err := ReadCommit(ctx, src, c)
	if err != nil {
		return err
	}
	put := func(n ObjectName) error {
		if have, err := dst.HasObject(n); have || err != nil {
			return err
		}
		r, err := src.OpenObject(n)
		if err != nil {
			return err
		}
		return errors.Join(dst.ImportObject(ctx, n, r), r.Close())
	}
	if err := Reachable(ctx, src, head.RootTree, head.RootMeta, put); err != nil {
		return fmt.Errorf("copying commit %s: %w", c, err)
	}
	if err := put(ObjectName{c, ObjectCommit}); err != nil {
		return err
	}
	meta, err := src.CommitMeta(c)
	if meta != nil {
		dst.SetCommitMeta(c, meta)
	}
	return err
}
