package solve

import (
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	u := universe(t, Options{}, "r", "app\nReq: mta\nexim\nPrv: mta = 3\nFls: /usr/sbin/exim\nlibc 2-1 x86_64\nlibc 2-1 i686\npostfix\nPrv: mta = 4\nx\nReq: libc")
	req := specs("app", "exim", "x", "libc.i686", "libc.x86_64")
	tr := resolve(t, u, req)
	tests := map[string]string{
		"exim": "exim", "libc": "libc libc", "libc.i686": "libc", "libc-2": "libc libc", "mta": "exim", "mta >= 3": "exim", "mta >= 4": "",
		"postfix": "", "/usr/sbin/exim": "exim", "/usr/sbin/none": "", "l*": "libc libc", " app ": "app", "none": "", "": "",
	}
	for text, want := range tests {
		at, err := Find(t.Context(), u, req, tr, text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range at {
			got = append(got, tr.Packages[i].Package.Name)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q: got %q, want %q", text, s, want)
		}
	}
}

func TestWhyNot(t *testing.T) {
	const mail = "app\nReq: mta\nexim\nPrv: mta\npostfix\nPrv: mta"
	noWeak := specs("a")
	noWeak.IgnoreWeak = true
	tests := []struct {
		name  string
		repos []any
		req   Request
		text  string
		want  []string
	}{
		{"nobody asks", []any{"r", "a\nb"}, specs("a"), "b", []string{"nothing asks for it: b-1-1.noarch could be installed"}},
		{"another was taken", []any{"r", mail}, specs("app"), "postfix", []string{"app-1-1.noarch requires mta, which exim-1-1.noarch provides"}},
		{"excluded", []any{"r", "a\nb"}, Request{Install: specs("a").Install, Excludes: []string{"b"}}, "b",
			[]string{"b-1-1.noarch: excluded by the request's exclude b"}},
		{"one build is excluded", []any{RepoOptions{ID: "r", Excludes: []string{"b-2*"}}, "a\nb 1-1\nb 2-1"}, specs("a"), "b",
			[]string{"b-2-1.noarch: excluded by excludepkgs=b-2* of repository r", "nothing asks for it: b-1-1.noarch could be installed"}},
		{"other architecture", []any{"r", "a\nb 1-1 aarch64"}, specs("a"), "b", []string{"b-1-1.aarch64: for another architecture than x86_64"}},
		{"disabled repository", []any{"r", "a", RepoOptions{ID: "x", Disabled: true}, "b"}, specs("a"), "b", []string{"only in a disabled repository: x"}},
		{"unknown", []any{"r", "a\nbash"}, specs("a"), "bsah", []string{"did you mean bash?"}},
		{"quite unknown", []any{"r", "a"}, specs("a"), "something", []string{"no repository in use has it"}},
		{"installed", []any{RepoOptions{ID: "base", Installed: true}, "b 1-1", "r", "a\nb 2-1"}, specs("a"), "b", []string{"b-1-1.noarch (base) is installed already, and stays"}},
		{"weak off", []any{"r", "a\nRec: b\nb"}, noWeak, "b", []string{"a-1-1.noarch recommends b, but weak dependencies are left out"}},
		{"supplement off", []any{"r", "a\nb\nSup: a"}, noWeak, "b", []string{"b-1-1.noarch supplements a, but weak dependencies are left out"}},
		{"not installable", []any{"r", "a\nRec: b\nb\nReq: c"}, specs("a"), "b", []string{"a-1-1.noarch recommends b",
			"asked for as well, it could not be installed: b cannot be installed:\n  - b is requested: b-1-1.noarch\n    - b-1-1.noarch requires c, which nothing provides"}},
		{"obsoleted", []any{"r", "a\nObs: b\nb"}, specs("a"), "b-1", []string{"a-1-1.noarch obsoletes b",
			"asked for as well, it could not be installed: a, b-1 cannot be installed together:\n  - a is requested: a-1-1.noarch\n" +
				"  - b-1 is requested: b-1-1.noarch\n    - a-1-1.noarch obsoletes b, which is b-1-1.noarch"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := WhyNot(t.Context(), universe(t, Options{}, tt.repos...), tt.req, tt.text)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v\nwant %q", got, err, tt.want)
			}
		})
	}
}

func TestAlternatives(t *testing.T) {
	u := universe(t, Options{}, "r", "app\nReq: mta\nexim\nPrv: mta\npostfix\nPrv: mta\nqmail\nPrv: mta\n"+
		"nginx\nPrv: web\napache\nPrv: web")
	req := specs("app", "web")
	req.Excludes = []string{"qmail"}
	tr := resolve(t, u, req)
	for _, s := range tr.Packages {
		want := map[string]string{"app": "", "exim": "postfix", "nginx": "apache", "apache": "nginx"}[s.Package.Name]
		if got := strings.Join(s.Reason.Alternatives, " "); got != want {
			t.Errorf("%s: got the alternatives %q, want %q", s.Package.Name, got, want)
		}
	}
}

func TestNamed(t *testing.T) {
	m := packages(t, "a 1-1\na 1-2 src\na 2-1 i686\na 3-1 aarch64\nb")
	for _, p := range m {
		p.Checksum = "sha256:" + p.NEVRA.String()
	}
	u := NewUniverse(Options{})
	for _, o := range []RepoOptions{{ID: "r"}, {ID: "off", Disabled: true}, {ID: "there", Installed: true}} {
		r := u.AddRepo(o)
		for _, p := range m {
			r.Add(p)
		}
	}
	var got []string
	for _, c := range u.Named("a") {
		got = append(got, c.Name()+" "+c.NEVRA().String()+" "+c.Repo()+" "+c.Checksum())
	}
	want := []string{"a a-1-1.noarch r sha256:a-1-1.noarch", "a a-2-1.i686 r sha256:a-2-1.i686"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := u.Named("none"); len(got) != 0 {
		t.Errorf("got %d packages, want none", len(got))
	}
}
