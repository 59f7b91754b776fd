package delta

import (
	"testing"

	"github.com/treewright/treewright/ostree"
)

// FuzzNames reads a text as what summaries call a delta, and as its folder.
func FuzzNames(f *testing.F) {
	to := ostree.ChecksumOf([]byte("to"))
	for _, n := range []Name{{To: to}, {From: ostree.ChecksumOf([]byte("from")), To: to}} {
		f.Add(n.String())
		f.Add(n.Path())
	}
	f.Add(Name{To: to}.Path() + "\r")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseName(s); err == nil && n.String() != s {
			t.Errorf("name %q: read as %s", s, n)
		}
		if n, err := ParsePath(s); err == nil && n.Path() != s {
			t.Errorf("folder %q: read as %s", s, n.Path())
		}
	})
}
