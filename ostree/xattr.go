package ostree

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/ostree/gvariant"
)

// Xattr is one extended attribute. Name has no closing NUL.
type Xattr struct {
	Name  string
	Value []byte
}

func compareXattrs(a, b Xattr) int { return cmp.Compare(a.Name, b.Name) }

// sortedXattrs returns xs in the order in which libostree stores them.
func sortedXattrs(xs []Xattr) []Xattr {
	if slices.IsSortedFunc(xs, compareXattrs) {
		return xs
	}
	return slices.SortedStableFunc(slices.Values(xs), compareXattrs)
}

func validateXattrs(xs []Xattr) error {
	prev := ""
	for _, x := range sortedXattrs(xs) {
		if x.Name == "" || strings.IndexByte(x.Name, 0) >= 0 {
			return fmt.Errorf("xattr name %q is empty or holds a NUL", x.Name)
		}
		if x.Name == prev {
			return fmt.Errorf("xattr %s stands twice", x.Name)
		}
		prev = x.Name
	}
	return nil
}

// encodeXattrs makes an a(ayay) in the order given.
func encodeXattrs(xs []Xattr) gvariant.Value {
	vs := make([]gvariant.Value, len(xs))
	for i, x := range xs {
		vs[i] = gvariant.Tuple(gvariant.ByteString(x.Name), gvariant.Bytes(x.Value))
	}
	return gvariant.Array("(ayay)", vs...)
}

// maxXattrs is far above what any file system stores on one file.
const maxXattrs = 4096

func decodeXattrs(v gvariant.Value) ([]Xattr, error) {
	n := v.Len()
	if n == 0 {
		return nil, nil
	}
	if n > maxXattrs {
		return nil, fmt.Errorf("%d xattrs on one file are too many", n)
	}
	xs := make([]Xattr, n)
	for i := range n {
		x := v.Index(i)
		name, ok := bytes.CutSuffix(x.Index(0).Bytes(), []byte{0})
		if !ok {
			return nil, fmt.Errorf("xattr name %q has no NUL at its end", x.Index(0).Bytes())
		}
		xs[i] = Xattr{Name: string(name), Value: x.Index(1).Bytes()}
	}
	return xs, validateXattrs(xs)
}
