package ondisk_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/ondisk"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// entry is one entry of a stream of changes.
type entry struct {
	tar.Header
	body string
}

func dir(name string, mode int64) entry {
	return entry{tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode}, ""}
}

func regular(name string, mode int64, body string) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, body}
}

func link(name, target string) entry {
	return entry{tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, ""}
}

func gone(name string) entry { return entry{tar.Header{Typeflag: tar.TypeChar, Name: name}, ""} }

func (e entry) owner(uid, gid int) entry { e.Uid, e.Gid = uid, gid; return e }

func (e entry) record(key, value string) entry {
	records := map[string]string{key: value}
	for k, v := range e.PAXRecords {
		records[k] = v
	}
	e.PAXRecords = records
	return e
}

func stream(list ...entry) ondisk.Changes {
	return func(fn func(*tar.Header, io.Reader) error) error {
		for _, e := range list {
			h := e.Header
			if err := fn(&h, strings.NewReader(e.body)); err != nil {
				return err
			}
		}
		return nil
	}
}

// system is a tree with accounts and one package.
func system(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.file("/etc/passwd", 0o644, "root:x:0:0::/root:/bin/sh\ndaemon:x:2:3::/:/bin/sh\n")
	f.file("/etc/group", 0o644, "root:x:0:\ndaemon:x:3:\n")
	f.file("/usr/bin/tool", 0o755, "tool")
	f.file("/usr/bin/ping", 0o755, "ping").Xattrs = []ostree.Xattr{{Name: "security.capability", Value: []byte("caps")}}
	f.file("/usr/share/doc/a", 0o644, "a")
	f.file("/usr/share/doc/b", 0o644, "b")
	n := f.file("/var/lib/daemon/data", 0o600, "data")
	n.User, n.Group = "daemon", "daemon"
	f.must(f.tree.AddSymlink("/usr/sbin", "bin"))
	return f
}

// describe is one line for each node: what a commit would have of it.
func describe(tree *rootfs.Tree) map[string]string {
	out := map[string]string{}
	_ = tree.Walk(func(path string, n *rootfs.Node) error {
		owner := fmt.Sprintf("%s:%s", n.User, n.Group)
		if n.User == "" || n.Group == "" {
			owner = fmt.Sprintf("%s%d:%s%d", n.User, n.UID, n.Group, n.GID)
		}
		line := fmt.Sprintf("%o %s", n.Mode, owner)
		if n.IsRegular() {
			line += fmt.Sprintf(" %.8s %d", n.Content, n.Size)
		}
		if n.IsSymlink() {
			line += " " + n.Target
		}
		for _, x := range n.Xattrs {
			line += fmt.Sprintf(" %s=%q", x.Name, x.Value)
		}
		if n.Package != rootfs.NoPackage {
			line += " of " + tree.PackageName(n)
		}
		out[path] = line
		return nil
	})
	return out
}

func digest(body string) string { return content.DigestOf([]byte(body)).String()[:8] }

func TestReadBack(t *testing.T) {
	const of = " of tool-1-1.x86_64"
	for _, tc := range []struct {
		name    string
		changes []entry
		want    map[string]string // paths that differ from before; "" for those that are gone
		report  ondisk.Report
	}{
		{name: "nothing"},
		{
			name:    "copied up and not changed",
			changes: []entry{dir(".", 0o755), dir("usr/", 0o755), dir("usr/bin", 0o755), regular("usr/bin/ping", 0o755, "ping")},
		},
		{
			name:    "a new file and a directory",
			changes: []entry{dir("./etc", 0o755), dir("./etc/new", 0o750).owner(0, 3), regular("./etc/new/conf", 0o640, "x=1\n")},
			want:    map[string]string{"/etc/new": "40750 root0:3", "/etc/new/conf": "100640 root:root " + digest("x=1\n") + " 4"},
			report:  ondisk.Report{Added: []string{"/etc/new", "/etc/new/conf"}},
		},
		{
			name:    "content changes and takes capabilities with it",
			changes: []entry{regular("usr/bin/ping", 0o755, "pong")},
			want:    map[string]string{"/usr/bin/ping": "100755 root:root " + digest("pong") + " 4" + of},
			report:  ondisk.Report{Changed: []ondisk.Change{{Path: "/usr/bin/ping", Package: "tool-1-1.x86_64", What: []string{"content", "attributes"}}}},
		},
		{
			name:    "content changes and the owner stays",
			changes: []entry{regular("var/lib/daemon/data", 0o600, "more")},
			want:    map[string]string{"/var/lib/daemon/data": "100600 daemon:daemon " + digest("more") + " 4" + of},
			report:  ondisk.Report{Changed: []ondisk.Change{{Path: "/var/lib/daemon/data", Package: "tool-1-1.x86_64", What: []string{"content"}}}},
		},
		{
			name:    "setuid",
			changes: []entry{regular("usr/bin/tool", 0o4755, "tool")},
			want:    map[string]string{"/usr/bin/tool": "104755 root:root " + digest("tool") + " 4" + of},
			report:  ondisk.Report{Changed: []ondisk.Change{{Path: "/usr/bin/tool", Package: "tool-1-1.x86_64", What: []string{"mode"}}}},
		},
		{
			name:    "chown to a user, by number",
			changes: []entry{regular("usr/bin/tool", 0o755, "tool").owner(2, 0), regular("usr/bin/ping", 0o755, "ping").owner(0, 77)},
			want: map[string]string{
				"/usr/bin/tool": "100755 2:root0 " + digest("tool") + " 4" + of,
				"/usr/bin/ping": "100755 root0:77 " + digest("ping") + " 4" + of,
			},
			report: ondisk.Report{Changed: []ondisk.Change{
				{Path: "/usr/bin/ping", Package: "tool-1-1.x86_64", What: []string{"owner", "attributes"}},
				{Path: "/usr/bin/tool", Package: "tool-1-1.x86_64", What: []string{"owner"}},
			}},
		},
		{
			name:    "chown to the owner that it has",
			changes: []entry{regular("var/lib/daemon/data", 0o600, "data").owner(2, 3)},
			report:  ondisk.Report{Unclear: []string{"/var/lib/daemon/data"}},
		},
		{
			name:    "chown to root that was recorded",
			changes: []entry{regular("var/lib/daemon/data", 0o600, "data").record("TREEWRIGHT.chown", "y")},
			want:    map[string]string{"/var/lib/daemon/data": "100600 root:root " + digest("data") + " 4" + of},
			report:  ondisk.Report{Changed: []ondisk.Change{{Path: "/var/lib/daemon/data", Package: "tool-1-1.x86_64", What: []string{"owner"}}}},
		},
		{
			name:    "what may be a chown to root",
			changes: []entry{regular("var/lib/daemon/data", 0o600, "data")},
			report:  ondisk.Report{Unclear: []string{"/var/lib/daemon/data"}},
		},
		{
			name:    "capabilities of a sandbox and others",
			changes: []entry{regular("usr/bin/tool", 0o755, "tool").record("SCHILY.xattr.security.capability", "\x01\x00\x00\x03abcdefghijklmnop\xe8\x03\x00\x00").record("SCHILY.xattr.user.note", "x").record("SCHILY.xattr.user.overlay.origin", "")},
			want:    map[string]string{"/usr/bin/tool": "100755 root:root " + digest("tool") + " 4 security.capability=\"\\x01\\x00\\x00\\x02abcdefghijklmnop\"" + of},
			report: ondisk.Report{
				Changed: []ondisk.Change{{Path: "/usr/bin/tool", Package: "tool-1-1.x86_64", What: []string{"attributes"}}},
				Dropped: []ondisk.Dropped{{Path: "/usr/bin/tool", Reason: "its extended attribute user.note, which a commit does not keep"}},
			},
		},
		{
			name:    "removals",
			changes: []entry{gone("usr/bin/tool"), gone("usr/share/doc"), gone("absent")},
			want:    map[string]string{"/usr/bin/tool": "", "/usr/share/doc": "", "/usr/share/doc/a": "", "/usr/share/doc/b": ""},
			report:  ondisk.Report{Removed: []string{"/usr/bin/tool", "/usr/share/doc"}},
		},
		{
			name: "a directory in the place of another",
			changes: []entry{
				dir("usr/share/doc", 0o700).record("TREEWRIGHT.opaque", "y"), regular("usr/share/doc/b", 0o644, "b"), regular("usr/share/doc/c", 0o644, "c"),
			},
			want: map[string]string{
				"/usr/share/doc": "40700 root:root", "/usr/share/doc/a": "", "/usr/share/doc/b": "100644 root:root " + digest("b") + " 1" + of,
				"/usr/share/doc/c": "100644 root:root " + digest("c") + " 1",
			},
			report: ondisk.Report{
				Added: []string{"/usr/share/doc/c"}, Removed: []string{"/usr/share/doc/a"},
				Changed: []ondisk.Change{{Path: "/usr/share/doc", What: []string{"mode"}}},
			},
		},
		{
			name:    "a file becomes a link, a directory a file, a link a directory",
			changes: []entry{link("usr/bin/tool", "ping"), regular("usr/share/doc", 0o644, "doc"), dir("usr/sbin", 0o755)},
			want: map[string]string{
				"/usr/bin/tool": "120777 root:root ping" + of, "/usr/share/doc": "100644 root:root " + digest("doc") + " 3",
				"/usr/share/doc/a": "", "/usr/share/doc/b": "", "/usr/sbin": "40755 root:root",
			},
			report: ondisk.Report{Changed: []ondisk.Change{
				{Path: "/usr/bin/tool", Package: "tool-1-1.x86_64", What: []string{"type", "target", "mode"}},
				{Path: "/usr/sbin", What: []string{"type", "mode"}},
				{Path: "/usr/share/doc", What: []string{"type", "content", "mode"}},
			}},
		},
		{
			name:    "hard links",
			changes: []entry{regular("usr/bin/ping", 0o755, "ping"), {tar.Header{Typeflag: tar.TypeLink, Name: "usr/bin/ping6", Linkname: "usr/bin/ping"}, ""}},
			want:    map[string]string{"/usr/bin/ping6": "100755 root:root " + digest("ping") + " 4 security.capability=\"caps\""},
			report:  ondisk.Report{Added: []string{"/usr/bin/ping6"}},
		},
		{
			name: "what no tree can hold",
			changes: []entry{
				{tar.Header{Typeflag: tar.TypeFifo, Name: "usr/bin/tool"}, ""}, {tar.Header{Typeflag: tar.TypeChar, Name: "dev2", Devmajor: 1, Devminor: 3}, ""},
				entry{tar.Header{Typeflag: tar.TypeFifo, Name: "sock"}, ""}.record("TREEWRIGHT.socket", "y"), {tar.Header{Typeflag: tar.TypeBlock, Name: "blk"}, ""},
			},
			want: map[string]string{"/usr/bin/tool": ""},
			report: ondisk.Report{Removed: []string{"/usr/bin/tool"}, Dropped: []ondisk.Dropped{
				{Path: "/blk", Reason: "a block device, which OSTree cannot store"}, {Path: "/dev2", Reason: "a character device, which OSTree cannot store"},
				{Path: "/sock", Reason: "a socket, which OSTree cannot store"}, {Path: "/usr/bin/tool", Reason: "a FIFO, which OSTree cannot store"},
			}},
		},
		{
			name:    "mount points are not the tree's",
			changes: []entry{dir("proc", 0o555), dir("dev", 0o755), regular("dev/null", 0o644, ""), dir("tmp", 0o1777)},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range 2 { // the same again gives the same
				f := system(t)
				want := describe(f.tree)
				for path, line := range tc.want {
					if want[path] = line; line == "" {
						delete(want, path)
					}
				}
				report, err := ondisk.ReadBack(t.Context(), f.tree, f.store, stream(tc.changes...))
				if err != nil {
					t.Fatal(err)
				}
				got := describe(f.tree)
				for path := range got {
					if got[path] != want[path] {
						t.Errorf("%s: got %s, want %s", path, got[path], want[path])
					}
				}
				for path := range want {
					if _, there := got[path]; !there {
						t.Errorf("%s is gone", path)
					}
				}
				if !reflect.DeepEqual(*report, tc.report) {
					t.Errorf("got the report %+v, want %+v", *report, tc.report)
				}
			}
		})
	}
}

func TestReadBackOwnersStayNumbers(t *testing.T) {
	f := system(t)
	changes := stream(regular("usr/bin/mine", 0o4755, "mine").owner(1234, 3), regular("usr/bin/theirs", 0o755, "theirs").owner(2, 3))
	if _, err := ondisk.ReadBack(t.Context(), f.tree, f.store, changes); err != nil {
		t.Fatal(err)
	}
	unknown, err := f.tree.ResolveOwners(func(n *rootfs.Node) (_ []byte, err error) {
		r, err := f.store.OpenContent(n.Content, n.Size)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		return io.ReadAll(r)
	})
	if err != nil || len(unknown) != 0 {
		t.Fatalf("got %v, %v", unknown, err)
	}
	n := f.tree.Lookup("/usr/bin/mine")
	if n.UID != 1234 || n.GID != 3 || n.Mode != 0o104755 {
		t.Errorf("got %d:%d %o, want 1234:3 104755", n.UID, n.GID, n.Mode)
	}
	if n := f.tree.Lookup("/var/lib/daemon/data"); n.UID != 2 || n.GID != 3 {
		t.Errorf("got %d:%d for a file of the package, want 2:3", n.UID, n.GID)
	}
}

func TestReadBackRefuses(t *testing.T) {
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		changes ondisk.Changes
		want    string
	}{
		"a path out of the tree":   {stream(regular("usr/../../etc/passwd", 0o644, "")), `file name ".." is not allowed`},
		"a name that is no UTF-8":  {stream(regular("usr/\xff", 0o644, "")), "not UTF-8"},
		"a link out of the tree":   {stream(entry{tar.Header{Typeflag: tar.TypeLink, Name: "x", Linkname: "../x"}, ""}), "is not allowed"},
		"a link to nothing":        {stream(entry{tar.Header{Typeflag: tar.TypeLink, Name: "x", Linkname: "y"}, ""}), "is no file of the tree"},
		"/usr removed":             {stream(gone("usr")), "they removed /usr"},
		"/usr replaced by a file":  {stream(regular("usr", 0o644, "")), "they removed /usr"},
		"the root removed":         {stream(gone(".")), "the root is no directory"},
		"below something else":     {stream(regular("usr/bin/tool/x", 0o644, "")), "no directory"},
		"a stream that breaks off": {func(func(*tar.Header, io.Reader) error) error { return broken }, "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			f := system(t)
			if _, err := ondisk.ReadBack(t.Context(), f.tree, f.store, tc.changes); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	f := system(t)
	if _, err := ondisk.ReadBack(ctx, f.tree, f.store, stream(dir("usr", 0o755))); !errors.Is(err, broken) {
		t.Errorf("got %v, want the cause", err)
	}
}
