package rpmdb

import (
	"context"
	"errors"
	"time"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Installed is one package of a database.
type Installed struct {
	// Number is the package's in the database.
	Number uint32
	// Package holds the package's header; it has no signature header.
	Package *rpm.Package
	// States has an entry a file, or is nil.
	States      []FileState
	InstallTime time.Time
}

// DB is an open database, which is only read. Close it.
type DB struct{}

// Open opens an rpmdb.sqlite of any origin.
func Open(ctx context.Context, file string) (*DB, error) { return nil, errors.ErrUnsupported }

// Close releases the file.
func (db *DB) Close() error { return nil }

// Scan calls fn for each package, in the order of their numbers.
func (db *DB) Scan(ctx context.Context, fn func(*Installed) error) error {
	return errors.ErrUnsupported
}

// Blob returns a package as it lies in the database: for Package.Installed.
func (db *DB) Blob(ctx context.Context, number uint32) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

// Read returns what a resolver needs of each package of a database, in the
// order of their numbers.
func Read(ctx context.Context, file string) ([]*rpm.Metadata, error) {
	return nil, errors.ErrUnsupported
}
