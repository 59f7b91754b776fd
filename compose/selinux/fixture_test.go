package selinux

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files makes a tree of paths and their contents. A path that ends with a slash
// is a directory, a content that begins with "-> " a symbolic link.
func files(t testing.TB, contents map[string]string) *rootfs.Tree {
	t.Helper()
	tree := rootfs.New()
	for path, text := range contents {
		target, link := bytes.CutPrefix([]byte(text), []byte("-> "))
		switch {
		case path[len(path)-1] == '/':
			_, err := tree.Mkdir(path)
			must(t, err)
		case link:
			must(t, tree.AddSymlink(path, string(target)))
		default:
			must(t, tree.AddFile(path, 0o644, []byte(text)))
		}
	}
	return tree
}

// read is the content of a node of files.
func read(n *rootfs.Node) ([]byte, error) { return n.Data, nil }

const config = "# a comment\nSELINUX=enforcing\nSELINUXTYPE=targeted\n"

// withPolicy adds a policy to a tree, below etc or usr/etc.
func withPolicy(t testing.TB, tree *rootfs.Tree, etc, dir string) {
	t.Helper()
	must(t, tree.AddFile(etc+"/selinux/config", 0o644, []byte(config)))
	err := filepath.WalkDir(dir+"/.", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Ext(path) == ".bin" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return tree.AddFile(etc+"/selinux/targeted/contexts/files/"+d.Name(), 0o644, data)
	})
	must(t, err)
	must(t, tree.AddFile(etc+"/selinux/targeted/policy/policy.33", 0o644, []byte("policy\n")))
}

// label returns the label that a node carries.
func label(t testing.TB, tree *rootfs.Tree, path string) string {
	t.Helper()
	n := tree.Lookup(path)
	if n == nil {
		t.Fatalf("there is no %s", path)
	}
	for _, x := range n.Xattrs {
		if x.Name == Attribute {
			return string(x.Value)
		}
	}
	return ""
}

// xattrs returns the names of attributes.
func xattrs(list []ostree.Xattr) (names []string) {
	for _, x := range list {
		names = append(names, x.Name)
	}
	return names
}
