package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/treewright/treewright/compose/selinux"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// writeTrees lays the trees of a command line over each other.
func (m *compatMaker) writeTrees(ctx context.Context) (root ostree.TreeDir, err error) {
	opts, edit, err := m.treeOptions()
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
	for i, t := range m.trees {
		kind, value, ok := strings.Cut(t, "=")
		if !ok {
			return root, compatf("Missing type in tree specification '%s'", t)
		}
		if m.policyFromBase && i == 0 {
			if err := m.basePolicy(ctx, edit, kind, value); err != nil {
				return root, err
			}
		}
		next, err := m.writeTree(ctx, kind, value, opts)
		if err == nil && !first {
			next, err = m.txn.Overlay(ctx, root, next)
		}
		if err != nil {
			return root, err
		}
		root, first = next, false
	}
	return root, edit.unused(m.c.env.stderr)
}

func (m *compatMaker) writeTree(ctx context.Context, kind, value string, opts archive.TreeOptions) (ostree.TreeDir, error) {
	switch kind {
	case "dir":
		return m.txn.WriteDir(ctx, value, opts)
	case "tar":
		return m.tarTree(ctx, value, opts)
	case "ref":
		tree, err := m.refTree(ctx, value)
		if err != nil || opts.OwnerUID == nil && opts.OwnerGID == nil && !opts.NoXattrs && !opts.CanonicalPermissions && opts.Edit == nil {
			return tree, err
		}
		return m.txn.EditTree(ctx, tree, func(path string, h ostree.FileHeader) (ostree.FileHeader, bool) {
			h = compatHeader(h, opts)
			if opts.Edit == nil {
				return h, true
			}
			return opts.Edit(path, h)
		})
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

// tarTree reads a tar file, of standard input for "-", which gzip may have
// compressed.
func (m *compatMaker) tarTree(ctx context.Context, path string, opts archive.TreeOptions) (tree ostree.TreeDir, err error) {
	in := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return tree, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	buf := bufio.NewReaderSize(in, 1<<20)
	src := io.Reader(buf)
	if magic, _ := buf.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		if src, err = gzip.NewReader(buf); err != nil {
			return tree, err
		}
	}
	return m.txn.WriteTar(ctx, src, opts)
}

// treeOptions say what is changed of files, besides what the edit does.
func (m *compatMaker) treeOptions() (o archive.TreeOptions, edit *compatEdit, err error) {
	o = archive.TreeOptions{NoXattrs: m.noXattrs, CanonicalPermissions: m.canonical}
	config, err := m.repo.Config()
	if err != nil {
		return o, nil, err
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
	if edit, err = m.newEdit(); err != nil {
		return o, nil, err
	}
	if edit.any() || m.policyFromBase {
		o.Edit = edit.apply
	}
	if m.tarFilter != "" {
		if o.TarName, err = compatTarFilter(m.tarFilter); err != nil {
			return o, edit, err
		}
	}
	return o, edit, err
}

// compatEdit is what --statoverride, --skip-list, --mode-ro-executables and
// --selinux-policy say. As with ostree, a line counts for the first tree that
// has its path.
type compatEdit struct {
	readOnly  bool
	canonical bool
	label     func(path string, mode uint32) (string, bool)

	mu       sync.Mutex
	add, set map[string]uint32 // modes by path
	skip     map[string]bool
}

// any tells whether anything is to be edited.
func (e *compatEdit) any() bool {
	return e.readOnly || e.label != nil || len(e.add)+len(e.set)+len(e.skip) > 0
}

func (m *compatMaker) newEdit() (*compatEdit, error) {
	e := &compatEdit{readOnly: m.readOnly, canonical: m.canonical, add: map[string]uint32{}, set: map[string]uint32{}, skip: map[string]bool{}}
	if m.policy != "" {
		var err error
		if e.label, err = folderPolicy(m.policy); err != nil {
			return nil, err
		}
	}
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
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.skip[path] {
		delete(e.skip, path)
		return h, false
	}
	if !h.IsSymlink() {
		h.Mode = e.mode(path, h.Mode)
	}
	if e.canonical {
		h = h.CanonicalPermissions() // which ostree makes the last word
	}
	if e.label == nil {
		return h, true
	}
	h.Xattrs = slices.DeleteFunc(slices.Clone(h.Xattrs), func(x ostree.Xattr) bool { return x.Name == selinux.Attribute })
	if label, ok := e.label(path, h.Mode); ok {
		h.Xattrs = append(h.Xattrs, ostree.Xattr{Name: selinux.Attribute, Value: []byte(label + "\x00")})
		slices.SortFunc(h.Xattrs, func(a, b ostree.Xattr) int { return strings.Compare(a.Name, b.Name) })
	}
	return h, true
}

func (e *compatEdit) mode(path string, mode uint32) uint32 {
	if e.readOnly && mode&ostree.ModeType == ostree.ModeRegular && mode&0o111 != 0 {
		mode &^= 0o222
	}
	if set, ok := e.set[path]; ok {
		mode = mode&ostree.ModeType | set
		delete(e.set, path)
	}
	mode |= e.add[path]
	delete(e.add, path)
	return mode
}

// unused refuses lines for paths that no tree has.
func (e *compatEdit) unused(stderr io.Writer) error {
	for path := range e.add {
		fmt.Fprintf(stderr, "Unmatched statoverride path: %s\n", path)
	}
	for path := range e.skip {
		fmt.Fprintf(stderr, "Unmatched skip-list path: %s\n", path)
	}
	switch {
	case len(e.add) > 0:
		return compatf("Unmatched statoverride paths")
	case len(e.skip) > 0:
		return compatf("Unmatched skip-list paths")
	}
	return nil
}
