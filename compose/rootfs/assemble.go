package rootfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Options for Assemble. The zero value keeps everything that packages deliver
// and refuses device nodes.
type Options struct {
	// PreferredColor wins where two packages have differing ELF files: see
	// PreferredColor. Zero makes a conflict of it.
	PreferredColor uint32
	// SkipDocs leaves documentation out.
	SkipDocs bool
	// Langs are the languages whose files are kept; empty keeps all.
	Langs []string
	// DropDevices leaves device nodes, FIFOs and sockets out instead of
	// refusing them. An overlay whiteout becomes an empty file .ostree-wh.NAME.
	DropDevices bool
	// ReadonlyExecutables takes the write bits from executable files.
	ReadonlyExecutables bool
	// IMA keeps the signatures of files, as security.ima.
	IMA bool
	// Base is what the packages are put on top of; nil means nothing.
	Base *Base
}

// PreferredColor returns the colour of the files that win on an architecture:
// 2, that of 64-bit ELF files, where 32-bit packages can be installed beside
// 64-bit ones, zero elsewhere.
func PreferredColor(arch string) uint32 {
	switch arch {
	case "x86_64", "x86_64_v2", "x86_64_v3", "x86_64_v4", "amd64", "s390x", "ppc64", "ppc64le", "sparc64", "mips64", "mips64el":
		return 2
	}
	return 0
}

// Package is one package to be put into a tree.
type Package struct {
	Name     string // for messages and reports: the NEVRA
	Manifest *content.Manifest
}

// Report says what Assemble left out, and why.
type Report struct {
	Ghosts        int      `json:"ghosts"`        // owned, not delivered
	Documentation int      `json:"documentation"` // entries
	Languages     int      `json:"languages"`     // entries
	Directories   int      `json:"directories"`   // that only held documentation or languages
	Colors        []Colors `json:"colors,omitempty"`
	Devices       []Device `json:"devices,omitempty"`
	// Replaced are files of the base that no package owned, in the place of which
	// a package has its own.
	Replaced []string `json:"replaced,omitempty"`
}

// Colors is a path where the file of one architecture gave way to another's.
type Colors struct {
	Path    string `json:"path"`
	Kept    string `json:"kept"` // package
	Dropped string `json:"dropped"`
}

// Device is a device node, FIFO or socket that was left out.
type Device struct {
	Path    string `json:"path"`
	Package string `json:"package"`
	Type    string `json:"type"`
}

// Assemble puts packages into a new tree, or on top of the base. Their order decides only whose name a
// shared path carries. Owners are names until ResolveOwners; every conflict is
// in the error, a *ConflictError.
func Assemble(ctx context.Context, packages []Package, opts Options) (*Tree, *Report, error) {
	a := &assembler{opts: opts, tree: New(), dirs: map[string]*Node{}, report: &Report{}}
	kept := make([][]*content.File, len(packages))
	var links []linkEntry
	if opts.Base != nil {
		links = a.putOn(opts.Base, len(packages))
	}
	for i, p := range packages {
		a.tree.Packages = append(a.tree.Packages, p.Name)
		kept[i] = a.filter(p.Manifest.Files)
		for _, f := range kept[i] {
			if f.IsSymlink() && f.Path != "/" {
				links = append(links, linkEntry{f.Path, f.LinkTo, i})
			}
		}
	}
	placed, unsettled := placeLinks(links)
	if unsettled != nil {
		return nil, nil, fmt.Errorf("assembling the tree: %s of %s: %w", unsettled.path, a.linkOwner(packages, unsettled), errLinkLoop)
	}
	a.links = placed
	if opts.Base != nil {
		a.own(opts.Base)
	}
	for i := range packages {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		for _, f := range kept[i] {
			if err := a.insert(i, f); err != nil {
				return nil, nil, fmt.Errorf("assembling the tree: %s of %s: %w", f.Path, packages[i].Name, err)
			}
		}
	}
	if len(a.conflicts) > 0 {
		return nil, nil, fmt.Errorf("assembling the tree: %w", &ConflictError{Conflicts: a.conflicts})
	}
	return a.tree, a.report, nil
}

type assembler struct {
	opts      Options
	tree      *Tree
	links     linkMap
	dirs      map[string]*Node // by the directory's path as packages write it
	conflicts []Conflict
	report    *Report
	base      map[*Node]baseEntry // what packages of the base own
	fresh     int                 // how many packages are put on top of it
}

// insert puts one entry into the tree.
func (a *assembler) insert(pkg int, f *content.File) error {
	if f.Path == "/" {
		if !f.IsDir() {
			return errors.New("the root is no directory")
		}
		return a.place(pkg, f, nil, a.tree.Root)
	}
	dir, base := splitPath(f.Path)
	if !f.IsDir() && !f.IsRegular() && !f.IsSymlink() {
		special, err := a.special(pkg, f)
		if special == nil || err != nil {
			return err
		}
		f = special
		_, base = splitPath(f.Path)
	}
	if err := ostree.ValidateFilename(base); err != nil {
		return err
	}
	parent, blocked, err := a.directory(dir)
	if err != nil {
		return err
	}
	if blocked != nil {
		a.conflict(f.Path, blocked, pkg, "a directory is needed where the first has none")
		return nil
	}
	return a.place(pkg, f, parent, parent.Child(base))
}

// special decides about what is neither file, directory nor link. It returns
// what takes its place, if anything does.
func (a *assembler) special(pkg int, f *content.File) (*content.File, error) {
	kind := specialType(f.Mode)
	if !a.opts.DropDevices {
		return nil, fmt.Errorf("it is a %s, which OSTree cannot store: leave it out with ignore-devices", kind)
	}
	if f.Mode&rpm.ModeType == rpm.ModeChar && f.RDev == 0 {
		dir, base := splitPath(f.Path)
		return &content.File{
			Path: dir + "/.ostree-wh." + base, Mode: rpm.ModeRegular, User: f.User, Group: f.Group, Content: content.DigestOf(nil),
		}, nil
	}
	a.report.Devices = append(a.report.Devices, Device{Path: f.Path, Package: a.tree.Packages[pkg], Type: kind})
	return nil, nil
}

func specialType(mode uint32) string {
	switch mode & rpm.ModeType {
	case rpm.ModeChar:
		return "character device"
	case rpm.ModeBlock:
		return "block device"
	case rpm.ModeFIFO:
		return "FIFO"
	case rpm.ModeSocket:
		return "socket"
	}
	return fmt.Sprintf("file of the unknown type %o", mode)
}

// directory returns the directory at a path of a package, links followed. When
// something else is in the way, it is returned as blocked.
func (a *assembler) directory(path string) (dir, blocked *Node, err error) {
	if n := a.dirs[path]; n != nil {
		return n, nil, nil
	}
	place, err := a.links.follow(path)
	if err != nil {
		return nil, nil, err
	}
	n := a.tree.Root
	for part := range strings.SplitSeq(strings.TrimPrefix(place, "/"), "/") {
		if part == "" {
			continue
		}
		c := n.Child(part)
		if c == nil {
			if err := ostree.ValidateFilename(part); err != nil {
				return nil, nil, err
			}
			c = newDir(part)
			n.attach(c)
		}
		if !c.IsDir() {
			return nil, c, nil
		}
		n = c
	}
	a.dirs[path] = n
	return n, nil, nil
}

// place puts an entry where old is, which is nil when nothing is there.
func (a *assembler) place(pkg int, f *content.File, parent, old *Node) error {
	if f.IsRegular() && f.Content.IsZero() {
		return errors.New("the package does not deliver it")
	}
	n, err := a.node(pkg, f)
	if err != nil {
		return err
	}
	switch {
	case old == nil:
		parent.attach(n)
	case a.opts.Base != nil && old.inBase(a.fresh):
		return a.placeOnBase(pkg, f.Path, old, n)
	case old.Package == NoPackage && n.IsDir():
		n.Name, n.children = old.Name, old.children
		*old = *n
	case old.Package == NoPackage:
		a.conflict(f.Path, firstOwned(old), pkg, "a directory is needed where the second has none")
	default:
		if why := differ(old, n); why != "" {
			a.disagree(f.Path, old, n, why)
		}
	}
	return nil
}

func (a *assembler) node(pkg int, f *content.File) (*Node, error) {
	_, base := splitPath(f.Path)
	n := &Node{
		Name: base, Mode: f.Mode, User: ownerName(f.User), Group: ownerName(f.Group), Package: pkg,
		Content: f.Content, Target: f.LinkTo, Link: f.Link, color: f.Color, caps: f.Caps,
	}
	switch {
	case f.IsSymlink():
		n.Mode = ostree.ModeSymlink | 0o777
		n.Content, n.caps = content.Digest{}, ""
	case f.IsDir():
		n.Content, n.Target, n.caps = content.Digest{}, "", ""
	default:
		n.Size, n.Target = f.Size, ""
		if a.opts.ReadonlyExecutables && n.Mode&0o111 != 0 {
			n.Mode &^= 0o222
		}
	}
	var err error
	if n.Xattrs, err = capabilityXattr(n.caps); err == nil && a.opts.IMA && n.IsRegular() && f.IMA != "" {
		err = n.addIMA(f.IMA)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return n, nil
}

// ownerName is a name that no account has for a package that names no owner.
func ownerName(name string) string { return cmp.Or(name, "(none)") }

// firstOwned returns the first node below a directory that a package brought.
func firstOwned(n *Node) *Node {
	for n.Package == NoPackage && len(n.children) > 0 {
		n = n.children[0]
	}
	return n
}
