package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/treewright/treewright/compose/rpmdb"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// PackageChange is a package that came, went or has another version.
type PackageChange struct {
	Change string `json:"change"`
	Name   string `json:"name"`
	Arch   string `json:"arch"`
	Old    string `json:"old,omitempty"` // version and release
	New    string `json:"new,omitempty"`
	// OldSize and NewSize are installed sizes, zero when they are not known.
	OldSize int64 `json:"old-size,omitempty"`
	NewSize int64 `json:"new-size,omitempty"`
	// Changelog has the entries that the old package does not have, the newest
	// first.
	Changelog []ChangelogEntry `json:"changelog,omitempty"`
}

// ChangelogEntry is what a packager wrote about a change.
type ChangelogEntry struct {
	Time   time.Time `json:"time"`
	Author string    `json:"author"`
	Text   string    `json:"text"`
}

// treePackage is a package of a commit.
type treePackage struct {
	nevra   rpm.NEVRA
	size    int64
	changes []ChangelogEntry
}

// packages compares the packages. Their sizes and changelogs are in the
// databases of the trees.
func (d *differ) packages(ctx context.Context, changelogs bool) error {
	var lists [2][]treePackage
	for i, sum := range [...]ostree.Checksum{d.out.Old, d.out.New} {
		list, why, err := commitPackages(ctx, d.repo, sum, changelogs)
		if err != nil {
			return err
		}
		if why != "" {
			d.out.Unlisted = why
			return nil
		}
		lists[i] = list
	}
	d.out.Packages = comparePackages(lists[0], lists[1])
	return nil
}

// commitPackages lists the packages of a commit; why says why that is not
// possible.
func commitPackages(ctx context.Context, repo *archive.Repo, sum ostree.Checksum, changelogs bool) (list []treePackage, why string, err error) {
	commit, err := repo.Commit(ctx, sum)
	if err != nil {
		return nil, "", err
	}
	list, found, err := databasePackages(ctx, repo, sum, changelogs)
	listed, ok := commit.Packages()
	if found && err == nil || err != nil && !ok {
		return list, "", err
	}
	list = nil
	if !ok {
		return nil, fmt.Sprintf("commit %s lists no packages (%s) and has no %s", sum, ostree.KeyPackages, databaseFile), nil
	}
	for _, p := range listed {
		list = append(list, treePackage{nevra: rpm.NEVRA{Name: p.Name, Arch: p.Arch, EVR: rpm.ParseEVR(p.Epoch + ":" + p.Version + "-" + p.Release)}})
	}
	return list, "", nil
}

// maxDatabase bounds a database that is read from a commit.
const maxDatabase = 4 << 30

// databasePackages reads the database in a commit, if it has one.
func databasePackages(ctx context.Context, repo *archive.Repo, sum ostree.Checksum, changelogs bool) (list []treePackage, found bool, err error) {
	dir, err := os.MkdirTemp("", "treewright-rpmdb-")
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "rpmdb.sqlite")
	if found, err = extractCommitFile(ctx, repo, sum, databaseFile, file); err != nil || !found {
		return nil, found, err
	}
	db, err := rpmdb.Open(ctx, file)
	if err != nil {
		return nil, true, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.Scan(ctx, func(p *rpmdb.Installed) error {
		if p.IsKey() {
			return nil
		}
		m, err := p.Package.Metadata()
		if err != nil {
			return err
		}
		t := treePackage{nevra: m.NEVRA, size: m.InstalledSize}
		if changelogs {
			t.changes = changelog(p.Package)
		}
		list = append(list, t)
		return nil
	})
	return list, true, err
}

// extractCommitFile writes a regular file of a commit to name, if it is there.
func extractCommitFile(ctx context.Context, repo *archive.Repo, sum ostree.Checksum, path, name string) (found bool, err error) {
	commit, err := repo.Commit(ctx, sum)
	if err != nil {
		return false, err
	}
	e, found, err := ostree.Lookup(ctx, repo, commit.RootTree, commit.RootMeta, path)
	if err != nil || !found || e.Type != ostree.ObjectFile {
		return false, err
	}
	h, size, r, err := repo.OpenFile(ctx, e.File)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if h.IsSymlink() {
		return false, nil
	}
	if size > maxDatabase {
		return false, fmt.Errorf("/%s of %s has %d bytes; at most %d are read", path, sum, size, int64(maxDatabase))
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false, err
	}
	_, err = io.Copy(f, r)
	return true, errors.Join(err, f.Close())
}

// The tags of a changelog.
const (
	tagChangelogTime rpm.Tag = 1080
	tagChangelogName rpm.Tag = 1081
	tagChangelogText rpm.Tag = 1082
)

// changelog reads what a package says has changed. A part that lacks some of
// the rest is left out.
func changelog(p *rpm.Package) (list []ChangelogEntry) {
	names, texts := p.Header.Strings(tagChangelogName), p.Header.Strings(tagChangelogText)
	for i, at := range p.Header.Uint32s(tagChangelogTime) {
		if i < len(names) && i < len(texts) {
			list = append(list, ChangelogEntry{Time: time.Unix(int64(at), 0).UTC(), Author: names[i], Text: texts[i]})
		}
	}
	return list
}

// newerEntries returns the entries of now that old does not have and that are
// not older than its newest.
func newerEntries(old, now []ChangelogEntry) (list []ChangelogEntry) {
	var newest time.Time
	for _, e := range old {
		if e.Time.After(newest) {
			newest = e.Time
		}
	}
	for _, e := range now {
		if !e.Time.Before(newest) && !slices.Contains(old, e) {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b ChangelogEntry) int { return b.Time.Compare(a.Time) })
	return list
}

// comparePackages pairs packages by name and architecture. Where several
// versions are installed side by side, those that went and those that came are
// paired in the order of their versions.
func comparePackages(old, now []treePackage) []PackageChange {
	type key struct{ name, arch string }
	rows := map[key]*[2][]treePackage{}
	for side, list := range [...][]treePackage{old, now} {
		for _, p := range list {
			k := key{p.nevra.Name, p.nevra.Arch}
			if rows[k] == nil {
				rows[k] = &[2][]treePackage{}
			}
			rows[k][side] = append(rows[k][side], p)
		}
	}
	list := []PackageChange{}
	for k, r := range rows {
		went, came := withoutPackages(r[0], r[1]), withoutPackages(r[1], r[0])
		for i := range max(len(went), len(came)) {
			c := PackageChange{Name: k.name, Arch: k.arch, Change: ChangeRemoved}
			if i < len(went) {
				c.Old, c.OldSize = went[i].nevra.EVR.String(), went[i].size
			}
			if i < len(came) {
				c.New, c.NewSize, c.Change = came[i].nevra.EVR.String(), came[i].size, ChangeAdded
			}
			if i < len(went) && i < len(came) {
				c.Change = ChangeUpgraded
				if came[i].nevra.EVR.Compare(went[i].nevra.EVR) < 0 {
					c.Change = ChangeDowngraded
				}
				if c.OldSize == 0 || c.NewSize == 0 { // one is not known
					c.OldSize, c.NewSize = 0, 0
				}
				c.Changelog = newerEntries(went[i].changes, came[i].changes)
			}
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b PackageChange) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.New, b.New), cmp.Compare(a.Old, b.Old))
	})
	return list
}

// withoutPackages returns what is in a and not in b, in the order of versions.
func withoutPackages(a, b []treePackage) (list []treePackage) {
	for _, p := range a {
		if !slices.ContainsFunc(b, func(q treePackage) bool { return q.nevra == p.nevra }) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(x, y treePackage) int { return x.nevra.EVR.Compare(y.nevra.EVR) })
	return list
}
