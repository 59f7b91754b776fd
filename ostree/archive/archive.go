// Package archive is an OSTree repository on disk, in the mode "archive": the
// one that clients fetch from.
package archive

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/treewright/treewright/internal/keyfile"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

var ErrNotExist = fs.ErrNotExist
var errSkeleton = errors.New("archive: skeleton")

// ErrRefChanged is returned by Txn.Commit when a ref is not what ExpectRef said.
var ErrRefChanged = errors.New("the ref was changed meanwhile")

type InitOptions struct{ CollectionID string }
type Options struct {
	// Jobs bounds how many files are read and compressed at once; 0 means one a CPU.
	Jobs int
	// Progress hears of Txn.Commit and Fsck.
	Progress func(stage string, done, total int64)
	// Clock ages abandoned temporary folders where the file system has no locks.
	Clock func() time.Time
}
type Repo struct{}

func Init(dir string, o InitOptions) (*Repo, error) { return nil, errSkeleton }
func Open(dir string, o Options) (*Repo, error)     { return nil, errSkeleton }
func (r *Repo) Close() error                        { return nil }
func (r *Repo) Path() string                        { return "" }

func (r *Repo) Config() (*keyfile.File, error)              { return nil, errSkeleton }
func (r *Repo) SetConfig(group, key, value string) error    { return errSkeleton }
func (r *Repo) CollectionID() string                        { return "" }
func (r *Repo) HasObject(n ostree.ObjectName) (bool, error) { return false, errSkeleton }

// ReadMeta verifies the checksum.
func (r *Repo) ReadMeta(ctx context.Context, n ostree.ObjectName) ([]byte, error) {
	return nil, errSkeleton
}
func (r *Repo) Commit(ctx context.Context, c ostree.Checksum) (*ostree.Commit, error) {
	return nil, errSkeleton
}
func (r *Repo) DirTree(ctx context.Context, c ostree.Checksum) (ostree.DirTree, error) {
	return ostree.DirTree{}, errSkeleton
}
func (r *Repo) DirMeta(ctx context.Context, c ostree.Checksum) (ostree.DirMeta, error) {
	return ostree.DirMeta{}, errSkeleton
}

// OpenFile gives the file's bytes; the last Read verifies the checksum.
func (r *Repo) OpenFile(ctx context.Context, c ostree.Checksum) (ostree.FileHeader, int64, io.ReadCloser, error) {
	return ostree.FileHeader{}, 0, nil, errSkeleton
}
func (r *Repo) ObjectSize(n ostree.ObjectName) (int64, error)       { return 0, errSkeleton }
func (r *Repo) OpenObject(n ostree.ObjectName) (*os.File, error)    { return nil, errSkeleton }
func (r *Repo) CommitMeta(c ostree.Checksum) (gvariant.Dict, error) { return nil, errSkeleton }
func (r *Repo) IsPartial(c ostree.Checksum) (bool, error)           { return false, errSkeleton }
func (r *Repo) ResolveRef(ref string) (ostree.Checksum, error)      { return ostree.Checksum{}, errSkeleton }
func (r *Repo) ResolveRev(ctx context.Context, rev string) (ostree.Checksum, error) {
	return ostree.Checksum{}, errSkeleton
}

type Ref struct {
	Name   string
	Commit ostree.Checksum
}

func (r *Repo) Refs(ctx context.Context, prefix string) ([]Ref, error) { return nil, errSkeleton }

// Log calls fn for the commit and its ancestors, newest first, until one is absent.
func (r *Repo) Log(ctx context.Context, c ostree.Checksum, fn func(ostree.Checksum, *ostree.Commit) error) error {
	return errSkeleton
}

// UpdateCommitMeta reads, changes and replaces detached metadata under a lock.
func (r *Repo) UpdateCommitMeta(ctx context.Context, c ostree.Checksum, fn func(gvariant.Dict) (gvariant.Dict, error)) error {
	return errSkeleton
}

// Lock takes a lock of our own, named by its purpose ("publish"), which other
// processes of this program respect.
func (r *Repo) Lock(ctx context.Context, purpose string) (*Lock, error) { return nil, errSkeleton }

type Lock struct{}

func (l *Lock) Unlock() error { return errSkeleton }

type LsEntry struct {
	Path   string
	Entry  ostree.Entry
	Header ostree.FileHeader // of a directory too, with its mode
	Size   int64
}
type LsOptions struct{ Recursive, DirOnly bool }

func (r *Repo) Ls(ctx context.Context, commit ostree.Checksum, path string, o LsOptions, fn func(LsEntry) error) error {
	return errSkeleton
}

type FsckOptions struct{}
type FsckProblem struct {
	Object  ostree.ObjectName
	Err     error
	Missing bool
	Refs    []string
	Commits []ostree.Checksum
}
type FsckReport struct {
	Refs, Commits, Objects, Bytes int64
	Partial                       []ostree.Checksum
	Problems                      []FsckProblem
}

func (r *Repo) Fsck(ctx context.Context, o FsckOptions) (*FsckReport, error) { return nil, errSkeleton }

type Content struct {
	Size int64
	Open func() (io.ReadCloser, error)
}
type WriteResult struct {
	Checksum ostree.Checksum
	New      bool
	Stored   int64 // bytes of the object on disk; 0 unless New
}
type Stats struct {
	FilesTotal, FilesNew, MetaTotal, MetaNew, BytesRead, BytesStored int64
}
type Txn struct{}

func (r *Repo) Begin(ctx context.Context) (*Txn, error)    { return nil, errSkeleton }
func (t *Txn) HasObject(n ostree.ObjectName) (bool, error) { return false, errSkeleton }
func (t *Txn) ReadMeta(ctx context.Context, n ostree.ObjectName) ([]byte, error) {
	return nil, errSkeleton
}
func (t *Txn) WriteFile(ctx context.Context, h ostree.FileHeader, c Content) (WriteResult, error) {
	return WriteResult{}, errSkeleton
}
func (t *Txn) WriteFileKnown(ctx context.Context, want ostree.Checksum, h ostree.FileHeader, c Content) (WriteResult, error) {
	return WriteResult{}, errSkeleton
}
func (t *Txn) WriteMeta(ctx context.Context, typ ostree.ObjectType, data []byte) (ostree.Checksum, error) {
	return ostree.Checksum{}, errSkeleton
}
func (t *Txn) ImportObject(ctx context.Context, n ostree.ObjectName, r io.Reader) error {
	return errSkeleton
}
func (t *Txn) SetCommitMeta(commit ostree.Checksum, d gvariant.Dict) {}

// UpdateCommitMeta has fn change the detached metadata during Commit, under the lock.
func (t *Txn) UpdateCommitMeta(commit ostree.Checksum, fn func(gvariant.Dict) (gvariant.Dict, error)) {
}
func (t *Txn) MarkPartial(commit ostree.Checksum)              {}
func (t *Txn) ClearPartial(commit ostree.Checksum)             {}
func (t *Txn) SetRef(ref string, c ostree.Checksum) error      { return errSkeleton }
func (t *Txn) DeleteRef(ref string) error                      { return errSkeleton }
func (t *Txn) ExpectRef(ref string, old ostree.Checksum) error { return errSkeleton }
func (t *Txn) Commit(ctx context.Context) (Stats, error)       { return Stats{}, errSkeleton }
func (t *Txn) Abort() error                                    { return nil }
