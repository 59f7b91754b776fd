package layout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/treewright/treewright/compose/layout"
	"github.com/treewright/treewright/compose/rootfs"
)

// randomItems draws the entries of a tree; of two at one path, or one below a
// file, the later is left out.
func randomItems(t *rapid.T) []item {
	names := []string{"etc", "usr", "var", "run", "opt", "lib", "local", "rpm", "selinux", "alternatives", "tmpfiles.d", "x y", "a", "b", "root", "boot", "data",
		"passwd-", "sysimage", "share", "home", "x.LOCK", "bin", "targeted"}
	taken := map[string]bool{"usr": true} // whether a directory
	items := []item{{path: "usr/", pkg: "fs"}}
	for i := range rapid.IntRange(0, 30).Draw(t, "entries") {
		parts := rapid.SliceOfN(rapid.SampledFrom(names), 1, 5).Draw(t, "path")
		path := strings.Join(parts, "/")
		free := true
		for j := range parts {
			isDir, known := taken[strings.Join(parts[:j+1], "/")]
			free = free && (!known || isDir && j+1 < len(parts))
		}
		if !free {
			continue
		}
		for j := range parts[:len(parts)-1] {
			taken[strings.Join(parts[:j+1], "/")] = true
		}
		it := item{path: path, pkg: rapid.SampledFrom([]string{"", "p", "q"}).Draw(t, "package")}
		switch kind := rapid.IntRange(0, 2).Draw(t, "kind"); {
		case kind == 0 || len(parts) == 1 && slices.Contains([]string{"etc", "usr"}, path):
			it.path += "/"
			it.mode = rapid.SampledFrom([]uint32{0o755, 0o700, 0o1777}).Draw(t, "mode")
			taken[path] = true
		case kind == 1:
			it.target, taken[path] = rapid.SampledFrom([]string{"a", "/etc/b", "../x y", "usr/lib"}).Draw(t, "target"), false
		default:
			it.body, taken[path] = fmt.Sprint(i), false
		}
		items = append(items, it)
	}
	return items
}

// place tells where an entry of a finished tree is, or "" when it is nowhere by
// design: a directory that every deployment has in another form.
func place(path string, opts layout.FinishOptions) string {
	for _, m := range [][2]string{{"/etc", "/usr/etc"}, {"/var/lib/alternatives", "/usr/lib/alternatives"}, {"/var/lib/selinux", "/usr/etc/selinux"}} {
		if path == m[0] || strings.HasPrefix(path, m[0]+"/") {
			return m[1] + path[len(m[0]):]
		}
	}
	if strings.HasPrefix(path, "/opt/") && opts.OptUsrLocal != layout.OptRoot {
		return "/usr/lib" + path
	}
	return path
}

// TestNothingIsLost is the promise of this package: each entry of the tree is in
// the commit, with its owner, mode and content, or a line of tmpfiles.d makes
// it, or the report names it.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := randomItems(t)
		opts := layout.FinishOptions{TmpIsDir: rapid.Bool().Draw(t, "tmp"), OptUsrLocal: layout.OptUsrLocal(rapid.IntRange(0, 2).Draw(t, "opt"))}
		tree, before, again := buildItems(t, items), buildItems(t, items), buildItems(t, items)
		report, err := layout.Finish(tree, noRead, opts)
		if err != nil {
			checkObstacle(t, err)
			return
		}
		if second, err := layout.Finish(again, noRead, opts); err != nil || fmt.Sprint(second) != fmt.Sprint(report) || !slices.Equal(listAll(again), listAll(tree)) {
			t.Fatal("the same tree gave something else")
		}
		checkAccounted(t, before, tree, report, opts, noRead)
		checkReopens(t, tree, opts)
	})
}

// checkReopens opens a finished tree and finishes it again.
func checkReopens(t *rapid.T, tree *rootfs.Tree, opts layout.FinishOptions) {
	want := listAll(tree)
	if finished, err := layout.Reopen(tree, noRead); err != nil || !finished {
		t.Fatalf("opening it again: got %t, %v", finished, err)
	}
	report, err := layout.Finish(tree, noRead, opts)
	if err != nil {
		t.Fatal(err)
	}
	if got := listAll(tree); !slices.Equal(got, want) {
		t.Fatalf("finished again: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(report.Dropped) != 0 {
		t.Fatalf("finishing again dropped %v", report.Dropped)
	}
}

// checkObstacle checks that what stopped a tree is a file in the way: of another
// file, or of a directory that is needed.
func checkObstacle(t *rapid.T, err error) {
	for _, words := range []string{"both ", "is no directory", "a directory is there", "lead in a circle", "is no regular file", "no /usr"} {
		if strings.Contains(err.Error(), words) {
			return
		}
	}
	t.Fatal(err)
}

func buildItems(t *rapid.T, items []item) *rootfs.Tree {
	tree := rootfs.New()
	tree.Packages = []string{"fs", "p", "q"}
	for _, it := range items {
		n := rootfs.NewFile(0o644, []byte(it.body))
		switch {
		case strings.HasSuffix(it.path, "/"):
			n = rootfs.NewDir(it.mode)
		case it.target != "":
			n = rootfs.NewSymlink(it.target)
		}
		if it.pkg != "" {
			n.Package = slices.Index(tree.Packages, it.pkg)
		}
		if old := tree.Lookup(it.path); old != nil && old.IsDir() && n.IsDir() {
			old.Mode, old.Package = n.Mode, n.Package
			continue
		}
		if err := tree.Attach(it.path, n); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

func listAll(tree *rootfs.Tree) []string {
	var out []string
	_ = tree.Walk(func(path string, n *rootfs.Node) error {
		out = append(out, fmt.Sprintf("%s %o %d %s %q", path, n.Mode, n.Package, n.Target, n.Data))
		return nil
	})
	return out
}

// checkAccounted checks that each entry of before is in after, or accounted for.
func checkAccounted(t interface{ Fatalf(string, ...any) }, before, after *rootfs.Tree, report *layout.Report, opts layout.FinishOptions, read layout.Reader) {
	named := map[string]bool{}
	for _, d := range report.Dropped {
		named[d.Path] = true
	}
	for _, path := range report.Edited {
		named[path] = true
	}
	made := madePaths(after, read)
	_ = before.Walk(func(path string, n *rootfs.Node) error {
		there := place(path, opts)
		got := after.Lookup(there)
		if got != nil && (got.IsDir() && n.IsDir() || got.Mode == n.Mode && got.Target == n.Target && got.Content == n.Content && got.UID == n.UID && got.GID == n.GID) {
			return nil
		}
		if named[path] || named[there] || (n.IsDir() || n.IsSymlink()) && (made[path] || made[strings.TrimPrefix(path, "/var")]) {
			return nil
		}
		// A directory whose place in a deployment is a link.
		if n.IsDir() && got != nil && got.IsSymlink() && strings.Count(path, "/") == 1 || n.IsDir() && slices.Contains([]string{"/usr/local", "/var/run", "/var/lib/rpm", "/var/lib/selinux"}, path) {
			return nil
		}
		t.Fatalf("%s (%o, of %s) is lost; it is neither at %s nor in the report %+v", path, n.Mode, before.PackageName(n), there, report)
		return nil
	})
}

// madePaths returns the paths that files of tmpfiles.d make.
func madePaths(tree *rootfs.Tree, read layout.Reader) map[string]bool {
	made := map[string]bool{}
	dir, err := tree.Follow("usr/lib/tmpfiles.d")
	if err != nil || tree.Lookup(dir) == nil {
		return made
	}
	for _, n := range tree.Lookup(dir).Children() {
		data := n.Data
		if data == nil && n.IsRegular() {
			data, _ = read(n)
		}
		for line := range strings.Lines(string(data)) {
			if _, path, ok := strings.Cut(line, " '"); ok && line[1] == ' ' {
				made[path[:strings.IndexByte(path, '\'')]] = true
			} else if fields := strings.Fields(line); len(fields) > 1 && strings.ContainsAny(fields[0][:1], "dL") {
				made[fields[1]] = true
			}
		}
	}
	return made
}

// TestPreparedNothingIsLost does so for Prepare.
func TestPreparedNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := randomItems(t)
		tree, before := buildItems(t, items), buildItems(t, items)
		report, err := layout.Prepare(tree, noRead, layout.PrepareOptions{TreefileJSON: []byte("{}"), DefaultTarget: "a"})
		if err != nil {
			checkObstacle(t, err)
			return
		}
		named := map[string]bool{}
		for _, d := range slices.Concat(report.Dropped, report.Replaced) {
			named[d.Path] = true
		}
		_ = before.Walk(func(path string, n *rootfs.Node) error {
			there := path
			if strings.HasPrefix(path, "/usr/etc/") || path == "/usr/etc" && n.IsDir() {
				there = strings.TrimPrefix(path, "/usr")
			}
			got := tree.Lookup(there)
			if got != nil && got.Mode&^0o7777 == n.Mode&^0o7777 && got.Target == n.Target && string(got.Data) == string(n.Data) || named[path] {
				return nil
			}
			if n.IsDir() && (path == "/var/lib/rpm" || path == "/usr/lib/sysimage/rpm") {
				return nil
			}
			t.Fatalf("%s is lost, and not in %+v", path, report)
			return nil
		})
	})
}
