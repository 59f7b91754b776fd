package ostree

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/treewright/treewright/internal/ctxio"
)

// ExportOptions tune ExportTar. The zero ExportOptions export all of a commit.
type ExportOptions struct {
	Subpath string // of the commit; it becomes the root
	Prefix  string // goes before every path
	// Progress hears how many files are written.
	Progress func(stage string, done, total int64)
}

// paxXattr starts the names of PAX records that hold xattrs.
const paxXattr = "SCHILY.xattr."

// ExportTar writes the tree of a commit as a tar file: owners are numbers,
// xattrs are PAX records, the time of everything is the commit's. The same
// commit gives the same bytes. Content that is damaged is an error, after
// which the file is of no use.
func ExportTar(ctx context.Context, r Reader, commit Checksum, w io.Writer, o ExportOptions) error {
	c, err := ReadCommit(ctx, r, commit)
	if err != nil {
		return err
	}
	e := exporter{reader: r, tar: tar.NewWriter(w), time: time.Unix(int64(min(c.Timestamp, 1<<33)), 0), opts: o}
	top := path.Clean("/" + o.Subpath)
	err = Ls(ctx, r, commit, top, LsOptions{Recursive: true}, func(entry LsEntry) error {
		rel := strings.TrimPrefix(strings.TrimPrefix(entry.Path, top), "/")
		if rel == "" && entry.Entry.Type == ObjectFile {
			rel = path.Base(top)
		}
		if err := e.entry(ctx, rel, entry); err != nil {
			return fmt.Errorf("%s: %w", entry.Path, err)
		}
		return nil
	})
	if err == nil {
		err = e.tar.Close()
	}
	if err != nil {
		return fmt.Errorf("exporting commit %s: %w", commit, err)
	}
	return nil
}

type exporter struct {
	reader Reader
	tar    *tar.Writer
	time   time.Time
	opts   ExportOptions
	files  int64
}

func (e *exporter) entry(ctx context.Context, rel string, entry LsEntry) (err error) {
	h := entry.Header
	hdr := &tar.Header{
		Name: "./" + path.Join(strings.Trim(e.opts.Prefix, "/"), rel), Mode: int64(h.Mode & 0o7777), Uid: int(h.UID), Gid: int(h.GID),
		ModTime: e.time, Format: tar.FormatPAX, Typeflag: tar.TypeReg, Size: entry.Size,
	}
	for _, x := range h.Xattrs {
		if hdr.PAXRecords == nil {
			hdr.PAXRecords = map[string]string{}
		}
		hdr.PAXRecords[paxXattr+x.Name] = string(x.Value)
	}
	switch {
	case entry.Entry.Type == ObjectDirTree:
		hdr.Typeflag, hdr.Name = tar.TypeDir, strings.TrimSuffix(hdr.Name, "/")+"/"
	case h.IsSymlink():
		hdr.Typeflag, hdr.Linkname = tar.TypeSymlink, h.Symlink
	}
	if err := e.tar.WriteHeader(hdr); err != nil {
		return err
	}
	if hdr.Typeflag != tar.TypeReg {
		return nil
	}
	_, _, src, err := e.reader.OpenFile(ctx, entry.Entry.File)
	if err != nil {
		return err
	}
	_, err = io.Copy(e.tar, ctxio.Reader(ctx, src))
	if closed := src.Close(); err == nil {
		err = closed
	}
	if e.files++; e.files%256 == 0 && e.opts.Progress != nil {
		e.opts.Progress("export", e.files, 0)
	}
	return err
}
