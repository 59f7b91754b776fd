//go:build interopdata

package scriptlet_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/compose/scriptlet"
	"github.com/treewright/treewright/internal/sandbox"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// dataFolder is the folder of real inputs.
func dataFolder(t *testing.T, elem ...string) string {
	data := os.Getenv("TREEWRIGHT_DATA")
	if data == "" {
		t.Fatal("set TREEWRIGHT_DATA to the folder with real inputs")
	}
	return filepath.Join(append([]string{data}, elem...)...)
}

// TestInteropDataOrder compares the order of a distribution's packages with the
// one of the real rpm, in several orders of addition and with colours.
func TestInteropDataOrder(t *testing.T) {
	files, err := filepath.Glob(dataFolder(t, "rpms", "el7", "Packages", "*.rpm"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d packages: %v", len(files), err)
	}
	for round := range 6 {
		colors, text := uint32(0), "0"
		if round%2 == 1 {
			colors, text = 3, "3"
		}
		var pkgs []scriptlet.Package
		for _, f := range files {
			pkgs = append(pkgs, load(t, f))
		}
		order, err := scriptlet.Order(pkgs, scriptlet.OrderOptions{Colors: colors, Prefer: 2})
		if err != nil {
			t.Fatal(err)
		}
		got, want := names(pkgs, order), rpmOrder(t, text, files)
		if !slices.Equal(got, want) {
			t.Errorf("round %d: %d of %d packages at another place", round, differ(t, got, want), len(want))
		}
		switch round / 2 {
		case 0:
			slices.Reverse(files)
		case 1:
			files = append(files[77:], files[:77]...)
		}
	}
}

func differ(t *testing.T, got, want []string) (n int) {
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			if n++; n == 1 {
				t.Logf("the first at %d: got %q, want %q", i, got[i], want[i])
			}
		}
	}
	return n
}

// rpmInstall lets the real rpm install packages and returns its log.
func rpmInstall(t *testing.T, root string, files []string, options ...string) string {
	t.Helper()
	args := append([]string{"-i", "--root", root, "--dbpath", "/rpmdb", "--nodeps", "--nosignature", "--nodigest", "-vv"}, options...)
	out, err := exec.CommandContext(t.Context(), "rpm", append(args, files...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %.2000s", err, out)
	}
	return string(out)
}

// logged are the scriptlets of rpm's log, in the order of the plan's stages.
func logged(log string) (list []string) {
	ran := regexp.MustCompile(`(?m)^D: %([a-z]+)\((.*)\): (?:scriptlet start|running <lua>)`)
	for _, m := range ran.FindAllStringSubmatch(log, -1) {
		kind := m[1]
		if kind == "post" {
			kind = "postin"
		}
		list = append(list, ":"+kind+" "+strings.Replace(m[2], "-0:", "-", 1)+"\n")
	}
	return inStages(list)
}

// kinds are the steps of a plan as logged writes them.
func kinds(p *scriptlet.Plan) (list []string) {
	for i := range p.Steps {
		list = append(list, ":"+string(p.Steps[i].Kind)+" "+p.Steps[i].Package+"\n")
	}
	return list
}

// TestInteropDataFeatures plans every package of a collection of features, and
// compares those that the real rpm can install.
func TestInteropDataFeatures(t *testing.T) {
	total, same := 0, 0
	err := filepath.WalkDir(dataFolder(t, "rpm-features"), func(file string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".rpm") || strings.HasSuffix(file, ".src.rpm") {
			return err
		}
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		p, err := rpm.Open(f)
		if err != nil {
			return nil // a damaged one
		}
		if list, err := p.Scriptlets(); err != nil || len(list) == 0 {
			return nil
		}
		total++
		pkg := packageOf(t, p)
		made, err := scriptlet.NewPlan([]scriptlet.Package{pkg}, withLua())
		if err != nil {
			t.Logf("%s: %v", filepath.Base(file), err)
			return nil
		}
		out, err := exec.CommandContext(t.Context(), "rpm", "-i", "--root", makeRoot(t), "--dbpath", "/rpmdb", "--nodeps", "--nosignature",
			"--nodigest", "--ignorearch", "--ignoreos", "--noverify", "-vv", file).CombinedOutput()
		if err != nil {
			t.Logf("%s: rpm: %v", filepath.Base(file), err)
			return nil
		}
		if got, want := kinds(made), logged(string(out)); !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", file, strings.Join(got, ""), strings.Join(want, ""))
		} else {
			same++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d packages have something to run, %d the same as for rpm", total, same)
}

// TestInteropDataRun compares what runs for a distribution's packages with the
// log of the real rpm, and runs it over a tree that rpm has unpacked.
func TestInteropDataRun(t *testing.T) {
	files, err := filepath.Glob(dataFolder(t, "rpms", "el7", "Packages", "*.rpm"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d packages: %v", len(files), err)
	}
	var pkgs []scriptlet.Package
	for _, f := range files {
		pkgs = append(pkgs, load(t, f))
	}
	opts := withLua()
	opts.Colors, opts.KernelInstall = 3, true
	p := plan(t, pkgs, opts)
	got, want := kinds(p), logged(rpmInstall(t, t.TempDir(), files))
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, ""), strings.Join(want, ""))
	}
	lower := t.TempDir()
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} { // what %pretrans of filesystem does
		if err := os.MkdirAll(filepath.Join(lower, "usr", name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("usr/"+name, filepath.Join(lower, name)); err != nil {
			t.Fatal(err)
		}
	}
	rpmInstall(t, lower, files, "--noscripts", "--notriggers")
	s, err := sandbox.Open(t.Context(), sandbox.Options{Lower: lower, Dir: filepath.Join(t.TempDir(), "sandbox")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	report, err := plan(t, pkgs, withLua()).Run(t.Context(), s, scriptlet.RunOptions{})
	var total time.Duration
	for _, step := range report.Steps {
		total += step.Duration
		if step.Exit != 0 || step.Duration > time.Second {
			t.Logf("%s of %s: %s %q %s", step.Section(), step.Package, step.Duration, step.Output, step.Skipped)
		}
	}
	t.Logf("%d steps took %s", len(report.Steps), total)
	if err != nil {
		t.Error(err)
	}
}
