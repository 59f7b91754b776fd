package solve

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// TestMembers has the answers that dnf gives to groups.
func TestMembers(t *testing.T) {
	const repo = `
		bash
		Req: libc
		libc
		old 1-1
		new
		Obs: old
		lib 1-1 x86_64
		lib 1-1 i686
		only 1-1 i686
		gtk
		gtk-help
		broken
		Req: nothing
		virtual
		Prv: asked
		excluded`
	member := func(name string) Spec { return Spec{Text: name, Member: &Member{Group: "@g"}} }
	cond := func(name, requires string) Spec {
		return Spec{Text: name, Member: &Member{Group: "@g", Requires: requires}}
	}
	arch := func(name, arch string) Spec { return Spec{Text: name, Member: &Member{Group: "@g", Arch: arch}} }
	for _, c := range []struct {
		name          string
		specs         []Spec
		want, skipped string
	}{
		{"plain", []Spec{member("bash")}, "bash libc", ""},
		{"absent", []Spec{member("bash"), member("gone")}, "bash libc", "gone of @g"},
		{"a provide is no name", []Spec{member("bash"), member("asked")}, "bash libc", "asked of @g"},
		{"a pattern is no name", []Spec{member("bash"), member("li*")}, "bash libc", "li* of @g"},
		{"excluded", []Spec{member("bash"), member("excluded")}, "bash libc", "excluded of @g"},
		{"obsoleted", []Spec{member("old")}, "new", ""},
		{"best architecture", []Spec{member("lib")}, "lib.x86_64", ""},
		{"worse architecture", []Spec{member("only")}, "only.i686", ""},
		{"base architecture", []Spec{arch("lib", "x86_64"), arch("only", "x86_64")}, "lib.x86_64", "only of @g"},
		{"condition does not hold", []Spec{member("bash"), cond("gtk-help", "gtk")}, "bash libc", ""},
		{"condition holds", []Spec{member("gtk"), cond("gtk-help", "gtk")}, "gtk gtk-help", ""},
		{"condition holds by dependency", []Spec{member("bash"), cond("gtk-help", "libc")}, "bash gtk-help libc", ""},
		{"condition on what is provided", []Spec{member("virtual"), cond("gtk-help", "asked")}, "gtk-help virtual", ""},
		{"absent and conditional", []Spec{member("bash"), cond("gone", "bash")}, "bash libc", "gone of @g"},
		{"no name", []Spec{member("bash"), cond("gtk-help", "a) or (b")}, "bash libc", "gtk-help of @g"},
	} {
		u := universe(t, Options{}, "r", repo)
		got, err := Resolve(t.Context(), u, Request{Install: c.specs, Excludes: []string{"excluded"}})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var names, skipped []string
		for _, p := range got.Packages {
			n := p.Package.Name
			if p.Package.Arch != "noarch" {
				n += "." + p.Package.Arch
			}
			names = append(names, n)
		}
		for _, s := range got.Skipped {
			skipped = append(skipped, s.String())
		}
		if strings.Join(names, " ") != c.want || strings.Join(skipped, " ") != c.skipped {
			t.Errorf("%s: got %q without %q, want %q without %q", c.name, names, skipped, c.want, c.skipped)
		}
	}
	_, err := Resolve(t.Context(), universe(t, Options{}, "r", repo), Request{Install: []Spec{member("broken")}})
	want := "broken of @g cannot be installed:\n  - broken of @g is requested: broken-1-1.noarch\n    - broken-1-1.noarch requires nothing, which nothing provides"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestMemberInstalled(t *testing.T) {
	u := universe(t, Options{}, RepoOptions{ID: "base", Installed: true}, "bash 1-1", "r", "bash 2-1\ngtk\nhelp")
	got, err := Resolve(t.Context(), u, Request{Install: []Spec{
		{Text: "bash", Member: &Member{Group: "@g"}}, {Text: "help", Member: &Member{Group: "@g", Requires: "bash"}},
	}})
	if err != nil || len(got.Packages) != 1 || got.Packages[0].Package.Name != "help" {
		t.Errorf("got %+v, %v, want help alone", got, err)
	}
}

func TestOffers(t *testing.T) {
	u := universe(t, Options{}, "a", "release 1-1\nPrv: system-release = 1\nPrv: base-module(platform:x1)\nforeign 1-1 aarch64\nPrv: system-release",
		RepoOptions{ID: "b"}, "other 2-1 i686\nPrv: system-release = 2", RepoOptions{ID: "c", Disabled: true}, "off\nPrv: system-release")
	show := func(name string) []string {
		var out []string
		for _, o := range u.Offers(name) {
			out = append(out, fmt.Sprintf("%s@%s %s", o.NEVRA, o.Repo, o.Provide))
		}
		return out
	}
	for name, want := range map[string][]string{
		"system-release":          {"release-1-1.noarch@a system-release", "other-2-1.i686@b system-release"},
		"base-module(platform:*)": {"release-1-1.noarch@a base-module(platform:x1)"},
		"nothing":                 nil,
		"re*":                     {"release-1-1.noarch@a release"},
	} {
		if got := show(name); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	u.AddRepo(RepoOptions{ID: "d"}).Add(&rpm.Metadata{NEVRA: rpm.NEVRA{Name: "late", Arch: "noarch"}})
	if got := show("late"); len(got) != 1 {
		t.Errorf("added later: got %q", got)
	}
}
