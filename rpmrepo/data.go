package rpmrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Packages calls fn for each package of the primary metadata, in its order. The
// Metadata and its lists are used again after the call: copy what must stay.
// The strings may be kept. An error of fn ends the reading and is returned as
// it is. When Packages itself fails, what fn has seen must not be used.
func (r *Repository) Packages(ctx context.Context, fn func(*rpm.Metadata) error) error {
	return r.packages(ctx, newStringPool(), fn)
}

// OpenSize is how large a metadata file is when it is uncompressed, as
// repomd.xml says; zero when that does not say it.
func (r *Repository) OpenSize(kind string) int64 {
	for _, d := range r.md.Variants(kind) {
		return d.OpenSize
	}
	return 0
}

// PassPackages is Packages for who keeps nothing: the strings are used again,
// too. It is the faster one.
func (r *Repository) PassPackages(ctx context.Context, fn func(*rpm.Metadata) error) error {
	return r.packages(ctx, &stringPool{passing: true}, fn)
}

func (r *Repository) packages(ctx context.Context, pool *stringPool, fn func(*rpm.Metadata) error) error {
	return r.scan(ctx, "primary", func(in io.Reader) error {
		return readPrimary(in, pool, func(m *rpm.Metadata) error {
			if err := fn(m); err != nil {
				return &callerError{err}
			}
			return nil
		})
	})
}

// Filelists calls fn for each path of a package that wanted accepts; pkgid is
// the package's Metadata.Checksum. When it fails, what fn has seen must not be
// used. A repository without filelists gives ErrNoData.
func (r *Repository) Filelists(ctx context.Context, wanted func(path string) bool, fn func(pkgid, path string) error) error {
	return r.scan(ctx, "filelists", func(in io.Reader) error {
		return readFilelists(in, wanted, func(pkgid, path string) error {
			if err := fn(pkgid, path); err != nil {
				return &callerError{err}
			}
			return nil
		})
	})
}

// callerError keeps the caller's errors apart from those of the metadata.
type callerError struct{ err error }

func (e *callerError) Error() string { return e.err.Error() }

// scan has read read all of a metadata file, and sees to it that the file is
// the right one.
func (r *Repository) scan(ctx context.Context, kind string, read func(io.Reader) error) error {
	s, err := r.OpenData(ctx, kind)
	if err != nil {
		return err
	}
	err = read(s)
	var callers *callerError
	if errors.As(err, &callers) {
		return errors.Join(callers.err, s.Close())
	}
	if err != nil {
		// A file that is not the right one explains what is wrong with it.
		if why := s.(*stream).rest(); why != nil {
			err = why
		}
		err = fmt.Errorf("reading %s metadata of %s: %w", kind, r.cfg.position(), advise(err))
	}
	return errors.Join(err, s.Close())
}

// OpenData opens a metadata file, uncompressed. Reads are checked on the way:
// the file is right when they have come to io.EOF. ErrNoData says that the
// repository has none. Close it in every case.
func (r *Repository) OpenData(ctx context.Context, kind string) (io.ReadCloser, error) {
	if !r.Has(kind) {
		return nil, fmt.Errorf("%s of %s: %w", kind, r.cfg.position(), ErrNoData)
	}
	var errs []error
	for _, d := range r.md.Variants(kind) {
		f, err := r.openFile(ctx, d)
		if err == nil {
			return newStream(ctx, f, d), nil
		}
		errs = append(errs, err)
		if !errors.Is(err, fetch.ErrNotFound) && !errors.Is(err, ErrNotCached) {
			break
		}
	}
	return nil, fmt.Errorf("reading %s metadata of %s: %w", kind, r.cfg.position(), advise(errors.Join(errs...)))
}

// openFile opens the stored bytes of a metadata file: in place when they are
// on disk, else from the cache, which is filled first.
func (r *Repository) openFile(ctx context.Context, d *Data) (f *os.File, err error) {
	cached := ""
	if r.cache.dir != "" {
		cached = r.cache.dataPath(d.Checksum)
	}
	err = r.src.each(ctx, func(base string, attempts int) error {
		address, err := r.address(base, d.BaseURL, d.Location)
		if err != nil {
			return err
		}
		dir, local, err := fetch.LocalPath(address)
		if err != nil {
			return err
		}
		if local {
			f, err = openLocal(dir)
			return err
		}
		if err := r.fill(ctx, address, cached, d.Checksum, d.Size, attempts, nil); err != nil {
			return err
		}
		f, err = os.Open(cached)
		return err
	})
	return f, err
}

// address returns where a file of the repository lies.
func (r *Repository) address(base, own, href string) (string, error) {
	if own != "" {
		if err := baseAllowed(base, own); err != nil {
			return "", err
		}
		base = own
	}
	if dir, local, err := fetch.LocalPath(base); err == nil && local {
		if err := checkHref(href); err != nil {
			return "", err
		}
		names := localNames(dir, href)
		if _, err := os.Lstat(names[0]); err != nil && len(names) > 1 {
			return names[1], nil
		}
		return names[0], nil
	}
	return joinURL(base, href)
}

// fill makes sure that the cache has a file, and that it is right.
func (r *Repository) fill(ctx context.Context, address, cached string, sum fetch.Checksum, size int64, attempts int, progress func(int64)) error {
	if cached == "" {
		return errors.New("a repository on a server needs a cache folder")
	}
	if r.opts.Offline {
		if err := fetch.Verify(cached, sum, size); err != nil {
			return fmt.Errorf("%s is %w", redact(address), ErrNotCached)
		}
		touch(cached)
		return nil
	}
	err := r.client.Download(ctx, address, cached, fetch.DownloadOptions{
		Checksum: sum, Size: size, MaxSize: maxMetadata, Attempts: attempts, Progress: progress,
	})
	if err == nil {
		touch(cached)
	}
	return err
}

// openLocal opens a regular file.
func openLocal(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", err, fetch.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return os.Open(path)
}
