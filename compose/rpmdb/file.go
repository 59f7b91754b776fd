package rpmdb

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
)

// open opens a file with SQLite. The pragmas hold for every connection, of which
// there is one.
func open(file, mode string, pragmas ...string) (*sql.DB, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	query := mode
	for _, p := range pragmas {
		query += "&_pragma=" + url.QueryEscape(p)
	}
	c, err := sqlite.NewConnector((&url.URL{Scheme: "file", Path: path, RawQuery: query}).String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	return db, nil
}

// What the header of a SQLite file holds at these offsets.
const (
	atFormats      = 18 // 1, 1: a rollback journal, which a reader needs not write beside it
	atChanges      = 24 // number of transactions
	atFreePages    = 36
	atValidFor     = 92 // number of transactions when the version was written
	atVersion      = 96 // of the library that wrote last
	sqliteHeader   = 100
	sqliteMagic    = "SQLite format 3\x00"
	versionWritten = 3_040_001 // any that is as old as what reads it
)

// normalise takes out of the file what depends on the version of the library.
func normalise(file string) (err error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := make([]byte, sqliteHeader)
	if _, err := f.ReadAt(h, 0); err != nil {
		return err
	}
	if !bytes.HasPrefix(h, []byte(sqliteMagic)) || h[atFormats] != 1 || h[atFormats+1] != 1 || binary.BigEndian.Uint32(h[atFreePages:]) != 0 {
		return fmt.Errorf("SQLite wrote the header %x", h)
	}
	binary.BigEndian.PutUint32(h[atChanges:], 1)
	binary.BigEndian.PutUint32(h[atValidFor:], 1)
	binary.BigEndian.PutUint32(h[atVersion:], versionWritten)
	_, err = f.WriteAt(h, 0)
	return err
}
