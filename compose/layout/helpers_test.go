package layout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// item is an entry of a test tree.
type item struct {
	path   string // ends in a slash for a directory
	body   string
	target string // makes a link
	mode   uint32 // 0644, or 0755 for a directory, when zero
	owner  string // "name:id name:id"; root when empty
	pkg    string // none when empty
}

// newTree returns a tree of items. Directories above them belong to nobody.
func newTree(t testing.TB, items ...item) *rootfs.Tree {
	t.Helper()
	tree := rootfs.New()
	for _, it := range items {
		n := rootfs.NewFile(0o644, []byte(it.body))
		switch {
		case strings.HasSuffix(it.path, "/"):
			n = rootfs.NewDir(0o755)
		case it.target != "":
			n = rootfs.NewSymlink(it.target)
		}
		if it.mode != 0 {
			n.Mode = n.Mode&ostree.ModeType | it.mode
		}
		if it.owner != "" {
			if _, err := fmt.Sscanf(strings.ReplaceAll(it.owner, ":", " "), "%s %d %s %d", &n.User, &n.UID, &n.Group, &n.GID); err != nil {
				t.Fatalf("%q: %v", it.owner, err)
			}
		}
		if it.pkg != "" {
			if n.Package = slices.Index(tree.Packages, it.pkg); n.Package < 0 {
				n.Package = len(tree.Packages)
				tree.Packages = append(tree.Packages, it.pkg)
			}
		}
		if old := tree.Lookup(it.path); old != nil && old.IsDir() && n.IsDir() {
			old.Mode, old.User, old.UID, old.Group, old.GID, old.Package = n.Mode, n.User, n.UID, n.Group, n.GID, n.Package
			continue
		}
		if err := tree.Attach(it.path, n); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

// noRead is the reader of trees whose files all hold their data.
func noRead(n *rootfs.Node) ([]byte, error) { return nil, fmt.Errorf("%s has no data", n.Name) }

// list describes the nodes of a tree: "mode path", with owner ids unless both
// are root's, " -> target" or " = content". Plain directories that have entries
// are left out.
func list(t testing.TB, tree *rootfs.Tree) []string {
	t.Helper()
	var out []string
	err := tree.Walk(func(path string, n *rootfs.Node) error {
		if path == "/" || n.IsDir() && n.Mode&0o7777 == 0o755 && len(n.Children()) > 0 {
			return nil
		}
		line := fmt.Sprintf("%04o ", n.Mode&0o7777)
		if n.UID != 0 || n.GID != 0 {
			line += fmt.Sprintf("%d:%d ", n.UID, n.GID)
		}
		switch line += path; {
		case n.IsDir():
			line += "/"
		case n.IsSymlink():
			line += " -> " + n.Target
		default:
			line += " = " + string(n.Data)
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func finish(t *testing.T, tree *rootfs.Tree, opts layout.FinishOptions) *layout.Report {
	t.Helper()
	report, err := layout.Finish(tree, noRead, opts)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// fileText returns the content of a file of a tree.
func fileText(t *testing.T, tree *rootfs.Tree, path string) string {
	t.Helper()
	n := tree.Lookup(path)
	if n == nil || !n.IsRegular() {
		t.Fatalf("the tree has no file %s", path)
	}
	return string(n.Data)
}

// dropped describes what a report says was left out.
func dropped(list []layout.Dropped) []string {
	var out []string
	for _, d := range list {
		out = append(out, strings.TrimSpace(d.Path+" "+d.Package))
	}
	return out
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// wantError checks that an error has all words.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("got no error, want one with %q", words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("got %q, want %q in it", err, w)
		}
	}
}
