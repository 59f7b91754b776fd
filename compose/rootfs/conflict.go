package rootfs

import (
	"fmt"
	"strings"
)

// Conflict is a path that two packages want differently.
type Conflict struct {
	Path          string // as the second package writes it
	First, Second string // packages
	Reason        string
}

// ConflictError lists the conflicts between the packages of a tree.
type ConflictError struct{ Conflicts []Conflict }

// maxListed is how many entries of a list a message shows.
const maxListed = 20

func (e *ConflictError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "packages conflict in %d path(s); leave out one of each two", len(e.Conflicts))
	for i, c := range e.Conflicts {
		if i == maxListed {
			fmt.Fprintf(&b, "\n  and %d more", len(e.Conflicts)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s: %s and %s: %s", c.Path, c.First, c.Second, c.Reason)
	}
	return b.String()
}

func (a *assembler) conflict(path string, old *Node, pkg int, why string) {
	a.conflicts = append(a.conflicts, Conflict{
		Path: path, First: a.tree.PackageName(old), Second: a.tree.Packages[pkg], Reason: why,
	})
}

// differ says why two nodes cannot be shared, in the words of a conflict; empty
// when they can.
func differ(a, b *Node) string {
	switch {
	case a.IsDir() != b.IsDir() || a.IsSymlink() != b.IsSymlink():
		return fmt.Sprintf("%s and %s", typeName(a), typeName(b))
	case a.User != b.User || a.Group != b.Group:
		return fmt.Sprintf("owners %s:%s and %s:%s", a.User, a.Group, b.User, b.Group)
	case a.IsSymlink():
		if a.Target != b.Target {
			return fmt.Sprintf("links to %s and %s", a.Target, b.Target)
		}
		return ""
	case a.Mode != b.Mode:
		return fmt.Sprintf("modes %04o and %04o", a.Mode&0o7777, b.Mode&0o7777)
	case a.IsDir():
		return ""
	case a.Content != b.Content:
		return "different content"
	case a.caps != b.caps:
		return fmt.Sprintf("capabilities %q and %q", a.caps, b.caps)
	}
	return ""
}

func typeName(n *Node) string {
	switch {
	case n.IsDir():
		return "a directory"
	case n.IsSymlink():
		return "a symbolic link"
	}
	return "a file"
}

// disagree settles a path that two packages want differently: by the colour of
// ELF files, or not at all.
func (a *assembler) disagree(path string, old, n *Node, why string) {
	colors := old.color != 0 && n.color != 0 && old.color != n.color && old.IsRegular() && n.IsRegular()
	prefer := a.opts.PreferredColor
	switch {
	case colors && old.color&prefer != 0:
		a.settled(path, old, n)
	case colors && n.color&prefer != 0:
		a.settled(path, n, old)
		n.Name = old.Name
		*old = *n
	default:
		a.conflict(path, old, n.Package, why)
	}
}

func (a *assembler) settled(path string, kept, dropped *Node) {
	a.report.Colors = append(a.report.Colors, Colors{
		Path: path, Kept: a.tree.PackageName(kept), Dropped: a.tree.PackageName(dropped),
	})
}
