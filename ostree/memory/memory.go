// Package memory is an OSTree repository in memory: for trees that are composed
// and read, or served, and never touch a disk, and for tests.
//
// A Store does what an archive repository on disk does, and passes the same
// suite (ostreetest.TestStore). Objects are held as archive repositories store
// them, so what is imported from one, or copied to one, stays byte for byte what
// it was:
//
//	file                      a .filez: header, raw deflate of the content
//	dirtree, dirmeta, commit  the bytes that the checksum is of
//	detached metadata         an a{sv}
//
// Every byte that comes in is copied or read, and every byte that goes out is a
// copy, so nobody's buffer is shared. All changes of a transaction, its refs
// too, become visible at one moment. A Store only grows: what no ref needs any
// more goes when the Store does.
package memory

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

// Store is a repository in memory. Its methods may be called from many
// goroutines.
type Store struct {
	deflaters sync.Pool // *flate.Writer

	changing sync.Mutex // held by the transaction that commits; taken before mu

	mu sync.RWMutex
	state
}

// state is what readers see. The byte slices in it never change.
type state struct {
	objects map[ostree.ObjectName][]byte
	metas   map[ostree.Checksum][]byte // detached metadata
	refs    map[string]ostree.Checksum // by ostree.RefPath
	partial map[ostree.Checksum]bool
}

var _ ostree.Store = (*Store)(nil)

// New makes an empty Store.
func New() *Store {
	return &Store{state: state{
		objects: map[ostree.ObjectName][]byte{},
		metas:   map[ostree.Checksum][]byte{},
		refs:    map[string]ostree.Checksum{},
		partial: map[ostree.Checksum]bool{},
	}}
}

func (s *Store) object(n ostree.ObjectName) ([]byte, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	data, ok := s.objects[n]
	return data, ok
}

// HasObject tells whether the object is here. Detached metadata is one.
func (s *Store) HasObject(n ostree.ObjectName) (bool, error) {
	if n.Type == ostree.ObjectCommitMeta {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return s.metas[n.Checksum] != nil, nil
	}
	_, ok := s.object(n)
	return ok, nil
}

// ReadMeta returns the bytes of a dirtree, dirmeta or commit. They are the
// caller's.
func (s *Store) ReadMeta(ctx context.Context, n ostree.ObjectName) ([]byte, error) {
	data, ok := s.object(n)
	return metaBytes(ctx, n, data, ok)
}

func metaBytes(ctx context.Context, n ostree.ObjectName, data []byte, ok bool) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !n.Type.IsMeta() {
		return nil, fmt.Errorf("object %s is no dirtree, dirmeta or commit", n)
	}
	if !ok {
		return nil, &ostree.MissingError{Object: n}
	}
	return bytes.Clone(data), nil
}

// StatFile returns the header and the size of a content object.
func (s *Store) StatFile(ctx context.Context, c ostree.Checksum) (ostree.FileHeader, int64, error) {
	if err := ctx.Err(); err != nil {
		return ostree.FileHeader{}, 0, err
	}
	n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectFile}
	data, ok := s.object(n)
	if !ok {
		return ostree.FileHeader{}, 0, &ostree.MissingError{Object: n}
	}
	h, size, _, err := ostree.DecodeArchiveHeader(bytes.NewReader(data))
	return h, size, err
}

// OpenFile returns what a content object holds: its header, its size and its
// bytes, which the caller reads and closes.
func (s *Store) OpenFile(ctx context.Context, c ostree.Checksum) (ostree.FileHeader, int64, io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return ostree.FileHeader{}, 0, nil, err
	}
	n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectFile}
	data, ok := s.object(n)
	if !ok {
		return ostree.FileHeader{}, 0, nil, &ostree.MissingError{Object: n}
	}
	r, err := ostree.NewFilezReader(n, bytes.NewReader(data))
	if err != nil {
		return ostree.FileHeader{}, 0, nil, err
	}
	return r.Header, r.Size, &openContent{r}, nil
}

// OpenObject opens an object's bytes as an archive repository stores them.
func (s *Store) OpenObject(n ostree.ObjectName) (io.ReadCloser, error) {
	s.mu.RLock()
	data, ok := s.objects[n]
	if n.Type == ostree.ObjectCommitMeta {
		data, ok = s.metas[n.Checksum]
	}
	s.mu.RUnlock()
	if !ok {
		return nil, &ostree.MissingError{Object: n}
	}
	return io.NopCloser(onlyReader{bytes.NewReader(data)}), nil
}

// onlyReader hides all methods but Read: WriteTo would give out the bytes
// themselves.
type onlyReader struct{ io.Reader }

// CommitMeta returns the detached metadata of a commit, nil when it has none
// or an empty one.
func (s *Store) CommitMeta(c ostree.Checksum) (gvariant.Dict, error) {
	s.mu.RLock()
	data, ok := s.metas[c]
	s.mu.RUnlock()
	if !ok {
		return nil, nil
	}
	return gvariant.ParseDict(bytes.Clone(data))
}

// IsPartial tells whether a commit is marked as lacking some of its objects.
func (s *Store) IsPartial(c ostree.Checksum) (bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.partial[c], nil
}

// ResolveRef returns the commit that a ref shows. An absent ref is
// ostree.ErrNotExist.
func (s *Store) ResolveRef(ref string) (ostree.Checksum, error) {
	path, err := ostree.RefPath(ref)
	if err != nil {
		return ostree.Checksum{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.refs[path]
	if !ok {
		return c, fmt.Errorf("ref %s: %w", ref, ostree.ErrNotExist)
	}
	return c, nil
}

const heads = "refs/heads/"

// Refs returns the refs of refs/heads that are prefix or lie below it, all
// for "", sorted by name.
func (s *Store) Refs(ctx context.Context, prefix string) ([]ostree.Ref, error) {
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix != "" {
		if err := ostree.ValidateRef(prefix); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var refs []ostree.Ref
	s.mu.RLock()
	for path, c := range s.refs {
		name, ok := strings.CutPrefix(path, heads)
		if ok && (prefix == "" || name == prefix || strings.HasPrefix(name, prefix+"/")) {
			refs = append(refs, ostree.Ref{Name: name, Commit: c})
		}
	}
	s.mu.RUnlock()
	slices.SortFunc(refs, func(a, b ostree.Ref) int { return strings.Compare(a.Name, b.Name) })
	return refs, nil
}

// UpdateCommitMeta has fn change the detached metadata of a commit that the
// Store has. Other changes wait until it is done; readers do not.
func (s *Store) UpdateCommitMeta(ctx context.Context, commit ostree.Checksum, fn func(gvariant.Dict) (gvariant.Dict, error)) error {
	n := ostree.ObjectName{Checksum: commit, Type: ostree.ObjectCommit}
	if _, ok := s.object(n); !ok {
		return fmt.Errorf("changing the detached metadata of a commit: %w", &ostree.MissingError{Object: n})
	}
	t := s.begin()
	defer func() { _ = t.Abort() }() // it cannot fail
	t.UpdateCommitMeta(commit, fn)
	_, err := t.Commit(ctx)
	return err
}

// encodeMeta checks detached metadata and returns its bytes.
func encodeMeta(commit ostree.Checksum, d gvariant.Dict) ([]byte, error) {
	n := ostree.ObjectName{Checksum: commit, Type: ostree.ObjectCommitMeta}
	v := d.Encode()
	if err := v.Check(); err != nil {
		return nil, fmt.Errorf("object %s: %w", n, err)
	}
	if err := ostree.CheckMetaSize(n, int64(len(v.Data()))); err != nil {
		return nil, err
	}
	return v.Data(), nil
}
