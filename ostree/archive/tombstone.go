package archive

import (
	"context"
	"errors"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
)

func tombstoneName(c ostree.Checksum) ostree.ObjectName {
	return ostree.ObjectName{Checksum: c, Type: ostree.ObjectTombstone}
}

// writeTombstone says of a commit that it was deleted on purpose.
func (r *Repo) writeTombstone(s *staging, c ostree.Checksum) error {
	n := tombstoneName(c)
	note := gvariant.Dict{{Key: "commit", Value: gvariant.ByteString(c.String())}}
	if err := s.write(stagedName(n), note.Encode().Data()); err != nil {
		return err
	}
	if r.settings().fsync {
		if err := syncFile(s.dir, stagedName(n)); err != nil {
			return err
		}
	}
	if _, err := mkdirAt(r.objects, n.ArchivePath()[:2], subDirMode); err != nil {
		return err
	}
	return renameAt(s.dir, stagedName(n), r.objects, n.ArchivePath())
}

// AddTombstones leaves a note for each commit that is the parent of another one
// and is not here, and has the config say that the repository keeps such notes.
// Without any nothing changes. It returns the commits that got a note.
func (r *Repo) AddTombstones(ctx context.Context) (added []ostree.Checksum, err error) {
	lock, err := r.lockShared(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	commits, err := r.Commits(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range commits {
		commit, err := r.Commit(ctx, c)
		if err != nil {
			return nil, err
		}
		if commit.Parent.IsZero() {
			continue
		}
		known := false
		for _, n := range []ostree.ObjectName{{Checksum: commit.Parent, Type: ostree.ObjectCommit}, tombstoneName(commit.Parent)} {
			have, err := r.HasObject(n)
			if err != nil {
				return nil, err
			}
			known = known || have
		}
		if !known {
			added = append(added, commit.Parent)
		}
	}
	if len(added) == 0 {
		return nil, nil
	}
	s, err := r.newStaging(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.remove()) }()
	for _, c := range added {
		if err := r.writeTombstone(s, c); err != nil {
			return nil, err
		}
	}
	return added, r.SetConfig("core", "tombstone-commits", "true")
}
