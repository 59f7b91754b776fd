package initramfs_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/initramfs"
	"github.com/treewright/treewright/compose/ondisk"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/sandbox"
)

// A tree decides what its depmod and dracut are; these do what the real ones do
// for Build: the index of modules, and an archive where they are told.
const (
	depmod = "#!/bin/sh\n" +
		"echo \"depmod $*\"\n" +
		"echo kernel/a.ko: > \"/usr/lib/modules/$2/modules.dep\"\n"
	dracut = "#!/bin/sh\n" +
		". /usr/lib/dracut/functions.sh\n" +
		"echo \"dracut $* (mknod $DRACUT_NO_MKNOD, $(cat /etc/release))\"\n" +
		"test -d /tmp/dracut || exit 3\n" +
		"while [ \"$1\" != -f ]; do shift; done\n" +
		"echo lost > /var/log/dracut.log\n" +
		"cat /usr/share/image > \"$2\"\n"
)

// system is a tree with a shell of this machine, and its store.
type system struct {
	t     *testing.T
	store *content.Store
	files map[string]string
}

func newSystem(t *testing.T) *system {
	t.Helper()
	s := &system{t: t, store: openStore(t), files: map[string]string{
		"usr/lib/modules/6.1/vmlinuz": "kernel one", "usr/lib/modules/6.1/kernel/a.ko": "a", "usr/lib/modules/5.9/kernel/a.ko": "a",
		"usr/bin/dracut": dracut, "usr/sbin/depmod": depmod,
		"usr/lib/dracut/functions.sh": "require_binaries() { :; }\nrequire_binaries tool /usr/lib/special\n", "usr/lib/dracut/modules.d/98ostree/module-setup.sh": "install() { :; }\n",
		"usr/etc/release": "release one", "usr/etc/passwd": "root:x:0:0::/:/bin/sh\n", "usr/share/image": string(testdata(t, "early-gzip.img")),
		"usr/lib/systemd/systemd": "systemd", "usr/share/doc/readme": "read me", "var/log/": "", "tmp": "-> sysroot/tmp",
	}}
	for _, name := range []string{"sh", "cat", "mkdir"} {
		s.program(name)
	}
	return s
}

var libraries = regexp.MustCompile(`/[^ ()]+`)

// program brings a program of this machine into the tree, with its libraries.
func (s *system) program(name string) {
	s.t.Helper()
	found, err := exec.LookPath(name)
	if err != nil {
		s.t.Fatal(err)
	}
	needs := map[string]string{"usr/bin/" + name: found}
	if out, err := exec.Command("ldd", found).Output(); err == nil { // else it is static
		for _, lib := range libraries.FindAllString(string(out), -1) {
			needs[strings.TrimPrefix(lib, "/")] = lib
		}
	}
	for path, from := range needs {
		data, err := os.ReadFile(from)
		if err != nil {
			s.t.Fatal(err)
		}
		s.files[path] = string(data)
	}
	s.files["bin/"+name] = "-> ../usr/bin/" + name
}

// tree plants the files, the large ones in the store, programs executable.
func (s *system) tree() *rootfs.Tree {
	s.t.Helper()
	tree := plant(s.t, s.files)
	err := tree.Walk(func(path string, n *rootfs.Node) error {
		if !n.IsRegular() {
			return nil
		}
		if strings.HasPrefix(string(n.Data), "#!") || strings.HasPrefix(string(n.Data), "\x7fELF") {
			n.Mode |= 0o111
		}
		if n.Size > 4096 {
			d, _, err := s.store.Add(s.t.Context(), strings.NewReader(string(n.Data)))
			n.Content, n.Data = d, nil
			return err
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return tree
}

// build makes the image of the tree in a sandbox, and returns the lines that
// its programs printed.
func (s *system) build(tree *rootfs.Tree, opts initramfs.Options) (image *initramfs.Image, lines []string, err error) {
	s.t.Helper()
	view, err := initramfs.View(tree)
	if err != nil {
		s.t.Fatal(err)
	}
	dir := s.t.TempDir()
	lower := filepath.Join(dir, "tree")
	if err := ondisk.Write(s.t.Context(), view, s.store, lower, ondisk.Options{}); err != nil {
		s.t.Fatal(err)
	}
	box, err := sandbox.Open(s.t.Context(), sandbox.Options{Lower: lower, Dir: filepath.Join(dir, "work")})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() {
		if err := box.Close(); err != nil {
			s.t.Error(err)
		}
	}()
	opts.Output = func(line []byte) { lines = append(lines, string(line)) }
	image, err = initramfs.Build(s.t.Context(), tree, s.store, box, opts)
	return image, lines, err
}

func kernel(t *testing.T, tree *rootfs.Tree) *initramfs.Kernel {
	t.Helper()
	k, err := initramfs.FindKernel(tree)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestBuild(t *testing.T) {
	s := newSystem(t)
	for _, tc := range []struct {
		name string
		opts initramfs.Options
		want []string // lines
	}{
		{"as usual", initramfs.Options{}, []string{
			"depmod -a 6.1",
			"dracut --reproducible -v --add ostree --tmpdir=/tmp/dracut -f /usr/lib/modules/6.1/initramfs.img --no-hostonly --kver 6.1 (mknod 1, release one)",
		}},
		{"with arguments", initramfs.Options{Args: []string{"--omit", "a b"}}, []string{
			"depmod -a 6.1",
			"dracut --reproducible -v --add ostree --tmpdir=/tmp/dracut -f /usr/lib/modules/6.1/initramfs.img --omit a b --kver 6.1 (mknod 1, release one)",
		}},
		{"without an image", initramfs.Options{NoImage: true}, []string{"depmod -a 6.1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tree := s.tree()
			before := paths(tree)
			tc.opts.Kernel = kernel(t, tree)
			image, lines, err := s.build(tree, tc.opts)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(lines, tc.want) {
				t.Errorf("got the lines\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(tc.want, "\n"))
			}
			if got := paths(tree); !slices.Equal(got, before) {
				t.Errorf("Build changed the tree: %q", got)
			}
			if err := image.Apply(tree); err != nil {
				t.Fatal(err)
			}
			want := append(slices.Clone(before), "/usr/lib/modules/6.1/modules.dep")
			if !tc.opts.NoImage {
				want = append(want, "/usr/lib/modules/6.1/initramfs.img")
				s.checkImage(tree.Lookup(tc.opts.Kernel.ImagePath()), image)
			}
			slices.Sort(want)
			if got := slices.Sorted(slices.Values(paths(tree))); !slices.Equal(got, want) {
				t.Errorf("got the tree %q, want %q", got, want)
			}
		})
	}
}

// checkImage compares an image in the tree with what the tree's dracut made.
func (s *system) checkImage(n *rootfs.Node, image *initramfs.Image) {
	s.t.Helper()
	made := s.files["usr/share/image"]
	want := made + string(initramfs.Separator(int64(len(made)))) + string(initramfs.RandomNodes())
	if n == nil || n.Mode != 0o100644 || n.Content != content.DigestOf([]byte(want)) || n.Size != int64(len(want)) {
		s.t.Errorf("got the image %+v, want one of %d bytes", n, len(want))
	}
	if r := image.Report; r.Entries != 12 || r.Kernel != "6.1" || !slices.Equal(r.Ignored, []string{"/var/log/dracut.log"}) {
		s.t.Errorf("got the report %+v", r)
	}
}

func TestRestore(t *testing.T) {
	s := newSystem(t)
	tree := s.tree()
	reads := 0
	opts := initramfs.Options{Kernel: kernel(t, tree), Name: "stable", Read: func(n *rootfs.Node) ([]byte, error) {
		reads++
		return n.Data, nil
	}}
	restore := func(tree *rootfs.Tree) (*initramfs.Image, string) {
		t.Helper()
		image, why, err := initramfs.Restore(t.Context(), tree, s.store, opts)
		if err != nil {
			t.Fatal(err)
		}
		return image, why
	}
	if image, why := restore(tree); image != nil || why != "none was made before" {
		t.Fatalf("before: got %v, %q", image, why)
	}
	built, _, err := s.build(tree, opts)
	if err != nil {
		t.Fatal(err)
	}
	if reads == 0 {
		t.Error("the scripts of dracut were not read with Options.Read")
	}
	for name, tc := range map[string]struct {
		path, body string
		want       string // why nothing is restored
	}{
		"nothing":                        {},
		"a file that no image has":       {path: "usr/share/doc/readme", body: "other"},
		"a new file elsewhere":           {path: "usr/share/new", body: "new"},
		"modules of another kernel":      {path: "usr/lib/modules/5.9/kernel/a.ko", body: "other"},
		"what depmod makes":              {path: "usr/lib/modules/6.1/modules.dep", body: "made"},
		"a program that no script names": {path: "usr/bin/unrelated", body: "#!"},
		"a file that the image has":      {path: "usr/etc/passwd", body: "other", want: "/etc/passwd is another"},
		"a file of systemd":              {path: "usr/lib/systemd/system/new.service", body: "x", want: "/usr/lib/systemd/system is new"},
		"dracut":                         {path: "usr/bin/dracut", body: dracut + "#", want: "/usr/bin/dracut is another"},
		"a module of the kernel":         {path: "usr/lib/modules/6.1/kernel/a.ko", body: "other", want: "/usr/lib/modules/6.1/kernel/a.ko is another"},
		"the kernel":                     {path: "usr/lib/modules/6.1/vmlinuz", body: "other kernel one", want: "/usr/lib/modules/6.1/vmlinuz is another"},
		"configuration of dracut":        {path: "usr/etc/dracut.conf.d/a.conf", body: "a", want: "/etc/dracut.conf.d is new"},
		"configuration of modprobe":      {path: "usr/etc/modprobe.d/a.conf", body: "a", want: "/etc/modprobe.d is new"},
		"a program that a script names":  {path: "usr/bin/tool", body: "#!", want: "/usr/bin/tool is new"},
		"a path that a script names":     {path: "usr/lib/special", body: "x", want: "/usr/lib/special is new"},
	} {
		t.Run(name, func(t *testing.T) {
			other := &system{t: t, store: s.store, files: map[string]string{}}
			for path, body := range s.files {
				other.files[path] = body
			}
			if tc.path != "" {
				other.files[tc.path] = tc.body
			}
			image, why := restore(other.tree())
			if why != tc.want || (image == nil) != (tc.want != "") {
				t.Fatalf("got %v, %q, want %q", image, why, tc.want)
			}
			if image != nil && (!slices.Equal(image.Files, built.Files) || !image.Report.Restored) {
				t.Errorf("got %+v, want %+v", image, built)
			}
		})
	}
	for name, other := range map[string]initramfs.Options{
		"other arguments": {Kernel: opts.Kernel, Name: "stable", Args: []string{"--hostonly"}},
		"another name":    {Kernel: opts.Kernel, Name: "testing"},
		"no image":        {Kernel: opts.Kernel, Name: "stable", NoImage: true},
	} {
		if image, _, err := initramfs.Restore(t.Context(), tree, s.store, other); image != nil || err != nil {
			t.Errorf("%s: got %v, %v", name, image, err)
		}
	}
	if err := s.store.Remove(built.Files[0].Content); err != nil {
		t.Fatal(err)
	}
	if image, why := restore(tree); image != nil || why != "it is damaged" {
		t.Errorf("without its content: got %v, %q", image, why)
	}
}

func TestBuildFails(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(files map[string]string)
		want    []string
		missing bool
	}{
		"no dracut":        {func(f map[string]string) { delete(f, "usr/bin/dracut") }, []string{"has no dracut", "package dracut"}, true},
		"no ostree module": {func(f map[string]string) { delete(f, "usr/lib/dracut/modules.d/98ostree/module-setup.sh") }, []string{"dracut module ostree", "ostree-boot"}, true},
		"no kmod":          {func(f map[string]string) { delete(f, "usr/sbin/depmod") }, []string{"has no depmod", "package kmod"}, true},
		"no shell":         {func(f map[string]string) { delete(f, "bin/sh") }, []string{"has no /bin/sh", "bash or dash"}, true},
		"depmod fails":     {func(f map[string]string) { f["usr/sbin/depmod"] = "#!/bin/sh\necho broken index\nexit 4\n" }, []string{"kernel 6.1", "depmod: exit status 4", "broken index"}, false},
		"dracut fails":     {func(f map[string]string) { f["usr/bin/dracut"] = "#!/bin/sh\necho no space\nexit 7\n" }, []string{"dracut: exit status 7", "no space"}, false},
		"no image":         {func(f map[string]string) { f["usr/bin/dracut"] = "#!/bin/sh\n" }, []string{"made no image"}, false},
		"a broken image":   {func(f map[string]string) { f["usr/share/image"] = f["usr/share/image"][:700] }, []string{"listing an initramfs"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			tc.change(s.files)
			tree := s.tree()
			opts := initramfs.Options{Kernel: kernel(t, tree)}
			_, _, err := s.build(tree, opts)
			for _, word := range tc.want {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("got %v, want %q", err, word)
				}
			}
			var missing *initramfs.MissingError
			if errors.As(err, &missing) != tc.missing || errors.As(initramfs.Check(tree, opts), &missing) != tc.missing {
				t.Errorf("got %T from Build, and %v from Check", err, initramfs.Check(tree, opts))
			}
			// A failure is not remembered.
			if image, _, err := initramfs.Restore(t.Context(), tree, s.store, opts); image != nil || err != nil {
				t.Errorf("restoring: got %v, %v", image, err)
			}
		})
	}
}

func TestBuildOfAnUnknownCompression(t *testing.T) {
	s := newSystem(t)
	s.files["usr/share/image"] = "\x02\x21\x4c\x18" + strings.Repeat("lz4", 100)
	tree := s.tree()
	opts := initramfs.Options{Kernel: kernel(t, tree)}
	image, _, err := s.build(tree, opts)
	if err != nil || image.Report.Uncached == "" || len(image.Files) != 2 {
		t.Fatalf("got %+v, %v", image, err)
	}
	if image, _, err := initramfs.Restore(t.Context(), tree, s.store, opts); image != nil || err != nil {
		t.Errorf("restoring: got %v, %v", image, err)
	}
}

func TestBuildWithoutDepmod(t *testing.T) {
	s := newSystem(t)
	delete(s.files, "usr/sbin/depmod")
	tree := s.tree()
	image, lines, err := s.build(tree, initramfs.Options{Kernel: kernel(t, tree), NoImage: true})
	if err != nil || !image.Report.NoDepmod || len(image.Files) != 0 || len(lines) != 0 {
		t.Errorf("got %+v, %q, %v", image, lines, err)
	}
}

func TestViewLeavesTheTreeAlone(t *testing.T) {
	tree := plant(t, map[string]string{"usr/etc/conf": "c", "usr/bin/sh": "s", "tmp": "-> sysroot/tmp", "var/lib/": ""})
	before := paths(tree)
	view, err := initramfs.View(tree)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := paths(view), []string{"/etc/conf", "/tmp/", "/usr/bin/sh", "/var/lib/", "/var/tmp/"}; !slices.Equal(got, want) {
		t.Errorf("got the view %q, want %q", got, want)
	}
	if got := paths(tree); !slices.Equal(got, before) {
		t.Errorf("got the tree %q, want %q", got, before)
	}
	if _, err := initramfs.View(rootfs.New()); err == nil {
		t.Error("a tree without /usr: got no error")
	}
}
