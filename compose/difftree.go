package compose

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// TreeDiff says how two commits differ. Its lists are sorted by name or path.
type TreeDiff struct {
	Old ostree.Checksum `json:"old"`
	New ostree.Checksum `json:"new"`
	// Unlisted says why packages are not compared; empty when they are.
	Unlisted string          `json:"packages-unknown,omitempty"`
	Packages []PackageChange `json:"packages"`
	Users    []AccountChange `json:"users"`
	Groups   []AccountChange `json:"groups"`
	Files    []FileChange    `json:"files"`
	Grown    int64           `json:"grown"` // bytes of all files
}

// The kinds of changes.
const (
	ChangeAdded      = "added"
	ChangeRemoved    = "removed"
	ChangeChanged    = "changed"
	ChangeUpgraded   = "upgraded"
	ChangeDowngraded = "downgraded"
)

// AccountChange is a user or group that one commit has, or that has other ids.
type AccountChange struct {
	Change string   `json:"change"`
	Name   string   `json:"name"`
	Old    *Account `json:"old,omitempty"`
	New    *Account `json:"new,omitempty"`
}

// FileChange is a path at which two commits differ.
type FileChange struct {
	Change string `json:"change"`
	Path   string `json:"path"`
	// What lists the differences of one that was changed.
	What    []Difference `json:"what,omitempty"`
	OldSize int64        `json:"old-size,omitempty"` // of a regular file
	NewSize int64        `json:"new-size,omitempty"`
}

// Difference is one of "type", "content", "target", "mode", "owner", "label" and
// "attributes". Content and attributes have no text.
type Difference struct {
	Kind string `json:"kind"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// DiffOptions for Diff.
type DiffOptions struct {
	// Changelogs reads what the packages of the new commit say has changed.
	Changelogs bool
	// PackagesOnly leaves files and accounts out.
	PackagesOnly bool
}

// Diff compares two commits of a repository: packages by the lists of the
// commits, or by the databases in them, then accounts and files.
func Diff(ctx context.Context, repo *archive.Repo, before, after ostree.Checksum, o DiffOptions) (*TreeDiff, error) {
	d := &differ{repo: repo, out: &TreeDiff{Old: before, New: after,
		Packages: []PackageChange{}, Users: []AccountChange{}, Groups: []AccountChange{}, Files: []FileChange{}}}
	steps := []func(context.Context) error{func(ctx context.Context) error { return d.packages(ctx, o.Changelogs) }}
	if !o.PackagesOnly {
		steps = append(steps, d.accounts, d.files)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("comparing %s with %s: %w", before, after, err)
		}
	}
	return d.out, nil
}

type differ struct {
	repo *archive.Repo
	out  *TreeDiff
}

// accounts compares users and groups.
func (d *differ) accounts(ctx context.Context) error {
	var users [2]map[string]layout.IDs
	var groups [2]map[string]uint32
	for i, commit := range [...]ostree.Checksum{d.out.Old, d.out.New} {
		files := layout.Previous{}
		for _, path := range layout.PreviousPaths() {
			data, err := readCommitFile(ctx, d.repo, commit, path, maxAccountFile)
			if err != nil {
				return fmt.Errorf("reading /%s of %s: %w", path, commit, err)
			}
			if data != nil {
				files[path] = data
			}
		}
		var err error
		if users[i], groups[i], err = files.Accounts(); err != nil {
			return err
		}
	}
	account := func(name string, u layout.IDs) Account { return Account{Name: name, ID: u.UID, Group: u.GID} }
	d.out.Users = diffAccounts(users[0], users[1], account)
	d.out.Groups = diffAccounts(groups[0], groups[1], func(name string, id uint32) Account { return Account{Name: name, ID: id} })
	return nil
}

func diffAccounts[V comparable](old, now map[string]V, account func(string, V) Account) []AccountChange {
	list := []AccountChange{}
	for name, v := range old {
		was := account(name, v)
		switch w, still := now[name]; {
		case !still:
			list = append(list, AccountChange{Change: ChangeRemoved, Name: name, Old: &was})
		case v != w:
			is := account(name, w)
			list = append(list, AccountChange{Change: ChangeChanged, Name: name, Old: &was, New: &is})
		}
	}
	for name := range maps.Keys(now) {
		if _, known := old[name]; !known {
			is := account(name, now[name])
			list = append(list, AccountChange{Change: ChangeAdded, Name: name, New: &is})
		}
	}
	slices.SortFunc(list, func(a, b AccountChange) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// files compares all paths.
func (d *differ) files(ctx context.Context) error {
	err := d.repo.Diff(ctx, d.out.Old, d.out.New, func(c archive.FileChange) error {
		f := FileChange{Path: c.Path, OldSize: c.OldSize, NewSize: c.NewSize}
		d.out.Grown += c.NewSize - c.OldSize
		switch {
		case c.Old.Type == 0:
			f.Change = ChangeAdded
		case c.New.Type == 0:
			f.Change = ChangeRemoved
		default:
			f.Change = ChangeChanged
			var err error
			if f.What, err = d.differences(ctx, &c); err != nil {
				return fmt.Errorf("%s: %w", c.Path, err)
			}
		}
		d.out.Files = append(d.out.Files, f)
		return nil
	})
	slices.SortStableFunc(d.out.Files, func(a, b FileChange) int { return cmp.Compare(a.Path, b.Path) })
	return err
}

// differences says in what a path differs that both commits have.
func (d *differ) differences(ctx context.Context, c *archive.FileChange) (list []Difference, err error) {
	if c.Old.Type == ostree.ObjectDirTree {
		old, err := d.repo.DirMeta(ctx, c.Old.Meta)
		if err != nil {
			return nil, err
		}
		now, err := d.repo.DirMeta(ctx, c.New.Meta)
		if err != nil {
			return nil, err
		}
		return compareHeaders(ostree.FileHeader{UID: old.UID, GID: old.GID, Mode: old.Mode, Xattrs: old.Xattrs},
			ostree.FileHeader{UID: now.UID, GID: now.GID, Mode: now.Mode, Xattrs: now.Xattrs}), nil
	}
	old, oldSize, a, err := d.repo.OpenFile(ctx, c.Old.File)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	now, newSize, b, err := d.repo.OpenFile(ctx, c.New.File)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	list = compareHeaders(old, now)
	if old.IsSymlink() || now.IsSymlink() {
		return list, nil
	}
	same := oldSize == newSize
	if same {
		if same, err = sameBytes(a, b); err != nil {
			return nil, err
		}
	}
	if !same {
		list = append([]Difference{{Kind: "content"}}, list...)
	}
	return list, nil
}

func sameBytes(a, b io.Reader) (bool, error) {
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(a, x)
		m, err2 := io.ReadFull(b, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		for _, e := range [...]error{err, err2} {
			if e == io.EOF || e == io.ErrUnexpectedEOF {
				return true, nil
			}
			if e != nil {
				return false, e
			}
		}
	}
}

// typeNames are the types of entries for people.
var typeNames = map[uint32]string{ostree.ModeDir: "directory", ostree.ModeRegular: "file", ostree.ModeSymlink: "link"}

func compareHeaders(a, b ostree.FileHeader) (list []Difference) {
	differs := func(kind, old, now string) {
		if old != now {
			list = append(list, Difference{Kind: kind, Old: old, New: now})
		}
	}
	differs("type", typeNames[a.Mode&ostree.ModeType], typeNames[b.Mode&ostree.ModeType])
	differs("target", a.Symlink, b.Symlink)
	differs("mode", fmt.Sprintf("%04o", a.Mode&0o7777), fmt.Sprintf("%04o", b.Mode&0o7777))
	differs("owner", fmt.Sprintf("%d:%d", a.UID, a.GID), fmt.Sprintf("%d:%d", b.UID, b.GID))
	oldLabel, oldRest := splitLabel(a.Xattrs)
	newLabel, newRest := splitLabel(b.Xattrs)
	differs("label", oldLabel, newLabel)
	if !slices.EqualFunc(oldRest, newRest, func(x, y ostree.Xattr) bool { return x.Name == y.Name && bytes.Equal(x.Value, y.Value) }) {
		list = append(list, Difference{Kind: "attributes"})
	}
	return list
}

// splitLabel takes the SELinux label out of the attributes.
func splitLabel(xattrs []ostree.Xattr) (label string, rest []ostree.Xattr) {
	for _, x := range xattrs {
		if x.Name == "security.selinux" {
			label = strings.TrimRight(string(x.Value), "\x00")
			continue
		}
		rest = append(rest, x)
	}
	return label, rest
}
