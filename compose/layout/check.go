package layout

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
)

// IDs are the ids of a user.
type IDs struct{ UID, GID uint32 }

// CheckOptions for CheckAccounts. The zero value checks nothing.
type CheckOptions struct {
	// Users and Groups are the accounts that a tree must have with these ids;
	// nil: not checked.
	Users  map[string]IDs
	Groups map[string]uint32
	// Removed accounts that own files are no error when they are named here;
	// "*" stands for all.
	IgnoreRemovedUsers, IgnoreRemovedGroups []string
}

// AccountsError lists what is wrong with the users and groups of a tree.
type AccountsError struct{ Problems []string }

func (e *AccountsError) Error() string {
	return "the users and groups of the tree are not those expected:\n  " + strings.Join(e.Problems, "\n  ")
}

// CheckAccounts compares the users and groups of a tree with those expected: an
// id that changed is an error, and so is an account that is gone while a file
// belongs to it. Every problem is in the error, an *AccountsError. It works on
// a tree in any state; Finish calls it first, while /var is still there.
func CheckAccounts(tree *rootfs.Tree, read Reader, opts CheckOptions) (*Accounts, error) {
	report := &Accounts{}
	if opts.Users == nil && opts.Groups == nil {
		return report, nil
	}
	db, err := readNames(tree, read)
	if err != nil {
		return nil, err
	}
	c := &checker{tree: tree}
	if err := c.owners(); err != nil {
		return nil, err
	}
	c.users(db, opts, report)
	c.groups(db, opts, report)
	if len(c.problems) > 0 {
		return nil, &AccountsError{Problems: c.problems}
	}
	return report, nil
}

type checker struct {
	tree              *rootfs.Tree
	ofUsers, ofGroups *ownedPaths
	problems          []string
}

func (c *checker) users(db *names, opts CheckOptions, report *Accounts) {
	if opts.Users == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(opts.Users)) {
		want := opts.Users[name]
		got, ok := db.users.byName[name]
		switch {
		case !ok:
			report.RemovedUsers = append(report.RemovedUsers, name)
			c.gone("user", name, want.UID, opts.IgnoreRemovedUsers, c.ofUsers)
		case got.id != want.UID:
			c.problem("user %s had the id %d and has %d now", name, want.UID, got.id)
		case got.gid != want.GID:
			c.problem("user %s had the group id %d and has %d now", name, want.GID, got.gid)
		}
	}
	for _, a := range db.users.list {
		if _, known := opts.Users[a.name]; !known {
			report.NewUsers = append(report.NewUsers, a.name)
		}
	}
	slices.Sort(report.NewUsers)
}

func (c *checker) groups(db *names, opts CheckOptions, report *Accounts) {
	if opts.Groups == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(opts.Groups)) {
		want := opts.Groups[name]
		got, ok := db.groups.byName[name]
		switch {
		case !ok:
			report.RemovedGroups = append(report.RemovedGroups, name)
			c.gone("group", name, want, opts.IgnoreRemovedGroups, c.ofGroups)
		case got.id != want:
			c.problem("group %s had the id %d and has %d now", name, want, got.id)
		}
	}
	for _, a := range db.groups.list {
		if _, known := opts.Groups[a.name]; !known {
			report.NewGroups = append(report.NewGroups, a.name)
		}
	}
	slices.Sort(report.NewGroups)
}

func (c *checker) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// gone judges an account that the tree does not have any more.
func (c *checker) gone(noun, name string, id uint32, ignored []string, owned *ownedPaths) {
	if slices.Contains(ignored, name) || slices.Contains(ignored, "*") {
		return
	}
	path, ok := owned.byName[name]
	if !ok && id != 0 {
		path, ok = owned.byID[id]
	}
	if ok {
		c.problem("%s %s (id %d) is gone, and %s belongs to it: keep the %s, or name it in ignore-removed-%ss",
			noun, name, id, path, noun, noun)
	}
}

// ownedPaths holds the first path of each owner.
type ownedPaths struct {
	byName map[string]string
	byID   map[uint32]string
}

func (o *ownedPaths) add(name string, id uint32, path string) {
	if _, known := o.byName[name]; !known {
		o.byName[name] = path
	}
	if _, known := o.byID[id]; !known {
		o.byID[id] = path
	}
}

// owners looks the owners of all entries up, once.
func (c *checker) owners() error {
	c.ofUsers = &ownedPaths{map[string]string{}, map[uint32]string{}}
	c.ofGroups = &ownedPaths{map[string]string{}, map[uint32]string{}}
	return c.tree.Walk(func(path string, n *rootfs.Node) error {
		c.ofUsers.add(n.User, n.UID, path)
		c.ofGroups.add(n.Group, n.GID, path)
		return nil
	})
}
