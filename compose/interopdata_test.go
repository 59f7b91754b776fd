//go:build interopdata

package compose_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/treewright/treewright/rpmrepo"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// TestInteropDataGroups compares every group and environment of a real
// repository, and random sets of packages, with what dnf makes of them.
func TestInteropDataGroups(t *testing.T) {
	data := os.Getenv("TREEWRIGHT_DATA")
	if data == "" {
		t.Fatal("set TREEWRIGHT_DATA to the folder with real inputs")
	}
	dir := filepath.Join(data, "rpmmd", "centos-stream9-baseos")
	names, groups := readNames(t, dir)
	w := newWorkshop(t, osTree+"packages: [bash]\n")
	w.write("test.repo", "[test]\nname=test\nbaseurl="+dir+"\n")
	sets := [][]string{{"@core"}}
	for _, g := range groups {
		sets = append(sets, []string{"@" + g})
	}
	random := rand.New(rand.NewPCG(9, 4))
	for i := range 100 {
		var set []string
		for range 1 + random.IntN(20) {
			set = append(set, names[random.IntN(len(names))])
		}
		if i%10 == 0 {
			set = append(set, "@"+groups[random.IntN(len(groups))])
		}
		sets = append(sets, set)
	}
	cache := t.TempDir()
	same, none, packages := 0, 0, 0
	for _, set := range sets {
		want, output := dnfIn(t, cache, []string{"test=" + dir}, append([]string{"install"}, set...)...)
		yaml := osTree + "repos: [test]\npackages:\n"
		for _, s := range set {
			yaml += fmt.Sprintf("- %q\n", "'"+s+"'")
		}
		w.write("tree.yaml", yaml)
		p, err := w.plan()
		switch {
		case err != nil && want == nil:
			none++
		case err != nil:
			t.Errorf("%q: %v; dnf installs %d packages", set, err, len(want))
		case want == nil:
			t.Errorf("%q: got %d packages; dnf says\n%s", set, len(p.Packages), output)
		case differences(chosen(p), want) != "":
			t.Errorf("%q:%s", set, differences(chosen(p), want))
		default:
			same++
			packages += len(want)
		}
	}
	t.Logf("%d requests (@core, %d groups and environments, 100 random sets): %d with the same packages (%d in all), %d that both refuse",
		len(sets), len(groups), same, packages, none)
}

// readNames returns the names of a repository's packages and the IDs of its
// groups and environments.
func readNames(t *testing.T, dir string) (names, groups []string) {
	t.Helper()
	cfg, err := rpmrepo.DirConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rpmrepo.Open(t.Context(), cfg, rpmrepo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = r.Packages(t.Context(), func(m *rpm.Metadata) error {
		names = append(names, m.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	comps, err := r.Comps(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range comps.Groups {
		groups = append(groups, g.ID)
	}
	for _, e := range comps.Environments {
		groups = append(groups, e.ID)
	}
	slices.Sort(names)
	return slices.Compact(names), groups
}
