package flatpak

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/ostree"
)

// Report says what the form of a flatpak left out of the packages' files.
type Report struct {
	// LeftOut are folders that have no place in the flatpak.
	LeftOut []LeftOut `json:"left-out,omitempty"`
	// Privileges are files whose setuid bit, setgid bit or capabilities were
	// taken away; paths are those of the flatpak.
	Privileges []string `json:"privileges-removed,omitempty"`
	// Exports are the files that the host sees, RefusedExports those in the
	// same folders that it does not.
	Exports        []string                `json:"exports,omitempty"`
	RefusedExports []flatpak.RefusedExport `json:"refused-exports,omitempty"`
}

// LeftOut is a folder whose files were left out.
type LeftOut struct {
	Folder   string   `json:"folder"`
	Files    int      `json:"files"`
	Packages []string `json:"packages"`
}

// MisplacedError lists files of packages that have no place in a flatpak and
// cannot be left out.
type MisplacedError struct {
	Need  string // what packages must be
	Files []MisplacedFile
}

// MisplacedFile is a path and the package that brought it.
type MisplacedFile struct{ Path, Package string }

// maxListed is how many files of one package a message shows.
const maxListed = 3

func (e *MisplacedError) Error() string {
	var b strings.Builder
	b.WriteString(e.Need)
	byPackage := map[string][]string{}
	var order []string
	for _, f := range e.Files {
		if byPackage[f.Package] == nil {
			order = append(order, f.Package)
		}
		byPackage[f.Package] = append(byPackage[f.Package], f.Path)
	}
	for _, p := range order {
		paths := byPackage[p]
		more := ""
		if n := len(paths) - maxListed; n > 0 {
			paths, more = paths[:maxListed], fmt.Sprintf(" and %d more", n)
		}
		fmt.Fprintf(&b, "\n  %s: %s%s", p, strings.Join(paths, ", "), more)
	}
	return b.String()
}

// builder moves a tree into another.
type builder struct {
	src, out *rootfs.Tree
	report   *Report
}

func newBuilder(src *rootfs.Tree) *builder {
	out := rootfs.New()
	out.Packages = src.Packages
	return &builder{src: src, out: out, report: &Report{}}
}

// Runtime returns the tree of a runtime; src is used up.
func Runtime(src *rootfs.Tree) (*rootfs.Tree, *Report, error) {
	b := newBuilder(src)
	usr := src.Detach("usr")
	if usr == nil || !usr.IsDir() {
		return nil, nil, fmt.Errorf("the packages have no /usr: a runtime is made of it")
	}
	if err := b.out.Attach("files", usr); err != nil {
		return nil, nil, err
	}
	if etc := src.Detach("etc"); etc != nil {
		if err := b.out.Merge("files/etc", etc); err != nil {
			return nil, nil, fmt.Errorf("moving /etc to /usr/etc: %w", err)
		}
	}
	misplaced := &MisplacedError{Need: "a runtime needs packages for a merged /usr, and some have files beside it:"}
	for _, n := range src.Root.Children() {
		switch {
		case n.IsSymlink() && strings.HasPrefix(strings.TrimPrefix(n.Target, "/"), "usr/"):
			// The client makes these links.
		case isUsrFolder(n.Name) && n.IsDir():
			misplaced.add(src, "/"+n.Name, n)
		default:
			b.leaveOut("/"+n.Name, n)
		}
	}
	if len(misplaced.Files) > 0 {
		return nil, nil, misplaced
	}
	b.canonicalize()
	return b.out, b.report, nil
}

// isUsrFolder tells the folders that a merged /usr holds.
func isUsrFolder(name string) bool {
	return name == "bin" || name == "sbin" || strings.HasPrefix(name, "lib")
}

func (e *MisplacedError) add(src *rootfs.Tree, path string, n *rootfs.Node) {
	if !n.IsDir() {
		e.Files = append(e.Files, MisplacedFile{Path: path, Package: src.PackageName(n)})
	}
	for _, c := range n.Children() {
		e.add(src, path+"/"+c.Name, c)
	}
}

// dispensable are folders beside /app whose files an application can do
// without: rpmbuild puts them there whatever the prefix is.
var dispensable = []string{"usr/lib/.build-id", "usr/share/doc", "usr/share/licenses", "usr/share/man"}

// App returns the tree of an application; src is used up.
func App(src *rootfs.Tree) (*rootfs.Tree, *Report, error) {
	b := newBuilder(src)
	app := src.Detach("app")
	if app == nil || !app.IsDir() {
		return nil, nil, fmt.Errorf("the packages have no /app: those of an application are built with the prefix /app")
	}
	if err := b.out.Attach("files", app); err != nil {
		return nil, nil, err
	}
	for _, folder := range dispensable {
		if n := src.Detach(folder); n != nil {
			b.leaveOut("/"+folder, n)
		}
	}
	misplaced := &MisplacedError{Need: "an application's files lie in /app, and some packages have others; " +
		"build them with the prefix /app, or add them to the runtime:"}
	for _, n := range src.Root.Children() {
		misplaced.add(src, "/"+n.Name, n)
	}
	if len(misplaced.Files) > 0 {
		return nil, nil, misplaced
	}
	if _, err := b.out.Mkdir("export"); err != nil {
		return nil, nil, err
	}
	b.canonicalize()
	return b.out, b.report, nil
}

// leaveOut notes what is lost with a folder; empty ones are no loss.
func (b *builder) leaveOut(folder string, n *rootfs.Node) {
	l := LeftOut{Folder: folder}
	var visit func(*rootfs.Node)
	visit = func(n *rootfs.Node) {
		if !n.IsDir() {
			l.Files++
			l.Packages = append(l.Packages, b.src.PackageName(n))
		}
		for _, c := range n.Children() {
			visit(c)
		}
	}
	visit(n)
	if l.Files == 0 {
		return
	}
	slices.Sort(l.Packages)
	l.Packages = slices.Compact(l.Packages)
	b.report.LeftOut = append(b.report.LeftOut, l)
	slices.SortFunc(b.report.LeftOut, func(x, y LeftOut) int { return cmp.Compare(x.Folder, y.Folder) })
}

// canonicalize gives everything the owner and mode that clients store.
func (b *builder) canonicalize() {
	// The walk returns no error, so neither does Walk.
	_ = b.out.Walk(func(path string, n *rootfs.Node) error {
		if n.IsRegular() && (n.Mode&0o6000 != 0 || len(n.Xattrs) > 0) {
			b.report.Privileges = append(b.report.Privileges, path)
		}
		canonical(n)
		return nil
	})
}

func canonical(n *rootfs.Node) {
	n.User, n.Group, n.UID, n.GID, n.Xattrs = "root", "root", 0, 0, nil
	switch {
	case n.IsDir():
		n.Mode = ostree.ModeDir | 0o755
	case n.IsRegular() && n.Mode&0o100 != 0:
		n.Mode = ostree.ModeRegular | 0o755
	case n.IsRegular():
		n.Mode = ostree.ModeRegular | 0o644
	}
}

// Executables returns the names of the programs in files/bin.
func Executables(tree *rootfs.Tree) []string {
	bin := tree.Lookup("files/bin")
	if bin == nil {
		return nil
	}
	var names []string
	for _, n := range bin.Children() {
		if n.IsSymlink() || n.IsRegular() && n.Mode&0o100 != 0 {
			names = append(names, n.Name)
		}
	}
	return names
}

// Finish adds the metadata file, and to an application what it exports.
func Finish(tree *rootfs.Tree, m *flatpak.Metadata, report *Report) error {
	if err := tree.AddFile("metadata", 0o644, m.Bytes()); err != nil {
		return err
	}
	files := map[string]*rootfs.Node{}
	var paths []string
	err := tree.Walk(func(path string, n *rootfs.Node) error {
		if below, ok := strings.CutPrefix(path, "/files/"); ok && n.IsRegular() {
			files[below] = n
			paths = append(paths, below)
		}
		return nil
	})
	if err != nil {
		return err
	}
	exports, refused := m.Exports(paths)
	report.RefusedExports = refused
	for _, e := range exports {
		n := *files[e.Source]
		if err := tree.Attach("export/"+e.Target, &n); err != nil {
			return err
		}
		report.Exports = append(report.Exports, e.Target)
	}
	return nil
}
