package delta

import (
	"context"
	"errors"

	"github.com/treewright/treewright/ostree"
)

// compare decides how an item is written.
func (g *generator) compare(ctx context.Context, it *item) error {
	if it.name.Type != ostree.ObjectFile {
		size, err := g.repo.ObjectSize(it.name)
		it.size = size
		return err
	}
	var err error
	if it.header, it.size, err = stat(ctx, g.repo, it.name.Checksum); err != nil {
		return err
	}
	if it.header.IsSymlink() {
		it.size = int64(len(it.header.Symlink))
		return nil
	}
	if it.old, err = g.old.find(ctx, it.path, it.size); err != nil {
		return err
	}
	if !it.old.IsZero() {
		if err := g.compareWith(ctx, it); err != nil {
			return err
		}
	}
	if it.kind == wholeItem && g.opts.fallback(it.size) {
		it.kind = fallbackItem
	}
	return nil
}

// compareWith looks for the new file's bytes in the old one: chunks when they
// make nearly all of it; a patch when it may be made and is worth it; chunks
// if they are at least some of it and the rest is small enough for a part.
func (g *generator) compareWith(ctx context.Context, it *item) (err error) {
	info, err := g.old.info(ctx, it.old)
	if err != nil {
		return err
	}
	mayPatch := !g.opts.DisableBsdiff && info.size+it.size <= g.opts.MaxBsdiffSize && bsdiffMemory(info.size, it.size) <= compareMemory
	need := info.size + it.size
	if mayPatch {
		need = bsdiffMemory(info.size, it.size)
	}
	need = min(need, compareMemory)
	if err := g.memory.Acquire(ctx, need); err != nil {
		return err
	}
	defer g.memory.Release(need)
	from, to, release, err := g.readBoth(ctx, it)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	it.matches = rollsum(from, to)
	same := matched(it.matches)
	if same >= it.size*9/10 && (!mayPatch || it.size >= g.opts.PatchBelow) {
		it.kind = chunksItem
		return nil
	}
	if mayPatch {
		if err := g.patch(ctx, it, from, to); err != nil || it.kind == patchItem {
			return err
		}
	}
	if same >= it.size/2 || same >= it.size/16 && same > 0 && !g.opts.fallback(it.size-same) {
		it.kind = chunksItem
	}
	return nil
}

// patch makes the item a patch, unless most of it would be new bytes.
func (g *generator) patch(ctx context.Context, it *item, from, to []byte) error {
	patch, fresh, err := bsdiff(ctx, from, to)
	if err != nil {
		return err
	}
	if fresh > it.size*9/10 || int64(len(patch)) > 2*it.size {
		return nil
	}
	it.patch = newSpool(g.dir, int64(len(patch)))
	if _, err := it.patch.Write(patch); err != nil {
		return err
	}
	it.kind = patchItem
	return nil
}

// readBoth gives the bytes of the old and the new file until release.
func (g *generator) readBoth(ctx context.Context, it *item) (from, to []byte, release func() error, err error) {
	old, err := readOld(ctx, g.repo, it.old, g.dir)
	if err != nil {
		return nil, nil, nil, err
	}
	fresh, err := readOld(ctx, g.repo, it.name.Checksum, g.dir)
	if err != nil {
		return nil, nil, nil, errors.Join(err, old.Close())
	}
	release = func() error { return errors.Join(old.Close(), fresh.Close()) }
	from, err = old.bytes()
	if err == nil {
		to, err = fresh.bytes()
	}
	if err != nil {
		return nil, nil, nil, errors.Join(err, release())
	}
	return from, to, release, nil
}
