package solve

import (
	"slices"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

func TestDepString(t *testing.T) {
	u := NewUniverse(Options{})
	for _, s := range []string{
		"a", "a >= 1:2-3", "/usr/bin/x",
		"(a or b or c)", "(a and (b or c))", "((a or b) and c)", "(a >= 1 with a < 2)", "(a without b)",
		"(a if b)", "(a if b else c)", "(a unless (b and c) else d)",
	} {
		d, err := rpm.ParseDep(s)
		if err != nil {
			t.Fatal(err)
		}
		id := u.dep(d)
		if got := u.depString(id); got != s {
			t.Errorf("got %q, want %q", got, s)
		}
		if again := u.dep(d); again != id {
			t.Errorf("%s: got number %d, want %d again", s, again, id)
		}
	}
}

func TestDepsThatDoNotCount(t *testing.T) {
	u := NewUniverse(Options{})
	for _, s := range []string{"", "(", "(a", "(a b)", "(a and)"} {
		if id := u.dep(rpm.Dep{Name: s}); id != noDep {
			t.Errorf("%q: got %s, want none", s, u.depString(id))
		}
	}
}

func TestNormalEVR(t *testing.T) {
	for _, tt := range [][2]string{{"1-1", "1-1"}, {"0:1-1", "1-1"}, {"1:1-1", "1:1-1"}, {"0:1:2", "0:1:2"}, {"0:", "0:"}, {"", ""}, {"00:1", "00:1"}} {
		if got := normalEVR(tt[0]); got != tt[1] {
			t.Errorf("%q: got %q, want %q", tt[0], got, tt[1])
		}
	}
}

func TestSupplementSpellings(t *testing.T) {
	u := NewUniverse(Options{})
	for _, tt := range [][2]string{
		{"packageand(a:b)", "(a and b)"}, {"packageand(a:b:c)", "((a and b) and c)"}, {"packageand(a)", "a"}, {"packageand(:a)", "a"},
		{"modalias(pci:1)", "modalias(pci:1)"}, {"(a and language(de))", "(a and language(de))"},
	} {
		if got := u.depString(u.supplement(rpm.Dep{Name: tt[0]})); got != tt[1] {
			t.Errorf("%q: got %q, want %q", tt[0], got, tt[1])
		}
	}
	if got := u.supplement(rpm.Dep{Name: "packageand()"}); got != noDep {
		t.Errorf("packageand(): got %s, want none", u.depString(got))
	}
}

// Lists hold each dependency once; what scriptlets need comes last.
func TestDependencyLists(t *testing.T) {
	u := universe(t, Options{Order: OrderXML}, "r", `
		a
		Prq: sh
		Req: libc
		Req: sh
		Req: libc
		Prq: libm
		Prv: x
		Prv: x`)
	u.reindex()
	text := func(kind depKind) (out []string) {
		for _, d := range u.list(firstPkg, kind) {
			out = append(out, u.depString(d))
		}
		return out
	}
	if got, want := text(requires), []string{"libc", "sh", "libm"}; !slices.Equal(got, want) || u.pkgs[firstPkg].before != 1 {
		t.Errorf("requires: got %v with %d before, want %v with 1", got, u.pkgs[firstPkg].before, want)
	}
	if got, want := text(provides), []string{"x", "a = 1-1"}; !slices.Equal(got, want) {
		t.Errorf("provides: got %v, want %v", got, want)
	}
}
