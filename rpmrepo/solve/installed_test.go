package solve

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

func TestInstalled(t *testing.T) {
	base := RepoOptions{ID: "base", Installed: true}
	tests := []struct {
		name            string
		installed, pkgs string
		req             Request
		want            string // "problem" when there is no answer
	}{
		{"satisfies", "lib", "app\nReq: lib\nlib 2-1", specs("app"), "app"},
		{"is not replaced", "lib", "app\nReq: lib\nlib 2-1", specs("app", "lib"), "app"},
		{"too old", "lib 1-1", "app\nReq: lib >= 2\nlib 2-1", specs("app"), "problem"},
		{"conflicts", "lib\nCon: app", "app", specs("app"), "problem"},
		{"is conflicted with", "lib", "app\nCon: lib", specs("app"), "problem"},
		{"obsoletes", "lib\nObs: app", "app", specs("app-1"), "problem"},
		{"obsoletes what is asked for by name", "lib\nObs: app", "app", specs("app"), ""},
		{"its broken dependencies are not mended", "lib\nReq: gone\nReq: (x & y)", "app\nReq: lib\ngone", specs("app"), "app"},
		{"its conflicts among themselves stay", "lib\nCon: other\nother", "app\nReq: lib", specs("app"), "app"},
		{"its recommendations are history", "lib\nRec: docs", "app\nReq: lib\ndocs", specs("app"), "app"},
		{"what supplements it alone is history", "lib", "app\nlang\nSup: lib", specs("app"), "app"},
		{"what supplements the new comes", "lib", "app\nlang\nSup: (lib & app)", specs("app"), "app lang"},
		{"chosen among providers", "zz\nPrv: mta", "app\nReq: mta\naa\nPrv: mta", specs("app"), "app"},
		{"excludes do not touch it", "lib", "app\nReq: lib", Request{Install: specs("app").Install, Excludes: []string{"lib"}}, "app"},
		{"another architecture", "lib 1-1 x86_64", "app\nReq: lib(32)\nlib 1-1 i686\nPrv: lib(32)", specs("app"), "app lib-1-1.i686"},
		{"asked for by architecture", "lib 1-1 x86_64", "lib 2-1 x86_64", specs("lib.x86_64"), ""},
		{"best of what is installed", "lib 1-1", "lib 2-1", Request{Install: specs("lib").Install, Best: true}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := universe(t, Options{}, base, tt.installed, "r", tt.pkgs)
			tr, err := Resolve(t.Context(), u, tt.req)
			if err != nil {
				if tt.want != "problem" {
					t.Fatal(err)
				}
				return
			}
			if got := strings.Join(names(tr), " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Random repositories on top of installed packages: answers hold up, and are
// libsolv's with all installed packages locked. libsolv also considers updates
// of what is installed, which a lock then forbids: once in a thousand cases that
// tips another choice.
func TestInstalledRandom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "case.t")
	requests, different := 0, 0
	for seed := range uint64(400) {
		c := drawCase(seed, true)
		if len(c.repos) < 2 {
			continue
		}
		c.lockSecondRepo()
		if err := os.WriteFile(file, []byte(c.text()), 0o644); err != nil {
			t.Fatal(err)
		}
		want := testsolv(t, file)
		u := c.universe()
		for i := range c.blocks {
			s, got := c.run(t, u, &c.blocks[i])
			requests++
			if !slices.Equal(got, want[i]) {
				different++
			}
			if msg := s.check(s.answer()); msg != "" && !isProblem(got) {
				t.Fatalf("seed %d, block %d: %s\n%s", seed, i+1, msg, c.text())
			}
		}
	}
	if requests < 500 || different > requests/200 {
		t.Errorf("got %d answers different from libsolv's in %d, want none or hardly any in many", different, requests)
	}
}

// lockSecondRepo makes the second repository the installed packages, one of
// each name, and keeps jobs that make sense beside it.
func (c *testcase) lockSecondRepo() {
	r := &c.repos[1]
	c.installed = r.name
	var keep []*rpm.Metadata
	for _, m := range r.pkgs {
		delete(c.disabled, m.NEVRA.String()+"@"+r.name)
		if !slices.ContainsFunc(keep, func(o *rpm.Metadata) bool { return o.Name == m.Name }) {
			keep = append(keep, m)
		}
	}
	r.pkgs = keep
	for i := range c.blocks {
		b := &c.blocks[i]
		b.jobs = slices.DeleteFunc(b.jobs, func(j testJob) bool { return j.sel == "oneof" })
		for k := range b.jobs {
			b.jobs[k].flags = nil
		}
		b.jobs = slices.Insert(b.jobs, 0, testJob{verb: "lock", sel: "repo", args: []string{r.name}})
	}
}
