package solve

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// TestReserve: whatever is reserved, the universe is the same.
func TestReserve(t *testing.T) {
	var first *Universe
	for _, size := range []int64{0, -1, 1, 1 << 20, math.MaxInt64} {
		u := NewUniverse(Options{})
		r := u.AddRepo(RepoOptions{ID: "r"})
		for i := range 2000 {
			if i%1000 == 0 {
				r.Reserve(size)
			}
			r.Add(&rpm.Metadata{
				NEVRA:    rpm.NEVRA{Name: fmt.Sprintf("p%d", i), EVR: rpm.EVR{Version: "1", Release: "1"}, Arch: "noarch"},
				Requires: []rpm.Dep{{Name: fmt.Sprintf("p%d", i/2), Flags: rpm.GT, EVR: fmt.Sprint(i % 5), Serial: int32(i%7 + 1)}},
			})
		}
		if first == nil {
			first = u
		}
		if !bytes.Equal(u.in.text, first.in.text) || !slices.Equal(u.rels.rels, first.rels.rels) || !slices.Equal(u.deps, first.deps) ||
			!bytes.Equal(u.facts.data, first.facts.data) || !slices.Equal(r.pkgs, first.repos[0].pkgs) {
			t.Errorf("with %d reserved the universe is another one", size)
		}
	}
}
