package rpmdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/rpmdb"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

func TestReadWhatWasWritten(t *testing.T) {
	files := build(t, several()...)
	pkgs := fromFiles(t, files)
	pkgs[1].States = []rpmdb.FileState{rpmdb.StateNormal, rpmdb.StateNormal, rpmdb.StateNotInstalled, rpmdb.StateNormal}
	_, file := write(t, pkgs)
	all, err := rpmdb.Read(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := rpm.Open(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		want, err := p.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		want.HeaderStart, want.HeaderEnd = 0, 0
		if got := all[i]; fmt.Sprint(*got) != fmt.Sprint(*want) {
			t.Errorf("got %+v, want %+v", *got, *want)
		}
	}
	var copies []rpmdb.Package
	db := open(t, file)
	if err := db.Scan(t.Context(), func(p *rpmdb.Installed) error {
		if p.InstallTime.Unix() != epoch+int64(p.Number)-1 {
			t.Errorf("got %s, want the time %d", p.InstallTime, epoch)
		}
		if p.Number == 2 && !slices.Equal(p.States, pkgs[1].States) {
			t.Errorf("got the states %v, want %v", p.States, pkgs[1].States)
		}
		copies = append(copies, rpmdb.Package{Installed: func() ([]byte, error) { return db.Blob(t.Context(), p.Number) }})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	_, again := write(t, copies)
	a, errA := os.ReadFile(file)
	b, errB := os.ReadFile(again)
	if err := errors.Join(errA, errB); err != nil || !bytes.Equal(a, b) {
		t.Errorf("a copy differs: %v", err)
	}
}

// TestInteropReadsRPM reads what the real rpm wrote, a key included.
func TestInteropReadsRPM(t *testing.T) {
	files := build(t, several()...)
	all, err := rpmdb.Read(t.Context(), installReal(t, files))
	if err != nil || len(all) != len(files) {
		t.Errorf("got %d packages, %v, want %d", len(all), err, len(files))
	}
}

func TestReadRefusals(t *testing.T) {
	_, file := write(t, fromFiles(t, build(t, several()...)))
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, new string) []byte { return bytes.ReplaceAll(good, []byte(old), []byte(new)) }
	for _, tc := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "no table of packages"},
		{"text", []byte(strings.Repeat("hello ", 1000)), "not a database"},
		{"cut off", good[:8192], ""},
		{"another table", change("blob BLOB NOT NULL)", "blob BLOB NOT NULJ)"), ""},
		{"a broken region", change("\x00\x00\x00\x3f\x00\x00\x00\x07", "\x00\x00\x00\x3f\x00\x00\x00\x08"), "region tag 63"},
		{"a broken name", change("\x00\x00\x03\xe8\x00\x00\x00\x06", "\x00\x00\x03\xe8\x00\x00\x00\x04"), "package "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad := filepath.Join(t.TempDir(), "rpmdb.sqlite")
			if err := os.WriteFile(bad, tc.data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := rpmdb.Read(t.Context(), bad); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), bad) {
				t.Errorf("got %v, want an error with %q and the file", err, tc.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := rpmdb.Read(ctx, file); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
	if _, err := rpmdb.Read(t.Context(), t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
}

func TestSupported(t *testing.T) {
	for version, want := range map[string]bool{"4.11.3": false, "4.14.3": false, "4.15.1": false, "4.16.0": true, "4.16.1.3": true, "4.20.1": true, "6.0.2": true} {
		if got := rpmdb.Supported(rpm.NEVRA{Name: "rpm-libs", EVR: rpm.EVR{Version: version, Release: "1"}}); got != want {
			t.Errorf("rpm %s: got %v, want %v", version, got, want)
		}
	}
}

// FuzzInstalled reads what a database may hold as a package, writes it and
// reads it again.
func FuzzInstalled(f *testing.F) {
	for _, p := range several() {
		data, err := p.Build()
		if err != nil {
			f.Fatal(err)
		}
		pkg, err := rpm.Open(bytes.NewReader(data))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(pkg.Header.Raw()[8:])
		blob, err := rpmdb.Blob(rpmdb.Package{Header: func() ([]byte, error) { return data[96:pkg.HeaderEnd], nil }}, options())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(blob)
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		p, err := rpm.OpenInstalled(blob)
		if err != nil {
			return
		}
		rpmdb.Rows(p.Header)
		if _, err := p.Metadata(); err != nil {
			return
		}
		if _, err := p.Files(); err != nil {
			t.Errorf("the metadata is good, the files are not: %v", err)
		}
	})
}
