package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// smallMeta is the size up to which metadata objects are read without asking.
// Above it, one at a time is in memory, however many a hostile server offers.
const smallMeta = 1 << 20

// restarts is how often the transfer of an object is begun anew after it was
// cut where it could not be resumed.
const restarts = 3

// A MissingError says that the remote lacks an object which one of its own
// commits needs. It is ErrNotFound.
type MissingError struct {
	Object ostree.ObjectName
	Path   string // in the tree
	Ref    string
	URL    string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("objects/%s is missing on %s; it is %s of %s: the upstream must repair its repository (ostree fsck)",
		e.Object.ArchivePath(), e.URL, e.Path, e.Ref)
}

// Is makes errors.Is(err, ErrNotFound) true.
func (e *MissingError) Is(target error) bool { return target == ErrNotFound }

// readMeta fetches a metadata object and compares it with its checksum.
func (r *Remote) readMeta(ctx context.Context, name ostree.ObjectName, most int64) ([]byte, error) {
	data, err := r.readLarge(ctx, objectPath(name), most)
	if err != nil {
		return nil, err
	}
	if got := ostree.ChecksumOf(data); got != name.Checksum {
		return nil, fmt.Errorf("fetching from %s: %w", r.URL(), &ostree.ChecksumError{Object: name, Got: got})
	}
	return data, nil
}

// readLarge returns a file that the caller verifies.
func (r *Remote) readLarge(ctx context.Context, file string, most int64) (data []byte, err error) {
	err = r.transfer(ctx, file, most, func(body *bodyReader) (err error) {
		data, err = r.readAll(ctx, body)
		return err
	})
	return data, err
}

// objectPath is where a repository keeps an object.
func objectPath(name ostree.ObjectName) string { return "objects/" + name.ArchivePath() }

// readAll reads a metadata object; a large one waits for its turn.
func (r *Remote) readAll(ctx context.Context, body io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(body, smallMeta))
	if err != nil || len(data) < smallMeta {
		return data, err
	}
	select {
	case r.large <- struct{}{}:
		defer func() { <-r.large }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	rest, err := io.ReadAll(body)
	return append(data, rest...), err
}

// importFile fetches a file object into txn, as it is stored.
func (r *Remote) importFile(ctx context.Context, txn *archive.Txn, c ostree.Checksum) (size int64, err error) {
	name := ostree.ObjectName{Checksum: c, Type: ostree.ObjectFile}
	err = r.transfer(ctx, objectPath(name), r.opts.MaxFileSize, func(body *bodyReader) error {
		err := txn.ImportObject(ctx, name, body)
		size = body.n
		return err
	})
	return size, err
}

// transfer opens a file and has read consume it. What was cut is begun
// anew; what read itself finds wrong is not.
func (r *Remote) transfer(ctx context.Context, file string, most int64, read func(*bodyReader) error) error {
	for attempt := 1; ; attempt++ {
		resp, err := r.open(ctx, file, fetch.GetOptions{MaxSize: most, Immutable: true})
		if err != nil {
			return err
		}
		body := &bodyReader{r: resp.Body}
		err = errors.Join(read(body), resp.Body.Close())
		r.bytes.Add(body.n)
		if err == nil {
			return nil
		}
		var tooLarge *fetch.TooLargeError
		if body.err == nil || attempt == restarts || ctx.Err() != nil || errors.As(body.err, &tooLarge) {
			return r.fetchError(file, err)
		}
	}
}

// bodyReader counts, and notes whether reading itself failed.
type bodyReader struct {
	r   io.Reader
	n   int64
	err error
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// task is one object of a tree, and where it stands there.
type task struct {
	name  ostree.ObjectName
	dir   string // of the object, or of the directory that it lies in
	base  string // of a file
	depth int
	want  *pulled
	only  []subpath // of a directory: what is wanted below it; nil: all
}

func (t task) path() string { return path.Join("/", t.dir, t.base) }

// maxDepth is deeper than any path that a kernel accepts.
const maxDepth = 2048

// handle brings one object into the repository and returns what it leads to.
func (p *puller) handle(ctx context.Context, t task) (more []task, err error) {
	have, err := p.has(t.name)
	if err != nil {
		return nil, err
	}
	switch t.name.Type {
	case ostree.ObjectFile:
		if have {
			return nil, nil
		}
		return nil, p.store(ctx, t, func(txn *archive.Txn) (int64, error) {
			return p.remote.importFile(ctx, txn, t.name.Checksum)
		})
	case ostree.ObjectDirMeta:
		if have {
			return nil, nil
		}
		data, err := p.fetchMeta(ctx, t)
		if err == nil {
			_, err = ostree.DecodeDirMeta(data)
		}
		if err != nil {
			return nil, err
		}
		return nil, p.storeMeta(ctx, t, data)
	}
	return p.handleTree(ctx, t, have)
}

func (p *puller) handleTree(ctx context.Context, t task, have bool) ([]task, error) {
	var data []byte
	var err error
	if have {
		data, err = p.dst.ReadMeta(ctx, t.name)
	} else {
		data, err = p.fetchMeta(ctx, t)
	}
	if err != nil {
		return nil, err
	}
	tree, err := ostree.DecodeDirTree(data)
	if err != nil {
		return nil, err
	}
	if t.depth >= maxDepth {
		return nil, fmt.Errorf("directories nested deeper than %d", maxDepth)
	}
	if !have {
		if err := p.storeMeta(ctx, t, data); err != nil {
			return nil, err
		}
	}
	if err := checkSubpaths(t, tree); err != nil {
		return nil, err
	}
	more := make([]task, 0, len(tree.Files)+2*len(tree.Dirs))
	for _, f := range tree.Files {
		if wanted, _ := below(t.only, f.Name); !wanted {
			continue
		}
		name := ostree.ObjectName{Checksum: f.Checksum, Type: ostree.ObjectFile}
		more = append(more, task{name: name, dir: t.dir, base: f.Name, want: t.want})
	}
	for _, d := range tree.Dirs {
		wanted, only := below(t.only, d.Name)
		if !wanted {
			continue
		}
		dir := path.Join(t.dir, d.Name)
		more = append(more,
			task{name: ostree.ObjectName{Checksum: d.Meta, Type: ostree.ObjectDirMeta}, dir: dir, want: t.want},
			task{name: ostree.ObjectName{Checksum: d.Tree, Type: ostree.ObjectDirTree}, dir: dir, depth: t.depth + 1, want: t.want, only: only})
	}
	return more, nil
}

func (p *puller) fetchMeta(ctx context.Context, t task) ([]byte, error) {
	return p.remote.readMeta(ctx, t.name, ostree.MaxMetadataSize)
}

func (p *puller) storeMeta(ctx context.Context, t task, data []byte) error {
	return p.store(ctx, t, func(txn *archive.Txn) (int64, error) {
		_, err := txn.WriteMeta(ctx, t.name.Type, data)
		return int64(len(data)), err
	})
}
