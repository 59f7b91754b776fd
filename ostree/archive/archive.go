// Package archive is an OSTree repository on disk, in the mode "archive": the
// one that clients fetch from.
//
//	config                       a GKeyFile: [core] repo_version, mode, …
//	.lock                        shared: transactions; exclusive: prune
//	objects/ab/cdef….filez       content objects, deflated
//	objects/ab/cdef….dirtree     and .dirmeta, .commit, .commitmeta
//	refs/heads/NAME              a commit's checksum and a line end
//	state/CHECKSUM.commitpartial the commit is here, not all of its objects
//	tmp/treewright-RANDOM/       the new objects of one transaction
//	extensions/treewright/       locks that only this package takes
//
// A transaction makes its objects durable before it changes a ref, so a reader,
// and a machine after a crash, sees the old commit or the new one whole. The C
// tool may write to the same repository at the same time. docs/ostree.md tells
// the order and the locks; the layout is libostree's
// (https://ostreedev.github.io/ostree/repo/).
package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/internal/keyfile"
	"github.com/treewright/treewright/ostree"
	"golang.org/x/sys/unix"
)

// ErrNotExist is wrapped by the error for an object, ref or repository that
// is not there.
var ErrNotExist = ostree.ErrNotExist

// absentError is ErrNotExist in words that name what is not there.
type absentError string

func (e absentError) Error() string        { return string(e) }
func (e absentError) Is(target error) bool { return target == ErrNotExist }

// Modes of what is created, before the umask; those of the C tool.
const (
	topDirMode = 0o775
	subDirMode = 0o777
	fileMode   = 0o644 // exactly, whatever the umask: others serve the repository
	lockMode   = 0o660
)

// InitOptions says what a new repository is.
type InitOptions struct {
	CollectionID string // of the form org.example.Name; "" for none
}

// Options tune an open repository. The zero Options are fine.
type Options struct {
	// Jobs bounds how many files are compressed at once; 0 means one a CPU.
	Jobs int
	// Progress hears how far Txn.Commit and Fsck are. It may be called from
	// several goroutines.
	Progress func(stage string, done, total int64)
	// Clock ages the temporary folders of dead processes where the file
	// system has no locks that would tell. Without it they stay there.
	Clock func() time.Time
}

// Repo is an open repository. Its methods may be called from many goroutines.
type Repo struct {
	path    string
	root    int // the repository's folder
	objects int
	opts    Options
	quirks  quirks
	workers workers
	readers sync.Pool // *ostree.FilezReader
	buffers sync.Pool // *bytes.Buffer, for imports

	mu     sync.Mutex
	config config
	closed bool
}

// quirks lets tests play a file system that lacks something.
type quirks struct {
	noOFDLocks bool
	noLocks    bool
	noSyncfs   bool
	crash      func(point string) error // called between the steps of a commit
}

// Init makes dir an archive repository and opens it, as `ostree init
// --mode=archive` does. What is there already is kept; a repository of
// another mode or collection is an error.
func Init(dir string, o InitOptions) (*Repo, error) {
	if err := initRepo(dir, o); err != nil {
		return nil, fmt.Errorf("initializing repository %s: %w", dir, err)
	}
	r, err := Open(dir, Options{})
	if err != nil {
		return nil, err
	}
	if have := r.CollectionID(); o.CollectionID != "" && have != o.CollectionID {
		return nil, errors.Join(r.Close(), fmt.Errorf("repository %s has the collection ID %q, not %q", dir, have, o.CollectionID))
	}
	return r, nil
}

func initRepo(dir string, o InitOptions) error {
	if o.CollectionID != "" {
		if err := ostree.ValidateCollectionID(o.CollectionID); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "objects")); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, topDirMode); err != nil {
		return err
	}
	path := filepath.Join(dir, "config")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := atomicfile.WriteFile(path, newConfig(o), fileMode); err != nil {
			return err
		}
		if err := os.Chmod(path, fileMode); err != nil {
			return err
		}
	}
	// objects/ is last: it tells that this is a repository.
	for _, sub := range []string{"tmp", "extensions", "state", "refs", "refs/heads", "refs/mirrors", "refs/remotes", "objects"} {
		if err := os.Mkdir(filepath.Join(dir, sub), topDirMode); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// Open opens the archive repository in dir; Close it when done. It changes
// nothing, so a repository that cannot be written can be read.
func Open(dir string, o Options) (*Repo, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening repository %s: %w", dir, err)
	}
	r := &Repo{path: path, root: -1, objects: -1, opts: o}
	if err := r.open(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: make it with `treewright repo init %s`", err, dir)
		}
		return nil, errors.Join(fmt.Errorf("opening repository %s: %w", dir, err), r.Close())
	}
	jobs := o.Jobs
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	r.workers.init(jobs, r.config.zlibLevel)
	return r, nil
}

func (r *Repo) open() (err error) {
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
	r.config, err = parseConfig(f)
	return err
}

// Close releases the repository. Transactions must have ended.
func (r *Repo) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	var errs []error
	for _, fd := range []int{r.root, r.objects} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}

// Path returns the absolute path of the repository.
func (r *Repo) Path() string { return r.path }

// CollectionID returns the repository's collection ID, "" when it has none.
func (r *Repo) CollectionID() string { return r.settings().collectionID }

// CheckWritable says why this process may not write to the repository. It
// spares people long work in vain; whether writing succeeds, only writing tells.
func (r *Repo) CheckWritable() error {
	for _, name := range []string{"objects", "refs/heads", "tmp"} {
		err := unix.Faccessat(r.root, name, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("writing to repository %s: %s: %w: run as its owner, or let your group write to it", r.path, name, err)
		}
	}
	return nil
}

func (r *Repo) settings() config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config
}

func (r *Repo) progress(stage string, done, total int64) {
	if r.opts.Progress != nil {
		r.opts.Progress(stage, done, total)
	}
}

// Config reads the config file.
func (r *Repo) Config() (*keyfile.File, error) {
	path := filepath.Join(r.path, "config")
	info, err := os.Stat(path)
	if err == nil && info.Size() > ostree.MaxMetadataSize {
		err = fmt.Errorf("%s is larger than %d bytes", path, ostree.MaxMetadataSize)
	}
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := keyfile.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}
