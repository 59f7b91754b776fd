package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"golang.org/x/sys/unix"
)

// Modes of repositories that can be pulled from on this machine. They differ
// in how content objects, .file, are stored.
const (
	modeArchive      = "archive"
	modeBare         = "bare"           // owner, mode and xattrs are those of the file
	modeBareUser     = "bare-user"      // they are in the xattr user.ostreemeta
	modeBareUserOnly = "bare-user-only" // there are none but the mode
)

// xattrBareUser holds (uuua(ayay)): uid, gid, mode, xattrs, big-endian.
const xattrBareUser = "user.ostreemeta"

// Source is a repository of any mode but bare-split-xattrs, for PullFrom.
type Source struct {
	repo *Repo
	mode string
}

// OpenSource opens the repository in dir for reading. Close it when done.
func OpenSource(dir string, o Options) (*Source, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening repository %s: %w", dir, err)
	}
	s := &Source{repo: &Repo{path: path, root: -1, objects: -1, opts: o}}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening repository %s: %w", dir, err), s.Close())
	}
	s.repo.workers.init(1, s.repo.config.zlibLevel)
	return s, nil
}

func (s *Source) open() (err error) {
	r := s.repo
	if r.root, err = openDir(r.path); err != nil {
		return err
	}
	if r.objects, err = openDir(filepath.Join(r.path, "objects")); err != nil {
		return err
	}
	f, err := r.Config()
	if err != nil {
		return err
	}
	s.mode, _ = f.Get("core", "mode")
	switch s.mode {
	case "archive-z2":
		s.mode = modeArchive
	case "":
		s.mode = modeBare
	}
	switch s.mode {
	case modeArchive, modeBare, modeBareUser, modeBareUserOnly:
	default:
		return fmt.Errorf("config: the mode is %.40q; repositories of mode archive, bare, bare-user and bare-user-only can be read", s.mode)
	}
	f.Set("core", "mode", "archive-z2") // all but content objects is stored alike
	r.config, err = parseConfig(f)
	return err
}

// Close releases the repository.
func (s *Source) Close() error { return s.repo.Close() }

// Refs is Repo.Refs.
func (s *Source) Refs(ctx context.Context, prefix string) ([]Ref, error) {
	return s.repo.Refs(ctx, prefix)
}

// CollectionID is Repo.CollectionID.
func (s *Source) CollectionID() string { return s.repo.CollectionID() }

// AllRefs is Repo.AllRefs.
func (s *Source) AllRefs(ctx context.Context) ([]Ref, error) { return s.repo.AllRefs(ctx) }

// ResolveRef is Repo.ResolveRef.
func (s *Source) ResolveRef(ref string) (ostree.Checksum, error) { return s.repo.ResolveRef(ref) }

// PullFrom is PullLocal from a repository of any mode. Content of bare ones is
// compressed here.
func (r *Repo) PullFrom(ctx context.Context, src *Source, o PullLocalOptions) (*PullLocalResult, error) {
	return r.pullLocal(ctx, src, o)
}

// bareFile opens a content object of a bare repository.
func (s *Source) bareFile(c ostree.Checksum) (ostree.FileHeader, Content, error) {
	n := ostree.ObjectName{Checksum: c, Type: ostree.ObjectFile}
	path := filepath.Join(s.repo.path, "objects", strings.TrimSuffix(n.ArchivePath(), "z"))
	var st unix.Stat_t
	err := retry(func() error { return unix.Lstat(path, &st) })
	if err == unix.ENOENT {
		return ostree.FileHeader{}, Content{}, &MissingError{Object: n}
	}
	if err != nil {
		return ostree.FileHeader{}, Content{}, pathError("lstat", path, err)
	}
	h, err := s.bareHeader(path, &st)
	if err != nil {
		return h, Content{}, fmt.Errorf("object %s: %w", n, err)
	}
	if h.IsSymlink() {
		return h, Content{}, nil
	}
	return h, Content{Size: st.Size, Open: func() (io.ReadCloser, error) {
		return openAt(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	}}, nil
}

func (s *Source) bareHeader(path string, st *unix.Stat_t) (h ostree.FileHeader, err error) {
	isLink := st.Mode&unix.S_IFMT == unix.S_IFLNK
	if !isLink && st.Mode&unix.S_IFMT != unix.S_IFREG {
		return h, errors.New("it is neither a file nor a symlink")
	}
	if s.mode == modeBareUser {
		return bareUserHeader(path, st)
	}
	h.Mode = st.Mode
	if isLink {
		if h.Symlink, err = os.Readlink(path); err != nil {
			return h, err
		}
	}
	if s.mode == modeBare {
		h.UID, h.GID = st.Uid, st.Gid
		h.Xattrs, err = readXattrs(path)
	}
	return h, err
}

// bareUserHeader reads user.ostreemeta. A symlink is a file that holds its
// target and a NUL.
func bareUserHeader(path string, st *unix.Stat_t) (h ostree.FileHeader, err error) {
	data, err := growing(func(buf []byte) (int, error) { return unix.Lgetxattr(path, xattrBareUser, buf) })
	if err != nil {
		return h, pathError("getxattr "+xattrBareUser, path, err)
	}
	return decodeBareUser(data, func() ([]byte, error) {
		if st.Size > unix.PathMax {
			return nil, fmt.Errorf("its target has %d bytes", st.Size)
		}
		return os.ReadFile(path)
	})
}

// decodeBareUser decodes user.ostreemeta: (uid, gid, mode, xattrs), numbers
// big-endian. It asks for the target of a symlink alone.
func decodeBareUser(data []byte, readTarget func() ([]byte, error)) (h ostree.FileHeader, err error) {
	v, err := gvariant.Parse("(uuua(ayay))", data)
	if err != nil {
		return h, fmt.Errorf("%s: %w", xattrBareUser, err)
	}
	target := ""
	if gvariant.BE32(v.Index(2).Uint32())&ostree.ModeType == ostree.ModeSymlink {
		text, err := readTarget()
		if err != nil {
			return h, err
		}
		target = strings.TrimSuffix(string(text), "\x00")
	}
	z := gvariant.Tuple(gvariant.Uint64(0), v.Index(0), v.Index(1), v.Index(2), gvariant.Uint32(0), gvariant.String(target), v.Index(3)).Data()
	framed := append(binary.BigEndian.AppendUint32(nil, uint32(len(z))), 0, 0, 0, 0)
	h, _, _, err = ostree.DecodeArchiveHeader(bytes.NewReader(append(framed, z...)))
	return h, err
}
