package archive

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/treewright/treewright/ostree"
	"golang.org/x/sys/unix"
)

// sweep deletes what is not marked, or counts it. The order makes that at any
// moment every commit has what it needs: tombstones, commits, deltas to these,
// then what they needed.
func (p *pruner) sweep(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"prune tombstones", p.writeTombstones},
		{"prune commits", p.sweepCommits},
		{"prune deltas", p.sweepDeltas},
		{"prune objects", p.sweepObjects},
	} {
		if err := cmpErr(ctx.Err(), p.repo.crash(step.name)); err != nil {
			return err
		}
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	if p.opts.DryRun {
		return nil
	}
	return p.repo.touch()
}

// remove deletes a file below a directory and returns its size; with DryRun it
// stays. It may be gone already.
func (p *pruner) remove(dir int, name string) (size int64, was bool, err error) {
	var st unix.Stat_t
	err = retry(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err == unix.ENOENT {
		return 0, false, nil
	}
	if err == nil && !p.opts.DryRun {
		return st.Size, true, unlinkAt(dir, name)
	}
	return st.Size, true, pathError("stat", name, err)
}

// writeTombstones says of the commits that they were deleted on purpose, if
// the repository keeps such notes.
func (p *pruner) writeTombstones(ctx context.Context) (err error) {
	if p.opts.DryRun || !p.repo.settings().tombstones {
		return nil
	}
	s, err := p.repo.newStaging(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	return p.index.unmarked(ostree.ObjectCommit, func(n ostree.ObjectName) error {
		return p.repo.writeTombstone(s, n.Checksum)
	})
}

// sweepCommits deletes commits with what belongs to them. Their removal is
// durable when it returns.
func (p *pruner) sweepCommits(ctx context.Context) error {
	var dirs []string
	err := p.index.unmarked(ostree.ObjectCommit, func(n ostree.ObjectName) error {
		size, was, err := p.remove(p.repo.objects, n.ArchivePath())
		if err != nil || !was {
			return err
		}
		p.report.Commits++
		p.report.Bytes += size
		if dir := n.ArchivePath()[:2]; len(dirs) == 0 || dirs[len(dirs)-1] != dir {
			dirs = append(dirs, dir)
		}
		if _, _, err := p.remove(p.repo.root, partialPath(n.Checksum)); err != nil {
			return err
		}
		return cmpErr(ctx.Err(), p.repo.crash("prune commit"))
	})
	if err != nil {
		return err
	}
	err = p.index.unmarked(ostree.ObjectCommitMeta, func(n ostree.ObjectName) error {
		_, was, err := p.remove(p.repo.objects, n.ArchivePath())
		if was && err == nil {
			p.report.CommitMetas++
		}
		return err
	})
	if err != nil || p.opts.DryRun || !p.repo.settings().fsync {
		return err
	}
	for _, dir := range dirs {
		if err := syncDir(p.repo.objects, dir); err != nil {
			return err
		}
	}
	return nil
}

// sweepObjects deletes what only commits needed that are gone.
func (p *pruner) sweepObjects(ctx context.Context) error {
	if p.opts.CommitOnly {
		return nil
	}
	done := int64(0)
	sweep := func(count *int64) func(ostree.ObjectName) error {
		return func(n ostree.ObjectName) error {
			if done++; done%256 == 1 {
				p.repo.progress("delete", done, 0)
				if err := cmpErr(ctx.Err(), p.repo.crash("prune object")); err != nil {
					return err
				}
			}
			size, was, err := p.remove(p.repo.objects, n.ArchivePath())
			if was && err == nil {
				*count++
				p.report.Bytes += size
			}
			return err
		}
	}
	for _, t := range []ostree.ObjectType{ostree.ObjectDirTree, ostree.ObjectDirMeta} {
		if err := p.index.unmarked(t, sweep(&p.report.Meta)); err != nil {
			return err
		}
	}
	return p.index.unmarkedFiles(p.repo, sweep(&p.report.Files))
}

// sweepDeltas deletes the static deltas to commits that are gone, and the
// indexes of these.
func (p *pruner) sweepDeltas(ctx context.Context) error {
	err := p.eachDelta("deltas", func(path, name string) error {
		from, to, both := strings.Cut(name, "-")
		if !both {
			to = from
		}
		if !p.isGone(to) {
			return nil
		}
		p.report.Deltas++
		return cmpErr(ctx.Err(), p.removeDelta(path))
	})
	if err != nil {
		return err
	}
	return p.eachDelta("delta-indexes", func(path, name string) error {
		to, ok := strings.CutSuffix(name, ".index")
		if !ok || !p.isGone(to) {
			return nil
		}
		size, _, err := p.remove(p.repo.root, path)
		p.report.DeltaBytes += size
		return cmpErr(ctx.Err(), err)
	})
}

// isGone tells whether a commit, named as deltas name it, is not kept.
func (p *pruner) isGone(name string) bool {
	data, err := base64.RawStdEncoding.Strict().DecodeString(strings.ReplaceAll(name, "_", "/"))
	if err != nil {
		return false // no delta of ours or of the C tool
	}
	c, err := ostree.ChecksumFromBytes(data)
	return err == nil && !p.index.isMarked(ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommit})
}

// eachDelta calls fn with the path, below the repository, and the whole name
// of each entry of "deltas" or "delta-indexes": "AB/CDE-TO" is named "ABCDE-TO".
func (p *pruner) eachDelta(top string, fn func(path, name string) error) error {
	dirs, err := p.list(top)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		path := filepath.Join(top, dir)
		names, err := p.list(path)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := fn(filepath.Join(path, name), dir+name); err != nil {
				return err
			}
		}
		if !p.opts.DryRun {
			p.removeIfEmpty(path)
		}
	}
	return nil
}

// list returns the names in a directory, none where there is no such directory.
func (p *pruner) list(path string) ([]string, error) {
	full := filepath.Join(p.repo.path, path)
	if info, err := os.Lstat(full); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return nil, nil
	}
	entries, err := os.ReadDir(full)
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// removeDelta deletes a delta, its superblock first: without it there is none.
func (p *pruner) removeDelta(path string) error {
	names, err := p.list(path)
	if err != nil {
		return err
	}
	for _, name := range append([]string{"superblock"}, names...) {
		size, _, err := p.remove(p.repo.root, filepath.Join(path, name))
		if err != nil {
			return err
		}
		if name != "superblock" || !p.opts.DryRun {
			p.report.DeltaBytes += size
		}
	}
	if !p.opts.DryRun {
		p.removeIfEmpty(path)
	}
	return nil
}

// removeIfEmpty leaves a directory that is not empty, or that somebody else owns.
func (p *pruner) removeIfEmpty(path string) {
	_ = unix.Unlinkat(p.repo.root, path, unix.AT_REMOVEDIR)
}
