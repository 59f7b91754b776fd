package scriptlet_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/scriptlet"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// load reads a package file as a compose knows packages.
func load(t testing.TB, file string) scriptlet.Package {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := rpm.Open(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return packageOf(t, p)
}

func packageOf(t testing.TB, p *rpm.Package) scriptlet.Package {
	t.Helper()
	m := &content.Manifest{NEVRA: p.NEVRA()}
	files, err := p.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		m.Files = append(m.Files, content.File{Path: f.Path, Mode: f.Mode, Flags: f.Flags, Color: f.Color, LinkTo: f.LinkTo})
	}
	if m.Scriptlets, err = p.Scriptlets(); err != nil {
		t.Fatal(err)
	}
	meta, err := p.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	m.Requires, m.Provides = meta.Requires, meta.Provides
	return scriptlet.Package{Name: p.NEVRA().String(), Manifest: m, Header: func() (*rpm.Package, error) { return p, nil }}
}

// build writes the packages into a folder and returns them and their files.
func build(t testing.TB, list ...rpmtest.Package) (pkgs []scriptlet.Package, files []string) {
	t.Helper()
	dir := t.TempDir()
	for _, p := range list {
		data, err := p.Build()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, p.FileName())
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
		pkgs = append(pkgs, load(t, file))
	}
	return pkgs, files
}

const orderScript = `
import os, sys, rpm
colors = int(sys.argv[1])
ts = rpm.TransactionSet(sys.argv[2])
ts.setVSFlags(-1)
ts.setColor(colors)
ts.setPrefColor(2)
for name in sys.stdin.read().split():
    fd = os.open(name, os.O_RDONLY)
    ts.addInstall(ts.hdrFromFdno(fd), name, 'i')
    os.close(fd)
ts.order()
for te in ts:
    e = te.E()
    print(te.N() + '-' + (e + ':' if e and e != '0' else '') + te.V() + '-' + te.R() + '.' + te.A())
`

// rpmOrder asks the real rpm for the order of package files.
func rpmOrder(t testing.TB, colors string, files []string) []string {
	t.Helper()
	const python = "/usr/bin/python3"
	c := exec.CommandContext(t.Context(), python, "-c", orderScript, colors, t.TempDir())
	c.Stdin = strings.NewReader(strings.Join(files, "\n"))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: install python3-rpm: %s", err, out)
	}
	return strings.Fields(string(out))
}

func names(pkgs []scriptlet.Package, order []int) []string {
	list := make([]string, len(order))
	for i, n := range order {
		list[i] = pkgs[n].Name
	}
	return list
}
