package solve

import (
	"errors"
	"slices"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Where we say that there is no answer there is none: every set of packages is
// tried. Without several architectures and best, whose rules are policy.
func TestNoAnswer(t *testing.T) {
	tried := 0
	for seed := uint64(0); tried < 60; seed++ {
		c := drawCase(seed, false)
		for i := range c.repos {
			for _, m := range c.repos[i].pkgs {
				m.Arch = "noarch"
			}
		}
		u := c.universe()
		if n := len(u.pkgs) - int(firstPkg); n > 11 {
			continue
		}
		b := &c.blocks[0]
		b.jobs = slices.DeleteFunc(b.jobs, func(j testJob) bool { return j.sel == "oneof" })
		for k := range b.jobs {
			b.jobs[k].flags = nil
		}
		s, got := c.run(t, u, b)
		if !isProblem(got) {
			continue
		}
		tried++
		for set := range 1 << (len(u.pkgs) - int(firstPkg)) {
			var in []lit
			for p := firstPkg; int(p) < len(u.pkgs); p++ {
				if set>>(p-firstPkg)&1 == 1 {
					in = append(in, p)
				}
			}
			if s.check(in) == "" && !slices.ContainsFunc(s.jobs, func(j job) bool { return slices.ContainsFunc(j.clauses, func(c []lit) bool { return c[0] == -system }) }) {
				t.Fatalf("seed %d: got no answer, want one such as %v\n%s", seed, s.packageNames(in), c.text())
			}
		}
	}
}

func (s *solver) packageNames(list []lit) (out []string) {
	for _, p := range list {
		out = append(out, s.u.nevra(p))
	}
	return out
}

// Switching off what a problem names leaves a request that has an answer.
func TestProblemsNameEnough(t *testing.T) {
	for seed := range uint64(500) {
		c := drawCase(seed, false)
		u := NewUniverse(Options{InstallOnly: []string{}})
		for _, tr := range c.repos {
			r := u.AddRepo(RepoOptions{ID: tr.name})
			for _, m := range tr.pkgs {
				r.Add(m)
			}
		}
		req := specs("A", "B", "C", "x")
		_, err := Resolve(t.Context(), u, req)
		var p *Problems
		if err == nil || !errors.As(err, &p) {
			continue
		}
		var blamed []string
		for _, m := range p.Missing {
			blamed = append(blamed, m.Spec)
		}
		for _, pr := range p.List {
			if len(pr.Specs) == 0 || len(pr.Steps) == 0 {
				t.Fatalf("seed %d: got a problem without specs or steps: %+v", seed, pr)
			}
			blamed = append(blamed, pr.Specs...)
		}
		req.Install = slices.DeleteFunc(req.Install, func(s Spec) bool { return slices.Contains(blamed, s.Text) })
		if _, err := Resolve(t.Context(), u, req); err != nil {
			t.Fatalf("seed %d: without %v got %v, want an answer", seed, blamed, err)
		}
	}
}

func TestAskedAgainAfterMorePackages(t *testing.T) {
	u := NewUniverse(Options{})
	r := u.AddRepo(RepoOptions{ID: "r"})
	add(r, "a", "1-1", nil)
	if got := names(resolve(t, u, specs("a"))); !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %v, want [a]", got)
	}
	add(u.AddRepo(RepoOptions{ID: "s"}), "a", "2-1", func(m *rpm.Metadata) { m.Requires = []rpm.Dep{{Name: "b"}} })
	add(r, "b", "1-1", nil)
	if got := names(resolve(t, u, specs("a"))); !slices.Equal(got, []string{"a-2-1", "b"}) {
		t.Errorf("after more packages: got %v, want [a-2-1 b]", got)
	}
}
