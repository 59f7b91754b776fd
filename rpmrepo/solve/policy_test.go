package solve

import (
	"slices"
	"strings"
	"testing"
)

// The policy's steps, each on candidates that only it tells apart. What is
// wanted comes first in the list of those that are left.
func TestFilter(t *testing.T) {
	tests := []struct {
		name  string
		repos []any
		m     mode
		want  string
	}{
		{"newest of a name", []any{"r", "a 1-1\na 3-1\na 2-1"}, modeRecommend, "a-3-1.noarch"},
		{"one of each name, by name", []any{"r", "b\na\nc"}, modeRecommend, "a-1-1.noarch b-1-1.noarch c-1-1.noarch"},
		{"best architecture and noarch", []any{"r", "a 1-1 i686\nb 1-1 x86_64\nc 1-1 noarch"}, modeRecommend, "b-1-1.x86_64 c-1-1.noarch"},
		{"priority before version", []any{RepoOptions{ID: "x", Priority: 50}, "a 1-1", RepoOptions{ID: "y", Priority: 99}, "a 2-1\nb 9-1"}, modeRecommend, "a-1-1.noarch"},
		{"cost between equals", []any{RepoOptions{ID: "x", Cost: 2000}, "a", RepoOptions{ID: "y", Cost: 1000}, "a"}, modeRecommend, "a-1-1.noarch"},
		{"obsoleted ones go", []any{"r", "a\nb\nObs: a"}, modeRecommend, "b-1-1.noarch"},
		{"old ones last", []any{"r", "a 1-1\na 2-1\nb 1-1 x86_64"}, modeSupplement, "a-2-1.noarch b-1-1.x86_64 a-1-1.noarch"},
		{"older provide last", []any{"r", "a\nPrv: v = 1\nb\nPrv: v = 2\nc"}, modeChoose, "b-1-1.noarch c-1-1.noarch a-1-1.noarch"},
		{"hashes are no versions", []any{"r", "a\nPrv: id = 0aaa\nb\nPrv: id = 0fff"}, modeChoose, "a-1-1.noarch b-1-1.noarch"},
		{"a missing release does not count", []any{"r", "a\nPrv: v = 1\nb\nPrv: v = 1-5"}, modeChoose, "a-1-1.noarch b-1-1.noarch"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := universe(t, Options{}, tt.repos...)
			u.reindex()
			s := newSolver(t.Context(), u)
			var list []lit
			for p := firstPkg; int(p) < len(u.pkgs); p++ {
				list = append(list, p)
			}
			var got []string
			for _, p := range s.filter(list, tt.m) {
				got = append(got, u.nevra(p))
			}
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("got %q, want %q", g, tt.want)
			}
		})
	}
}

func TestToBack(t *testing.T) {
	list := []lit{1, 2, 3, 4, 5, 6}
	toBack(list, func(p lit) bool { return p%2 == 1 })
	if want := []lit{2, 4, 6, 1, 3, 5}; !slices.Equal(list, want) {
		t.Errorf("got %v, want %v", list, want)
	}
}

func TestKeepIf(t *testing.T) {
	if got := keepIf([]lit{1, 2, 3}, func(lit) bool { return false }); len(got) != 3 {
		t.Errorf("none passes: got %v, want all", got)
	}
	if got := keepIf([]lit{1, 2, 3}, func(p lit) bool { return p > 1 }); !slices.Equal(got, []lit{2, 3}) {
		t.Errorf("got %v, want [2 3]", got)
	}
}

func TestLooksLikeHash(t *testing.T) {
	for s, want := range map[string]bool{"": false, "12": false, "1234": true, "deadbeef": true, "1.234": false, "1234-1": false, "dead": true, "lead": false} {
		if got := looksLikeHash(s); got != want {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	}
}

func TestCompareLists(t *testing.T) {
	sorted := [][]lit{{-3, -2}, {-3, -2, 1}, {-3, 1}, {-2}, {1}, {1, 2}, {1, 3}, {2}}
	for i, a := range sorted {
		for j, b := range sorted {
			got := compareLists(a, b)
			if got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("%v, %v: got %d, want the order of %d and %d", a, b, got, i, j)
			}
		}
	}
	if compareLists([]lit{-3, -2}, []lit{-3}) >= 0 { // the end is a zero
		t.Error("a list that goes on with a negative literal comes first")
	}
}
