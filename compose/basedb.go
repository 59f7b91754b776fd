package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rpmdb"
	"github.com/treewright/treewright/compose/scriptlet"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/rpmrepo/rpm"
	"github.com/treewright/treewright/rpmrepo/solve"
)

// databaseDirs are where a commit can have its package database.
var databaseDirs = [...]string{"usr/share/rpm", "usr/lib/sysimage/rpm", "var/lib/rpm"}

// maxBaseDatabase bounds the package database of a base.
const maxBaseDatabase = 4 << 30

// baseDatabase is the package database of a base, on disk. Close it.
type baseDatabase struct {
	store *content.Store // its folder holds the file
	db    *rpmdb.DB
	list  []basePackage // without keys; nil until somebody needs it
	all   []uint32      // numbers, keys included
}

// basePackage is a package that the base has installed.
type basePackage struct {
	number   uint32
	manifest *content.Manifest
	built    int64
	size     int64 // of its files
}

// database opens the base's package database.
func (b *baseCommit) database(ctx context.Context, p *Plan) (*baseDatabase, error) {
	if b.db != nil {
		return b.db, nil
	}
	store, err := p.openStore(ctx)
	if err != nil {
		return nil, err
	}
	d := &baseDatabase{store: store}
	if err := d.open(ctx, b); err != nil {
		return nil, errors.Join(fmt.Errorf("reading the packages of the base %s: %w", b.key.Ref, err), d.Close())
	}
	b.db = d
	return d, nil
}

func (d *baseDatabase) open(ctx context.Context, b *baseCommit) error {
	dir, err := d.store.Scratch("base")
	if err != nil {
		return err
	}
	c, err := b.repo.Commit(ctx, b.commit)
	if err != nil {
		return err
	}
	old := ""
	for _, place := range databaseDirs {
		file := filepath.Join(dir, "rpmdb.sqlite")
		for _, end := range [...]string{"", "-wal"} {
			if err := copyCommitFile(ctx, b.repo, c, place+"/rpmdb.sqlite"+end, file+end); err != nil {
				return err
			}
		}
		if _, err := os.Stat(file); err == nil {
			d.db, err = rpmdb.Open(ctx, file)
			return err
		}
		for _, name := range [...]string{"Packages", "Packages.db"} {
			if _, found, err := ostree.Lookup(ctx, b.repo, c.RootTree, c.RootMeta, place+"/"+name); err == nil && found {
				old = "/" + place + "/" + name
			}
		}
	}
	if old != "" {
		return fmt.Errorf("it has them in %s, of an rpm that knows no SQLite: bases need an rpm of 4.16 or later", old)
	}
	return errors.New("it has no package database: a base is a tree that was made of RPM packages")
}

// copyCommitFile copies a regular file of a commit, if it has one at path.
func copyCommitFile(ctx context.Context, repo *archive.Repo, c *ostree.Commit, path, to string) (err error) {
	e, found, err := ostree.Lookup(ctx, repo, c.RootTree, c.RootMeta, path)
	if err != nil || !found || e.Type != ostree.ObjectFile {
		return err
	}
	h, size, r, err := repo.OpenFile(ctx, e.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if h.IsSymlink() {
		return nil
	}
	if size > maxBaseDatabase {
		return fmt.Errorf("/%s has %d bytes; at most %d are read", path, size, int64(maxBaseDatabase))
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// Close removes the file.
func (d *baseDatabase) Close() error {
	if d == nil {
		return nil
	}
	var err error
	if d.db != nil {
		err = d.db.Close()
	}
	return errors.Join(err, d.store.Close())
}

// packages returns what the base has installed, in the order of installation.
func (b *baseCommit) packages(ctx context.Context, p *Plan) ([]basePackage, error) {
	d, err := b.database(ctx, p)
	if err != nil {
		return nil, err
	}
	if d.list != nil {
		return d.list, nil
	}
	list := []basePackage{}
	d.all = nil
	err = d.db.Scan(ctx, func(i *rpmdb.Installed) error {
		d.all = append(d.all, i.Number)
		if i.IsKey() {
			return nil
		}
		m, err := content.InstalledManifest(i.Package)
		if err != nil {
			return err
		}
		built, _ := i.Package.Header.Uint64(rpm.TagBuildTime)
		size, long := i.Package.Header.Uint64(rpm.TagLongSize)
		if !long {
			size, _ = i.Package.Header.Uint64(rpm.TagSize)
		}
		list = append(list, basePackage{i.Number, m, int64(min(built, math.MaxUint32)), int64(min(size, math.MaxInt64))})
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.list = list
	return list, nil
}

// repoOptions are those of a repository with the base's packages.
func (b *baseCommit) repoOptions() solve.RepoOptions {
	return solve.RepoOptions{ID: "@" + b.key.Ref, Installed: true}
}

// addTo makes the base's packages known to the resolver as installed.
func (b *baseCommit) addTo(ctx context.Context, p *Plan, repo *solve.Repo) error {
	d, err := b.database(ctx, p)
	if err != nil {
		return err
	}
	return d.db.Scan(ctx, func(i *rpmdb.Installed) error {
		if i.IsKey() {
			return nil
		}
		m, err := i.Package.Metadata()
		if err == nil {
			repo.Add(m)
		}
		return err
	})
}

// installed returns the base's packages for the plan of scriptlets.
func (b *baseCommit) installed(ctx context.Context, list []basePackage) []scriptlet.Package {
	packages := make([]scriptlet.Package, len(list))
	for i := range list {
		packages[i] = scriptlet.Package{Name: list[i].manifest.NEVRA.String(), Manifest: list[i].manifest, Installed: true,
			Header: func() (*rpm.Package, error) {
				blob, err := b.db.db.Blob(ctx, list[i].number)
				if err != nil {
					return nil, err
				}
				return rpm.OpenInstalled(blob)
			}}
	}
	return packages
}

// copied returns the packages and keys of the base for a new database.
func (b *baseCommit) copied(ctx context.Context) []rpmdb.Package {
	packages := make([]rpmdb.Package, len(b.db.all))
	for i, number := range b.db.all {
		packages[i] = rpmdb.Package{Name: fmt.Sprintf("package %d of the base", number),
			Installed: func() ([]byte, error) { return b.db.db.Blob(ctx, number) }}
	}
	return packages
}
