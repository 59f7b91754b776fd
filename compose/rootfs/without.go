package rootfs

import "slices"

// Without returns a copy of a directory that lacks the named entries. The others
// are the same nodes; what is attached to the copy is not in n.
func (n *Node) Without(names ...string) *Node {
	c := *n
	c.children = make([]*Node, 0, len(n.children))
	for _, child := range n.children {
		if !slices.Contains(names, child.Name) {
			c.children = append(c.children, child)
		}
	}
	return &c
}
