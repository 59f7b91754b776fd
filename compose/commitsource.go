package compose

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// maxCommitPaths bounds the tree of a commit that others may have made: a few
// objects can make many paths.
const maxCommitPaths = 4 << 20

// A commitSource knows the files of the commits that a tree is put together
// from: their bytes are read from the repository when somebody needs them.
type commitSource struct {
	jobs    int
	files   map[ostree.Checksum]*sourceFile
	commits map[ostree.Checksum][]ostree.Checksum // content objects of each

	mu sync.Mutex // guards digests
}

// sourceFile is a content object.
type sourceFile struct {
	repo   *archive.Repo
	header ostree.FileHeader
	size   int64
	digest content.Digest // zero: not known yet
}

func newCommitSource(jobs int) *commitSource {
	return &commitSource{jobs: jobs, files: map[ostree.Checksum]*sourceFile{}, commits: map[ostree.Checksum][]ostree.Checksum{}}
}

// sourceEntry is one path of a commit.
type sourceEntry struct {
	path string
	ostree.Entry
}

// tree returns the tree of a commit, whose files the source knows from then on.
// Owners are numbers.
func (s *commitSource) tree(ctx context.Context, repo *archive.Repo, commit ostree.Checksum) (*rootfs.Tree, error) {
	t, err := s.readTree(ctx, repo, commit)
	if err != nil {
		return nil, fmt.Errorf("reading the tree of commit %s: %w", commit, err)
	}
	return t, nil
}

func (s *commitSource) readTree(ctx context.Context, repo *archive.Repo, sum ostree.Checksum) (*rootfs.Tree, error) {
	if partial, err := repo.IsPartial(sum); err != nil || partial {
		return nil, errors.Join(err, errors.New("the repository has only a part of it: pull it again"))
	}
	commit, err := repo.Commit(ctx, sum)
	if err != nil {
		return nil, err
	}
	var entries []sourceEntry
	err = ostree.Walk(ctx, repo, commit.RootTree, commit.RootMeta, func(path string, e ostree.Entry) error {
		if len(entries) == maxCommitPaths {
			return fmt.Errorf("it has more than %d paths", maxCommitPaths)
		}
		entries = append(entries, sourceEntry{path, e})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.readHeaders(ctx, repo, sum, entries); err != nil {
		return nil, err
	}
	b := &treeBuilder{source: s, repo: repo, tree: rootfs.New(), dirs: map[string]*rootfs.Node{}, metas: map[ostree.Checksum]ostree.DirMeta{}}
	for _, e := range entries {
		if err := b.add(ctx, e); err != nil {
			return nil, fmt.Errorf("%s: %w", e.path, err)
		}
	}
	return b.tree, nil
}

// readHeaders reads what the content objects of a commit say of themselves.
func (s *commitSource) readHeaders(ctx context.Context, repo *archive.Repo, commit ostree.Checksum, entries []sourceEntry) error {
	if _, known := s.commits[commit]; known {
		return nil
	}
	of := []ostree.Checksum{}
	var missing []*sourceFile
	var sums []ostree.Checksum
	seen := map[ostree.Checksum]bool{}
	for _, e := range entries {
		if e.Type != ostree.ObjectFile || seen[e.File] {
			continue
		}
		seen[e.File] = true
		of = append(of, e.File)
		if s.files[e.File] == nil {
			f := &sourceFile{repo: repo}
			s.files[e.File] = f
			missing, sums = append(missing, f), append(sums, e.File)
		}
	}
	err := s.each(ctx, len(missing), func(ctx context.Context, i int) error {
		h, size, r, err := repo.OpenFile(ctx, sums[i])
		if err != nil {
			return err
		}
		missing[i].header, missing[i].size = h, size
		return r.Close()
	})
	s.commits[commit] = of
	return err
}

// each calls fn for 0 to n-1, several at a time.
func (s *commitSource) each(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	const batch = 64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(s.jobs, 1))
	for start := 0; start < n; start += batch {
		group.Go(func() error {
			for i := start; i < min(start+batch, n); i++ {
				if err := fn(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

type treeBuilder struct {
	source *commitSource
	repo   *archive.Repo
	tree   *rootfs.Tree
	dirs   map[string]*rootfs.Node // by path
	metas  map[ostree.Checksum]ostree.DirMeta
}

func (b *treeBuilder) add(ctx context.Context, e sourceEntry) error {
	n := &rootfs.Node{Package: rootfs.NoPackage}
	if e.Type == ostree.ObjectFile {
		f := b.source.files[e.File]
		n.UID, n.GID, n.Mode, n.Target = f.header.UID, f.header.GID, f.header.Mode, f.header.Symlink
		n.Xattrs = slices.Clone(f.header.Xattrs)
		if n.IsRegular() {
			n.Size, n.Object = f.size, e.File
		}
		return b.tree.Attach(e.path, n)
	}
	m, known := b.metas[e.Meta]
	if !known {
		var err error
		if m, err = b.repo.DirMeta(ctx, e.Meta); err != nil {
			return err
		}
		b.metas[e.Meta] = m
	}
	if e.path == "/" {
		n = b.tree.Root
		n.User, n.Group = "", ""
	}
	n.UID, n.GID, n.Mode, n.Xattrs = m.UID, m.GID, m.Mode, slices.Clone(m.Xattrs)
	if e.path == "/" {
		return nil
	}
	return b.tree.Attach(e.path, n)
}

// file returns the content object that a node comes from; nil when it comes from
// none, or has other bytes by now.
func (s *commitSource) file(n *rootfs.Node) *sourceFile {
	if s == nil || n.Data != nil || n.Object.IsZero() {
		return nil
	}
	return s.files[n.Object]
}

// open returns the bytes of a content object, verified by the end of reading.
func (s *commitSource) open(ctx context.Context, object ostree.Checksum) (io.ReadCloser, error) {
	var f *sourceFile
	if s != nil {
		f = s.files[object]
	}
	if f == nil {
		return nil, fmt.Errorf("no commit of the compose has the object %s", object)
	}
	_, _, r, err := f.repo.OpenFile(ctx, object)
	return r, err
}

// isObject tells whether a node is still all that its content object says.
func (f *sourceFile) isObject(h ostree.FileHeader) bool {
	return bytes.Equal(f.header.Encode(), h.Encode())
}

// put makes sure that the transaction has the content object.
func (f *sourceFile) put(ctx context.Context, txn *archive.Txn, object ostree.Checksum) (err error) {
	name := ostree.ObjectName{Checksum: object, Type: ostree.ObjectFile}
	if has, err := txn.HasObject(name); has || err != nil {
		return err
	}
	stored, err := f.repo.OpenObject(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stored.Close()) }()
	return txn.ImportObject(ctx, name, stored)
}

// fill brings the bytes of all files of the tree that come from commits into the
// store, and gives the nodes their digests: programs are to see them. What was
// filled before is remembered by commit.
func (s *commitSource) fill(ctx context.Context, store *content.Store, tree *rootfs.Tree) error {
	if s == nil {
		return nil
	}
	var nodes []*rootfs.Node
	err := tree.Walk(func(_ string, n *rootfs.Node) error {
		if n.Data == nil && n.Content.IsZero() && !n.Object.IsZero() {
			nodes = append(nodes, n)
		}
		return nil
	})
	if err != nil || len(nodes) == 0 {
		return err
	}
	if err := s.recall(store); err != nil {
		return err
	}
	var unknown []ostree.Checksum
	seen := map[ostree.Checksum]bool{}
	for _, n := range nodes {
		if f := s.files[n.Object]; f != nil && f.digest.IsZero() && !seen[n.Object] {
			seen[n.Object] = true
			unknown = append(unknown, n.Object)
		}
	}
	err = s.each(ctx, len(unknown), func(ctx context.Context, i int) error { return s.extract(ctx, store, unknown[i]) })
	if err != nil {
		return fmt.Errorf("reading the files of a commit: %w", err)
	}
	for _, n := range nodes {
		if f := s.files[n.Object]; f != nil {
			n.Content = f.digest
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return s.remember(store)
}

// extract brings the bytes of one content object into the store.
func (s *commitSource) extract(ctx context.Context, store *content.Store, object ostree.Checksum) (err error) {
	r, err := s.open(ctx, object)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	d, _, err := store.Add(ctx, r)
	if err != nil {
		return err
	}
	f := s.files[object]
	s.mu.Lock()
	f.digest = d
	s.mu.Unlock()
	store.SetObject(d, f.header, object)
	return nil
}

// contentsKey names what is remembered of a commit's contents.
func contentsKey(commit ostree.Checksum) (fetch.Checksum, error) {
	sum := sha256.Sum256([]byte("treewright contents of commit " + commit.String()))
	return fetch.NewChecksum("sha256", hex.EncodeToString(sum[:]))
}

func (s *commitSource) recall(store *content.Store) error {
	for commit := range s.commits {
		key, err := contentsKey(commit)
		if err != nil {
			return err
		}
		m, err := store.Manifest(key)
		if errors.Is(err, content.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for i := range m.Files {
			object, err := ostree.ParseChecksum(path.Base(m.Files[i].Path))
			if f := s.files[object]; err == nil && f != nil && f.size == m.Files[i].Size {
				f.digest = m.Files[i].Content
			}
		}
	}
	return nil
}

// remember keeps which digests the content objects of each commit have.
func (s *commitSource) remember(store *content.Store) error {
	for commit, objects := range s.commits {
		m := &content.Manifest{}
		for _, object := range objects {
			if f := s.files[object]; !f.digest.IsZero() {
				m.Files = append(m.Files, content.File{Path: "/" + object.String(), Mode: ostree.ModeRegular | 0o644, Size: f.size, Content: f.digest})
			}
		}
		key, err := contentsKey(commit)
		if err == nil {
			err = store.Remember(key, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
