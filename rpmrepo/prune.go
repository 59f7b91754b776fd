package rpmrepo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Pruned counts what Prune removed and kept.
type Pruned struct {
	Files int   // removed
	Freed int64 // bytes
	Kept  int64 // bytes
}

// Prune removes packages and metadata from the cache until they take at most
// maxSize bytes: unfinished downloads first, then what was not used for
// longest. It waits until no repository of the cache is open.
func Prune(ctx context.Context, cacheDir string, maxSize int64) (Pruned, error) {
	done, err := prune(ctx, cacheDir, maxSize)
	if err != nil {
		return done, fmt.Errorf("pruning the cache %s: %w", cacheDir, err)
	}
	return done, nil
}

func prune(ctx context.Context, dir string, maxSize int64) (done Pruned, err error) {
	if _, err := os.Stat(filepath.Join(dir, cacheLock)); errors.Is(err, fs.ErrNotExist) {
		return done, nil // never used
	}
	lock, err := lockCache(ctx, dir, unix.LOCK_EX)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	files, err := cachedFiles(dir)
	if err != nil {
		return done, err
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return done, context.Cause(ctx)
		}
		if !f.unfinished && done.Kept+f.size <= maxSize {
			done.Kept += f.size
			continue
		}
		if err := os.Remove(f.path); err != nil {
			return done, err
		}
		done.Files++
		done.Freed += f.size
	}
	return done, nil
}

type cachedFile struct {
	path       string
	size       int64
	used       time.Time
	unfinished bool
}

// cachedFiles lists what may go, the most recently used first.
func cachedFiles(dir string) ([]cachedFile, error) {
	var files []cachedFile
	for _, sub := range []string{cacheRepoMD, cacheFiles, cacheKeys, cachePools, cachePackages} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				return nil, err
			}
			if info.Mode().IsRegular() {
				name := e.Name()
				files = append(files, cachedFile{
					path: filepath.Join(dir, sub, name), size: info.Size(), used: info.ModTime(),
					unfinished: strings.HasSuffix(name, ".part") || strings.HasSuffix(name, ".tmp"),
				})
			}
		}
	}
	slices.SortFunc(files, func(a, b cachedFile) int {
		return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.path, b.path))
	})
	return files, nil
}
