package selinux

import (
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// Attribute is the extended attribute that holds a label.
const Attribute = "security.selinux"

// Report says what Apply did.
type Report struct {
	Policy     string   `json:"policy"`
	Labelled   int      `json:"labelled"`
	Unlabelled []string `json:"unlabelled,omitempty"` // paths, in the order of the tree
}

// Err is an *UnlabelledError when a path got no label. libostree refuses such a
// tree when told to label everything, as rpm-ostree tells it.
func (r *Report) Err() error {
	if len(r.Unlabelled) == 0 {
		return nil
	}
	return &UnlabelledError{Policy: r.Policy, Paths: r.Unlabelled}
}

// UnlabelledError lists paths for which the policy has no label.
type UnlabelledError struct {
	Policy string
	Paths  []string
}

func (e *UnlabelledError) Error() string {
	const most = 5
	list := strings.Join(e.Paths[:min(most, len(e.Paths))], ", ")
	if len(e.Paths) > most {
		list += fmt.Sprintf(" and %d more", len(e.Paths)-most)
	}
	return fmt.Sprintf("labelling the tree: the policy %q has no label for %s; remove them, or add them to the policy", e.Policy, list)
}

// Apply labels every node of the tree. A node for which the policy has no label
// is left without one. In version 0 a path below usr/etc is looked up as it is,
// and it is the policy's alias "/usr/etc /etc" that makes it equal to one of
// etc; in version 1 it is looked up as one of etc.
func Apply(tree *rootfs.Tree, c *Contexts, version int) (*Report, error) {
	if version != 0 && version != 1 {
		return nil, fmt.Errorf("labelling the tree: label version %d: there are 0 and 1", version)
	}
	report := &Report{Policy: c.Policy}
	values := map[string][]byte{} // labels are few: nodes share them
	err := tree.Walk(func(path string, n *rootfs.Node) error {
		label, ok := c.Label(lookedUp(path, version), n.Mode)
		n.Xattrs = slices.DeleteFunc(slices.Clone(n.Xattrs), func(x ostree.Xattr) bool { return x.Name == Attribute })
		if !ok {
			report.Unlabelled = append(report.Unlabelled, path)
			return nil
		}
		value := values[label]
		if value == nil {
			value = append([]byte(label), 0)
			values[label] = value
		}
		n.Xattrs = append(n.Xattrs, ostree.Xattr{Name: Attribute, Value: value})
		slices.SortFunc(n.Xattrs, func(a, b ostree.Xattr) int { return strings.Compare(a.Name, b.Name) })
		report.Labelled++
		return nil
	})
	return report, err
}

// lookedUp returns the path of the policy for a path of the tree.
func lookedUp(path string, version int) string {
	switch {
	case path == "/proc":
		return "/mnt" // a mount point; policies give /proc no label
	case version == 1 && (path == "/usr/etc" || strings.HasPrefix(path, "/usr/etc/")):
		return strings.TrimPrefix(path, "/usr")
	}
	return path
}
