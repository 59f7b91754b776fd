package compose

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/compose/selinux"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// A layer is a commit whose files are added after the packages.
type layer struct {
	ref      string
	override bool // its files replace those that are there
	repo     *archive.Repo
	commit   ostree.Checksum
	content  ostree.Checksum
}

// LayerReport says what a layer brought.
type LayerReport struct {
	Ref      string          `json:"ref"`
	Commit   ostree.Checksum `json:"commit"`
	Added    int             `json:"added"`              // files and links
	Replaced []string        `json:"replaced,omitempty"` // paths, by an overriding layer
}

// findLayers finds the layers' commits.
func (p *Plan) findLayers(ctx context.Context) error {
	t := p.opts.Treefile
	for _, list := range []struct {
		key      string
		refs     []string
		override bool
	}{{"ostree-layers", t.OSTreeLayers, false}, {"ostree-override-layers", t.OverrideLayers, true}} {
		for _, ref := range list.refs {
			l := layer{ref: ref, override: list.override}
			if err := p.findLayer(ctx, &l); err != nil {
				return fmt.Errorf("%s: layer %s: %w", keyPosition(t, list.key), ref, err)
			}
			p.layers = append(p.layers, l)
		}
	}
	return nil
}

func (p *Plan) findLayer(ctx context.Context, l *layer) error {
	if l.repo = p.opts.LayerRepo; l.repo == nil {
		l.repo = p.opts.Repo
	}
	if l.repo == nil {
		return errors.New("name the repository that has it, with --layer-repo or --repo")
	}
	var err error
	if l.commit, err = l.repo.ResolveRev(ctx, l.ref); errors.Is(err, archive.ErrNotExist) {
		return errors.New("the repository does not have it: commit it there first, or name another one with --layer-repo")
	}
	if err != nil {
		return err
	}
	c, err := l.repo.Commit(ctx, l.commit)
	if err != nil {
		return err
	}
	l.content = c.ContentChecksum()
	return nil
}

// addLayers puts the files of the layers into the tree.
func (c *composer) addLayers(ctx context.Context) error {
	for i := range c.plan.layers {
		l := &c.plan.layers[i]
		tree, err := c.in.source.tree(ctx, l.repo, l.commit)
		if err != nil {
			return fmt.Errorf("layer %s: %w", l.ref, err)
		}
		m := &layerMerge{ctx: ctx, c: c, layer: l, report: LayerReport{Ref: l.ref, Commit: l.commit}}
		if m.users, m.groups, err = c.tree.Accounts(c.reader(ctx)); err != nil {
			return err
		}
		// /etc of a commit is /usr/etc.
		if etc := tree.Lookup("usr/etc"); etc != nil && etc.IsDir() && tree.Lookup("etc") == nil {
			if err := tree.Attach("etc", tree.Detach("usr/etc")); err != nil {
				return err
			}
		}
		if err := m.merge("", tree.Root); err != nil {
			return fmt.Errorf("layer %s: %w", l.ref, err)
		}
		if len(m.conflicts) > 0 {
			return fmt.Errorf("layer %s: %w", l.ref, &rootfs.ConflictError{Conflicts: m.conflicts})
		}
		c.report.Layers = append(c.report.Layers, m.report)
	}
	return nil
}

type layerMerge struct {
	ctx           context.Context
	c             *composer
	layer         *layer
	users, groups map[string]uint32
	conflicts     []rootfs.Conflict
	report        LayerReport
}

// merge puts what is in a directory of the layer into the one at path of the
// tree, links on the way followed. A directory that is there keeps its owner and
// mode.
func (m *layerMerge) merge(path string, dir *rootfs.Node) error {
	for _, n := range slices.Clone(dir.Children()) {
		place, err := m.c.tree.FollowDir(path + "/" + n.Name)
		if err != nil {
			return err
		}
		old := m.c.tree.Lookup(place)
		if n.IsDir() && old != nil && old.IsSymlink() {
			if place, err = m.c.tree.Follow(place); err != nil {
				return err
			}
			old = m.c.tree.Lookup(place)
		}
		switch {
		case old == nil:
			err = m.add(place, n)
		case old.IsDir() && n.IsDir():
			err = m.merge(place, n)
		default:
			err = m.meet(place, old, n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add puts n, with all that is below it, where nothing is.
func (m *layerMerge) add(place string, n *rootfs.Node) error {
	var count func(n *rootfs.Node)
	count = func(n *rootfs.Node) {
		if !n.IsDir() {
			m.report.Added++
		}
		for _, c := range n.Children() {
			count(c)
		}
	}
	count(n)
	return m.c.tree.Attach(place, n)
}

// meet decides about a path that both have.
func (m *layerMerge) meet(place string, old, n *rootfs.Node) error {
	why, err := m.differ(old, n)
	if err != nil || why == "" {
		return err
	}
	if !m.layer.override || old.IsDir() != n.IsDir() {
		m.conflicts = append(m.conflicts, rootfs.Conflict{
			Path: "/" + place, First: m.c.tree.PackageName(old), Second: "layer " + m.layer.ref, Reason: why,
		})
		return nil
	}
	m.report.Replaced = append(m.report.Replaced, "/"+place)
	m.report.Added++
	m.c.tree.Detach(place)
	return m.c.tree.Attach(place, n)
}

// differ says in what the two are not the same; empty when they are. Labels do
// not count: all are made anew.
func (m *layerMerge) differ(old, n *rootfs.Node) (string, error) {
	switch {
	case old.Mode&ostree.ModeType != n.Mode&ostree.ModeType:
		return "they are of different types", nil
	case old.IsSymlink() && old.Target != n.Target:
		return fmt.Sprintf("links to %s and %s", old.Target, n.Target), nil
	case !m.isOwner(m.users, old.User, old.UID, n.UID) || !m.isOwner(m.groups, old.Group, old.GID, n.GID):
		return "different owners", nil
	case old.IsSymlink():
		return "", nil
	case old.Mode != n.Mode:
		return fmt.Sprintf("modes %04o and %04o", old.Mode&0o7777, n.Mode&0o7777), nil
	case old.Size != n.Size:
		return "different content", nil
	case !slices.EqualFunc(withoutLabel(old), withoutLabel(n), func(a, b ostree.Xattr) bool { return a.Name == b.Name && string(a.Value) == string(b.Value) }):
		return "different attributes", nil
	}
	a, err := m.c.in.digest(m.ctx, old)
	if err != nil {
		return "", err
	}
	b, err := m.c.in.digest(m.ctx, n)
	if err == nil && a != b {
		return "different content", nil
	}
	return "", err
}

// isOwner tells whether a node of the tree, whose owner may be a name still,
// belongs to id.
func (m *layerMerge) isOwner(ids map[string]uint32, name string, own, id uint32) bool {
	if name == "" {
		return own == id
	}
	known, ok := ids[name]
	return ok && known == id
}

func withoutLabel(n *rootfs.Node) []ostree.Xattr {
	return slices.DeleteFunc(slices.Clone(n.Xattrs), func(x ostree.Xattr) bool { return x.Name == selinux.Attribute })
}

// digest returns the digest of a file's content, which is read when nobody knows
// it.
func (in *intake) digest(ctx context.Context, n *rootfs.Node) (_ content.Digest, err error) {
	switch {
	case n.Data != nil:
		return content.DigestOf(n.Data), nil
	case !n.Content.IsZero():
		return n.Content, nil
	}
	r, err := in.source.open(ctx, n.Object)
	if err != nil {
		return content.Digest{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return content.Digest{}, err
	}
	return content.Digest(h.Sum(nil)), nil
}
