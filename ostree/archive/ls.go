package archive

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/treewright/treewright/ostree"
)

// LsEntry is a file or directory of a commit.
type LsEntry struct {
	Path   string // absolute
	Entry  ostree.Entry
	Header ostree.FileHeader // owner, mode and xattrs, of a directory too
	Size   int64             // of a regular file
}

// LsOptions say how deep Ls goes.
type LsOptions struct {
	Recursive bool // all below, not only the entries of the directory
	DirOnly   bool // the directory itself, not its entries
}

// Ls calls fn for what stands at a path of a commit: a file, or a directory
// and then its entries, files before directories, each sorted by name. A path
// that the commit lacks is ErrNotExist.
func (r *Repo) Ls(ctx context.Context, commit ostree.Checksum, name string, o LsOptions, fn func(LsEntry) error) error {
	c, err := r.Commit(ctx, commit)
	if err != nil {
		return err
	}
	top, found, err := ostree.Lookup(ctx, r, c.RootTree, c.RootMeta, name)
	if err != nil {
		return fmt.Errorf("commit %s: %w", commit, err)
	}
	name = path.Clean("/" + name)
	if !found {
		return absentError(fmt.Sprintf("%s is not in commit %s", name, commit))
	}
	show := func(p string, e ostree.Entry) error {
		entry, err := r.lsEntry(ctx, p, e)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		return fn(entry)
	}
	if top.Type == ostree.ObjectFile {
		return show(name, top)
	}
	return ostree.Walk(ctx, r, top.Tree, top.Meta, func(p string, e ostree.Entry) error {
		if err := show(path.Join(name, p), e); err != nil {
			return err
		}
		if o.DirOnly || !o.Recursive && p != "/" && e.Type == ostree.ObjectDirTree {
			return ostree.ErrSkipDir
		}
		return nil
	})
}

func (r *Repo) lsEntry(ctx context.Context, p string, e ostree.Entry) (LsEntry, error) {
	entry := LsEntry{Path: p, Entry: e}
	if e.Type == ostree.ObjectDirTree {
		m, err := r.DirMeta(ctx, e.Meta)
		entry.Header = ostree.FileHeader{UID: m.UID, GID: m.GID, Mode: m.Mode, Xattrs: m.Xattrs}
		return entry, err
	}
	n := ostree.ObjectName{Checksum: e.File, Type: ostree.ObjectFile}
	f, err := r.OpenObject(n)
	if err != nil {
		return entry, err
	}
	entry.Header, entry.Size, _, err = ostree.DecodeArchiveHeader(f)
	if err != nil {
		err = fmt.Errorf("object %s: %w", n, err)
	}
	return entry, errors.Join(err, f.Close())
}
