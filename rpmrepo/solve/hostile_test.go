package solve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

func add(r *Repo, name, evr string, edit func(*rpm.Metadata)) {
	m := &rpm.Metadata{NEVRA: rpm.NEVRA{Name: name, EVR: rpm.ParseEVR(evr), Arch: "noarch"}}
	if edit != nil {
		edit(m)
	}
	r.Add(m)
}

func requires1(deps ...string) func(*rpm.Metadata) {
	return func(m *rpm.Metadata) {
		for _, d := range deps {
			m.Requires = append(m.Requires, rpm.Dep{Name: d})
		}
	}
}

func TestHostileMetadata(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	tests := []struct {
		name string
		fill func(r *Repo)
		want string // part of the error; empty when a is to be installed
	}{
		{"1 MB dependency", func(r *Repo) { add(r, "a", "1", requires1(long)) }, "nothing provides"},
		{"1 MB package name", func(r *Repo) { add(r, "a", "1", requires1(long)); add(r, long, "1", nil) }, ""},
		{"1 MB rich dependency", func(r *Repo) { add(r, "a", "1", requires1("("+strings.Repeat("b and ", 1<<17)+"b)")) }, ""},
		{"unparsable rich dependency", func(r *Repo) { add(r, "a", "1", requires1("(b and", "()", "(b xor c)")) }, ""},
		{"long chain of names", func(r *Repo) {
			add(r, "a", "1", requires1("("+strings.Repeat("b or ", 10000)+"a)"))
		}, ""},
		{"normal form that explodes", func(r *Repo) {
			var terms []string
			for i := range 30 {
				add(r, fmt.Sprintf("x%d", i), "1", nil)
				add(r, fmt.Sprintf("y%d", i), "1", nil)
				terms = append(terms, fmt.Sprintf("(x%d and y%d)", i, i))
			}
			add(r, "a", "1", requires1("("+strings.Join(terms, " or ")+")"))
		}, "too complex"},
		{"exploding weak dependency", func(r *Repo) {
			var terms []string
			for i := range 30 {
				add(r, fmt.Sprintf("x%d", i), "1", nil)
				terms = append(terms, fmt.Sprintf("(x%d and x%d)", i, (i+1)%30))
			}
			rich := []rpm.Dep{{Name: "(" + strings.Join(terms, " or ") + ")"}}
			add(r, "a", "1", func(m *rpm.Metadata) { m.Recommends, m.Suggests, m.Supplements, m.Enhances = rich, rich, rich, rich })
		}, ""},
		{"conflicts with itself", func(r *Repo) {
			add(r, "a", "1", func(m *rpm.Metadata) {
				m.Conflicts = []rpm.Dep{{Name: "a"}, {Name: "(a and a)"}}
				m.Obsoletes = []rpm.Dep{{Name: "a"}}
			})
		}, ""},
		{"the same build many times", func(r *Repo) {
			for range 100 {
				add(r, "a", "1", requires1("a"))
			}
		}, ""},
		{"broken versions", func(r *Repo) {
			for _, evr := range []string{"", "-", ":", "1:", "-1", "9999999999999999999:1-1", "1-", "~^~^", "0:1:2-3"} {
				add(r, "a", evr, func(m *rpm.Metadata) {
					m.Provides = []rpm.Dep{{Name: "v", Flags: rpm.EQ, EVR: evr}, {Name: "w", Flags: 7, EVR: evr}}
					m.Requires = []rpm.Dep{{Name: "v", Flags: rpm.GT | rpm.LT, EVR: evr}, {Name: "w", Flags: rpm.EQ, EVR: ""}}
				})
			}
			add(r, "b", "1", func(m *rpm.Metadata) { m.Provides = []rpm.Dep{{Name: "v"}, {Name: "w"}} })
		}, ""},
		{"no name", func(r *Repo) { add(r, "", "1", requires1("")); add(r, "a", "1", requires1("")) }, ""},
		{"long cycle", func(r *Repo) {
			for i := range 20000 {
				add(r, fmt.Sprintf("p%d", i), "1", requires1(fmt.Sprintf("p%d", (i+1)%20000)))
			}
			add(r, "a", "1", requires1("p7"))
		}, ""},
		{"everybody obsoletes everybody", func(r *Repo) {
			for i := range 300 {
				add(r, fmt.Sprintf("p%d", i), "1", func(m *rpm.Metadata) {
					m.Provides = []rpm.Dep{{Name: "v"}}
					for j := range 300 {
						m.Obsoletes = append(m.Obsoletes, rpm.Dep{Name: fmt.Sprintf("p%d", j)})
					}
				})
			}
			add(r, "a", "1", requires1("v"))
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := NewUniverse(Options{})
			tt.fill(u.AddRepo(RepoOptions{ID: "r"}))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err := Resolve(ctx, u, specs("a"))
			var p *Problems
			if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &p) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %.300v, want %q", err, tt.want)
			}
		})
	}
}

// Placing n+1 packages in n slots takes time exponential in n: the context ends it.
func TestContextEndsSearch(t *testing.T) {
	const n = 14
	u := NewUniverse(Options{})
	r := u.AddRepo(RepoOptions{ID: "r"})
	var all []string
	for i := range n + 1 {
		all = append(all, fmt.Sprintf("pigeon%d", i))
		add(r, fmt.Sprintf("pigeon%d", i), "1", requires1(fmt.Sprintf("hole-of-%d", i)))
		for j := range n {
			add(r, fmt.Sprintf("p%d-in-%d", i, j), "1", func(m *rpm.Metadata) {
				m.Provides = []rpm.Dep{{Name: fmt.Sprintf("hole-of-%d", i)}, {Name: fmt.Sprintf("in-%d", j)}}
				m.Conflicts = []rpm.Dep{{Name: fmt.Sprintf("in-%d", j)}}
			})
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := Resolve(ctx, u, specs(all...))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("got an answer after %v, want one soon after the deadline", d)
	}
}

// FuzzResolve feeds arbitrary strings to every place that takes one.
func FuzzResolve(f *testing.F) {
	f.Add("(a if b else (c and d))", "1:2-3", "a >= 1")
	f.Add("/usr/share/x", "~^", "[a-")
	f.Add("packageand(a:b:)", "", "(a with b)")
	f.Fuzz(func(t *testing.T, dep, evr, spec string) {
		u := NewUniverse(Options{})
		r := u.AddRepo(RepoOptions{ID: "r", Excludes: []string{spec}})
		list := []rpm.Dep{{Name: dep}, {Name: dep, Flags: rpm.GT, EVR: evr}}
		add(r, "a", evr, func(m *rpm.Metadata) {
			m.Requires, m.Conflicts, m.Obsoletes, m.Provides = list, list, list, list
			m.Recommends, m.Suggests, m.Supplements, m.Enhances = list, list, list, list
			m.Files = []string{dep}
		})
		add(r, dep, evr, nil)
		r2 := u.AddRepo(RepoOptions{ID: "s", Includes: []string{dep}})
		add(r2, "b", "1", requires1(dep, "a"))
		if _, err := Resolve(t.Context(), u, specs("a", "b", spec, dep)); err != nil {
			_ = err.Error()
		}
	})
}
