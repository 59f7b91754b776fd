package solve

import (
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

// Answers beside installed packages hold up, for any repositories.
func TestInstalledRandom(t *testing.T) {
	answers := 0
	for seed := range uint64(2000) {
		c := drawCase(seed, false)
		if len(c.repos) < 2 {
			continue
		}
		c.installed = c.repos[1].name
		keep := c.repos[1].pkgs[:0]
		for _, m := range c.repos[1].pkgs { // one of each name
			if !slices.ContainsFunc(keep, func(o *rpm.Metadata) bool { return o.Name == m.Name }) {
				keep = append(keep, m)
			}
		}
		c.repos[1].pkgs = keep
		u := c.universe()
		for i := range c.blocks {
			b := &c.blocks[i]
			b.jobs = slices.DeleteFunc(b.jobs, func(j testJob) bool { return j.sel == "oneof" })
			s, got := c.run(t, u, b)
			if isProblem(got) {
				continue
			}
			answers++
			if msg := s.check(s.answer()); msg != "" {
				t.Fatalf("seed %d, block %d: %s\n%s", seed, i+1, msg, c.text())
			}
		}
	}
	if answers < 500 {
		t.Errorf("got %d answers, want some hundreds", answers)
	}
}
