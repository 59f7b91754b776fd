package rootfs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/ostree"
)

// SetData replaces the content of a regular file. Owner, mode, attributes and
// package stay.
func (n *Node) SetData(data []byte) {
	if data == nil {
		data = []byte{}
	}
	n.Data, n.Size, n.Content, n.Object = data, int64(len(data)), content.DigestOf(data), ostree.Checksum{}
}

// Follow returns the place of path, relative to the root: symbolic links on the
// way and at its end are followed, and ".." never leaves the root. What is
// absent stays as it is written. The root is "".
func (t *Tree) Follow(path string) (string, error) {
	var place []string
	nodes := []*Node{t.Root} // of the root and of each part of place; nil when absent
	for rest, links := path, 0; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		switch part {
		case "", ".":
			continue
		case "..":
			place, nodes = place[:max(len(place)-1, 0)], nodes[:max(len(nodes)-1, 1)]
			continue
		}
		var n *Node
		if dir := nodes[len(nodes)-1]; dir != nil {
			n = dir.Child(part)
		}
		if n == nil || !n.IsSymlink() {
			place, nodes = append(place, part), append(nodes, n)
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("following /%s: %w", strings.Trim(path, "/"), errLinkLoop)
		}
		if strings.HasPrefix(n.Target, "/") {
			place, nodes = place[:0], nodes[:1]
		}
		rest = n.Target + "/" + rest
	}
	return strings.Join(place, "/"), nil
}

// FollowDir is Follow for all but the last part of path: it tells where an entry
// lies whose own link, if it is one, is meant.
func (t *Tree) FollowDir(path string) (string, error) {
	path = strings.Trim(path, "/")
	i := strings.LastIndexByte(path, '/')
	if err := ostree.ValidateFilename(path[i+1:]); err != nil {
		return "", fmt.Errorf("looking for /%s: %w", path, err)
	}
	if i < 0 {
		return path, nil
	}
	dir, err := t.Follow(path[:i])
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(dir+"/"+path[i+1:], "/"), nil
}

// Put puts the file or link n at path and returns what it replaces, if anything.
// Directories above it are made, links on the way are followed; a directory is
// not replaced.
func (t *Tree) Put(path string, n *Node) (old *Node, err error) {
	place, err := t.FollowDir(path)
	if err != nil {
		return nil, err
	}
	if old = t.Lookup(place); old != nil && old.IsDir() {
		return nil, fmt.Errorf("adding /%s: %w", place, errIsDir)
	}
	t.Detach(place)
	return old, t.Attach(place, n)
}

var errIsDir = errors.New("a directory is there")

// NewFile returns a regular file of root's with content that no package brought.
func NewFile(mode uint32, data []byte) *Node {
	n := &Node{Mode: ostree.ModeRegular | mode&0o7777, User: "root", Group: "root", Package: NoPackage}
	n.SetData(data)
	return n
}

// NewSymlink returns a symbolic link of root's that no package brought.
func NewSymlink(target string) *Node {
	return &Node{Mode: ostree.ModeSymlink | 0o777, User: "root", Group: "root", Target: target, Package: NoPackage}
}

// NewDir returns an empty directory of root's that no package brought.
func NewDir(mode uint32) *Node {
	n := newDir("")
	n.Mode = ostree.ModeDir | mode&0o7777
	return n
}
