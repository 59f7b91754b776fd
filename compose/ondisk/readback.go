package ondisk

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// ReadBack applies what programs changed to the tree, whose new contents go into
// the store. What programs made belongs to no package and has numbers for
// owners; what they changed stays its package's. Changes on the mount points
// dev, proc, run, sys and tmp are not looked at. After an error the tree is of
// no use.
func ReadBack(ctx context.Context, tree *rootfs.Tree, store *content.Store, changes Changes) (*Report, error) {
	b := &readback{ctx: ctx, tree: tree, store: store, before: map[string]*rootfs.Node{}, busy: map[string]bool{}, report: &Report{}}
	if err := changes(b.entry); err != nil {
		return nil, fmt.Errorf("reading back what programs changed: %w", err)
	}
	if usr := tree.Lookup("usr"); b.before["/usr"] != nil && (usr == nil || !usr.IsDir()) {
		return nil, errors.New("reading back what programs changed: they removed /usr")
	}
	if err := b.settleOwners(); err != nil {
		return nil, fmt.Errorf("reading back what programs changed: %w", err)
	}
	b.compare()
	return b.report, nil
}

type readback struct {
	ctx   context.Context
	tree  *rootfs.Tree
	store *content.Store
	// before holds the nodes as they were at each path that the stream has,
	// and below directories that were replaced; nil for what is new.
	before map[string]*rootfs.Node
	// busy are the directories that something below them is known of.
	busy   map[string]bool
	report *Report
}

// mountPoints are the directories that are not the tree's own while programs run.
var mountPoints = [...]string{"/dev", "/proc", "/run", "/sys", "/tmp"}

func isMounted(path string) bool {
	return slices.ContainsFunc(mountPoints[:], func(m string) bool {
		return path == m || strings.HasPrefix(path, m+"/")
	})
}

// cleanPath returns the absolute path of an entry's name.
func cleanPath(name string) (string, error) {
	path := strings.Trim(strings.TrimPrefix(name, "./"), "/")
	if path == "." || path == "" {
		return "/", nil
	}
	for part := range strings.SplitSeq(path, "/") {
		if err := ostree.ValidateFilename(part); err != nil {
			return "", fmt.Errorf("%q: %w", name, err)
		}
	}
	return "/" + path, nil
}

func parentOf(path string) string {
	return path[:max(strings.LastIndexByte(path, '/'), 0)]
}

// entry applies one entry of the stream.
func (b *readback) entry(h *tar.Header, r io.Reader) error {
	if b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	path, err := cleanPath(h.Name)
	if err != nil || isMounted(path) {
		return err
	}
	b.remember(path)
	if path != "/" {
		b.busy[parentOf(path)] = true
	}
	switch h.Typeflag {
	case tar.TypeDir:
		err = b.directory(path, h)
	case tar.TypeReg:
		err = b.file(path, h, r)
	case tar.TypeSymlink:
		err = b.symlink(path, h)
	case tar.TypeLink:
		err = b.hardLink(path, h)
	default:
		err = b.special(path, h)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// remember keeps what a path was before its first change.
func (b *readback) remember(path string) {
	if _, known := b.before[path]; known {
		return
	}
	n := b.tree.Lookup(path)
	if n == nil {
		b.before[path] = nil
		return
	}
	c := *n
	b.before[path] = &c
}

// rememberBelow does so for all that lies below the directory n.
func (b *readback) rememberBelow(path string, n *rootfs.Node) {
	for _, c := range n.Children() {
		below := strings.TrimSuffix(path, "/") + "/" + c.Name
		b.remember(below)
		b.rememberBelow(below, c)
	}
}

// special handles whiteouts, and leaves device nodes and the like out.
func (b *readback) special(path string, h *tar.Header) error {
	if path == "/" {
		return errors.New("the root is no directory")
	}
	old := b.tree.Detach(path)
	if old != nil && old.IsDir() {
		b.rememberBelow(path, old)
	}
	reason := ""
	switch h.Typeflag {
	case tar.TypeChar:
		if h.Devmajor == 0 && h.Devminor == 0 {
			return nil
		}
		reason = "a character device"
	case tar.TypeBlock:
		reason = "a block device"
	case tar.TypeFifo:
		reason = "a FIFO"
		if h.PAXRecords[recordSocket] != "" {
			reason = "a socket"
		}
	default:
		reason = fmt.Sprintf("an entry of the type %q", h.Typeflag)
	}
	b.report.Dropped = append(b.report.Dropped, Dropped{Path: path, Reason: reason + ", which OSTree cannot store"})
	return nil
}

func (b *readback) directory(path string, h *tar.Header) error {
	mode := ostree.ModeDir | uint32(h.Mode)&0o7777
	old := b.tree.Lookup(path)
	if old == nil || !old.IsDir() {
		return b.replace(path, &rootfs.Node{Mode: mode}, h)
	}
	old.Mode = mode
	opaque := h.PAXRecords[recordOpaque] != ""
	if opaque {
		b.rememberBelow(path, old)
		for _, c := range slices.Clone(old.Children()) {
			b.tree.Detach(path + "/" + c.Name)
		}
		old.Xattrs = nil
	}
	b.own(old, h, opaque)
	b.attributes(path, old, h, false)
	return nil
}

func (b *readback) file(path string, h *tar.Header, r io.Reader) error {
	d, size, err := b.store.Add(b.ctx, r)
	if err != nil {
		return err
	}
	mode := ostree.ModeRegular | uint32(h.Mode)&0o7777
	old := b.tree.Lookup(path)
	if old == nil || !old.IsRegular() {
		return b.replace(path, &rootfs.Node{Mode: mode, Content: d, Size: size}, h)
	}
	rewritten := contentOf(old) != d
	if rewritten {
		old.Content, old.Size, old.Data, old.Link, old.Object = d, size, nil, 0, ostree.Checksum{}
	}
	old.Mode = mode
	b.own(old, h, false)
	b.attributes(path, old, h, rewritten || givenAway(h))
	return nil
}

func contentOf(n *rootfs.Node) content.Digest {
	if n.Data != nil {
		return content.DigestOf(n.Data)
	}
	return n.Content
}

func (b *readback) symlink(path string, h *tar.Header) error {
	old := b.tree.Lookup(path)
	if old == nil || !old.IsSymlink() {
		return b.replace(path, &rootfs.Node{Mode: ostree.ModeSymlink | 0o777, Target: h.Linkname}, h)
	}
	old.Target = h.Linkname
	b.own(old, h, false)
	return nil
}

// hardLink makes the path equal to the one that the entry links to.
func (b *readback) hardLink(path string, h *tar.Header) error {
	to, err := cleanPath(h.Linkname)
	if err != nil {
		return err
	}
	target := b.tree.Lookup(to)
	if target == nil || target.IsDir() || to == path {
		return fmt.Errorf("it is a hard link to %s, which is no file of the tree", to)
	}
	b.tree.Detach(path)
	n := &rootfs.Node{
		Mode: target.Mode, UID: target.UID, GID: target.GID, User: target.User, Group: target.Group,
		Xattrs: slices.Clone(target.Xattrs), Size: target.Size, Content: target.Content, Data: target.Data, Target: target.Target,
		Package: b.packageOf(path),
	}
	return b.tree.Attach(path, n)
}

// packageOf is the package that had the path before.
func (b *readback) packageOf(path string) int {
	if n := b.before[path]; n != nil {
		return n.Package
	}
	return rootfs.NoPackage
}

// replace puts a node that programs made at path.
func (b *readback) replace(path string, n *rootfs.Node, h *tar.Header) error {
	if old := b.tree.Detach(path); old != nil && old.IsDir() {
		b.rememberBelow(path, old)
	}
	n.Package = b.packageOf(path)
	b.own(n, h, true)
	b.attributes(path, n, h, false)
	return b.tree.Attach(path, n)
}

// own gives n the owner that the entry has. On disk everything was root's: 0
// says "as before" unless the path is new or a program asked for it.
func (b *readback) own(n *rootfs.Node, h *tar.Header, isNew bool) {
	asked := h.PAXRecords[recordChown]
	if isNew || h.Uid != 0 || asked != "" && asked != "g" {
		n.UID, n.User = uint32(h.Uid), numbered(h.Uid)
	}
	if isNew || h.Gid != 0 || asked != "" && asked != "u" {
		n.GID, n.Group = uint32(h.Gid), numbered(h.Gid)
	}
}

// givenAway tells whether a program has set the owner, as far as can be seen.
func givenAway(h *tar.Header) bool {
	return h.Uid != 0 || h.Gid != 0 || h.PAXRecords[recordChown] != ""
}

// numbered is the name of an owner that is a number: only that of 0 is known.
func numbered(id int) string {
	if id == 0 {
		return "root"
	}
	return ""
}
