package solve

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Every range of provides against every range of requirements, as rpm matches them.
func TestProvidersOfRanges(t *testing.T) {
	evrs := []string{"1", "2", "1-1", "1-2", "2-1", "1:1", "1:1-1", "1-", "1~rc", "1^git"}
	ops := []rpm.Flags{rpm.LT, rpm.LT | rpm.EQ, rpm.EQ, rpm.GT | rpm.EQ, rpm.GT}
	u := NewUniverse(Options{})
	r := u.AddRepo(RepoOptions{ID: "r"})
	var have []rpm.Dep
	for _, op := range ops {
		for _, evr := range evrs {
			d := rpm.Dep{Name: "cap", Flags: op, EVR: evr}
			have = append(have, d)
			add(r, fmt.Sprintf("p%d", len(have)), "1-1", func(m *rpm.Metadata) {
				m.Provides = []rpm.Dep{d}
				if len(have)%3 == 0 { // several provides of one name take another way
					m.Provides = append(m.Provides, rpm.Dep{Name: "cap", Flags: rpm.EQ, EVR: "99:99"})
				}
			})
		}
	}
	u.reindex()
	for _, op := range ops {
		for _, evr := range evrs {
			want := rpm.Dep{Name: "cap", Flags: op, EVR: evr}
			got := u.providers(u.dep(want))
			for i, h := range have {
				matches := rpm.Matches(h, want)
				if (i+1)%3 == 0 {
					matches = matches || rpm.Matches(rpm.Dep{Name: "cap", Flags: rpm.EQ, EVR: "99:99"}, want)
				}
				if has := slices.Contains(got, firstPkg+lit(i)); has != matches {
					t.Errorf("%v provides %v: got %v, want %v", h, want, has, matches)
				}
			}
		}
	}
}

func TestProviders(t *testing.T) {
	u := universe(t, Options{}, "r", `
		a 1-1 x86_64
		Prv: x
		Prv: x = 1
		Fls: /usr/bin/f
		b 1-1 noarch
		Prv: x = 2
		Prv: y
		c 1-1 aarch64
		Prv: x
		d 1-1 src
		Prv: x
		e
		Req: /usr/bin/f
		Prv: /usr/bin/f = 3
		Req: /usr/bin/f >= 9`)
	u.reindex()
	for _, tt := range []struct{ dep, want string }{
		{"x", "a b"}, {"x = 2", "a b"}, {"x = 3", "a"}, {"y > 7", "b"}, {"(x and y)", "a b"}, {"(x with y)", "b"}, {"(x without y)", "a"},
		{"(y if x)", "b"}, {"(y if x else a)", "a b"}, {"/usr/bin/f", "a e"}, {"/usr/bin/f >= 9", "a"}, {"nothing", ""}, {"rpmlib(X) <= 1", "the system"},
		{"rpmlib(X)", ""}, {"a = 1", "a"}, {"a > 1-1", ""},
	} {
		d, err := rpm.ParseDep(tt.dep)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range u.providers(u.dep(d)) {
			name, _, _ := strings.Cut(u.nevra(p), "-")
			got = append(got, name)
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: got %q, want %q", tt.dep, s, tt.want)
		}
	}
}

func TestMatchesName(t *testing.T) {
	u := universe(t, Options{}, "r", "a 2-1\nPrv: b = 5")
	u.reindex()
	for _, tt := range []struct {
		dep  string
		want bool
	}{
		{"a", true}, {"a = 2", true}, {"a < 2", false}, {"a <= 2-1", true}, {"a > 1", true}, {"b", false}, {"(a or b)", true}, {"(a with b)", false},
		{"(a without b)", true}, {"(a if b)", false}, {"a = 2-2", false}, {"a = 1:2", false},
	} {
		d, err := rpm.ParseDep(tt.dep)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.matchesName(firstPkg, u.dep(d)); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.dep, got, tt.want)
		}
	}
}

func TestArchPolicy(t *testing.T) {
	in := newInterner()
	p := newArchPolicy(in, "x86_64")
	score := func(a string) archScore { return p.score(in.id(a)) }
	if !(score("x86_64") < score("i686") && score("i686") < score("i386") && score("noarch") == scoreNoarch) {
		t.Errorf("got x86_64 %d, i686 %d, i386 %d, noarch %d", score("x86_64"), score("i686"), score("i386"), score("noarch"))
	}
	for _, a := range []string{"aarch64", "src", "nosrc", "ppc64le", ""} {
		if s := score(a); s != scoreNone {
			t.Errorf("%s: got %d, want none", a, s)
		}
	}
	for _, tt := range []struct {
		a, b string
		want bool
	}{{"x86_64", "x86_64", true}, {"x86_64", "i686", false}, {"i386", "i686", true}, {"noarch", "i686", true}, {"noarch", "x86_64", true}, {"x86_64", "aarch64", true}} {
		if got := p.meet(in.id(tt.a), in.id(tt.b)); got != tt.want {
			t.Errorf("%s meets %s: got %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
	arm := newArchPolicy(in, "aarch64")
	if arm.score(in.id("aarch64")) == scoreNone || arm.score(in.id("x86_64")) != scoreNone {
		t.Error("aarch64 installs its own architecture and noarch only")
	}
}
