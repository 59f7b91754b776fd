package rpmdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Write makes the database file with the packages, which are numbered from 1 in
// the order given: the order of installation. The file appears whole or not at
// all, and the same input makes the same bytes.
func Write(ctx context.Context, file string, pkgs []Package, opts Options) error {
	if err := write(ctx, file, pkgs, opts); err != nil {
		return fmt.Errorf("writing the database of packages %s: %w", file, err)
	}
	return nil
}

func write(ctx context.Context, file string, pkgs []Package, opts Options) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(file), ".rpmdb-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	temp := filepath.Join(dir, "rpmdb.sqlite")
	if err := fill(ctx, temp, pkgs, opts); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	if err := normalise(temp); err != nil {
		return err
	}
	return os.Rename(temp, file)
}

// fill makes the database with one connection and in one transaction. It keeps
// no journal: what a crash leaves is removed, not repaired.
func fill(ctx context.Context, file string, pkgs []Package, opts Options) (err error) {
	db, err := open(file, "mode=rwc",
		"page_size(4096)", "journal_mode(OFF)", "synchronous(OFF)", "locking_mode(EXCLUSIVE)", "temp_store(MEMORY)", "cache_size(-8192)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	w := &writer{ctx: ctx, opts: opts}
	if w.tx, err = db.BeginTx(ctx, nil); err != nil {
		return err
	}
	if err := w.run(pkgs); err != nil {
		return errors.Join(err, w.tx.Rollback())
	}
	return w.tx.Commit()
}

type writer struct {
	ctx    context.Context
	tx     *sql.Tx
	opts   Options
	tables []inserter
}

func (w *writer) run(pkgs []Package) error {
	if err := w.exec(packagesSchema); err != nil {
		return err
	}
	for _, t := range tables() {
		if err := w.exec(t.create()); err != nil {
			return err
		}
		w.tables = append(w.tables, inserter{table: t})
	}
	put, err := w.tx.PrepareContext(w.ctx, "INSERT INTO Packages VALUES (?, ?)")
	if err != nil {
		return err
	}
	for i := range pkgs {
		if err := w.add(put, uint32(i+1), &pkgs[i]); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", pkgs[i].Name, err), put.Close())
		}
	}
	if err := put.Close(); err != nil {
		return err
	}
	for i := range w.tables {
		if err := w.tables[i].close(w); err != nil {
			return err
		}
		for _, statement := range w.tables[i].indexes() {
			if err := w.exec(statement); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) exec(statement string) error {
	_, err := w.tx.ExecContext(w.ctx, statement)
	return err
}

// add writes one package and its rows of all indexes. The rows come from what is
// written, so a package that could not be read again is not written.
func (w *writer) add(put *sql.Stmt, number uint32, p *Package) error {
	blob, err := p.installed(number-1, w.opts)
	if err != nil {
		return err
	}
	pkg, err := rpm.OpenInstalled(blob)
	if err != nil {
		return err
	}
	if _, err := put.ExecContext(w.ctx, int64(number), blob); err != nil {
		return err
	}
	for i := range w.tables {
		t := &w.tables[i]
		rows, err := t.rows(pkg.Header, w.opts.bigEndian())
		if err != nil {
			return fmt.Errorf("index %s: %w", t.name, err)
		}
		for _, r := range rows {
			if err := t.insert(w, r, number); err != nil {
				return fmt.Errorf("index %s: %w", t.name, err)
			}
		}
	}
	return nil
}
