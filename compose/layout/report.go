package layout

import (
	"cmp"
	"slices"

	"github.com/treewright/treewright/compose/rootfs"
)

// Dropped is a path of the tree that the commit does not have.
type Dropped struct {
	Path      string `json:"path"`
	Package   string `json:"package,omitempty"` // empty: of no package
	Directory bool   `json:"directory,omitempty"`
	Why       string `json:"why"`
}

// Moved is a path, with all that is below it, that lies elsewhere in the commit.
// /etc, which always moves to /usr/etc, is not among them.
type Moved struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Prepared says what Prepare did. All lists are sorted by path or name.
type Prepared struct {
	Units         []Unit    `json:"units,omitempty"`
	DefaultTarget string    `json:"default-target,omitempty"`
	OSRelease     string    `json:"os-release,omitempty"` // the file that got the version
	Removed       []Removed `json:"removed,omitempty"`
	Added         []Added   `json:"added,omitempty"`
	Dropped       []Dropped `json:"dropped,omitempty"`
	Replaced      []Dropped `json:"replaced,omitempty"` // files of packages that the compose writes itself
	Warnings      []string  `json:"warnings,omitempty"`
}

// Unit is a unit that the treefile enables.
type Unit struct {
	Name    string `json:"name"`
	Already bool   `json:"already,omitempty"` // something in the tree enables it already
	Missing bool   `json:"missing,omitempty"` // the tree has no such unit
}

// Removed is a path that remove-files or remove-from-packages took away.
type Removed struct {
	Path    string `json:"path"`
	Package string `json:"package,omitempty"`
	Entries int    `json:"entries"` // it and what was below it; 0: there was nothing
}

// Added is a file that add-files put into the tree.
type Added struct {
	Path     string `json:"path"`
	Source   string `json:"source,omitempty"`
	Replaced string `json:"replaced,omitempty"` // package, or add-files, that had it before
}

// Report says what Finish did. All lists are sorted by path or name.
type Report struct {
	// AlreadyFinished tells that the tree was left as it is: Finish has been
	// over it before.
	AlreadyFinished bool `json:"already-finished,omitempty"`
	TransientRoot   bool `json:"transient-root,omitempty"`

	Dropped []Dropped `json:"dropped,omitempty"`
	Moved   []Moved   `json:"moved,omitempty"`
	Edited  []string  `json:"edited,omitempty"` // files whose content was changed

	// Directories and links of /var, /run and /opt become lines in
	// usr/lib/tmpfiles.d; those that a file of a package creates already do not.
	TmpfilesLines   int `json:"tmpfiles-lines"`
	TmpfilesCovered int `json:"tmpfiles-covered"`

	// Accounts compares users and groups with those that were expected.
	Accounts *Accounts `json:"accounts,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
}

// Accounts tells how users and groups differ from those that were expected.
type Accounts struct {
	NewUsers      []string `json:"new-users,omitempty"`
	NewGroups     []string `json:"new-groups,omitempty"`
	RemovedUsers  []string `json:"removed-users,omitempty"`
	RemovedGroups []string `json:"removed-groups,omitempty"`
}

// packageOf names the package of n; empty when none brought it.
func packageOf(tree *rootfs.Tree, n *rootfs.Node) string {
	if n.Package == rootfs.NoPackage {
		return ""
	}
	return tree.PackageName(n)
}

// newDropped says that n, which was at path, is not in the commit.
func newDropped(tree *rootfs.Tree, path string, n *rootfs.Node, why string) Dropped {
	return Dropped{Path: path, Package: packageOf(tree, n), Directory: n.IsDir(), Why: why}
}

// sortDropped sorts by path, and drops what is listed twice.
func sortDropped(list []Dropped) []Dropped {
	slices.SortFunc(list, func(a, b Dropped) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Why, b.Why))
	})
	return slices.Compact(list)
}
