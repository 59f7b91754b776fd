package rootfs_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// reader reads the contents of a tree from a store.
func reader(s *content.Store) func(*rootfs.Node) ([]byte, error) {
	return func(n *rootfs.Node) ([]byte, error) {
		f, err := s.OpenContent(n.Content, n.Size)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(f)
		return data, errors.Join(err, f.Close())
	}
}

func TestResolveOwners(t *testing.T) {
	accounts := pkg("setup",
		rpmtest.File{Path: "/etc/passwd", Body: "root:x:0:0::/root:/bin/sh\nmail:x:8:12::/:/bin/false\n+nis::::::\nbad:x:-5:0::/:\nevil:x:4294967295:0::/:\n"},
		rpmtest.File{Path: "/etc/group", Body: "root:x:0:\nmail:x:12:\ntty:x:5:\n"},
		rpmtest.File{Path: "/usr/lib/passwd", Body: "mail:x:99:99::/:\nsys:x:3:3::/:/bin/false\n"},
		rpmtest.File{Path: "/usr/lib/group", Body: "sys:x:3:\n"})
	files := pkg("files",
		rpmtest.File{Path: "/known", Mode: 0o6755, User: "mail", Group: "tty"},
		rpmtest.File{Path: "/lib", User: "sys", Group: "sys"},
		rpmtest.File{Path: "/spool/", Mode: 0o2775, Group: "nobody-knows"},
		rpmtest.File{Path: "/suid", Mode: 0o4755, User: "ghost", Group: "mail"},
		rpmtest.File{Path: "/suid2", Mode: 0o4755, User: "ghost", Group: "root"},
		rpmtest.File{Path: "/bad", User: "bad"}, rpmtest.File{Path: "/evil", User: "evil"},
		rpmtest.File{Path: "/link", LinkTo: "x", User: "mail"})
	s, packages, _ := importAll(t, []rpmtest.Package{accounts, files})
	tree, _, err := rootfs.Assemble(t.Context(), packages, rootfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := tree.ResolveOwners(reader(s))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][3]uint32{
		"/known": {0o6755, 8, 5}, "/lib": {0o644, 3, 3}, "/spool": {0o775, 0, 0}, "/suid": {0o755, 0, 12},
		"/suid2": {0o755, 0, 0}, "/bad": {0o644, 0, 0}, "/evil": {0o644, 0, 0}, "/link": {0o777, 8, 0}, "/etc": {0o755, 0, 0},
	} {
		n := tree.Lookup(path)
		if got := [3]uint32{n.Mode & 0o7777, n.UID, n.GID}; got != want {
			t.Errorf("%s: got mode, uid, gid %o, want %o", path, got, want)
		}
	}
	var got []string
	for _, u := range unknown {
		got = append(got, u.Kind+" "+u.Name+" "+strings.Join(u.Paths, ","))
	}
	want := []string{"user bad /bad", "user evil /evil", "user ghost /suid,/suid2", "group nobody-knows /spool"}
	if !slices.Equal(got, want) {
		t.Errorf("got the unknown owners %q, want %q", got, want)
	}
}

func TestResolveOwnersReportsDamage(t *testing.T) {
	_, packages, _ := importAll(t, []rpmtest.Package{pkg("setup", rpmtest.File{Path: "/etc/passwd", Body: "root:x:0:0\n"})})
	tree, _, err := rootfs.Assemble(t.Context(), packages, rootfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken disk")
	_, err = tree.ResolveOwners(func(*rootfs.Node) ([]byte, error) { return nil, broken })
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "/etc/passwd") {
		t.Errorf("got %v, want the broken disk and the path", err)
	}
}

func TestCapabilities(t *testing.T) {
	_, packages, _ := importAll(t, []rpmtest.Package{pkg("a",
		rpmtest.File{Path: "/ping", Mode: 0o755, Caps: "cap_net_raw=ep"}, rpmtest.File{Path: "/plain", Mode: 0o755})})
	tree, _, err := rootfs.Assemble(t.Context(), packages, rootfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	header := tree.Lookup("/ping").FileHeader()
	want := "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	if len(header.Xattrs) != 1 || header.Xattrs[0].Name != "security.capability" || string(header.Xattrs[0].Value) != want {
		t.Errorf("got %q, want security.capability = %q", header.Xattrs, want)
	}
	if n := tree.Lookup("/plain"); len(n.Xattrs) != 0 {
		t.Errorf("a file without capabilities got %q", n.Xattrs)
	}
}

func TestReport(t *testing.T) {
	_, packages, _ := importAll(t, []rpmtest.Package{
		pkg("a", rpmtest.File{Path: "/g", Flags: rpm.FileGhost}, rpmtest.File{Path: "/doc/d", Flags: rpm.FileDoc}, rpmtest.File{Path: "/doc/"},
			rpmtest.File{Path: "/l/fr", Lang: "fr"}, rpmtest.File{Path: "/sock", Mode: rpm.ModeSocket | 0o600}, rpmtest.File{Path: "/x", Body: "32", Color: 1}),
		pkg("b", rpmtest.File{Path: "/x", Body: "64", Color: 2}),
	})
	_, got, err := rootfs.Assemble(t.Context(), packages, rootfs.Options{
		PreferredColor: 2, SkipDocs: true, Langs: []string{"de"}, DropDevices: true})
	if err != nil {
		t.Fatal(err)
	}
	if got.Ghosts != 1 || got.Documentation != 1 || got.Directories != 1 || got.Languages != 1 ||
		!slices.Equal(got.Devices, []rootfs.Device{{Path: "/sock", Package: "a-1-1.noarch", Type: "socket"}}) ||
		!slices.Equal(got.Colors, []rootfs.Colors{{Path: "/x", Kept: "b-1-1.noarch", Dropped: "a-1-1.noarch"}}) {
		t.Errorf("got %+v", got)
	}
}

func TestConflictsAreAllNamed(t *testing.T) {
	var one, two []rpmtest.File
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		one = append(one, rpmtest.File{Path: "/" + string(c), Body: "1"})
		two = append(two, rpmtest.File{Path: "/" + string(c), Body: "2"})
	}
	_, packages, _ := importAll(t, []rpmtest.Package{pkg("one", one...), pkg("two", two...)})
	_, _, err := rootfs.Assemble(t.Context(), packages, rootfs.Options{})
	var conflict *rootfs.ConflictError
	if !errors.As(err, &conflict) || len(conflict.Conflicts) != 26 || !strings.Contains(err.Error(), "and 6 more") {
		t.Errorf("got %v, want 26 conflicts, 20 of them in the message", err)
	}
}

func TestTree(t *testing.T) {
	tree := rootfs.New()
	x := []byte("x")
	for _, step := range []error{
		tree.AddFile("/etc/a", 0o600, x), tree.AddSymlink("usr/bin/x", "../a"), tree.AddFile("/etc/b/c", 0o644, x),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	for what, err := range map[string]error{
		"a taken path":        tree.AddFile("/etc/a", 0o600, x),
		"a path below a file": tree.AddFile("/etc/a/b", 0o600, x),
		"a bad name":          tree.AddFile("/etc/..", 0o600, x),
		"a bad directory":     tree.AddFile("/../x/y", 0o600, x),
	} {
		if err == nil {
			t.Errorf("%s: want an error", what)
		}
	}
	if err := tree.Attach("/usr/etc", tree.Detach("/etc")); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := tree.Walk(func(path string, n *rootfs.Node) error { got = append(got, path); return nil }); err != nil {
		t.Fatal(err)
	}
	want := []string{"/", "/usr", "/usr/bin", "/usr/bin/x", "/usr/etc", "/usr/etc/a", "/usr/etc/b", "/usr/etc/b/c"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := tree.Stats(), (rootfs.Stats{Files: 2, Symlinks: 1, Directories: 5, Bytes: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if tree.Detach("/no/such") != nil || tree.Detach("/usr/such") != nil || tree.Lookup("/usr/etc/a/b") != nil {
		t.Error("something was found where nothing is")
	}
	if got := tree.Lookup("/usr/bin/x").FileHeader(); got.Symlink != "../a" || got.Mode != ostree.ModeSymlink|0o777 {
		t.Errorf("got %+v", got)
	}
}

// TestOrderOfPackages assembles the same packages in several orders.
func TestOrderOfPackages(t *testing.T) {
	s, packages, _ := importAll(t, []rpmtest.Package{
		pkg("filesystem", rpmtest.File{Path: "/usr/lib64/"}, rpmtest.File{Path: "/lib64", LinkTo: "usr/lib64"}, rpmtest.File{Path: "/var/", Mode: 0o711}),
		pkg("a", rpmtest.File{Path: "/lib64/a/f", Body: "1"}, rpmtest.File{Path: "/shared", Body: "s"}),
		pkg("b", rpmtest.File{Path: "/usr/lib64/a/g", Body: "2"}, rpmtest.File{Path: "/shared", Body: "s"}),
		pkg("c", rpmtest.File{Path: "/var/c", Body: "3"}, rpmtest.File{Path: "/usr/lib64/a", Mode: rpm.ModeDir | 0o700}),
	})
	var want []string
	for i := range packages {
		for range packages {
			packages[i], packages[(i+1)%len(packages)] = packages[(i+1)%len(packages)], packages[i]
			tree, _, err := rootfs.Assemble(t.Context(), packages, rootfs.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := list(t, s, tree)
			if want == nil {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
}

func TestMerge(t *testing.T) {
	tree := rootfs.New()
	for _, path := range []string{"/usr/etc/d/old", "/usr/etc/same", "/etc/d/new", "/etc/e/x"} {
		if err := tree.AddFile(path, 0o644, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	tree.Lookup("/etc").Mode = ostree.ModeDir | 0o711
	if err := tree.Merge("/usr/etc", tree.Detach("/etc")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/usr/etc/d/old", "/usr/etc/same", "/usr/etc/d/new", "/usr/etc/e/x"} {
		if tree.Lookup(path) == nil {
			t.Errorf("%s is lost", path)
		}
	}
	if n := tree.Lookup("/usr/etc"); n.Mode != ostree.ModeDir|0o711 || n.Name != "etc" {
		t.Errorf("got the mode %o and the name %s", n.Mode, n.Name)
	}
	if err := tree.AddFile("/etc/d/old", 0o644, []byte("y")); err != nil {
		t.Fatal(err)
	}
	if err := tree.Merge("/usr/etc", tree.Detach("/etc")); err == nil || !strings.Contains(err.Error(), "/usr/etc/d/old") {
		t.Errorf("got %v, want an error with the path", err)
	}
}

func TestOwnersThatAreNumbers(t *testing.T) {
	tree := rootfs.New()
	if err := tree.AddFile("/etc/passwd", 0o644, []byte("daemon:x:2:2::/:/bin/sh\n")); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*rootfs.Node{
		{Name: "both", Mode: ostree.ModeRegular | 0o4755, UID: 1234, GID: 55},
		{Name: "one", Mode: ostree.ModeRegular | 0o2755, User: "daemon", GID: 55},
	} {
		if err := tree.Attach(n.Name, n); err != nil {
			t.Fatal(err)
		}
	}
	unknown, err := tree.ResolveOwners(func(n *rootfs.Node) ([]byte, error) { return n.Data, nil })
	if err != nil || len(unknown) != 0 {
		t.Fatalf("got %v, %v", unknown, err)
	}
	if n := tree.Lookup("both"); n.UID != 1234 || n.GID != 55 || n.Mode&0o7777 != 0o4755 {
		t.Errorf("got %d:%d %o, want 1234:55 and setuid", n.UID, n.GID, n.Mode)
	}
	if n := tree.Lookup("one"); n.UID != 2 || n.GID != 55 || n.Mode&0o7777 != 0o2755 {
		t.Errorf("got %d:%d %o, want 2:55 and setgid", n.UID, n.GID, n.Mode)
	}
}

func TestWithout(t *testing.T) {
	tree := rootfs.New()
	for _, path := range []string{"/a", "/b", "/c/d"} {
		if err := tree.AddFile(path, 0o644, nil); err != nil {
			t.Fatal(err)
		}
	}
	other := &rootfs.Tree{Root: tree.Root.Without("a", "absent")}
	if err := other.AddFile("/e", 0o644, nil); err != nil {
		t.Fatal(err)
	}
	if other.Lookup("a") != nil || other.Lookup("b") != tree.Lookup("b") || other.Lookup("c/d") == nil {
		t.Errorf("got %v of the copy", other.Root.Children())
	}
	if tree.Lookup("a") == nil || tree.Lookup("e") != nil {
		t.Errorf("the tree changed: %v", tree.Root.Children())
	}
}
