// Package ostreetest helps tests that work on OSTree repositories: it makes
// trees, commits them, runs the real `ostree`, and checks what a repository
// must be after anything has happened to it. Only tests import it.
package ostreetest

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/ostree"
	"golang.org/x/sys/unix"
)

// File is an entry of a Tree.
type File struct {
	Mode     uint32 // with the type, as ostree.ModeRegular | 0o644
	UID, GID uint32
	Data     string // of a regular file
	Symlink  string
	Xattrs   []ostree.Xattr
}

// Regular returns a file with mode 0644 that root owns.
func Regular(data string) File { return File{Mode: ostree.ModeRegular | 0o644, Data: data} }

// Dir returns a directory with mode 0755 that root owns.
func Dir() File { return File{Mode: ostree.ModeDir | 0o755} }

// Symlink returns a symlink that root owns.
func Symlink(target string) File {
	return File{Mode: ostree.ModeSymlink | 0o777, Symlink: target}
}

// Tree maps slash-separated paths, without a slash in front, to entries. The
// root is "."; directories that are not listed are as Dir returns them.
type Tree map[string]File

// Clone returns a Tree that can be changed apart.
func (t Tree) Clone() Tree {
	out := Tree{}
	for name, f := range t {
		out[name] = f
	}
	return out
}

// Map returns the tree with every entry as fn returns it.
func (t Tree) Map(fn func(name string, f File) File) Tree {
	out := Tree{}
	for name, f := range t {
		out[name] = fn(name, f)
	}
	return out
}

// withDirs returns the tree with every directory listed.
func (t Tree) withDirs() Tree {
	out := Tree{".": Dir()}
	for name, f := range t {
		out[name] = f
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := t[dir]; !ok {
				out[dir] = Dir()
			}
		}
	}
	return out
}

// Paths returns the paths, sorted: a directory before what it holds.
func (t Tree) Paths() []string {
	var names []string
	for name := range t {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// header is what the entry's content object says.
func (f File) header() ostree.FileHeader {
	return ostree.FileHeader{UID: f.UID, GID: f.GID, Mode: f.Mode, Symlink: f.Symlink, Xattrs: f.Xattrs}
}

func (f File) content() ostree.Content {
	return ostree.Content{Size: int64(len(f.Data)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(f.Data)), nil
	}}
}

// Write stores the tree's objects and returns its root dirtree and dirmeta.
func (t Tree) Write(tb testing.TB, w ostree.Writer) (tree, meta ostree.Checksum) {
	tb.Helper()
	tree, meta, err := t.TryWrite(tb.Context(), w)
	if err != nil {
		tb.Fatal(err)
	}
	return tree, meta
}

// TryWrite is Write where an error is no failure.
func (t Tree) TryWrite(ctx context.Context, w ostree.Writer) (tree, meta ostree.Checksum, err error) {
	all := t.withDirs()
	trees := map[string]*ostree.DirTree{}
	names := all.Paths()
	for _, name := range names {
		if all[name].Mode&ostree.ModeType == ostree.ModeDir {
			trees[name] = &ostree.DirTree{}
		}
	}
	slices.Reverse(names) // what a directory holds comes before it
	for _, name := range names {
		if name == "." { // it comes last, wherever it sorts
			continue
		}
		f, parent := all[name], trees[path.Dir(name)]
		if f.Mode&ostree.ModeType != ostree.ModeDir {
			res, err := w.WriteFile(ctx, f.header(), f.content())
			if err != nil {
				return tree, meta, fmt.Errorf("writing %s: %w", name, err)
			}
			parent.Files = append(parent.Files, ostree.TreeFile{Name: path.Base(name), Checksum: res.Checksum})
			continue
		}
		tree, meta, err := writeDir(ctx, w, *trees[name], f)
		if err != nil {
			return tree, meta, fmt.Errorf("writing %s: %w", name, err)
		}
		parent.Dirs = append(parent.Dirs, ostree.TreeDir{Name: path.Base(name), Tree: tree, Meta: meta})
	}
	return writeDir(ctx, w, *trees["."], all["."])
}

func writeDir(ctx context.Context, w ostree.Writer, list ostree.DirTree, f File) (tree, meta ostree.Checksum, err error) {
	if tree, err = writeMeta(ctx, w, ostree.ObjectDirTree, list.Encode); err != nil {
		return tree, meta, err
	}
	dm := ostree.DirMeta{UID: f.UID, GID: f.GID, Mode: f.Mode, Xattrs: f.Xattrs}
	meta, err = writeMeta(ctx, w, ostree.ObjectDirMeta, dm.Encode)
	return tree, meta, err
}

func writeMeta(ctx context.Context, w ostree.Writer, typ ostree.ObjectType, encode func() ([]byte, error)) (ostree.Checksum, error) {
	data, err := encode()
	if err != nil {
		return ostree.Checksum{}, err
	}
	return w.WriteMeta(ctx, typ, data)
}

// WriteDir lays the tree out in a new folder. Owners are those of the process.
func (t Tree) WriteDir(tb testing.TB) string {
	tb.Helper()
	root := tb.TempDir()
	all := t.withDirs()
	names := all.Paths()
	for _, name := range names {
		f, full := all[name], filepath.Join(root, name)
		var err error
		switch f.Mode & ostree.ModeType {
		case ostree.ModeDir:
			err = os.MkdirAll(full, 0o755)
		case ostree.ModeSymlink:
			err = os.Symlink(f.Symlink, full)
		default:
			err = os.WriteFile(full, []byte(f.Data), 0o644)
		}
		if err != nil {
			tb.Fatal(err)
		}
		for _, x := range f.Xattrs {
			if err := unix.Lsetxattr(full, x.Name, x.Value, 0); err != nil {
				tb.Fatalf("xattr %s of %s: %v", x.Name, name, err)
			}
		}
	}
	for _, name := range names {
		if f := all[name]; f.Mode&ostree.ModeType != ostree.ModeSymlink {
			if err := unix.Chmod(filepath.Join(root, name), f.Mode&0o7777); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return root
}

// WriteTar writes the tree to a tar file, which keeps owners without root. It
// leaves xattrs out, as the real ostree reads none from a tar file.
func (t Tree) WriteTar(tb testing.TB) string {
	tb.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	all := t.withDirs()
	for _, name := range all.Paths() {
		f := all[name]
		hdr := &tar.Header{
			Name: "./" + name, Mode: int64(f.Mode & 0o7777), Uid: int(f.UID), Gid: int(f.GID),
			Size: int64(len(f.Data)), Typeflag: tar.TypeReg, Format: tar.FormatPAX,
		}
		switch f.Mode & ostree.ModeType {
		case ostree.ModeDir:
			hdr.Typeflag, hdr.Name = tar.TypeDir, hdr.Name+"/"
		case ostree.ModeSymlink:
			hdr.Typeflag, hdr.Linkname = tar.TypeSymlink, f.Symlink
		}
		if err := w.WriteHeader(hdr); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(w, f.Data); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(tb.TempDir(), "tree.tar")
	if err := os.WriteFile(file, buf.Bytes(), 0o644); err != nil {
		tb.Fatal(err)
	}
	return file
}

// RandomTree makes a tree of about n entries, the same for the same seed: a
// large file if n is at least 100, many small ones, twins, symlinks, empty files, odd names,
// xattrs, setuid bits, deep and wide directories, many owners.
func RandomTree(seed uint64, n int) Tree {
	r := rand.New(rand.NewPCG(seed, 17))
	t := Tree{}
	dirs := []string{"."}
	for i := range n {
		dir := dirs[r.IntN(len(dirs))]
		name := path.Join(dir, fmt.Sprintf("%s-%d", oddNames[r.IntN(len(oddNames))], i))
		f := File{Mode: ostree.ModeRegular | modes[r.IntN(len(modes))], UID: uint32(r.IntN(3) * 500), GID: uint32(r.IntN(2) * 70000)}
		switch k := r.IntN(20); {
		case k < 4:
			f.Mode = ostree.ModeDir | 0o700 | uint32(r.IntN(0o77))
			dirs = append(dirs, name)
		case k < 6:
			f.Mode, f.Symlink = ostree.ModeSymlink|0o777, "../"+name
		case k == 6: // empty
		case k == 7:
			f.Data = "twin"
		default:
			f.Data = randomText(r, r.IntN(1<<(4+r.IntN(12))))
		}
		if r.IntN(10) == 0 && f.Mode&ostree.ModeType != ostree.ModeSymlink {
			f.Xattrs = []ostree.Xattr{{Name: "user.z", Value: []byte("last\x00")}, {Name: "user.a", Value: []byte(name)}}
		}
		t[name] = f
	}
	if n >= 100 {
		t["large"] = Regular(strings.Repeat(randomText(r, 100_000+n), 25))
	}
	return t
}

var (
	oddNames = []string{"a", "B", "ü", "with space", "-dash", ".hidden", "new\nline", "~", "日本", "a.b"}
	modes    = []uint32{0o644, 0o755, 0o600, 0o4755, 0o2755, 0o444, 0o664, 0}
)

// randomText is text that deflate makes smaller.
func randomText(r *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%d line %x\n", r.IntN(100), r.IntN(1<<20))
	}
	return b.String()[:n]
}
