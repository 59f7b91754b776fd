package content

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/privatedir"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// ErrNotExist means that the store has no such content or manifest.
var ErrNotExist = fs.ErrNotExist

// A CorruptError says that the bytes kept for a content are not that content.
type CorruptError struct {
	Digest Digest
	Path   string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged: its bytes are not the content %s", e.Path, e.Digest)
}

// Store is an open content store. Its methods may be called concurrently.
type Store struct {
	dir   string
	run   string // folder below tmp/ of this Store alone
	lock  *lock  // shared, of the whole store
	mine  *lock  // of run
	index *index
	// removeAll removes a folder of a run, its own or an abandoned one.
	removeAll func(dir string) error

	serial        atomic.Uint64 // of temporary files
	decompressors rpm.Decompressors
	headers       headerCodec
}

// Open opens the store in the folder dir, which is made when it is absent, and
// removes what killed processes left there. It waits for Prune. Close it.
func Open(ctx context.Context, dir string) (*Store, error) {
	return OpenRemoving(ctx, dir, os.RemoveAll)
}

// OpenRemoving is Open for a caller that puts more into its Scratch folders than
// os.RemoveAll can remove: files of other users.
func OpenRemoving(ctx context.Context, dir string, removeAll func(dir string) error) (*Store, error) {
	s := &Store{dir: dir, removeAll: removeAll, headers: newHeaderCodec()}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the content store %s: %w", dir, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	if err := privatedir.Make(s.dir); err != nil {
		return err
	}
	for _, name := range [...]string{"files", "headers", "manifests", "signed", "tmp"} {
		if err := os.MkdirAll(filepath.Join(s.dir, name), 0o700); err != nil {
			return err
		}
	}
	if s.lock, err = acquire(ctx, filepath.Join(s.dir, "lock"), unix.F_RDLCK); err != nil {
		return err
	}
	if err := s.removeAbandoned(); err != nil {
		return err
	}
	if err := s.makeRun(); err != nil {
		return err
	}
	s.index, err = loadIndex(s.path("index"))
	return err
}

// Close removes the temporary files of this Store and releases it. The index
// keeps only what SaveIndex wrote.
func (s *Store) Close() error {
	var err error
	if s.run != "" {
		err = s.removeAll(s.run)
	}
	return errors.Join(err, s.mine.unlock(), s.lock.unlock())
}

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// makeRun creates and locks the folder for this Store's temporary files. Another
// process may take it for an abandoned one until it is locked.
func (s *Store) makeRun() error {
	for {
		dir, err := os.MkdirTemp(s.path("tmp"), "run-")
		if err != nil {
			return err
		}
		l, err := tryLock(filepath.Join(dir, "lock"), unix.F_WRLCK)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if l == nil {
			continue
		}
		if _, err := os.Lstat(filepath.Join(dir, "lock")); err == nil {
			s.run, s.mine = dir, l
			return nil
		}
		if err := l.unlock(); err != nil {
			return err
		}
	}
}

// Scratch makes an empty folder beside the contents, which can be linked into it.
// Close removes it; after a kill, the next Open.
func (s *Store) Scratch(name string) (string, error) {
	dir, err := os.MkdirTemp(s.run, name+"-")
	if err != nil {
		return "", fmt.Errorf("making a folder in the content store: %w", err)
	}
	return dir, nil
}

// removeAbandoned removes the temporary folders whose process is gone.
func (s *Store) removeAbandoned() error {
	entries, err := os.ReadDir(s.path("tmp"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		dir := s.path("tmp", e.Name())
		l, err := tryLock(filepath.Join(dir, "lock"), unix.F_WRLCK)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
			continue
		}
		if err != nil {
			return err
		}
		if l == nil {
			continue
		}
		if err := errors.Join(s.removeAll(dir), l.unlock()); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) contentPath(d Digest) string {
	hex := d.String()
	return s.path("files", hex[:2], hex[2:])
}

func (s *Store) manifestPath(pkg fetch.Checksum) string {
	return s.path("manifests", fmt.Sprintf("%s-%s.%d", pkg.Algorithm(), pkg.Hex(), FormatVersion))
}

// Manifest returns the manifest of the package file with the checksum pkg, and
// ErrNotExist when it must be imported: a damaged manifest counts as absent.
func (s *Store) Manifest(pkg fetch.Checksum) (*Manifest, error) {
	path := s.manifestPath(pkg)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest of a package: %w", err)
	}
	m, err := decodeManifest(data)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest %s: %w (%w)", path, ErrNotExist, err)
	}
	return m, touch(path)
}

// touch makes path the most recently used: Prune removes the others first.
func touch(path string) error {
	now := unix.Timespec{Nsec: unix.UTIME_NOW}
	err := unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{now, now}, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// OpenContent returns the bytes of a file of the given size. When they are not
// what was stored, it returns a *CorruptError, or the Read does so that ends
// them, instead of io.EOF.
func (s *Store) OpenContent(d Digest, size int64) (io.ReadCloser, error) {
	if d == emptyDigest {
		return io.NopCloser(eofReader{}), nil
	}
	f, err := s.OpenUnverified(d, size)
	if err != nil {
		return nil, err
	}
	return &verifier{f: f, sum: sha256.New(), want: d}, nil
}

// OpenUnverified is OpenContent for a caller who has read the content to its
// end before and sees for himself that it is still the same.
func (s *Store) OpenUnverified(d Digest, size int64) (*os.File, error) {
	path := s.contentPath(d)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("reading cached content: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() != size {
		err = &CorruptError{Digest: d, Path: path}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Remove forgets a content, so that the import of its package writes it again.
func (s *Store) Remove(d Digest) error {
	err := os.Remove(s.contentPath(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
