package content

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// copyFile is one of the copies below layout/.
type copyFile struct {
	path string
	size int64
	used unix.Timespec
}

// layout removes the copies of contents that are not kept, and then those that
// were not linked for longest, until the others fit beside the contents.
func (p *pruner) layout(ctx context.Context, maxSize int64) error {
	var kept []copyFile
	err := filepath.WalkDir(p.s.path("layout"), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return errors.Join(err, context.Cause(ctx))
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		c := copyFile{path: path, size: info.Size()}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			c.used = unix.Timespec(st.Ctim) // a new link changes it
		}
		if _, known := p.keep[digestOfCopy(path)]; known {
			kept = append(kept, c)
			return nil
		}
		return p.remove(c)
	})
	if err != nil {
		return err
	}
	slices.SortFunc(kept, func(a, b copyFile) int {
		return cmp.Or(cmp.Compare(b.used.Nano(), a.used.Nano()), cmp.Compare(a.path, b.path))
	})
	full := false
	for _, c := range kept {
		if full = full || p.done.Kept+c.size > maxSize; !full {
			p.done.Kept += c.size
			continue
		}
		if err := p.remove(c); err != nil {
			return err
		}
	}
	return nil
}

func (p *pruner) remove(c copyFile) error {
	p.done.Files++
	p.done.Freed += c.size
	return os.Remove(c.path)
}

// digestOfCopy reads the digest from the path of a copy.
func digestOfCopy(path string) Digest {
	name := filepath.Base(path)
	const rest = 2*len(Digest{}) - 2
	if len(name) <= rest || name[rest] != '-' {
		return Digest{}
	}
	return digestOfPath(filepath.Join(filepath.Dir(path), name[:rest]))
}
