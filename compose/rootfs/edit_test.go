package rootfs_test

import (
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

func linkedTree(t *testing.T) *rootfs.Tree {
	t.Helper()
	tree := rootfs.New()
	for path, target := range map[string]string{
		"/bin": "usr/bin", "/abs": "/usr/lib", "/up": "../../../etc", "/usr/lib/two": "../../abs/..", "/loop": "/loop2", "/loop2": "loop", "/gone": "nowhere/x",
	} {
		if err := tree.AddSymlink(path, target); err != nil {
			t.Fatal(err)
		}
	}
	if err := tree.AddFile("/usr/bin/sh", 0o755, []byte("x")); err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestFollow(t *testing.T) {
	tree := linkedTree(t)
	for path, want := range map[string]string{
		"": "", "/": "", "bin": "usr/bin", "/bin/sh": "usr/bin/sh", "bin/none/x": "usr/bin/none/x", "abs/two/x": "usr/x", "up/passwd": "etc/passwd",
		"./usr//lib/../bin": "usr/bin", "../..": "", "gone": "nowhere/x", "usr/bin/sh/below": "usr/bin/sh/below",
	} {
		if got, err := tree.Follow(path); err != nil || got != want {
			t.Errorf("Follow(%q): got %q, %v, want %q", path, got, err, want)
		}
	}
	for path, want := range map[string]string{"bin": "bin", "/abs/two": "usr/lib/two", "abs/two/x": "usr/x", "loop": "loop"} {
		if got, err := tree.FollowDir(path); err != nil || got != want {
			t.Errorf("FollowDir(%q): got %q, %v, want %q", path, got, err, want)
		}
	}
	if _, err := tree.Follow("loop/x"); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("got %v for a circle of links", err)
	}
	for _, path := range []string{"", "/", "a/..", "a/.", "loop/x"} {
		if got, err := tree.FollowDir(path); err == nil {
			t.Errorf("FollowDir(%q): got %q, want an error", path, got)
		}
	}
}

func TestPut(t *testing.T) {
	tree := linkedTree(t)
	old, err := tree.Put("bin/sh", rootfs.NewFile(0o4755, []byte("new")))
	if err != nil || old == nil || string(old.Data) != "x" {
		t.Fatalf("got %v, %v, want the old file", old, err)
	}
	if n := tree.Lookup("usr/bin/sh"); string(n.Data) != "new" || n.Mode != ostree.ModeRegular|0o4755 || n.Size != 3 || n.Content != content.DigestOf([]byte("new")) {
		t.Errorf("got %+v", n)
	}
	if old, err := tree.Put("/bin", rootfs.NewSymlink("other")); err != nil || old.Target != "usr/bin" || tree.Lookup("bin").Target != "other" {
		t.Errorf("a link is replaced, not followed: got %v, %v", old, err)
	}
	if old, err := tree.Put("new/dir/x", rootfs.NewFile(0o600, nil)); err != nil || old != nil || tree.Lookup("new/dir/x").Data == nil {
		t.Errorf("got %v, %v for a new file", old, err)
	}
	for _, path := range []string{"usr/bin", "usr/bin/sh/x", "loop/x", ""} {
		if _, err := tree.Put(path, rootfs.NewFile(0o644, nil)); err == nil {
			t.Errorf("%q: want an error", path)
		}
	}
	if tree.Lookup("usr/bin/sh") == nil {
		t.Error("a file was lost to an error")
	}
}

func TestSetData(t *testing.T) {
	n := rootfs.NewFile(0o640, []byte("long"))
	n.User, n.Package = "mail", 3
	n.SetData(nil)
	if n.Data == nil || n.Size != 0 || n.Content != content.DigestOf(nil) || n.User != "mail" || n.Package != 3 || n.Mode&0o7777 != 0o640 {
		t.Errorf("got %+v", n)
	}
	if d := rootfs.NewDir(0o1777); !d.IsDir() || d.Mode&0o7777 != 0o1777 || len(d.Children()) != 0 {
		t.Errorf("got %+v", d)
	}
}
