package content

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
	Packages, Files int   // removed
	Freed           int64 // bytes
	Kept            int64 // bytes
}

// Prune makes the store in dir smaller than maxSize bytes: it forgets the
// packages that were not used for longest, and then every content that no
// remaining package has. It waits until no compose uses the store.
func Prune(ctx context.Context, dir string, maxSize int64) (Pruned, error) {
	p := &pruner{s: &Store{dir: dir, removeAll: os.RemoveAll}, keep: map[Digest]struct{}{}}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return p.done, nil
	}
	l, err := acquire(ctx, p.s.path("lock"), unix.F_WRLCK)
	if err == nil {
		err = errors.Join(p.run(ctx, maxSize), l.unlock())
	}
	if err != nil {
		return p.done, fmt.Errorf("pruning the content store %s: %w", dir, err)
	}
	return p.done, nil
}

type pruner struct {
	s    *Store
	keep map[Digest]struct{}
	done Pruned
}

func (p *pruner) run(ctx context.Context, maxSize int64) error {
	if err := p.s.removeAbandoned(); err != nil {
		return err
	}
	if err := p.packages(ctx, maxSize); err != nil {
		return err
	}
	if err := p.signed(); err != nil {
		return err
	}
	if err := p.headers(); err != nil {
		return err
	}
	if err := p.files(ctx); err != nil {
		return err
	}
	if err := p.layout(ctx, maxSize); err != nil {
		return err
	}
	x, err := loadIndex(p.s.path("index"))
	if err != nil {
		return err
	}
	return p.s.writeIndex(x.records(func(d Digest) bool {
		_, kept := p.keep[d]
		return kept
	}))
}

type usedManifest struct {
	path string
	used time.Time
}

// packages removes manifests until the content of the others fits.
func (p *pruner) packages(ctx context.Context, maxSize int64) error {
	list, err := p.manifests()
	if err != nil {
		return err
	}
	full := false
	for _, u := range list {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		data, err := os.ReadFile(u.path)
		if err != nil {
			return err
		}
		m, err := decodeManifest(data)
		current := strings.HasSuffix(u.path, fmt.Sprintf(".%d", FormatVersion))
		if !full && err == nil && current && p.retain(m, int64(len(data))+p.headerSize(u.path), maxSize) {
			continue
		}
		full = full || err == nil && current
		if err := os.Remove(u.path); err != nil {
			return err
		}
		p.done.Packages++
		p.done.Freed += int64(len(data))
	}
	return nil
}

// manifests lists them, the most recently used first.
func (p *pruner) manifests() ([]usedManifest, error) {
	entries, err := os.ReadDir(p.s.path("manifests"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]usedManifest, 0, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		list = append(list, usedManifest{p.s.path("manifests", e.Name()), info.ModTime()})
	}
	slices.SortFunc(list, func(a, b usedManifest) int {
		return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.path, b.path))
	})
	return list, nil
}

// retain keeps a package's content if it fits beside what is kept already.
func (p *pruner) retain(m *Manifest, size, maxSize int64) bool {
	more := map[Digest]struct{}{}
	for i := range m.Files {
		f := &m.Files[i]
		if f.Content.IsZero() {
			continue
		}
		_, kept := p.keep[f.Content]
		_, counted := more[f.Content]
		if !kept && !counted {
			more[f.Content] = struct{}{}
			size += f.Size
		}
	}
	if p.done.Kept+size > maxSize {
		return false
	}
	p.done.Kept += size
	for d := range more {
		p.keep[d] = struct{}{}
	}
	return true
}

// signed removes what is known of the signatures of packages that are gone.
func (p *pruner) signed() error {
	entries, err := os.ReadDir(p.s.path("signed"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		manifest := p.s.path("manifests", fmt.Sprintf("%s.%d", e.Name(), FormatVersion))
		if _, err := os.Lstat(manifest); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Remove(p.s.path("signed", e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// files removes the contents that are not kept.
func (p *pruner) files(ctx context.Context) error {
	return filepath.WalkDir(p.s.path("files"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return errors.Join(err, context.Cause(ctx))
		}
		if _, kept := p.keep[digestOfPath(path)]; kept {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		p.done.Files++
		p.done.Freed += info.Size()
		return os.Remove(path)
	})
}

// digestOfPath reads the digest from a content's path; the zero Digest is no
// content's.
func digestOfPath(path string) Digest {
	d, _ := parseDigest(filepath.Base(filepath.Dir(path)) + filepath.Base(path))
	return d
}
