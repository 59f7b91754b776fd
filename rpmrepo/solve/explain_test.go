package solve

import (
	"errors"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	disabled := RepoOptions{ID: "extra", Disabled: true}
	tests := []struct {
		name  string
		repos []any
		req   Request
		want  string
	}{
		{"missing", []any{"r", "bash\nnginx"}, specs("bahs", "nothing-like-it", "Nginx"), `
Packages not found: bahs, nothing-like-it, Nginx
  bahs: did you mean bash?
  Nginx: did you mean nginx?`},
		{"missing because excluded", []any{RepoOptions{ID: "r", Excludes: []string{"ba*"}}, "bash"}, specs("bash"), `
Packages not found: bash
  bash: excluded by excludepkgs=ba* of repository r`},
		{"missing in that repository", []any{"r", "bash", "s", "zsh"}, Request{Install: []Spec{{Text: "bash", Repo: "s"}}}, `
Packages not found: bash
  bash: not in repository s, but in r`},
		{"missing because disabled", []any{"r", "zsh", disabled, "bash"}, specs("bash"), `
Packages not found: bash
  bash: only in a disabled repository: extra`},
		{"nothing provides", []any{"r", "a\nReq: b\nb\nReq: libc >= 3\nlibc 2-1", disabled, "x\nPrv: libc = 4"}, specs("a"), `
a cannot be installed:
  - a is requested: a-1-1.noarch
    - a-1-1.noarch requires b, provided by b-1-1.noarch
      - b-1-1.noarch requires libc >= 3, which nothing provides
  libc is there in other versions only: libc-2-1.noarch
  libc is in a disabled repository: extra`},
		{"excluded dependency", []any{"r", "a\nReq: b\nb"}, Request{Install: specs("a").Install, Excludes: []string{"b"}}, `
a cannot be installed:
  - a is requested: a-1-1.noarch
    - a-1-1.noarch requires b, provided by b-1-1.noarch
      - b-1-1.noarch is excluded by the request's exclude b`},
		{"conflict", []any{"r", "a\nCon: b\nb\nc\nReq: b"}, specs("a", "c"), `
a, c cannot be installed together:
  - a is requested: a-1-1.noarch
  - c is requested: c-1-1.noarch
    - a-1-1.noarch conflicts with b, provided by b-1-1.noarch
    - c-1-1.noarch requires b, provided by b-1-1.noarch`},
		{"obsoletes", []any{"r", "a\nObs: b < 2\nb"}, specs("a", "b-1"), `
a, b-1 cannot be installed together:
  - a is requested: a-1-1.noarch
  - b-1 is requested: b-1-1.noarch
    - a-1-1.noarch obsoletes b < 2, which is b-1-1.noarch`},
		{"two versions", []any{"r", "a 1-1\na 2-1"}, specs("a-1-1", "a-2-1"), `
a-1-1, a-2-1 cannot be installed together:
  - a-1-1 is requested: a-1-1.noarch
  - a-2-1 is requested: a-2-1.noarch
    - a-2-1.noarch and a-1-1.noarch cannot be installed together`},
		{"other architecture", []any{"r", "a 1-1 aarch64\nb\nReq: c\nc 1-1 ppc64le"}, specs("a", "b"), `
a cannot be installed:
  - a is requested: a-1-1.aarch64
    - a-1-1.aarch64 is built for another architecture than x86_64
b cannot be installed:
  - b is requested: b-1-1.noarch
    - b-1-1.noarch requires c, which nothing provides
  c is there for other architectures only: c-1-1.ppc64le`},
		{"all problems and what is missing", []any{"r", "a\nReq: x\nb\nReq: y\nc"}, specs("a", "b", "c", "dd"), `
Packages not found: dd
a cannot be installed:
  - a is requested: a-1-1.noarch
    - a-1-1.noarch requires x, which nothing provides
b cannot be installed:
  - b is requested: b-1-1.noarch
    - b-1-1.noarch requires y, which nothing provides`},
		{"several ways, none open", []any{"r", "a\nReq: v\nb\nPrv: v\nReq: nowhere\nc\nPrv: v\nCon: a"}, specs("a"), `
a cannot be installed:
  - a is requested: a-1-1.noarch
    - a-1-1.noarch requires v, provided by b-1-1.noarch, c-1-1.noarch
    - c-1-1.noarch conflicts with a, provided by a-1-1.noarch
      - b-1-1.noarch requires nowhere, which nothing provides`},
		{"installed stays", []any{RepoOptions{ID: "base", Installed: true}, "lib 1-1", "r", "a\nReq: lib >= 2\nlib 2-1"}, specs("a"), `
a cannot be installed:
  - a is requested: a-1-1.noarch (r)
  - lib-1-1.noarch (base) is installed and stays
    - a-1-1.noarch (r) requires lib >= 2, provided by lib-2-1.noarch (r)
    - lib-2-1.noarch (r) and lib-1-1.noarch (base) cannot be installed together`},
		{"rich dependency", []any{"r", "a\nReq: (b & c)\nb"}, specs("a"), `
a cannot be installed:
  - a is requested: a-1-1.noarch
    - a-1-1.noarch requires (b and c), which nothing provides`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Resolve(t.Context(), universe(t, Options{}, tt.repos...), tt.req)
			var p *Problems
			if !errors.As(err, &p) {
				t.Fatalf("got %v, want problems", err)
			}
			if got, want := p.Error(), strings.TrimPrefix(tt.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestReasons(t *testing.T) {
	const pkgs = `
		app
		Req: lib
		Req: virtual
		Rec: docs
		lib
		Req: base
		base
		impl-a
		Prv: virtual
		impl-b
		Prv: virtual
		docs
		Req: viewer
		viewer
		lang
		Sup: app`
	tr := resolve(t, universe(t, Options{}, "r", pkgs), specs("app"))
	want := map[string]string{
		"app":    "requested app",
		"lib":    "required lib by app",
		"base":   "required base by lib",
		"impl-a": "required virtual by app instead of impl-b",
		"docs":   "recommended docs by app",
		"viewer": "required viewer by docs",
		"lang":   "supplements app by app",
	}
	if len(tr.Packages) != len(want) {
		t.Fatalf("got %v, want %d packages", names(tr), len(want))
	}
	for _, p := range tr.Packages {
		got := p.Reason.Kind.String() + " " + p.Reason.Spec + p.Reason.Dep
		if p.Reason.By >= 0 {
			got += " by " + tr.Packages[p.Reason.By].Package.Name
		}
		if len(p.Reason.Alternatives) > 0 {
			got += " instead of " + strings.Join(p.Reason.Alternatives, " ")
		}
		if got != want[p.Package.Name] {
			t.Errorf("%s: got %q, want %q", p.Package.Name, got, want[p.Package.Name])
		}
	}
}
