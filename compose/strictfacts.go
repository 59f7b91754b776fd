package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// Account is a user or a group of the tree.
type Account struct {
	Name  string `json:"name"`
	ID    uint32 `json:"id"`
	Group uint32 `json:"group,omitempty"` // of a user
	New   bool   `json:"new,omitempty"`   // the previous commit does not have it
}

// PackageSize says how much of the tree a package brought.
type PackageSize struct {
	Package string `json:"package,omitempty"` // empty: what no package owns
	Files   int    `json:"files"`
	Bytes   int64  `json:"bytes"`
}

// inform completes the report, and fails when it has what Options.Strict does
// not allow.
func (c *composer) inform(ctx context.Context) error {
	c.fillReport()
	c.report.Sizes = sizesByPackage(c.tree)
	if err := c.findPrivileged(ctx); err != nil {
		return err
	}
	if c.plan.opts.Treefile.Flatpak == nil {
		if err := c.listAccounts(ctx); err != nil {
			return err
		}
	}
	return c.plan.opts.Strict.check(c.report)
}

// sizesByPackage adds up the files of each package, the largest first.
func sizesByPackage(tree *rootfs.Tree) []PackageSize {
	sums := map[int]*PackageSize{}
	var add func(n *rootfs.Node)
	add = func(n *rootfs.Node) {
		for _, c := range n.Children() {
			add(c)
		}
		if !n.IsRegular() {
			return
		}
		s := sums[n.Package]
		if s == nil {
			s = &PackageSize{}
			if n.Package != rootfs.NoPackage {
				s.Package = tree.PackageName(n)
			}
			sums[n.Package] = s
		}
		s.Files++
		s.Bytes += n.Size
	}
	add(tree.Root)
	list := make([]PackageSize, 0, len(sums))
	for _, s := range sums {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b PackageSize) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Package, b.Package))
	})
	return list
}

// String is the file for people.
func (p *PrivilegedFile) String() string {
	text := p.Path + " " + p.Mode
	if p.Capabilities {
		text += " with capabilities"
	}
	if p.Package != "" {
		text += " of " + p.Package
	}
	return text
}

// isPrivileged tells whether what runs a file gets rights that its caller does
// not have.
func isPrivileged(mode uint32, xattrs []ostree.Xattr) (capabilities, privileged bool) {
	capabilities = slices.ContainsFunc(xattrs, func(x ostree.Xattr) bool { return x.Name == "security.capability" })
	return capabilities, capabilities || mode&0o6000 != 0
}

// findPrivileged lists files with setuid or setgid bits or capabilities.
func (c *composer) findPrivileged(ctx context.Context) error {
	return c.tree.Walk(func(path string, n *rootfs.Node) error {
		capabilities, privileged := isPrivileged(n.Mode, n.Xattrs)
		if !n.IsRegular() || !privileged {
			return nil
		}
		p := PrivilegedFile{Path: path, Mode: fmt.Sprintf("%04o", n.Mode&0o7777), Capabilities: capabilities}
		if n.Package != rootfs.NoPackage {
			p.Package = c.tree.PackageName(n)
		}
		if !c.plan.Previous.IsZero() {
			before, err := c.wasPrivileged(ctx, path)
			if err != nil {
				return err
			}
			p.New = !before
		}
		c.report.Privileged = append(c.report.Privileged, p)
		return nil
	})
}

// wasPrivileged tells whether the previous commit has a file like this at path.
func (c *composer) wasPrivileged(ctx context.Context, path string) (_ bool, err error) {
	repo := c.plan.opts.Repo
	commit, err := repo.Commit(ctx, c.plan.Previous)
	if err != nil {
		return false, err
	}
	e, found, err := ostree.Lookup(ctx, repo, commit.RootTree, commit.RootMeta, strings.TrimPrefix(path, "/"))
	if err != nil || !found || e.Type != ostree.ObjectFile {
		return false, err
	}
	h, _, r, err := repo.OpenFile(ctx, e.File)
	if err != nil {
		return false, err
	}
	_, was := isPrivileged(h.Mode, h.Xattrs)
	return was && !h.IsSymlink(), r.Close()
}

// listAccounts lists the users and groups of the tree.
func (c *composer) listAccounts(ctx context.Context) error {
	files := layout.Previous{} // a finished tree has the paths of a commit
	for _, path := range layout.PreviousPaths() {
		n := c.tree.Lookup(path)
		if n == nil || !n.IsRegular() {
			continue
		}
		if n.Size > maxAccountFile {
			return fmt.Errorf("reading /%s of the tree: it has %d bytes; at most %d are read", path, n.Size, maxAccountFile)
		}
		data, err := c.in.read(ctx, n)
		if err != nil {
			return fmt.Errorf("reading /%s of the tree: %w", path, err)
		}
		files[path] = data
	}
	users, groups, err := files.Accounts()
	oldUsers, oldGroups, err2 := c.previous.Accounts()
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(users)) {
		_, known := oldUsers[name]
		c.report.Users = append(c.report.Users, Account{Name: name, ID: users[name].UID, Group: users[name].GID, New: oldUsers != nil && !known})
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		_, known := oldGroups[name]
		c.report.Groups = append(c.report.Groups, Account{Name: name, ID: groups[name], New: oldGroups != nil && !known})
	}
	return nil
}
