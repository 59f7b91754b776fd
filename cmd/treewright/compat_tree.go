package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
)

// writeTrees lays the trees of a command line over each other.
func (m *compatMaker) writeTrees(ctx context.Context) (root ostree.TreeDir, err error) {
	opts, err := m.treeOptions()
	if err != nil {
		return root, err
	}
	edit, err := m.newEdit()
	if err != nil {
		return root, err
	}
	first := true
	if m.base != "" {
		if root, err = m.refTree(ctx, m.base); err != nil {
			return root, err
		}
		first = false
	}
	for _, t := range m.trees {
		kind, value, ok := strings.Cut(t, "=")
		if !ok {
			return root, compatf("Missing type in tree specification '%s'", t)
		}
		next, err := m.writeTree(ctx, kind, value, opts)
		if err == nil && edit != nil {
			next, err = m.txn.EditTree(ctx, next, edit.apply)
		}
		if err == nil && !first {
			next, err = m.txn.Overlay(ctx, root, next)
		}
		if err != nil {
			return root, err
		}
		root, first = next, false
	}
	if edit != nil {
		return root, edit.unused()
	}
	return root, nil
}

func (m *compatMaker) writeTree(ctx context.Context, kind, value string, opts archive.TreeOptions) (ostree.TreeDir, error) {
	switch kind {
	case "dir":
		return m.txn.WriteDir(ctx, value, opts)
	case "tar":
		return m.tarTree(ctx, value, opts)
	case "ref":
		tree, err := m.refTree(ctx, value)
		if err != nil || opts == (archive.TreeOptions{}) {
			return tree, err
		}
		return m.txn.EditTree(ctx, tree, func(_ string, h ostree.FileHeader) (ostree.FileHeader, bool) { return compatHeader(h, opts), true })
	}
	return ostree.TreeDir{}, compatf("Invalid tree type specification '%s'", kind)
}

// compatHeader changes the owner, mode and xattrs of what a commit holds.
func compatHeader(h ostree.FileHeader, o archive.TreeOptions) ostree.FileHeader {
	if o.OwnerUID != nil {
		h.UID = *o.OwnerUID
	}
	if o.OwnerGID != nil {
		h.GID = *o.OwnerGID
	}
	if o.NoXattrs || o.CanonicalPermissions {
		h.Xattrs = nil
	}
	if o.CanonicalPermissions {
		h.UID, h.GID = 0, 0
		if !h.IsSymlink() {
			h.Mode &= ostree.ModeType | 0o755
		}
	}
	return h
}

func (m *compatMaker) refTree(ctx context.Context, rev string) (ostree.TreeDir, error) {
	sum, err := m.c.resolve(ctx, m.repo, rev)
	if err != nil {
		return ostree.TreeDir{}, err
	}
	commit, err := m.repo.Commit(ctx, sum)
	if err != nil {
		return ostree.TreeDir{}, err
	}
	return ostree.TreeDir{Tree: commit.RootTree, Meta: commit.RootMeta}, nil
}

// tarTree reads a tar file, which gzip may have compressed.
func (m *compatMaker) tarTree(ctx context.Context, path string, opts archive.TreeOptions) (tree ostree.TreeDir, err error) {
	f, err := os.Open(path)
	if err != nil {
		return tree, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf := bufio.NewReaderSize(f, 1<<20)
	src := io.Reader(buf)
	if magic, _ := buf.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		if src, err = gzip.NewReader(buf); err != nil {
			return tree, err
		}
	}
	return m.txn.WriteTar(ctx, src, opts)
}

func (m *compatMaker) treeOptions() (archive.TreeOptions, error) {
	o := archive.TreeOptions{NoXattrs: m.noXattrs, CanonicalPermissions: m.canonical}
	config, err := m.repo.Config()
	if err != nil {
		return o, err
	}
	if v, _ := config.Get("core", "disable-xattrs"); v == "true" {
		o.NoXattrs = true
	}
	if m.uid >= 0 {
		id := uint32(m.uid)
		o.OwnerUID = &id
	}
	if m.gid >= 0 {
		id := uint32(m.gid)
		o.OwnerGID = &id
	}
	return o, nil
}

// compatEdit is what --statoverride, --skip-list and --mode-ro-executables say.
// As with ostree, a line counts for the first tree that has its path.
type compatEdit struct {
	readOnly  bool
	canonical bool
	add, set  map[string]uint32 // modes by path
	skip      map[string]bool
}

func (m *compatMaker) newEdit() (*compatEdit, error) {
	if m.override == "" && m.skipList == "" && !m.readOnly {
		return nil, nil
	}
	e := &compatEdit{readOnly: m.readOnly, canonical: m.canonical, add: map[string]uint32{}, set: map[string]uint32{}, skip: map[string]bool{}}
	lines, err := compatLines(m.override)
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		text, path, ok := strings.Cut(line, " ")
		if !ok {
			return nil, compatf("Malformed statoverride file (no space found)")
		}
		to := e.add
		if strings.HasPrefix(text, "=") {
			to = e.set
		}
		mode, err := strconv.ParseUint(strings.TrimLeft(text, "=+"), 10, 32)
		if err != nil {
			return nil, compatf("Malformed statoverride file (no mode in '%s')", line)
		}
		to[filepath.Join("/", path)] = uint32(mode)
	}
	skips, err := compatLines(m.skipList)
	for _, path := range skips {
		e.skip[filepath.Join("/", path)] = true
	}
	return e, err
}

// compatLines reads the lines of a file that are not empty; none of "".
func compatLines(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	return slices.DeleteFunc(strings.Split(string(data), "\n"), func(l string) bool { return strings.TrimSpace(l) == "" }), err
}

func (e *compatEdit) apply(path string, h ostree.FileHeader) (ostree.FileHeader, bool) {
	if e.skip[path] {
		delete(e.skip, path)
		return h, false
	}
	if h.IsSymlink() {
		return h, true
	}
	if e.readOnly && h.Mode&ostree.ModeType == ostree.ModeRegular && h.Mode&0o111 != 0 {
		h.Mode &^= 0o222
	}
	if mode, ok := e.set[path]; ok {
		h.Mode = h.Mode&ostree.ModeType | mode
		delete(e.set, path)
	}
	h.Mode |= e.add[path]
	delete(e.add, path)
	if e.canonical {
		h = h.CanonicalPermissions() // which ostree makes the last word
	}
	return h, true
}

// unused refuses lines for paths that no tree has.
func (e *compatEdit) unused() error {
	for _, modes := range []map[string]uint32{e.add, e.set} {
		for path := range modes {
			return compatf("Unmatched statoverride paths: %s", path)
		}
	}
	for path := range e.skip {
		return compatf("Unmatched skip-list paths: %s", path)
	}
	return nil
}

// compatSizes makes ostree.sizes: of each object of the commit its checksum,
// its size as it is stored and as it is unpacked, and its type.
func compatSizes(ctx context.Context, repo *archive.Repo, commit *ostree.Commit) (gvariant.Value, error) {
	var names []ostree.ObjectName
	err := ostree.Reachable(ctx, repo, commit.RootTree, commit.RootMeta, func(n ostree.ObjectName) error {
		names = append(names, n)
		return nil
	})
	if err != nil {
		return gvariant.Value{}, err
	}
	slices.SortFunc(names, ostree.ObjectName.Compare)
	entries := make([]gvariant.Value, len(names))
	for i, n := range names {
		stored, err := repo.ObjectSize(n)
		if err != nil {
			return gvariant.Value{}, err
		}
		unpacked := stored
		if n.Type == ostree.ObjectFile {
			h, size, body, err := repo.OpenFile(ctx, n.Checksum)
			if err != nil {
				return gvariant.Value{}, err
			}
			if err := body.Close(); err != nil {
				return gvariant.Value{}, err
			}
			if unpacked = size; h.IsSymlink() {
				unpacked = int64(len(h.Symlink))
			}
		}
		entry := binary.AppendUvarint(slices.Clone(n.Checksum[:]), uint64(stored))
		entries[i] = gvariant.Bytes(append(binary.AppendUvarint(entry, uint64(unpacked)), byte(n.Type)))
	}
	return gvariant.Array("ay", entries...), nil
}
