package compose_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/treefile"
)

// versions are two versions of two packages.
func versions(numbers ...string) []rpmtest.Package {
	var list []rpmtest.Package
	for _, v := range numbers {
		list = append(list, rpmtest.Package{Name: "app", Version: v, Requires: []string{"lib"}}, rpmtest.Package{Name: "lib", Version: v})
	}
	return list
}

func planned(p *compose.Plan) string {
	var names []string
	for _, pkg := range p.Packages {
		names = append(names, pkg.NEVRA.String())
	}
	return strings.Join(names, " ")
}

func withLock(policy compose.LockPolicy, names ...string) func(*compose.Options) {
	return func(o *compose.Options) { o.Lockfiles, o.LockPolicy = names, policy }
}

// TestLock checks that a lock has its effect through the packages alone.
func TestLock(t *testing.T) {
	w := newWorkshop(t, osTree+"packages: [app]\n", versions("1")...)
	first, err := w.plan()
	w.must(err)
	ours, theirs := filepath.Join(w.dir, "ours"), filepath.Join(w.dir, "theirs")
	w.must(first.WriteLockfile(ours))
	w.must(first.WriteRPMOSTreeLockfile(theirs))
	w.setPackages(versions("1", "2")...)
	for _, name := range []string{ours, theirs} {
		for _, policy := range []compose.LockPolicy{compose.LockRelaxed, compose.LockStrict, compose.LockExact} {
			p, err := w.plan(withLock(policy, name))
			w.must(err)
			if got := planned(p); got != "app-1-1.noarch lib-1-1.noarch" || p.InputHash != first.InputHash || len(p.Warnings) > 0 {
				t.Errorf("%s, %d: got %s, %s, %q, want the plan that was locked, %s", name, policy, got, p.InputHash, p.Warnings, first.InputHash)
			}
			again := filepath.Join(t.TempDir(), "again")
			w.must(p.WriteLockfile(again))
			if a, b := readFile(t, ours), readFile(t, again); a != b {
				t.Errorf("%s, %d: got the lock %s, want %s", name, policy, b, a)
			}
		}
	}
	free, err := w.plan()
	w.must(err)
	if got := planned(free); got != "app-2-1.noarch lib-2-1.noarch" || free.InputHash == first.InputHash {
		t.Errorf("got %s, want version 2 without a lock", got)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestLockErrors(t *testing.T) {
	w := newWorkshop(t, osTree+"packages: [app]\nlockfile-repos: [pool]\n", versions("1")...)
	w.write("app.lock", `{"packages": {"app": {"evr": "1-1"}, "gone": {"evr": "1-1"}}}`)
	lock := filepath.Join(w.dir, "app.lock")
	if _, err := w.plan(); err != nil {
		t.Errorf("got %v, want lockfile-repos to be nothing without a lock", err)
	}
	_, err := w.plan(withLock(compose.LockRelaxed, lock))
	wantError(t, err, "lockfile-repos: no .repo file in", "defines pool; defined are: test")
	_, err = w.plan(withLock(compose.LockStrict))
	wantError(t, err, "there is no lock file")
	w.write("tree.yaml", osTree+"packages: [app]\n")
	_, err = w.plan(withLock(compose.LockStrict, lock))
	wantError(t, err, "lib-1-1.noarch is excluded by the lock file, which does not have it")
	w.write("tree.yaml", osTree+"packages: [lib]\n")
	w.write("app.lock", `{"packages": {"app": {"evr": "1-1"}, "lib": {"evr": "1-1"}}}`)
	_, err = w.plan(withLock(compose.LockExact, lock))
	wantError(t, err, "the packages are not those of "+lock, "nothing asks for them: app-1-1")
}

// TestResolve checks what the commands that explain are made of.
func TestResolve(t *testing.T) {
	w := newWorkshop(t, "packages: [app]\n", versions("1", "2")...) // no word about labels
	tf, err := treefile.Load(filepath.Join(w.dir, "tree.yaml"), treefile.Options{Arch: "x86_64"})
	w.must(err)
	r, err := compose.Resolve(t.Context(), compose.Options{Treefile: tf, CacheDir: w.cache, Now: now})
	w.must(err)
	defer func() { w.must(r.Close()) }()
	for name, want := range map[string]string{
		"lib":     "lib-2-1.noarch, from repository test:\n  - app is requested: app-2-1.noarch\n    - app-2-1.noarch requires lib: lib-2-1.noarch\n",
		"*":       "app-2-1.noarch, from repository test:\n  - app is requested: app-2-1.noarch\n" + "lib-2-1.noarch, from repository test:\n  - app is requested: app-2-1.noarch\n    - app-2-1.noarch requires lib: lib-2-1.noarch\n",
		"lib < 2": "  app-2-1.noarch requires lib, which lib-2-1.noarch provides\n",
		"none":    "  no repository in use has it\n",
	} {
		e, err := r.Why(t.Context(), name)
		w.must(err)
		var b strings.Builder
		w.must(e.WriteText(&b))
		if b.String() != want {
			t.Errorf("%s: got %q, want %q", name, b.String(), want)
		}
	}
}
