package rpmdb

import (
	"context"
	"errors"
)

// Write makes the database file with the packages, which are numbered from 1 in
// the order given: the order of installation. The file appears whole or not at
// all, and the same input makes the same bytes.
func Write(ctx context.Context, file string, pkgs []Package, opts Options) error {
	return errors.ErrUnsupported
}
