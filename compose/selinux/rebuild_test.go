package selinux

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/ondisk"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/sandbox"
)

func TestMain(m *testing.M) {
	if code, ok := sandbox.Helper(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func TestNeedsRebuild(t *testing.T) {
	const dir = "etc/selinux/targeted/"
	built := []string{dir + "contexts/files/file_contexts", dir + "policy/policy.33", dir + "active/modules/100/base/cil"}
	for _, tc := range []struct {
		name    string
		paths   []string
		changed []string
		want    bool
	}{
		{"as the package brought it", built, nil, false},
		{"nothing of it changed", built, []string{"/etc/passwd", "/etc/selinux/config", "/" + dir + "active/commit_num"}, false},
		{"a module was added", built, []string{"/" + dir + "active/modules/200/more/cil"}, true},
		{"a module was disabled", built, []string{dir + "active/modules/disabled/base"}, true},
		{"a boolean was set", built, []string{"/" + dir + "active/booleans.local"}, true},
		{"and the policy was built", built, []string{"/" + dir + "active/modules/200/more/cil", "/" + dir + "policy/policy.33"}, false},
		{"and the contexts were built", built, []string{"/" + dir + "contexts/files/file_contexts", "/" + dir + "active/modules/200/more/cil"}, false},
		{"and semodule found the same", built, []string{dir + "active/modules/200/more/cil", dir + "active/commit_num", dir + "active/modules_checksum"}, false},
		{"of another policy", built, []string{"/etc/selinux/targeted2/active/modules/200/more/cil"}, false},
		{"no contexts", built[1:], nil, true},
		{"no policy", []string{built[0], built[2]}, nil, true},
		{"no modules", built[:2], []string{"/" + dir + "active/modules/200/more/cil"}, false},
		{"store in /var/lib", []string{built[0], built[1], "var/lib/selinux/targeted/active/modules/100/base/cil"}, []string{"/var/lib/selinux/targeted/active/modules/100/base/cil"}, true},
		{"re-rooted", []string{"usr/" + built[0], "usr/" + built[1], "usr/" + built[2]}, []string{"/usr/" + built[2]}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			contents := map[string]string{}
			for _, path := range tc.paths {
				contents[path] = "x"
			}
			if got := NeedsRebuild(files(t, contents), "targeted", tc.changed); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	if NeedsRebuild(files(t, map[string]string{built[2]: ""}), "../targeted", nil) {
		t.Error("got true for a policy outside of the store, want false")
	}
}

// TestNeedsRebuildPackages has modules of the policy's package and of others.
func TestNeedsRebuildPackages(t *testing.T) {
	const dir = "etc/selinux/targeted/"
	for _, tc := range []struct {
		name                      string
		contexts, module, another int
		changed                   []string
		want                      bool
	}{
		{"one package", 0, 0, 0, nil, false},
		{"two packages", 0, 0, 1, nil, true},
		{"built by a scriptlet", 0, 0, 1, []string{dir + "policy/policy.33"}, false},
		{"module of no package", 0, 0, rootfs.NoPackage, nil, false},
		{"contexts of no package", rootfs.NoPackage, 0, 1, nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tree := rootfs.New()
			for path, owner := range map[string]int{
				dir + "contexts/files/file_contexts": tc.contexts, dir + "policy/policy.33": 0,
				dir + "active/modules/100/base/cil": tc.module, dir + "active/modules/200/more/cil": tc.another,
			} {
				n := rootfs.NewFile(0o644, nil)
				n.Package = owner
				must(t, tree.Attach(path, n))
			}
			if got := NeedsRebuild(tree, "targeted", tc.changed); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// world is a tree on disk with a sandbox over it.
type world struct {
	t     *testing.T
	tree  *rootfs.Tree
	store *content.Store
	box   *sandbox.Sandbox
}

// newWorld makes a tree of modules; program says whether it has a semodule.
func newWorld(t *testing.T, modules map[string]string, program bool) *world {
	t.Helper()
	dir := t.TempDir()
	store, err := content.Open(t.Context(), filepath.Join(dir, "content"))
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	w := &world{t: t, store: store, tree: files(t, map[string]string{"etc/selinux/config": config, "usr/bin/": "", "usr/etc/": ""})}
	for path, text := range modules {
		w.add("etc/selinux/targeted/active/modules/"+path, 0o600, []byte(text))
	}
	if program {
		w.add("usr/sbin/semodule", 0o755, build(t))
	}
	must(t, ondisk.Write(t.Context(), w.tree, store, filepath.Join(dir, "tree"), ondisk.Options{}))
	w.box, err = sandbox.Open(t.Context(), sandbox.Options{Lower: filepath.Join(dir, "tree"), Dir: filepath.Join(dir, "work")})
	must(t, err)
	t.Cleanup(func() { must(t, w.box.Close()) })
	return w
}

// add puts a file into the tree, its content into the store.
func (w *world) add(path string, mode uint32, data []byte) {
	w.t.Helper()
	digest, size, err := w.store.Add(w.t.Context(), strings.NewReader(string(data)))
	must(w.t, err)
	n := rootfs.NewFile(mode, nil)
	n.Content, n.Size, n.Data = digest, size, nil
	must(w.t, w.tree.Attach(path, n))
}

// build builds testdata/semodule.
func build(t *testing.T) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "semodule")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", name, "./testdata/semodule")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building semodule: %v\n%s", err, out)
	}
	data, err := os.ReadFile(name)
	must(t, err)
	return data
}

// read is the content of a node.
func (w *world) read(n *rootfs.Node) ([]byte, error) {
	if n.Data != nil || n.Size == 0 {
		return n.Data, nil
	}
	f, err := w.store.OpenContent(n.Content, n.Size)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

func TestRebuild(t *testing.T) {
	w := newWorld(t, map[string]string{"100/base/cil": "/.* u:r:default:s0\n", "200/more/cil": "/usr/bin -d u:r:bin:s0\n"}, true)
	if !NeedsRebuild(w.tree, "targeted", nil) {
		t.Fatal("got no need to build the policy, want one: there is none")
	}
	must(t, Rebuild(t.Context(), w.box, "targeted"))
	report, err := ondisk.ReadBack(t.Context(), w.tree, w.store, func(fn func(*tar.Header, io.Reader) error) error {
		return w.box.Changes(t.Context(), fn)
	})
	must(t, err)
	if NeedsRebuild(w.tree, "targeted", append(report.Added, "/etc/selinux/targeted/active/modules/200/more/cil")) {
		t.Errorf("got a need to build what was built; added: %q", report.Added)
	}
	c, err := Load(w.tree, w.read)
	must(t, err)
	_, err = Apply(w.tree, c, 0)
	must(t, err)
	for path, want := range map[string]string{"/usr/bin": "u:r:bin:s0\x00", "/usr/sbin/semodule": "u:r:default:s0\x00"} {
		if got := label(t, w.tree, path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func TestRebuildFails(t *testing.T) {
	for _, tc := range []struct {
		name    string
		policy  string
		program bool
		want    string
	}{
		{"broken module", "targeted", true, "semodule: /etc/selinux/targeted/active/modules/100/base/cil is broken"},
		{"no semodule", "targeted", false, "add the package policycoreutils, or set selinux: false"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"100/base/cil": "broken\n"}, tc.program)
			err := Rebuild(t.Context(), w.box, tc.policy)
			if err == nil || !strings.Contains(err.Error(), `rebuilding the SELinux policy "targeted": `) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// runner answers every command with an error.
type runner struct{ err error }

func (r runner) Run(context.Context, sandbox.Command) (*sandbox.Result, error) { return nil, r.err }

func TestRebuildCancelled(t *testing.T) {
	err := Rebuild(t.Context(), runner{context.Canceled}, "targeted")
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "policycoreutils") {
		t.Errorf("got %v, want that it was cancelled and no advice", err)
	}
}
