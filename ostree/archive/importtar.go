package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/treewright/treewright/internal/ctxio"
	"github.com/treewright/treewright/ostree"
)

// WriteTar stores the tree of a tar file, uncompressed. Directories that it
// does not name have mode 0755 and belong to root; of two entries of a name
// the later counts. Xattrs are read from PAX records, as GNU tar and ExportTar
// write them. Devices and pipes, names with ".." and hard links to what did
// not come before are errors.
func (t *Txn) WriteTar(ctx context.Context, r io.Reader, o TreeOptions) (ostree.TreeDir, error) {
	w := tarWriter{txn: t, opts: o, root: newTarDir()}
	src := tar.NewReader(ctxio.Reader(ctx, r))
	for {
		h, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return ostree.TreeDir{}, fmt.Errorf("reading the tar file: %w", err)
		}
		if err := w.entry(ctx, h, src); err != nil {
			return ostree.TreeDir{}, fmt.Errorf("reading the tar file: %q: %w", h.Name, err)
		}
	}
	d, _, err := w.write(ctx, "/", w.root)
	return d, err
}

// tarDir is a directory as far as it was read.
type tarDir struct {
	header ostree.FileHeader
	files  map[string]ostree.Checksum
	dirs   map[string]*tarDir
}

func newTarDir() *tarDir {
	return &tarDir{
		header: ostree.FileHeader{Mode: ostree.ModeDir | 0o755},
		files:  map[string]ostree.Checksum{}, dirs: map[string]*tarDir{},
	}
}

type tarWriter struct {
	txn  *Txn
	opts TreeOptions
	root *tarDir
}

// split returns the parts of a name; none for the root.
func (w *tarWriter) split(name string) ([]string, error) {
	if w.opts.TarName != nil {
		for strings.HasPrefix(name, "/") || strings.HasPrefix(name, "./") {
			name = strings.TrimLeft(strings.TrimPrefix(name, "."), "/")
		}
		name = w.opts.TarName(name)
	}
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		switch part {
		case "", ".":
			continue
		case "..":
			return nil, errors.New("its name leads out of the tree")
		}
		if err := ostree.ValidateFilename(part); err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if len(parts) > maxTreeDepth {
		return nil, fmt.Errorf("directories nested deeper than %d", maxTreeDepth)
	}
	return parts, nil
}

// dir finds a directory, and makes those on the way.
func (w *tarWriter) dir(parts []string) (*tarDir, error) {
	d := w.root
	for _, part := range parts {
		if _, clash := d.files[part]; clash {
			return nil, fmt.Errorf("%s is a file, not a directory", part)
		}
		if d.dirs[part] == nil {
			d.dirs[part] = newTarDir()
		}
		d = d.dirs[part]
	}
	return d, nil
}

func (w *tarWriter) entry(ctx context.Context, h *tar.Header, src io.Reader) error {
	parts, err := w.split(h.Name)
	if err != nil {
		return err
	}
	if h.Uid < 0 || h.Gid < 0 || h.Uid > math.MaxUint32 || h.Gid > math.MaxUint32 {
		return fmt.Errorf("the owner %d:%d is not possible", h.Uid, h.Gid)
	}
	fh := ostree.FileHeader{UID: uint32(h.Uid), GID: uint32(h.Gid), Mode: uint32(h.Mode & 0o7777), Xattrs: tarXattrs(h)}
	if h.Typeflag == tar.TypeDir {
		d, err := w.dir(parts)
		if err != nil {
			return err
		}
		fh.Mode |= ostree.ModeDir
		d.header = fh
		return nil
	}
	if len(parts) == 0 {
		return errors.New("the root must be a directory")
	}
	d, err := w.dir(parts[:len(parts)-1])
	if err != nil {
		return err
	}
	name := parts[len(parts)-1]
	if d.dirs[name] != nil {
		return errors.New("it was a directory before")
	}
	sum, err := w.file(ctx, "/"+path.Join(parts...), h, fh, src)
	if err == errSkipped {
		return nil
	}
	d.files[name] = sum
	return err
}

// errSkipped says that an entry shall not be in the tree.
var errSkipped = errors.New("it is left out")

func (w *tarWriter) file(ctx context.Context, at string, h *tar.Header, fh ostree.FileHeader, src io.Reader) (ostree.Checksum, error) {
	switch h.Typeflag {
	case tar.TypeLink:
		if _, keep := w.opts.edited(at, fh); !keep {
			return ostree.Checksum{}, errSkipped
		}
		return w.linked(h.Linkname)
	case tar.TypeSymlink:
		fh.Mode, fh.Symlink = ostree.ModeSymlink|0o777, h.Linkname
		fh, keep := w.opts.edited(at, fh)
		if !keep {
			return ostree.Checksum{}, errSkipped
		}
		res, err := w.txn.WriteFile(ctx, fh, Content{})
		return res.Checksum, err
	case tar.TypeReg:
		fh.Mode |= ostree.ModeRegular
		fh, keep := w.opts.edited(at, fh)
		if !keep {
			return ostree.Checksum{}, errSkipped
		}
		return w.regular(ctx, fh, h.Size, src)
	}
	return ostree.Checksum{}, fmt.Errorf("it is of type %q: OSTree stores files, directories and symlinks alone", h.Typeflag)
}

// linked returns the file that a hard link names.
func (w *tarWriter) linked(target string) (ostree.Checksum, error) {
	parts, err := w.split(target)
	if err != nil || len(parts) == 0 {
		return ostree.Checksum{}, cmpErr(err, errors.New("a hard link to the root"))
	}
	d := w.root
	for _, part := range parts[:len(parts)-1] {
		if d = d.dirs[part]; d == nil {
			break
		}
	}
	if d != nil {
		if c, ok := d.files[parts[len(parts)-1]]; ok {
			return c, nil
		}
	}
	return ostree.Checksum{}, fmt.Errorf("it is a hard link to %s, which did not come before", path.Join(parts...))
}

// regular stores a file. A large one is read twice, and so laid aside.
func (w *tarWriter) regular(ctx context.Context, h ostree.FileHeader, size int64, src io.Reader) (_ ostree.Checksum, err error) {
	if size <= smallFile {
		data := make([]byte, size)
		if _, err := io.ReadFull(src, data); err != nil {
			return ostree.Checksum{}, err
		}
		res, err := w.txn.WriteFile(ctx, h, Content{Size: size, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(data)), nil
		}})
		return res.Checksum, err
	}
	f, err := os.CreateTemp(w.txn.staging.path, "spool-")
	if err != nil {
		return ostree.Checksum{}, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if _, err := io.Copy(f, src); err != nil {
		return ostree.Checksum{}, err
	}
	res, err := w.txn.WriteFile(ctx, h, Content{Size: size, Open: func() (io.ReadCloser, error) { return os.Open(f.Name()) }})
	return res.Checksum, err
}

// tarXattrs are the xattrs in an entry's PAX records, sorted.
func tarXattrs(h *tar.Header) []ostree.Xattr {
	var out []ostree.Xattr
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, paxXattr); ok {
			out = append(out, ostree.Xattr{Name: name, Value: []byte(value)})
		}
	}
	slices.SortFunc(out, func(a, b ostree.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// write stores the directories, those below first.
func (w *tarWriter) write(ctx context.Context, at string, d *tarDir) (_ ostree.TreeDir, keep bool, err error) {
	h, keep := w.opts.edited(at, d.header)
	if !keep {
		return ostree.TreeDir{}, false, nil
	}
	var tree ostree.DirTree
	for name, c := range d.files {
		tree.Files = append(tree.Files, ostree.TreeFile{Name: name, Checksum: c})
	}
	for name, sub := range d.dirs {
		s, keep, err := w.write(ctx, path.Join(at, name), sub)
		if err != nil {
			return s, false, err
		}
		if keep {
			tree.Dirs = append(tree.Dirs, ostree.TreeDir{Name: name, Tree: s.Tree, Meta: s.Meta})
		}
	}
	dir, err := w.txn.writeTree(ctx, tree, h)
	return dir, true, err
}
