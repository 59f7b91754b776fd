package ondisk

import (
	"archive/tar"
	"io"
)

// Changes hands over what programs changed: each entry of the upper layer of an
// overlay, a directory before what is in it.
//
//	the path                        relative to the root of the tree
//	owner                           ids as programs saw them
//	TREEWRIGHT.chown                PAX record: a program changed the owner;
//	                                "u" the user alone, "g" the group alone
//	character device 0, 0           whiteout: the path was removed
//	TREEWRIGHT.opaque               PAX record: a directory that replaces the
//	                                one that was there
//	TREEWRIGHT.socket               PAX record: the FIFO is a socket
//	SCHILY.xattr.NAME               PAX record: an extended attribute
//	hard link                       to an entry that came before
type Changes func(fn func(*tar.Header, io.Reader) error) error

// The PAX records of the stream.
const (
	recordChown  = "TREEWRIGHT.chown"
	recordOpaque = "TREEWRIGHT.opaque"
	recordSocket = "TREEWRIGHT.socket"
	recordXattr  = "SCHILY.xattr."
)

// Report says what ReadBack found. Its lists are sorted by path; paths are
// absolute.
type Report struct {
	Added   []string  `json:"added,omitempty"`
	Changed []Change  `json:"changed,omitempty"`
	Removed []string  `json:"removed,omitempty"` // with all that was below
	Dropped []Dropped `json:"dropped,omitempty"` // what no tree can hold
	// Unclear are paths of other owners than root's that a program touched
	// and that look as before: their owner may have been set to root, which
	// cannot be told from what was not changed.
	Unclear []string `json:"unclear,omitempty"`
}

// Change is a path of the tree that is different now.
type Change struct {
	Path    string   `json:"path"`
	Package string   `json:"package,omitempty"` // that brought it
	What    []string `json:"what"`              // "content", "mode", "owner", "target", "attributes", "type"
}

// Dropped is something that was left out, and why.
type Dropped struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Paths returns the paths that are there and new or different, sorted.
func (r *Report) Paths() []string {
	paths := make([]string, 0, len(r.Added)+len(r.Changed))
	paths = append(paths, r.Added...)
	for _, c := range r.Changed {
		paths = append(paths, c.Path)
	}
	return sorted(paths)
}
