package rpmrepo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/internal/atomicfile"
)

// poolVersion changes when the same metadata is read in another way.
const poolVersion = 1

// maxPool bounds a snapshot: a pool's tables have places of 32 bits.
const maxPool = 8 << 30

// PoolKey names what a pool of this repository's packages is made of: its
// metadata, by checksum, and how this program reads it.
func (r *Repository) PoolKey() string {
	key := fmt.Sprintf("packages %d", poolVersion)
	for _, kind := range []string{"primary", "filelists"} {
		for _, d := range r.md.Variants(kind) {
			key += fmt.Sprintf(" %s %s", d.Type, d.Checksum)
		}
	}
	return key
}

// Pool is a snapshot of a resolver's packages, in memory. Who reads it checks
// it. The file is mapped, not copied: like the file of a running program it
// may be replaced or removed, but nobody may write into it.
type Pool struct {
	Data []byte // may be changed, which the file does not see
}

// OpenPool opens the snapshot that SavePool has left under a name;
// fs.ErrNotExist says that there is none. Close it, nothing may use Data then.
func OpenPool(cacheDir, name string) (*Pool, error) {
	c := &cache{dir: cacheDir}
	path := c.poolPath(name)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the pool of packages: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening the pool of packages: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > maxPool {
		return nil, fmt.Errorf("opening the pool of packages: %s: %w", path, fs.ErrNotExist)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("opening the pool of packages: %s: %w", path, err)
	}
	touch(path)
	return &Pool{Data: data}, nil
}

// Close frees the memory.
func (p *Pool) Close() error {
	if p == nil || p.Data == nil {
		return nil
	}
	data := p.Data
	p.Data = nil
	return unix.Munmap(data)
}

// SavePool keeps what write writes under a name, in place of what was there.
func SavePool(cacheDir, name string, write func(io.Writer) error) (err error) {
	c := &cache{dir: cacheDir}
	if err := os.MkdirAll(c.path(cachePools), 0o700); err != nil {
		return fmt.Errorf("keeping the pool of packages: %w", err)
	}
	f, err := atomicfile.Create(c.poolPath(name), 0o600)
	if err != nil {
		return fmt.Errorf("keeping the pool of packages: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Commit(); err != nil {
		return fmt.Errorf("keeping the pool of packages: %w", err)
	}
	return nil
}

// poolPath is where a snapshot belongs. Its name says which repositories it is
// of, not which revision: the newest one takes the place of the others.
func (c *cache) poolPath(name string) string {
	sum := sha256.Sum256([]byte(name))
	return c.path(cachePools, hex.EncodeToString(sum[:16]))
}
