package rpmdb_test

import (
	"bytes"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/compose/rpmdb"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// epoch is when everything was installed.
const epoch = 1_600_000_000

const dbPath = "/usr/share/rpm"

// run executes a program that must be there and succeed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := try(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func try(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v: install the package that has %s", err, name)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", fmt.Sprintf("SOURCE_DATE_EPOCH=%d", epoch))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// rpmArgs are those with which the real rpm uses the database below root alone.
func rpmArgs(root string, args ...string) []string {
	return append([]string{"--root", root, "-D", "_dbpath " + dbPath, "-D", "_db_backend sqlite"}, args...)
}

// installReal lets rpm record packages as installed and returns its database.
func installReal(t *testing.T, files []string) string {
	t.Helper()
	root := t.TempDir()
	args := rpmArgs(root, "-D", "_pkgverify_level none", "-i", "--justdb", "--nodeps", "--noscripts", "--notriggers",
		"--nosignature", "--nodigest", "--ignorearch", "--ignoreos", "--force")
	run(t, "rpm", append(args, files...)...)
	return filepath.Join(root, dbPath, "rpmdb.sqlite")
}

// build writes package files and returns their paths.
func build(t *testing.T, pkgs ...rpmtest.Package) []string {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for _, p := range pkgs {
		data, err := p.Build()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(dir, p.FileName()))
		if err := os.WriteFile(files[len(files)-1], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// fromFile describes a package file to Write.
func fromFile(t testing.TB, file string) rpmdb.Package {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := rpm.Open(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	headers := data[96:p.HeaderEnd]
	return rpmdb.Package{Name: p.NEVRA().String(), Header: func() ([]byte, error) { return headers, nil }}
}

func fromFiles(t testing.TB, files []string) []rpmdb.Package {
	t.Helper()
	var pkgs []rpmdb.Package
	for _, f := range files {
		pkgs = append(pkgs, fromFile(t, f))
	}
	return pkgs
}

func options() rpmdb.Options {
	return rpmdb.Options{InstallTime: time.Unix(epoch, 0), Arch: "x86_64"}
}

// write makes a database below a new root and returns both.
func write(t *testing.T, pkgs []rpmdb.Package) (root, file string) {
	t.Helper()
	root = t.TempDir()
	file = filepath.Join(root, dbPath, "rpmdb.sqlite")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := rpmdb.Write(t.Context(), file, pkgs, options()); err != nil {
		t.Fatal(err)
	}
	return root, file
}

// inOrder sorts packages as a database of rpm numbers them.
func inOrder(t *testing.T, file string, pkgs []rpmdb.Package) []rpmdb.Package {
	t.Helper()
	byName := map[string]rpmdb.Package{}
	for _, p := range pkgs {
		byName[p.Name] = p
	}
	var list []rpmdb.Package
	db := open(t, file)
	if err := db.Scan(t.Context(), func(p *rpmdb.Installed) error {
		name := p.Package.NEVRA().String()
		if _, known := byName[name]; !known {
			return fmt.Errorf("rpm installed %s, which is not there", name)
		}
		list = append(list, byName[name])
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func open(t *testing.T, file string) *rpmdb.DB {
	t.Helper()
	db, err := rpmdb.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// dump returns all rows of all tables, in the order in which they were written.
func dump(t *testing.T, file string) map[string][]string {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: file, RawQuery: "mode=ro"}).String())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := map[string][]string{"schema": query(t, db, "SELECT sql, '' FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%' ORDER BY name")}
	for _, name := range query(t, db, "SELECT name, '' FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'") {
		name, _, _ = strings.Cut(name, "|")
		columns := "hnum, hex(blob)"
		if name != "Packages" {
			columns = "typeof(key) || ' ' || CASE typeof(key) WHEN 'blob' THEN hex(key) ELSE key END, hnum || ' ' || idx"
		}
		all[name] = query(t, db, fmt.Sprintf("SELECT %s FROM '%s' ORDER BY rowid", columns, name))
	}
	all["sequence"] = query(t, db, "SELECT name, seq FROM sqlite_sequence")
	return all
}

func query(t *testing.T, db *sql.DB, statement string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var a, b sql.NullString
		if err := rows.Scan(&a, &b); err != nil {
			t.Fatal(err)
		}
		list = append(list, a.String+"|"+b.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// compare reports each table in which two databases differ.
func compare(t *testing.T, gotFile, wantFile string) {
	t.Helper()
	got, want := dump(t, gotFile), dump(t, wantFile)
	for name, rows := range want {
		if len(got[name]) != len(rows) {
			t.Errorf("%s: got %d rows, want %d", name, len(got[name]), len(rows))
		}
		differ := 0
		for i := range min(len(rows), len(got[name])) {
			if got[name][i] == rows[i] {
				continue
			}
			if differ++; differ >= 5 {
				continue
			}
			if name == "Packages" {
				compareBlobs(t, got[name][i], rows[i])
			} else {
				t.Errorf("%s, row %d: got %.300s, want %.300s", name, i, got[name][i], rows[i])
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d tables, want %d", len(got), len(want))
	}
}

// compareBlobs reports the tags in which two rows of Packages differ.
func compareBlobs(t *testing.T, gotRow, wantRow string) {
	t.Helper()
	var pkgs [2]*rpm.Package
	for i, row := range []string{gotRow, wantRow} {
		_, text, _ := strings.Cut(row, "|")
		blob, err := hex.DecodeString(text)
		if err == nil {
			pkgs[i], err = rpm.OpenInstalled(blob)
		}
		if err != nil {
			t.Errorf("%.100s: %v", row, err)
			return
		}
	}
	tags := append(pkgs[0].Header.Tags(), pkgs[1].Header.Tags()...)
	slices.Sort(tags)
	for _, tag := range slices.Compact(tags) {
		got, _ := pkgs[0].Header.Value(tag)
		want, _ := pkgs[1].Header.Value(tag)
		if tag == rpm.SigOpenPGP || tag == rpm.SigSHA3 && want.Count == 0 {
			continue // this rpm is older than rpm 6 and does not know it
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s, tag %s: got type %d, %d values %.80x, want type %d, %d values %.80x", pkgs[0].NEVRA(), tag, got.Type, got.Count, got.Data, want.Type, want.Count, want.Data)
		}
	}
}
