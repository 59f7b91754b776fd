package ostree

import (
	"context"
	"fmt"
	"path"
)

// LsEntry is a file or directory of a commit.
type LsEntry struct {
	Path   string // absolute
	Entry  Entry
	Header FileHeader // owner, mode and xattrs, of a directory too
	Size   int64      // of a regular file
}

// LsOptions say how deep Ls goes.
type LsOptions struct {
	Recursive bool // all below, not only the entries of the directory
	DirOnly   bool // the directory itself, not its entries
}

// Ls calls fn for what stands at a path of a commit: a file, or a directory
// and then its entries, files before directories, each sorted by name. A path
// that the commit lacks is ErrNotExist.
func Ls(ctx context.Context, r Reader, commit Checksum, name string, o LsOptions, fn func(LsEntry) error) error {
	c, err := ReadCommit(ctx, r, commit)
	if err != nil {
		return err
	}
	top, found, err := Lookup(ctx, r, c.RootTree, c.RootMeta, name)
	if err != nil {
		return fmt.Errorf("commit %s: %w", commit, err)
	}
	name = path.Clean("/" + name)
	if !found {
		return absentError(fmt.Sprintf("%s is not in commit %s", name, commit))
	}
	show := func(p string, e Entry) error {
		entry, err := lsEntry(ctx, r, p, e)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		return fn(entry)
	}
	if top.Type == ObjectFile {
		return show(name, top)
	}
	return Walk(ctx, r, top.Tree, top.Meta, func(p string, e Entry) error {
		if err := show(path.Join(name, p), e); err != nil {
			return err
		}
		if o.DirOnly || !o.Recursive && p != "/" && e.Type == ObjectDirTree {
			return ErrSkipDir
		}
		return nil
	})
}

func lsEntry(ctx context.Context, r Reader, p string, e Entry) (LsEntry, error) {
	entry := LsEntry{Path: p, Entry: e}
	var err error
	if e.Type == ObjectDirTree {
		var m DirMeta
		m, err = ReadDirMeta(ctx, r, e.Meta)
		entry.Header = FileHeader{UID: m.UID, GID: m.GID, Mode: m.Mode, Xattrs: m.Xattrs}
	} else {
		entry.Header, entry.Size, err = r.StatFile(ctx, e.File)
	}
	return entry, err
}
