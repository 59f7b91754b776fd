package rpmdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"modernc.org/sqlite"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Limits of a database: far beyond what systems have.
const (
	maxBlob     = 64 << 20 // rpm's limit is 256 MiB, real headers stay below 10
	maxPackages = 1 << 17
	maxNumber   = 1<<32 - 1

	sqliteLimitLength = 0 // SQLITE_LIMIT_LENGTH
)

// Installed is one package of a database.
type Installed struct {
	// Number is the package's in the database.
	Number uint32
	// Package holds the package's header; its signature header is empty.
	Package *rpm.Package
	// States has an entry a file, or is nil.
	States      []FileState
	InstallTime time.Time
}

// IsKey reports whether this is no package, but a key that rpm trusts.
func (p *Installed) IsKey() bool { return p.Package.NEVRA().Name == pubkeyName }

// DB is an open database, which is only read. Close it.
type DB struct {
	file string
	db   *sql.DB
	conn *sql.Conn
}

// Open opens an rpmdb.sqlite of any origin. The file must not change until
// Close. Changes that wait beside it, in a file with -wal at its end, are read
// too, for which the folder must be writable.
func Open(ctx context.Context, file string) (*DB, error) {
	d := &DB{file: file}
	if err := d.open(ctx); err != nil {
		return nil, d.failed(errors.Join(err, d.Close()))
	}
	return d, nil
}

func (db *DB) failed(err error) error {
	return fmt.Errorf("reading the database of packages %s: %w", db.file, err)
}

func (db *DB) open(ctx context.Context) error {
	if info, err := os.Stat(db.file); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return errors.New("it is no regular file")
	}
	// An immutable file needs nothing beside it, but the changes that wait in a
	// log would be missed: with one, SQLite makes a file for the log's index.
	mode := "mode=ro&immutable=1"
	if info, err := os.Stat(db.file + "-wal"); err == nil && info.Size() > 0 {
		mode = "mode=ro"
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var err error
	db.db, err = open(db.file, mode, "trusted_schema(OFF)", "cell_size_check(ON)", "query_only(ON)", "mmap_size(0)")
	if err != nil {
		return err
	}
	if db.conn, err = db.db.Conn(ctx); err != nil {
		return err
	}
	if _, err := sqlite.Limit(db.conn, sqliteLimitLength, maxBlob); err != nil {
		return err
	}
	return db.checkSchema(ctx)
}

// checkSchema refuses a table of packages that computes what it holds.
func (db *DB) checkSchema(ctx context.Context) error {
	var statement string
	err := db.conn.QueryRowContext(ctx, "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'Packages' AND rootpage > 0").Scan(&statement)
	if errors.Is(err, sql.ErrNoRows) {
		return errors.New("it has no table of packages")
	}
	if err != nil {
		return err
	}
	if statement != packagesSchema {
		return fmt.Errorf("its table of packages was made by %.200q, not by rpm", statement)
	}
	return nil
}

// Close releases the file.
func (db *DB) Close() error {
	var err error
	if db.conn != nil {
		err = db.conn.Close()
	}
	if db.db != nil {
		err = errors.Join(err, db.db.Close())
	}
	return err
}

// Scan calls fn for each package, in the order of their numbers, keys included:
// see IsKey. It holds one package at a time.
func (db *DB) Scan(ctx context.Context, fn func(*Installed) error) error {
	rows, err := db.conn.QueryContext(ctx, "SELECT hnum, blob FROM Packages ORDER BY hnum")
	if err != nil {
		return db.failed(err)
	}
	err = db.each(rows, fn)
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return db.failed(err)
	}
	return nil
}

func (db *DB) each(rows *sql.Rows, fn func(*Installed) error) error {
	for count := 1; rows.Next(); count++ {
		if count > maxPackages {
			return fmt.Errorf("it has more than %d packages", maxPackages)
		}
		var number int64
		var blob []byte
		if err := rows.Scan(&number, &blob); err != nil {
			return err
		}
		p, err := newInstalled(number, blob)
		if err != nil {
			return fmt.Errorf("package %d: %w", number, err)
		}
		if err := fn(p); err != nil {
			return err
		}
	}
	return nil
}

func newInstalled(number int64, blob []byte) (*Installed, error) {
	if number < 1 || number > maxNumber {
		return nil, errors.New("its number is out of range")
	}
	pkg, err := rpm.OpenInstalled(blob)
	if err != nil {
		return nil, err
	}
	p := &Installed{Number: uint32(number), Package: pkg}
	if at, ok := pkg.Header.Uint64(tagInstallTime); ok && at < 1<<32 {
		p.InstallTime = time.Unix(int64(at), 0).UTC()
	}
	states := pkg.Header.Uint32s(tagFileStates)
	if states != nil && len(states) != pkg.Header.Count(rpm.TagBasenames) {
		return nil, fmt.Errorf("it has %d file states for %d files", len(states), pkg.Header.Count(rpm.TagBasenames))
	}
	for _, s := range states {
		p.States = append(p.States, FileState(s))
	}
	return p, nil
}

// Blob returns a package as it lies in the database: for Package.Installed.
func (db *DB) Blob(ctx context.Context, number uint32) ([]byte, error) {
	var blob []byte
	if err := db.conn.QueryRowContext(ctx, "SELECT blob FROM Packages WHERE hnum = ?", int64(number)).Scan(&blob); err != nil {
		return nil, db.failed(fmt.Errorf("package %d: %w", number, err))
	}
	return blob, nil
}

// Read returns what a resolver needs of each package of a database, in the
// order of their numbers, without the keys.
func Read(ctx context.Context, file string) (list []*rpm.Metadata, err error) {
	db, err := Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.Scan(ctx, func(p *Installed) error {
		if p.IsKey() {
			return nil
		}
		m, err := p.Package.Metadata()
		list = append(list, m)
		return err
	})
	return list, err
}
