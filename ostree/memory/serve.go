package memory

import (
	"bytes"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/treewright/treewright/ostree"
)

// config is that of a new archive repository.
const config = "[core]\nrepo_version=1\nmode=archive-z2\n"

// FS returns the files of an archive repository, as clients fetch them: config,
// refs and objects. Give it to http.FileServerFS and ostree pulls from the
// Store. It has no folders to list and no summary, so clients must name refs.
func (s *Store) FS() fs.FS { return files{s} }

type files struct{ store *Store }

// Open opens a file, which implements io.Seeker.
func (f files) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	data, ok := f.store.file(name)
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{Reader: bytes.NewReader(data), name: path.Base(name)}, nil
}

func (s *Store) file(name string) ([]byte, bool) {
	if name == "config" {
		return []byte(config), true
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	object, isObject := strings.CutPrefix(name, "objects/")
	if !isObject {
		c, ok := s.refs[name]
		return []byte(c.String() + "\n"), ok
	}
	hex, _, _ := strings.Cut(strings.Replace(object, "/", "", 1), ".")
	c, err := ostree.ParseChecksum(hex)
	if err != nil {
		return nil, false
	}
	if object == (ostree.ObjectName{Checksum: c, Type: ostree.ObjectCommitMeta}).ArchivePath() {
		data, ok := s.metas[c]
		return data, ok
	}
	for _, typ := range []ostree.ObjectType{ostree.ObjectFile, ostree.ObjectDirTree, ostree.ObjectDirMeta, ostree.ObjectCommit} {
		if n := (ostree.ObjectName{Checksum: c, Type: typ}); object == n.ArchivePath() {
			data, ok := s.objects[n]
			return data, ok
		}
	}
	return nil, false
}

// file is an open file, and what is known of it.
type file struct {
	*bytes.Reader
	name string
}

func (f *file) Stat() (fs.FileInfo, error) { return info{f.name, f.Reader.Size()}, nil }
func (f *file) Close() error               { return nil }

type info struct {
	name string
	size int64
}

func (i info) Name() string     { return i.name }
func (info) Mode() fs.FileMode  { return 0o444 }
func (info) ModTime() time.Time { return time.Time{} }
func (info) IsDir() bool        { return false }
func (info) Sys() any           { return nil }
func (i info) Size() int64      { return i.size }
