package solve

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// packages reads packages in the short form of the tests: a line "name evr
// arch", then lines "Req: dep", "Prv: dep" ... as in testtags.
func packages(t testing.TB, text string) []*rpm.Metadata {
	t.Helper()
	var list []*rpm.Metadata
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if tag, value, ok := strings.Cut(line, ": "); ok && len(tag) == 3 {
			addTag(t, list[len(list)-1], "="+tag+":", value)
			continue
		}
		for len(f) < 3 {
			f = append(f, []string{"1-1", "noarch"}[len(f)-1])
		}
		m := &rpm.Metadata{NEVRA: rpm.NEVRA{Name: f[0], EVR: rpm.ParseEVR(f[1]), Arch: f[2]}}
		m.Checksum = "sha256:" + m.NEVRA.String()
		list = append(list, m)
	}
	return list
}

// universe builds repositories from pairs of options and packages.
func universe(t testing.TB, opts Options, repos ...any) *Universe {
	t.Helper()
	u := NewUniverse(opts)
	for i := 0; i < len(repos); i += 2 {
		ro, ok := repos[i].(RepoOptions)
		if !ok {
			ro.ID = repos[i].(string)
		}
		r := u.AddRepo(ro)
		for _, m := range packages(t, repos[i+1].(string)) {
			r.Add(m)
		}
	}
	return u
}

func specs(texts ...string) Request {
	var req Request
	for _, s := range texts {
		req.Install = append(req.Install, Spec{Text: s})
	}
	return req
}

// names are the packages of a transaction without architecture and repository
// where there is nothing to tell apart.
func names(tr *Transaction) []string {
	var out []string
	for _, p := range tr.Packages {
		s := strings.TrimSuffix(p.Package.NEVRA.String(), ".noarch")
		out = append(out, strings.TrimSuffix(s, "-1-1"))
	}
	return out
}

func resolve(t testing.TB, u *Universe, req Request) *Transaction {
	t.Helper()
	tr, err := Resolve(t.Context(), u, req)
	if err != nil {
		t.Fatalf("%+v: %v", req, err)
	}
	return tr
}

func TestResolve(t *testing.T) {
	tests := []struct {
		name, pkgs, want string
		req              Request
	}{
		{"requires", "a\nReq: b\nb\nc", "a b", specs("a")},
		{"newest", "a 1-1\na 2-1\na 1:1-1", "a-1:1-1", specs("a")},
		{"cycle", "a\nReq: b\nb\nReq: c\nc\nReq: a", "a b c", specs("b")},
		{"versioned", "a\nReq: b < 2\nb 1-1\nb 2-1", "a b", specs("a")},
		{"recommended", "a\nRec: b\nb", "a b", specs("a")},
		{"suggested is not installed", "a\nSug: b\nb", "a", specs("a")},
		{"suggested is preferred", "a\nReq: x\nSug: c\nb\nPrv: x\nc\nPrv: x", "a c", specs("a")},
		{"enhancing is preferred", "a\nReq: x\nb\nPrv: x\nc\nPrv: x\nEnh: a", "a c", specs("a")},
		{"supplements", "a\nb\nSup: a", "a b", specs("a")},
		{"packageand", "a\nb\nc\nSup: packageand(a:b)", "a b c", specs("a", "b")},
		{"modalias never fires", "a\nb\nSup: modalias(pci)\nc\nPrv: modalias(pci)", "a c", specs("a", "c")},
		{"obsoleter of a bare name", "tool\nnew\nObs: tool", "new", specs("tool")},
		{"no obsoleter of a version", "tool 1-1\nnew\nObs: tool", "tool", specs("tool-1-1")},
		{"rich and", "a\nReq: (b & c)\nb\nc", "a b c", specs("a")},
		{"rich if", "a\nReq: (b <IF> c)\nb\nc", "a", specs("a")},
		{"rich if holds", "a\nReq: (b <IF> c)\nb\nc", "a b c", specs("a", "c")},
		{"rich if else", "a\nReq: (b <IF> (c <ELSE> d))\nb\nc\nd", "a b c", specs("a")},
		{"rich unless", "a\nCon: (b <UNLESS> c)\nb\nc", "a b c", specs("a", "b", "c")},
		{"rich with", "a\nReq: (x >= 2 + x < 3)\nb\nPrv: x = 1\nc\nPrv: x = 2\nd\nPrv: x = 3", "a c", specs("a")},
		{"rich without", "a\nReq: (x - y)\nb\nPrv: x\nPrv: y\nc\nPrv: x", "a c", specs("a")},
		{"rich or", "a\nReq: (b | c)\nb\nc", "a b", specs("a")},
		{"a provide without version fits all", "a\nReq: x = 7\nb\nPrv: x", "a b", specs("a")},
		{"rpmlib is the system's", "a\nReq: rpmlib(Future) <= 9", "a", specs("a")},
		{"file", "a\nReq: /usr/bin/f\nb\nFls: /usr/bin/f", "a b", specs("a")},
		{"noarch beside x86_64", "a 1-1 x86_64\nReq: b\nb 1-1 i686\nb 1-1 x86_64", "a-1-1.x86_64 b-1-1.x86_64", specs("a")},
		{"i686 asked for", "b 1-1 i686\nb 1-1 x86_64", "b-1-1.i686", specs("b.i686")},
		{"both architectures", "b 1-1 i686\nb 1-1 x86_64", "b-1-1.i686 b-1-1.x86_64", specs("b.i686", "b.x86_64")},
		{"one kernel", "kernel 1-1\nkernel 2-1", "kernel-2-1", specs("kernel")},
		{"two kernels", "kernel 1-1\nkernel 2-1", "kernel kernel-2-1", specs("kernel-1-1", "kernel-2-1")},
		{"nothing at all", "a", "", specs()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(names(resolve(t, universe(t, Options{}, "r", tt.pkgs), tt.req)), " ")
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSpecForms(t *testing.T) {
	const pkgs = `
		bash 5.1-2 x86_64
		Prv: /bin/sh
		Fls: /usr/bin/bash
		bash-doc 5.1-2
		lib-x 1.0-1 x86_64
		Prv: cap(x) = 3
		lib-x 1.0-1 i686
		lib-y 2:1.0-1 x86_64
		odd 1.0-1`
	tests := []struct{ spec, want string }{
		{"bash", "bash-5.1-2.x86_64"},
		{"bash.x86_64", "bash-5.1-2.x86_64"},
		{"bash-5.1", "bash-5.1-2.x86_64"},
		{"bash-5.01", "bash-5.1-2.x86_64"},
		{"bash-5.1-2", "bash-5.1-2.x86_64"},
		{"bash-5.1-2.x86_64", "bash-5.1-2.x86_64"},
		{"bash-0:5.1-2.x86_64", "bash-5.1-2.x86_64"},
		{"lib-y-2:1.0-1", "lib-y-2:1.0-1.x86_64"},
		{"lib-y-1:1.0-1", ""},
		{"bash*", "bash-5.1-2.x86_64 bash-doc-5.1-2"},
		{"lib-?", "lib-x-1.0-1.x86_64 lib-y-2:1.0-1.x86_64"},
		{"lib-[!y]", "lib-x-1.0-1.x86_64"},
		{"lib-*.i686", "lib-x-1.0-1.i686"},
		{"cap(x)", "lib-x-1.0-1.x86_64"},
		{"cap(x) >= 2", "lib-x-1.0-1.x86_64"},
		{"cap(x)>=2", "lib-x-1.0-1.x86_64"},
		{"cap(x) > 3", ""},
		{"bash >= 5", "bash-5.1-2.x86_64"},
		{"bash > 6", ""},
		{"/bin/sh", "bash-5.1-2.x86_64"},
		{"/usr/bin/bash", "bash-5.1-2.x86_64"},
		{"/usr/bin/b*", "bash-5.1-2.x86_64"},
		{"(bash and odd)", "bash-5.1-2.x86_64 odd-1.0-1"},
		{"(bash or odd)", "bash-5.1-2.x86_64"},
		{"(odd if bash)", ""},
		{"(bash", ""},
		{"", ""},
	}
	u := universe(t, Options{}, "r", pkgs)
	for _, tt := range tests {
		tr, err := Resolve(t.Context(), u, specs(tt.spec))
		if tt.want == "" && tt.spec != "(odd if bash)" {
			var p *Problems
			if !errors.As(err, &p) || len(p.Missing) != 1 {
				t.Errorf("%q: got %v, want it missing", tt.spec, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.spec, err)
			continue
		}
		if got := strings.Join(names(tr), " "); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.spec, got, tt.want)
		}
	}
}

func TestRepositories(t *testing.T) {
	tests := []struct {
		name   string
		repos  []any
		req    Request
		want   string
		repoID string
	}{
		{"priority zero is the best of those that people write", []any{RepoOptions{ID: "a", Priority: 0}, "p 1-1", RepoOptions{ID: "b", Priority: 1}, "p 2-1"}, specs("p"), "p", "a"},
		{"priority beats version", []any{RepoOptions{ID: "a", Priority: 10}, "p 1-1", RepoOptions{ID: "b", Priority: 20}, "p 2-1"}, specs("p"), "p", "a"},
		{"cost between equals", []any{RepoOptions{ID: "a", Cost: 2000}, "p", RepoOptions{ID: "b", Cost: 500}, "p"}, specs("p"), "p", "b"},
		{"configuration order between equals", []any{"a", "p", "b", "p"}, specs("p"), "p", "a"},
		{"spec's repository", []any{"a", "p 2-1", "b", "p 1-1"}, Request{Install: []Spec{{Text: "p", Repo: "b"}}}, "p", "b"},
		{"repository's excludes", []any{RepoOptions{ID: "a", Excludes: []string{"p"}}, "p 2-1", "b", "p 1-1"}, specs("p"), "p", "b"},
		{"repository's includes", []any{RepoOptions{ID: "a", Includes: []string{"q*"}}, "p 2-1", "b", "p 1-1"}, specs("p"), "p", "b"},
		{"request's excludes", []any{"a", "p 1-1\np 2-1"}, Request{Install: specs("p").Install, Excludes: []string{"p-2*"}}, "p", "a"},
		{"exclude function", []any{"a", "p 1-1\np 2-1"}, Request{Install: specs("p").Install, Exclude: func(c Candidate) string {
			if c.NEVRA().Version == "2" && c.Name() == "p" && c.Repo() == "a" {
				return "the lock file"
			}
			return ""
		}}, "p", "a"},
		{"disabled repository", []any{RepoOptions{ID: "a", Disabled: true}, "p 2-1", "b", "p 1-1"}, specs("p"), "p", "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := resolve(t, universe(t, Options{}, tt.repos...), tt.req)
			if got := strings.Join(names(tr), " "); got != tt.want || tr.Packages[0].Repo != tt.repoID {
				t.Errorf("got %s from %s, want %s from %s", got, tr.Packages[0].Repo, tt.want, tt.repoID)
			}
		})
	}
}

func TestWeakOff(t *testing.T) {
	u := universe(t, Options{}, "r", "a\nRec: b\nb\nc\nSup: a")
	req := specs("a")
	req.IgnoreWeak = true
	if got := names(resolve(t, u, req)); !slices.Equal(got, []string{"a"}) {
		t.Errorf("weak off: got %v, want [a]", got)
	}
	req = specs("a")
	req.ExcludeFromWeak = []string{"b"}
	if got := names(resolve(t, u, req)); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("b excluded from weak: got %v, want [a c]", got)
	}
}

func TestBest(t *testing.T) {
	u := universe(t, Options{}, "r", "a 1-1\na 2-1\nReq: nowhere")
	if got := names(resolve(t, u, specs("a"))); !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %v, want [a]", got)
	}
	req := specs("a")
	req.Best = true
	if _, err := Resolve(t.Context(), u, req); err == nil || !strings.Contains(err.Error(), "the best candidate for a is a-2-1.noarch") {
		t.Errorf("best: got %v, want the best candidate named", err)
	}
}

// The same input gives the same answer, whatever was asked before.
func TestRepeatable(t *testing.T) {
	c := drawCase(42, false)
	u := c.universe()
	var first [][]string
	for round := range 3 {
		for i := range c.blocks {
			_, got := c.run(t, u, &c.blocks[i])
			if round == 0 {
				first = append(first, got)
			} else if !slices.Equal(got, first[i]) {
				t.Errorf("round %d, block %d: got %v, want %v", round, i, got, first[i])
			}
		}
	}
}
