package scriptlet_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/scriptlet"
	"github.com/treewright/treewright/internal/rpmtest"
)

func TestOrder(t *testing.T) {
	type pkg = rpmtest.Package
	file := func(path string) []rpmtest.File { return []rpmtest.File{{Path: path}} }
	for _, test := range []struct {
		name string
		pkgs []pkg
		want string
	}{
		{"none", nil, ""},
		{"no relations: the last comes first", []pkg{{Name: "a"}, {Name: "b"}, {Name: "c"}}, "c b a"},
		{"what more need comes first", []pkg{{Name: "a"}, {Name: "b"}, {Name: "x", Requires: []string{"a"}}}, "a x b"},
		{"a chain", []pkg{{Name: "a", Requires: []string{"b"}}, {Name: "b", Requires: []string{"c"}}, {Name: "c"}}, "c b a"},
		{"a cycle is cut far from the scriptlet", []pkg{{Name: "a", Requires: []string{"b"}}, {Name: "b", PreRequires: []string{"a"}}}, "a b"},
		{"the other way round", []pkg{{Name: "a", PreRequires: []string{"b"}}, {Name: "b", Requires: []string{"a"}}}, "b a"},
		{"files", []pkg{{Name: "a", Requires: []string{"/bin/sh"}}, {Name: "b", Files: file("/bin/sh")}, {Name: "c"}}, "b a c"},
		{"rich and", []pkg{{Name: "a", Requires: []string{"(b and c)"}}, {Name: "b"}, {Name: "c"}}, "c b a"},
		{"rich if", []pkg{{Name: "a", Requires: []string{"(b if c)"}}, {Name: "b"}, {Name: "c"}}, "b a c"},
		{"weak", []pkg{{Name: "a", Recommends: []string{"b"}}, {Name: "b"}, {Name: "c"}}, "b a c"},
		{"reverse weak", []pkg{{Name: "a"}, {Name: "b", Supplements: []string{"a"}}, {Name: "c"}}, "b a c"},
		{"version", []pkg{{Name: "a", Requires: []string{"b > 2"}}, {Name: "b"}, {Name: "c", Provides: []string{"b = 3"}}}, "c a b"},
	} {
		pkgs, files := build(t, test.pkgs...)
		order, err := scriptlet.Order(pkgs, scriptlet.OrderOptions{Prefer: 2})
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		got := names(pkgs, order)
		short := strings.ReplaceAll(strings.Join(got, " "), "-1-1.noarch", "")
		if short != test.want {
			t.Errorf("%s: got %q, want %q", test.name, short, test.want)
		}
		if len(files) == 0 {
			continue
		}
		if want := rpmOrder(t, "0", files); !slices.Equal(got, want) {
			t.Errorf("%s: got %q; rpm has %q", test.name, got, want)
		}
	}
}

// TestOrderRandom compares the order of random packages, most of them in
// cycles, with the one of the real rpm.
func TestOrderRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 18))
	for round := range 40 {
		n := 3 + random.IntN(40)
		list := make([]rpmtest.Package, n)
		name := func() string { return fmt.Sprintf("p%02d", random.IntN(n)) }
		for i := range list {
			p := &list[i]
			p.Name = fmt.Sprintf("p%02d", i)
			p.Provides = []string{fmt.Sprintf("cap%d = %d", random.IntN(5), random.IntN(3))}
			p.Files = []rpmtest.File{{Path: fmt.Sprintf("/usr/share/f%d", random.IntN(n)), Body: "same"}}
			for range random.IntN(4) {
				p.Requires = append(p.Requires, name())
			}
			switch random.IntN(8) {
			case 0:
				p.PreRequires = []string{name()}
			case 1:
				p.Recommends = []string{name()}
			case 2:
				p.Supplements = []string{name()}
			case 3:
				p.Requires = append(p.Requires, fmt.Sprintf("(%s or (%s if %s else %s))", name(), name(), name(), name()))
			case 4:
				p.Requires = append(p.Requires, fmt.Sprintf("cap%d >= %d", random.IntN(5), random.IntN(3)))
			case 5:
				p.Requires = append(p.Requires, fmt.Sprintf("/usr/share/f%d", random.IntN(n)))
			case 6:
				p.Enhances, p.Suggests = []string{name()}, []string{name(), name()}
			}
		}
		pkgs, files := build(t, list...)
		order, err := scriptlet.Order(pkgs, scriptlet.OrderOptions{Prefer: 2})
		if err != nil {
			t.Fatal(err)
		}
		got, want := names(pkgs, order), rpmOrder(t, "0", files)
		if !slices.Equal(got, want) {
			t.Errorf("round %d: got\n%q, want\n%q", round, got, want)
		}
	}
}
