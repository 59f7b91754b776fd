package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/compose/selinux"
	"github.com/treewright/treewright/ostree"
)

// labelFunc tells the SELinux label of a path.
type labelFunc func(path string, mode uint32) (string, bool)

// compatPolicy reads the policy of a tree, whose files read gives; nil for one
// that is not there. As with ostree, a tree without a policy labels nothing.
func compatPolicy(read func(path string) ([]byte, error)) (labelFunc, error) {
	tree := rootfs.New()
	data := func(n *rootfs.Node) ([]byte, error) { return n.Data, nil }
	add := func(path string) error {
		text, err := read(path)
		if err != nil || text == nil {
			return err
		}
		return tree.AddFile(path, 0o644, text)
	}
	for _, dir := range []string{"etc/selinux", "usr/etc/selinux"} {
		if err := add(dir + "/config"); err != nil {
			return nil, err
		}
		policy, err := selinux.PolicyName(tree, data)
		if err != nil {
			continue // no config
		}
		for _, suffix := range []string{"", ".homedirs", ".local", ".subs", ".subs_dist"} {
			if err := add(dir + "/" + policy + "/contexts/files/file_contexts" + suffix); err != nil {
				return nil, err
			}
		}
		break
	}
	contexts, err := selinux.Load(tree, data)
	var none *selinux.NoPolicyError
	if errors.As(err, &none) {
		return func(string, uint32) (string, bool) { return "", false }, nil
	}
	if err != nil {
		return nil, err
	}
	return contexts.Label, nil
}

// folderPolicy reads the policy of a root file system.
func folderPolicy(root string) (labelFunc, error) {
	if info, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return nil, compatf("opendir(%s): No such file or directory", root)
	} else if err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, compatf("opendir(%s): Not a directory", root)
	}
	return compatPolicy(func(path string) ([]byte, error) {
		text, err := os.ReadFile(filepath.Join(root, path))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
			return nil, nil
		}
		return append([]byte{}, text...), err
	})
}

// basePolicy takes the policy of the first tree.
func (m *compatMaker) basePolicy(ctx context.Context, edit *compatEdit, kind, value string) (err error) {
	if m.base != "" {
		kind, value = "ref", m.base
	}
	switch kind {
	case "tar":
		return compatf("Cannot use --selinux-policy-from-base with tar")
	case "dir":
		edit.label, err = folderPolicy(value)
		return err
	}
	root, err := m.refTree(ctx, value)
	if err != nil {
		return err
	}
	edit.label, err = compatPolicy(func(path string) ([]byte, error) {
		if !strings.HasPrefix(path, "usr/etc/") {
			return nil, nil // of a commit ostree reads that folder alone
		}
		return m.readFile(ctx, root, path)
	})
	return err
}

// readFile reads a small file of a tree; nil when it is not there.
func (m *compatMaker) readFile(ctx context.Context, root ostree.TreeDir, path string) (data []byte, err error) {
	e, found, err := ostree.Lookup(ctx, m.repo, root.Tree, root.Meta, path)
	if err != nil || !found || e.Type != ostree.ObjectFile {
		return nil, err
	}
	_, _, body, err := m.repo.OpenFile(ctx, e.File)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	data, err = io.ReadAll(io.LimitReader(body, 64<<20))
	return append([]byte{}, data...), err
}

// replacement finds what has a meaning of its own in a replacement text.
var replacement = regexp.MustCompile(`\\(\d|g<[^>]*>|.)|\$`)

// compatTarFilter reads "REGEX,REPLACEMENT".
func compatTarFilter(text string) (func(string) string, error) {
	pattern, to, ok := strings.Cut(text, ",")
	if !ok {
		return nil, compatf("Missing ',' in --tar-pathname-filter")
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, compatf("--tar-pathname-filter: %s", err)
	}
	to = replacement.ReplaceAllStringFunc(to, func(s string) string {
		switch {
		case s == "$":
			return "$$"
		case s[1] >= '0' && s[1] <= '9':
			return "${" + s[1:] + "}"
		case strings.HasPrefix(s, `\g<`):
			return "${" + s[3:len(s)-1] + "}"
		}
		return s[1:]
	})
	return func(name string) string { return re.ReplaceAllString(name, to) }, nil
}
