package rpmrepo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/privatedir"
)

// cache is the folder that runs share. Nothing in it is believed: metadata and
// packages are checked against what names them, the rest carries a checksum of
// its own. A cache without a folder is empty and keeps nothing.
type cache struct {
	dir  string
	lock *os.File // shared, so that no prune takes files away
}

const (
	cacheRepoMD   = "repomd"
	cacheFiles    = "repomd/files"
	cacheKeys     = "repomd/keys"
	cachePools    = "repomd/pools"
	cachePackages = "packages"
	cacheLock     = "rpmrepo.lock"
)

func openCache(ctx context.Context, dir string) (*cache, error) {
	if dir == "" {
		return &cache{}, nil
	}
	c := &cache{dir: dir}
	if err := privatedir.Make(dir); err != nil {
		return nil, fmt.Errorf("making the cache %s: %w", dir, err)
	}
	for _, sub := range []string{cacheFiles, cacheKeys, cachePackages} {
		if err := os.MkdirAll(c.path(sub), 0o700); err != nil {
			return nil, fmt.Errorf("making the cache: %w", err)
		}
	}
	lock, err := lockCache(ctx, dir, unix.LOCK_SH)
	if err != nil {
		return nil, fmt.Errorf("locking the cache %s: %w", dir, err)
	}
	c.lock = lock
	return c, nil
}

// lockPause is how long to wait between two tries to get the lock.
const lockPause = 50 * time.Millisecond

// lockCache locks the cache until the file is closed. It waits for others
// until ctx ends. Where the file system knows no locks, nothing is locked.
func lockCache(ctx context.Context, dir string, how int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, cacheLock), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		case <-timer.C:
		}
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case err == nil, errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return f, nil
		case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, unix.EINTR):
			timer.Reset(lockPause)
		default:
			return nil, errors.Join(err, f.Close())
		}
	}
}

func (c *cache) close() error {
	if c.lock == nil {
		return nil
	}
	f := c.lock
	c.lock = nil
	return f.Close()
}

func (c *cache) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

// dataPath is where a metadata file belongs.
func (c *cache) dataPath(sum fetch.Checksum) string {
	return c.path(cacheFiles, sum.Algorithm()+"-"+sum.Hex())
}

// packagePath is where a package belongs.
func (c *cache) packagePath(sum fetch.Checksum) string {
	name := sum.Hex() + ".rpm"
	if sum.Algorithm() != "sha256" {
		name = sum.Algorithm() + "-" + name
	}
	return c.path(cachePackages, name)
}

// touch notes that a file was used: the times say so to Prune.
func touch(path string) {
	now := unix.Timespec{Nsec: unix.UTIME_NOW}
	_ = unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{now, now}, 0)
}

// keep writes what nothing else vouches for, after a line with its checksum. A
// file that is there already is only touched.
func (c *cache) keep(path string, data []byte) error {
	sum := sha256.Sum256(data)
	sealed := append([]byte(hex.EncodeToString(sum[:])+"\n"), data...)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, sealed) {
		touch(path)
		return nil
	}
	return atomicfile.WriteFile(path, sealed, 0o600)
}

// kept returns what keep wrote. It is os.ErrNotExist when it was damaged.
func (c *cache) kept(path string) ([]byte, error) {
	sealed, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	line, data, _ := bytes.Cut(sealed, []byte("\n"))
	sum := sha256.Sum256(data)
	if string(line) != hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("%s is damaged: %w", path, os.ErrNotExist)
	}
	touch(path)
	return data, nil
}

// state is what the cache remembers of a repository, in one file so that it is
// whole or absent.
type state struct {
	Version   int      `json:"version"`
	Bases     []string `json:"bases"`
	RepoMD    []byte   `json:"repomd"`
	Signature []byte   `json:"signature,omitempty"`
}

const stateVersion = 1

func (c *cache) statePath(cfg *RepoConfig) string {
	h := sha256.New()
	for _, s := range append([]string{cfg.ID, cfg.Metalink, cfg.MirrorList}, cfg.BaseURLs...) {
		fmt.Fprintf(h, "%q\n", s)
	}
	id := cleanID(cfg.ID)
	return c.path(cacheRepoMD, fmt.Sprintf("%.60s-%s.state", strings.TrimLeft(id, "."), hex.EncodeToString(h.Sum(nil)[:8])))
}

func (c *cache) saveState(cfg *RepoConfig, s state) error {
	if c.dir == "" {
		return nil
	}
	s.Version = stateVersion
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return c.keep(c.statePath(cfg), data)
}

// loadState returns what the last run saw; os.ErrNotExist when there was none.
func (c *cache) loadState(cfg *RepoConfig) (state, error) {
	var s state
	if c.dir == "" {
		return s, os.ErrNotExist
	}
	path := c.statePath(cfg)
	data, err := c.kept(path)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil || s.Version != stateVersion {
		return s, fmt.Errorf("%s is not a state of this version: %w", path, os.ErrNotExist)
	}
	return s, nil
}

// keyPath is where the key of a URL is remembered.
func (c *cache) keyPath(url string) string {
	sum := sha256.Sum256([]byte(url))
	return c.path(cacheKeys, hex.EncodeToString(sum[:16]))
}
