package rpmrepo

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/progress"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Wanted is a package to fetch.
type Wanted struct {
	Repo    *Repository
	Package *rpm.Metadata
}

// Fetched is a package on disk: in the cache, or in place in a repository on
// disk. It had the Checksum a moment ago; who reads a file that others may
// change hashes what is read.
type Fetched struct {
	Path     string
	Checksum fetch.Checksum
}

// FetchOptions configure Fetch.
type FetchOptions struct {
	Parallel int // packages at a time; zero means 8
	// Progress hears the bytes that are there and all that are wanted.
	Progress progress.Func
}

// Fetch brings packages to disk and verifies each against its repository's
// metadata. The results are in the order of the packages. Cancelling it, or
// its failure, leaves only complete files and what the next run resumes.
func Fetch(ctx context.Context, packages []Wanted, opts FetchOptions) ([]Fetched, error) {
	if opts.Parallel <= 0 {
		opts.Parallel = 8
	}
	f := fetcher{progress: opts.Progress}
	for _, p := range packages {
		f.total += p.Package.Size
	}
	f.add(0)
	results := make([]Fetched, len(packages))
	first := map[fetch.Checksum]int{} // the same file is fetched once
	var again []int
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(opts.Parallel)
	for i, p := range packages {
		sum, err := fetch.ParseChecksum(p.Package.Checksum)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("fetching %s: %w", p.Package.NEVRA, err), group.Wait())
		}
		if _, ok := first[sum]; ok {
			again = append(again, i)
			continue
		}
		first[sum] = i
		group.Go(func() (err error) {
			results[i], err = f.fetch(groupCtx, p, sum)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	for _, i := range again {
		sum, err := fetch.ParseChecksum(packages[i].Package.Checksum)
		if err != nil {
			return nil, err
		}
		results[i] = results[first[sum]]
		f.add(packages[i].Package.Size)
	}
	return results, nil
}

// fetcher adds up the progress of a Fetch.
type fetcher struct {
	progress progress.Func
	total    int64

	mu   sync.Mutex
	done int64
}

func (f *fetcher) add(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done += n
	f.progress.Send("fetch", min(f.done, f.total), f.total)
}

func (f *fetcher) fetch(ctx context.Context, w Wanted, sum fetch.Checksum) (Fetched, error) {
	r, m := w.Repo, w.Package
	result := Fetched{Checksum: sum}
	most := int64(0)
	count := func(done int64) {
		if done > most { // a transfer that starts anew counts once
			f.add(done - most)
			most = done
		}
	}
	err := r.src.each(ctx, func(base string, attempts int) (err error) {
		result.Path, err = r.fetchFrom(ctx, base, m, sum, attempts, count)
		return err
	})
	if err != nil {
		return result, fmt.Errorf("fetching %s from %s: %w", m.NEVRA, r.cfg.position(), advise(err))
	}
	count(m.Size)
	return result, nil
}

// fetchFrom returns the path of a package that one address of the repository
// has.
func (r *Repository) fetchFrom(ctx context.Context, base string, m *rpm.Metadata, sum fetch.Checksum, attempts int, count func(int64)) (string, error) {
	address, err := r.address(base, m.BaseURL, m.Location)
	if err != nil {
		return "", err
	}
	path, local, err := fetch.LocalPath(address)
	if err != nil {
		return "", err
	}
	if local {
		return path, fetch.Verify(path, sum, m.Size)
	}
	cached := ""
	if r.cache.dir != "" {
		cached = r.cache.packagePath(sum)
	}
	return cached, r.fill(ctx, address, cached, sum, m.Size, attempts, count)
}
