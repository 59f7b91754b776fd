package initramfs_test

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/initramfs"
	"github.com/treewright/treewright/compose/rootfs"
)

// plant makes a tree: files by path; a body that begins with "-> " is a link.
func plant(t *testing.T, files map[string]string) *rootfs.Tree {
	t.Helper()
	tree := rootfs.New()
	tree.Packages = []string{"kernel-1", "kernel-2"}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		body := files[path]
		target, isLink := strings.CutPrefix(body, "-> ")
		n := rootfs.NewFile(0o644, []byte(body))
		switch {
		case isLink:
			n = rootfs.NewSymlink(target)
		case strings.HasSuffix(path, "/"):
			n = rootfs.NewDir(0o755)
		}
		if strings.Contains(body, "kernel one") {
			n.Package = 0
		} else if strings.Contains(body, "kernel two") {
			n.Package = 1
		}
		if err := tree.Attach(path, n); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

// paths lists everything but directories, and directories that are empty.
func paths(tree *rootfs.Tree) []string {
	var list []string
	_ = tree.Walk(func(path string, n *rootfs.Node) error {
		switch {
		case n.IsDir() && len(n.Children()) == 0:
			list = append(list, path+"/")
		case !n.IsDir():
			list = append(list, path)
		}
		return nil
	})
	return list
}

func TestFindKernel(t *testing.T) {
	const end = "-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for name, tc := range map[string]struct {
		files map[string]string
		want  initramfs.Kernel
		err   []string // words of the error; several kernels
	}{
		"of Fedora":                 {files: map[string]string{"usr/lib/modules/6.1/vmlinuz": "kernel one"}, want: initramfs.Kernel{Version: "6.1", Path: "/usr/lib/modules/6.1/vmlinuz", Package: "kernel-1"}},
		"of Debian":                 {files: map[string]string{"boot/vmlinuz-6.1": "kernel one", "usr/lib/modules/6.1/kernel/a.ko": "a", "boot/vmlinuz": "-> vmlinuz-6.1"}, want: initramfs.Kernel{Version: "6.1", Path: "/boot/vmlinuz-6.1", Package: "kernel-1"}},
		"in a tree that was placed": {files: map[string]string{"usr/lib/ostree-boot/vmlinuz-6.1" + end: "kernel one", "usr/lib/modules/6.1/vmlinuz": "kernel one"}, want: initramfs.Kernel{Version: "6.1", Path: "/usr/lib/modules/6.1/vmlinuz", Package: "kernel-1"}},
		"twice the same":            {files: map[string]string{"boot/vmlinuz-6.1": "kernel one", "usr/lib/modules/6.1/vmlinuz": "kernel one"}, want: initramfs.Kernel{Version: "6.1", Path: "/usr/lib/modules/6.1/vmlinuz", Package: "kernel-1"}},
		"a link into boot":          {files: map[string]string{"boot/vmlinuz-6.1": "kernel one", "usr/lib/modules/6.1/vmlinuz": "-> /boot/vmlinuz-6.1"}, want: initramfs.Kernel{Version: "6.1", Path: "/usr/lib/modules/6.1/vmlinuz", Package: "kernel-1"}},
		"modules of others":         {files: map[string]string{"usr/lib/modules/6.1/vmlinuz": "kernel one", "usr/lib/modules/5.9/extra/k.ko": "k", "usr/lib/modules/5.8/weak/k.ko": "k"}, want: initramfs.Kernel{Version: "6.1", Path: "/usr/lib/modules/6.1/vmlinuz", Package: "kernel-1"}},
		"a copy for rescue":         {files: map[string]string{"usr/lib/modules/6.1/vmlinuz": "kernel one", "boot/vmlinuz-0-rescue-0123": "kernel one"}, want: initramfs.Kernel{Version: "6.1", Path: "/usr/lib/modules/6.1/vmlinuz", Package: "kernel-1"}},
		"none":                      {files: map[string]string{"usr/lib/modules/6.1/kernel/a.ko": "a", "boot/": ""}, err: []string{"no kernel"}},
		"a directory":               {files: map[string]string{"usr/lib/modules/6.1/vmlinuz/": ""}, err: []string{"no kernel"}},
		"a link to nothing":         {files: map[string]string{"usr/lib/modules/6.1/vmlinuz": "-> /gone"}, err: []string{"no kernel"}},
		"two":                       {files: map[string]string{"usr/lib/modules/6.1/vmlinuz": "kernel one", "usr/lib/modules/6.2/vmlinuz": "kernel two"}, err: []string{"2 kernels", "6.1/vmlinuz of kernel-1", "6.2/vmlinuz of kernel-2"}},
		"two of one version":        {files: map[string]string{"usr/lib/modules/6.1/vmlinuz": "kernel one", "boot/vmlinuz-6.1": "kernel two"}, err: []string{"2 kernels", "/boot/vmlinuz-6.1 of kernel-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := initramfs.FindKernel(plant(t, tc.files))
			if tc.err == nil {
				if err != nil || *k != tc.want {
					t.Fatalf("got %+v, %v, want %+v", k, err, tc.want)
				}
				return
			}
			for _, word := range tc.err {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("got %+v, %v, want %q", k, err, word)
				}
			}
			var several *initramfs.KernelsError
			if errors.As(err, &several) != (len(tc.err) > 1) || errors.Is(err, initramfs.ErrNoKernel) != (len(tc.err) == 1) {
				t.Errorf("got an error of the type %T", err)
			}
		})
	}
}

func openStore(t *testing.T) *content.Store {
	t.Helper()
	s, err := content.Open(t.Context(), filepath.Join(t.TempDir(), "content"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// kernelSum is the SHA-256 of "kernel one" and "image".
const kernelSum = "14002df19939b7ee4432fe44923b2d2ea35eb1969844bbcc81eb94123778c1b7"

func TestPrepareAndPlace(t *testing.T) {
	for name, tc := range map[string]struct {
		files   map[string]string
		keep    initramfs.KeepImage
		where   initramfs.Location
		removed []string
		want    []string
	}{
		"a kernel in boot": {
			files: map[string]string{
				"boot/vmlinuz-6.1": "kernel one", "boot/config-6.1": "c", "boot/System.map-6.1": "s", "boot/vmlinuz": "-> vmlinuz-6.1",
				"boot/initrd.img-6.1": "theirs", "boot/loader/entries/a.conf": "a", "boot/0123456789abcdef0123456789abcdef/6.1/linux": "l",
			},
			removed: []string{"/boot/0123456789abcdef0123456789abcdef", "/boot/loader", "/usr/lib/ostree-boot/initrd.img-6.1"},
			want: []string{
				"/boot/", "/usr/lib/modules/6.1/initramfs.img", "/usr/lib/modules/6.1/vmlinuz",
				"/usr/lib/ostree-boot/System.map-6.1", "/usr/lib/ostree-boot/config-6.1",
			},
		},
		"a kernel in modules, in boot too": {
			files:   map[string]string{"boot/vmlinuz-6.1": "kernel one", "boot/vmlinuz-0-rescue-1": "kernel one", "usr/lib/modules/6.1/vmlinuz": "kernel one", "usr/lib/modules/6.1/initramfs.img": "theirs"},
			removed: []string{"/usr/lib/modules/6.1/initramfs.img"},
			want:    []string{"/boot/", "/usr/lib/modules/6.1/initramfs.img", "/usr/lib/modules/6.1/vmlinuz"},
		},
		"a link into boot, no boot left": {
			files: map[string]string{"boot/vmlinuz-6.1": "kernel one", "usr/lib/modules/6.1/vmlinuz": "-> /boot/vmlinuz-6.1"},
			want:  []string{"/boot/", "/usr/lib/modules/6.1/initramfs.img", "/usr/lib/modules/6.1/vmlinuz"},
		},
		"boot is a link": {
			files:   map[string]string{"boot": "-> sysroot/boot", "usr/lib/modules/6.1/vmlinuz": "kernel one"},
			removed: []string{"/boot"},
			want:    []string{"/boot/", "/usr/lib/modules/6.1/initramfs.img", "/usr/lib/modules/6.1/vmlinuz"},
		},
		"both places": {
			files: map[string]string{"usr/lib/modules/6.1/vmlinuz": "kernel one", "usr/lib/modules/6.1/.vmlinuz.hmac": "abc  /boot/vmlinuz-6.1\n"},
			where: initramfs.New,
			want: []string{
				"/boot/", "/usr/lib/modules/6.1/.vmlinuz.hmac", "/usr/lib/modules/6.1/initramfs.img", "/usr/lib/modules/6.1/vmlinuz",
				"/usr/lib/ostree-boot/initramfs-6.1.img-" + kernelSum, "/usr/lib/ostree-boot/vmlinuz-6.1-" + kernelSum,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := plant(t, tc.files)
			k, err := initramfs.FindKernel(tree)
			if err != nil {
				t.Fatal(err)
			}
			removed, err := initramfs.Prepare(tree, k, tc.keep)
			if err != nil || !slices.Equal(removed, tc.removed) {
				t.Fatalf("got %q, %v removed, want %q", removed, err, tc.removed)
			}
			if n := tree.Lookup(k.Path); n == nil || string(n.Data) != "kernel one" || k.Path != "/usr/lib/modules/6.1/vmlinuz" {
				t.Fatalf("got the kernel %+v, %+v", k, n)
			}
			if err := tree.AddFile(k.ImagePath(), 0o644, []byte("image")); err != nil {
				t.Fatal(err)
			}
			if err := initramfs.Place(t.Context(), tree, openStore(t), k, tc.where); err != nil {
				t.Fatal(err)
			}
			if got := paths(tree); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if n := tree.Lookup("usr/lib/modules/6.1/.vmlinuz.hmac"); n != nil && string(n.Data) != "abc  vmlinuz-6.1\n" {
				t.Errorf("got the checksum %q", n.Data)
			}
			// What was placed is a tree with this kernel.
			if again, err := initramfs.FindKernel(tree); err != nil || *again != *k {
				t.Errorf("again: got %+v, %v, want %+v", again, err, k)
			}
		})
	}
}

func TestPrepareKeepsASuppliedImage(t *testing.T) {
	tree := plant(t, map[string]string{"usr/lib/modules/6.1/vmlinuz": "kernel one", "usr/lib/modules/6.1/initramfs.img": "supplied"})
	k, err := initramfs.FindKernel(tree)
	if err != nil {
		t.Fatal(err)
	}
	removed, err := initramfs.Prepare(tree, k, func(path string, _ *rootfs.Node) bool { return path == k.ImagePath() })
	if n := tree.Lookup(k.ImagePath()); err != nil || len(removed) > 0 || n == nil || string(n.Data) != "supplied" {
		t.Errorf("got %q removed, %v, %v", removed, err, n)
	}
}

func TestPrepareRefuses(t *testing.T) {
	tree := plant(t, map[string]string{"boot/vmlinuz-6.1": "kernel one", "boot/config-6.1": "a", "usr/lib/ostree-boot/config-6.1": "b"})
	k, err := initramfs.FindKernel(tree)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := initramfs.Prepare(tree, k, nil); err == nil || !strings.Contains(err.Error(), "/boot/config-6.1") {
		t.Errorf("got %v, want a conflict", err)
	}
}

func TestParseLocation(t *testing.T) {
	for s, want := range map[string]initramfs.Location{"": initramfs.Modules, "new": initramfs.New, "modules": initramfs.Modules, "kernel-install": initramfs.KernelInstall} {
		if got, err := initramfs.ParseLocation(s); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", s, got, err, want)
		}
	}
	if _, err := initramfs.ParseLocation("legacy"); err == nil {
		t.Error("legacy: got no error")
	}
}
