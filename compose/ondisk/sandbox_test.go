package ondisk_test

import (
	"archive/tar"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/treewright/treewright/compose/ondisk"
	"github.com/treewright/treewright/internal/sandbox"
)

func TestMain(m *testing.M) {
	if code, ok := sandbox.Helper(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

var libraries = regexp.MustCompile(`/[^ ()]+`)

// program brings a program of this machine into the tree, with its libraries.
func (f *fixture) program(name string) {
	f.t.Helper()
	found, err := exec.LookPath(name)
	f.must(err)
	needs := []string{found}
	if out, err := exec.Command("ldd", found).Output(); err == nil { // else it is static
		needs = append(needs, libraries.FindAllString(string(out), -1)...)
	}
	for i, from := range needs {
		path := from
		if i == 0 {
			path = "/usr/bin/" + name
		}
		if f.tree.Lookup(path) == nil {
			data, err := os.ReadFile(from)
			f.must(err)
			f.file(path, 0o755, string(data))
		}
	}
}

// TestSandbox lets real programs change a tree, over an overlay.
func TestSandbox(t *testing.T) {
	for name, single := range map[string]bool{"best mapping": false, "one user": true} {
		t.Run(name, func(t *testing.T) {
			f := system(t)
			f.file("/usr/share/twin/a", 0o644, "twin")
			f.file("/usr/share/twin/b", 0o644, "twin")
			for _, name := range []string{"sh", "chmod", "chown", "ln", "mkdir", "rm", "cp", "mv", "mkfifo"} {
				f.program(name)
			}
			f.must(f.tree.AddSymlink("/bin", "usr/bin"))
			tree := f.out()
			f.must(ondisk.Write(t.Context(), f.tree, f.store, tree, ondisk.Options{}))
			before := listing(t, tree)
			box, err := sandbox.Open(t.Context(), sandbox.Options{Lower: tree, Dir: filepath.Join(f.dir, "work"), Single: single})
			f.must(err)
			t.Cleanup(func() { f.must(box.Close()) })
			result, err := box.Run(t.Context(), sandbox.Command{Script: []byte(`#!/bin/sh
set -ex
cp -f /usr/share/twin/a /usr/share/twin/b
mv /usr/share/doc/a /usr/share/doc/moved
rm -r /usr/share/twin
mkdir /usr/share/twin
echo new > /usr/share/twin/a
chmod 4711 /usr/bin/tool
chown 2:3 /usr/bin/ping
ln /usr/bin/ping /usr/bin/ping6
echo more >> /var/lib/daemon/data
mkfifo /usr/share/doc/fifo
echo x > /etc/passwd-
`)})
			if err != nil || !result.OK() {
				t.Fatalf("got %+v, %v\n%s", result, err, result.Output)
			}
			want := describe(f.tree)
			const of = " of tool-1-1.x86_64"
			delete(want, "/usr/share/doc/a")
			delete(want, "/usr/share/twin/b")
			for path, line := range map[string]string{
				"/usr/share/doc/moved": "100644 root:root " + digest("a") + " 1",
				"/usr/share/twin/a":    "100644 root:root " + digest("new\n") + " 4" + of,
				"/usr/bin/tool":        "104711 root:root " + digest("tool") + " 4" + of,
				"/usr/bin/ping":        "100755 2:3 " + digest("ping") + " 4" + of,
				"/usr/bin/ping6":       "100755 2:3 " + digest("ping") + " 4",
				"/var/lib/daemon/data": "100600 daemon:daemon " + digest("datamore\n") + " 9" + of,
				"/etc/passwd-":         "100644 root:root " + digest("x\n") + " 2",
			} {
				want[path] = line
			}
			report, err := ondisk.ReadBack(t.Context(), f.tree, f.store, func(fn func(*tar.Header, io.Reader) error) error {
				return box.Changes(t.Context(), fn)
			})
			f.must(err)
			got := describe(f.tree)
			for path := range got {
				if g := got[path]; g != want[path] {
					t.Errorf("%s: got %q, want %q", path, g, want[path])
				}
			}
			for path := range want {
				if got[path] == "" {
					t.Errorf("%s is gone", path)
				}
			}
			if len(report.Dropped) != 1 || report.Dropped[0].Path != "/usr/share/doc/fifo" {
				t.Errorf("got %+v dropped", report.Dropped)
			}
			if want := []string{"/etc/passwd-", "/usr/bin/ping6", "/usr/share/doc/moved"}; !slices.Equal(report.Added, want) {
				t.Errorf("got %q added, want %q", report.Added, want)
			}
			if after := listing(t, tree); after != before {
				t.Errorf("the tree on disk changed:\n%s", after)
			}
		})
	}
}
