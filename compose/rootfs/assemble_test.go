package rootfs_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// A ruleCase is one rule of RPM: what packages hold and what the tree gets.
type ruleCase struct {
	name     string
	packages []rpmtest.Package
	opts     rootfs.Options
	// want lists the tree: "mode path", with " -> target" or " = content".
	// Directories with mode 0755 are left out.
	want []string
	// wantErr are words of the error that is expected instead.
	wantErr []string
	// differs says why rpm does otherwise; empty when it must do the same.
	differs string
}

func pkg(name string, files ...rpmtest.File) rpmtest.Package {
	return rpmtest.Package{Name: name, Files: files}
}

func rules() []ruleCase {
	usrMerge := pkg("filesystem",
		rpmtest.File{Path: "/usr/lib64/"}, rpmtest.File{Path: "/usr/bin/"},
		rpmtest.File{Path: "/lib64", LinkTo: "usr/lib64"}, rpmtest.File{Path: "/bin", LinkTo: "/usr/bin"})
	merged := []string{"0777 /bin -> /usr/bin", "0777 /lib64 -> usr/lib64"}
	elf := func(name, path, body string, color uint32) rpmtest.Package {
		return pkg(name, rpmtest.File{Path: path, Body: body, Color: color, Mode: 0o755})
	}
	with := func(lines ...string) []string { return slices.Concat(merged, lines) }
	return []ruleCase{
		{name: "identical files are shared",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/f", Body: "x"}), pkg("b", rpmtest.File{Path: "/f", Body: "x"})},
			want:     []string{"0644 /f = x"}},
		{name: "different content conflicts",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/f", Body: "x"}), pkg("b", rpmtest.File{Path: "/f", Body: "y"})},
			wantErr:  []string{"/f", "a-1-1.noarch", "b-1-1.noarch", "different content"}},
		{name: "different modes conflict",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/f", Body: "x"}), pkg("b", rpmtest.File{Path: "/f", Body: "x", Mode: 0o755})},
			wantErr:  []string{"/f", "modes 0644 and 0755"}},
		{name: "different owners conflict",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/f", Body: "x"}), pkg("b", rpmtest.File{Path: "/f", Body: "x", Group: "daemon"})},
			wantErr:  []string{"/f", "owners root:root and root:daemon"}},
		{name: "config files are files",
			packages: []rpmtest.Package{
				pkg("a", rpmtest.File{Path: "/etc/c", Body: "x", Flags: rpm.FileConfig}),
				pkg("b", rpmtest.File{Path: "/etc/c", Body: "y", Flags: rpm.FileConfig | rpm.FileNoReplace})},
			wantErr: []string{"/etc/c", "different content"}},
		{name: "directories are shared",
			packages: []rpmtest.Package{
				pkg("a", rpmtest.File{Path: "/d/", Mode: 0o700}, rpmtest.File{Path: "/d/a"}),
				pkg("b", rpmtest.File{Path: "/d/", Mode: 0o700}, rpmtest.File{Path: "/d/b"})},
			want: []string{"0700 /d", "0644 /d/a = ", "0644 /d/b = "}},
		{name: "a directory nobody owns is 0755, whoever comes first",
			packages: []rpmtest.Package{
				pkg("a", rpmtest.File{Path: "/d/e/f"}), pkg("b", rpmtest.File{Path: "/d/", Mode: 0o711})},
			want: []string{"0711 /d", "0644 /d/e/f = "}},
		{name: "directories with different modes conflict",
			packages: []rpmtest.Package{
				pkg("a", rpmtest.File{Path: "/d/", Mode: 0o700}), pkg("b", rpmtest.File{Path: "/d/", Mode: 0o755})},
			wantErr: []string{"/d", "modes 0700 and 0755"}},
		{name: "a directory and a link to one conflict",
			packages: []rpmtest.Package{usrMerge, pkg("b", rpmtest.File{Path: "/lib64/"})},
			wantErr:  []string{"/lib64", "a symbolic link and a directory"}},
		{name: "links with the same target are shared",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/l", LinkTo: "x"}), pkg("b", rpmtest.File{Path: "/l", LinkTo: "x"})},
			want:     []string{"0777 /l -> x"}},
		{name: "links with different targets conflict",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/l", LinkTo: "x"}), pkg("b", rpmtest.File{Path: "/l", LinkTo: "y"})},
			wantErr:  []string{"/l", "links to x and y"}},
		{name: "a file where another needs a directory",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/d/f"}), pkg("b", rpmtest.File{Path: "/d", Body: "x"})},
			wantErr:  []string{"/d", "a-1-1.noarch", "b-1-1.noarch"}},
		{name: "a directory where another has a file",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/d", Body: "x"}), pkg("b", rpmtest.File{Path: "/d/f"})},
			wantErr:  []string{"/d/f", "a-1-1.noarch", "b-1-1.noarch"}},
		{name: "ghosts are not created",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/g", Body: "x", Flags: rpm.FileGhost},
				rpmtest.File{Path: "/gd/", Flags: rpm.FileGhost}, rpmtest.File{Path: "/f"})},
			want: []string{"0644 /f = "}},
		{name: "a ghost conflicts with nothing",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/f", Flags: rpm.FileGhost}), pkg("b", rpmtest.File{Path: "/f", Body: "x"})},
			want:     []string{"0644 /f = x"}},
		{name: "64 bit wins",
			packages: []rpmtest.Package{elf("a32", "/bin/x", "32", 1), elf("b64", "/bin/x", "64", 2)},
			opts:     rootfs.Options{PreferredColor: 2},
			want:     []string{"0755 /bin/x = 64"}},
		{name: "64 bit wins when it comes first",
			packages: []rpmtest.Package{elf("a64", "/bin/x", "64", 2), elf("b32", "/bin/x", "32", 1)},
			opts:     rootfs.Options{PreferredColor: 2},
			want:     []string{"0755 /bin/x = 64"}},
		{name: "equal colours conflict",
			packages: []rpmtest.Package{elf("a", "/bin/x", "1", 2), elf("b", "/bin/x", "2", 2)},
			opts:     rootfs.Options{PreferredColor: 2},
			wantErr:  []string{"/bin/x", "different content"}},
		{name: "without a preferred colour they conflict",
			packages: []rpmtest.Package{elf("a32", "/bin/x", "32", 1), elf("b64", "/bin/x", "64", 2)},
			wantErr:  []string{"/bin/x", "different content"}},
		{name: "hard links are files of one content",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/f", Body: "x", Mode: 0o755}, rpmtest.File{Path: "/g", HardLink: "/f", Mode: 0o755})},
			want:     []string{"0755 /f = x", "0755 /g = x"}},
		{name: "paths below a directory link land at its target",
			packages: []rpmtest.Package{usrMerge, {Name: "z", PreRequires: []string{"filesystem"},
				Files: []rpmtest.File{{Path: "/lib64/so", Body: "1"}, {Path: "/bin/sh", Body: "2"}}}},
			want: with("0644 /usr/bin/sh = 2", "0644 /usr/lib64/so = 1")},
		{name: "the link's package comes last",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/lib64/so", Body: "1"}, rpmtest.File{Path: "/bin/sh", Body: "2"}), usrMerge},
			want:     with("0644 /usr/bin/sh = 2", "0644 /usr/lib64/so = 1"),
			differs:  "rpm needs a Requires(pre) to get the order right"},
		{name: "one file through a link and without",
			packages: []rpmtest.Package{usrMerge, pkg("y", rpmtest.File{Path: "/bin/sh", Body: "2"}), pkg("z", rpmtest.File{Path: "/usr/bin/sh", Body: "2"})},
			want:     with("0644 /usr/bin/sh = 2")},
		{name: "a conflict through a link",
			packages: []rpmtest.Package{usrMerge, pkg("y", rpmtest.File{Path: "/bin/sh", Body: "2"}), pkg("z", rpmtest.File{Path: "/usr/bin/sh", Body: "3"})},
			wantErr:  []string{"/usr/bin/sh", "y-1-1.noarch", "z-1-1.noarch"}},
		{name: "links below links",
			packages: []rpmtest.Package{
				pkg("a", rpmtest.File{Path: "/one/x/f", Body: "1"}), pkg("b", rpmtest.File{Path: "/one", LinkTo: "two/three"}),
				pkg("c", rpmtest.File{Path: "/two/three/x", LinkTo: "../four"})},
			want:    []string{"0777 /one -> two/three", "0644 /two/four/f = 1", "0777 /two/three/x -> ../four"},
			differs: "rpm needs a Requires(pre) to get the order right"},
		{name: "links do not lead out of the tree",
			packages: []rpmtest.Package{
				pkg("a", rpmtest.File{Path: "/l", LinkTo: "../../../../../../tmp/../../escape"}), pkg("b", rpmtest.File{Path: "/l/f", Body: "1"})},
			want:    []string{"0644 /escape/f = 1", "0777 /l -> ../../../../../../tmp/../../escape"},
			differs: "rpm does not make the target of a dangling link"},
		{name: "links in a circle",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/l", LinkTo: "m"}), pkg("b", rpmtest.File{Path: "/m", LinkTo: "l"}),
				pkg("c", rpmtest.File{Path: "/l/f"})},
			wantErr: []string{"/l/f", "c-1-1.noarch", "in a circle"},
			differs: "rpm finds the circle when it unpacks"},
		{name: "documentation stays",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/doc/"}, rpmtest.File{Path: "/doc/f", Flags: rpm.FileDoc})},
			want:     []string{"0644 /doc/f = "}},
		{name: "documentation goes, with what only held it",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/doc/"}, rpmtest.File{Path: "/doc/d/"}, rpmtest.File{Path: "/doc/d/f", Flags: rpm.FileDoc},
				rpmtest.File{Path: "/e/", Mode: 0o700}, rpmtest.File{Path: "/k/", Mode: 0o700}, rpmtest.File{Path: "/k/doc", Flags: rpm.FileDoc}, rpmtest.File{Path: "/k/f"})},
			opts: rootfs.Options{SkipDocs: true},
			want: []string{"0700 /e", "0700 /k", "0644 /k/f = "}},
		{name: "all languages",
			packages: []rpmtest.Package{langs()},
			want:     []string{"0644 /l/de = ", "0644 /l/de_AT = ", "0644 /l/fr = ", "0644 /l/frde = ", "0644 /l/none = "}},
		{name: "one language",
			packages: []rpmtest.Package{langs()}, opts: rootfs.Options{Langs: []string{"de"}},
			want: []string{"0644 /l/de = ", "0644 /l/frde = ", "0644 /l/none = "}},
		{name: "a language of a country includes the language",
			packages: []rpmtest.Package{langs()}, opts: rootfs.Options{Langs: []string{"de_AT", "en"}},
			want: []string{"0644 /l/de = ", "0644 /l/de_AT = ", "0644 /l/frde = ", "0644 /l/none = "}},
		{name: "languages: all", packages: []rpmtest.Package{langs()}, opts: rootfs.Options{Langs: []string{"all"}},
			want: []string{"0644 /l/de = ", "0644 /l/de_AT = ", "0644 /l/fr = ", "0644 /l/frde = ", "0644 /l/none = "}},
		{name: "setuid and sticky bits stay",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/su", Mode: 0o4755}, rpmtest.File{Path: "/t/", Mode: 0o1777})},
			want:     []string{"4755 /su = ", "1777 /t"}},
		{name: "read-only executables",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/x", Mode: 0o755}, rpmtest.File{Path: "/f", Mode: 0o644})},
			opts:     rootfs.Options{ReadonlyExecutables: true},
			want:     []string{"0644 /f = ", "0555 /x = "}, differs: "rpm has no such option"},
		{name: "devices are refused",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/dev/null", Mode: rpm.ModeChar | 0o666, RDev: 259})},
			wantErr:  []string{"/dev/null", "a-1-1.noarch", "character device", "ignore-devices"}, differs: "rpm makes devices"},
		{name: "devices are dropped",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/dev/null", Mode: rpm.ModeChar | 0o666, RDev: 259}, rpmtest.File{Path: "/p", Mode: rpm.ModeFIFO | 0o600}, rpmtest.File{Path: "/f"})},
			opts:     rootfs.Options{DropDevices: true}, want: []string{"0644 /f = "}, differs: "rpm makes devices"},
		{name: "a whiteout becomes a file",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/d/gone", Mode: rpm.ModeChar})},
			opts:     rootfs.Options{DropDevices: true}, want: []string{"0000 /d/.ostree-wh.gone = "}, differs: "rpm makes devices"},
		{name: "64-bit sizes",
			packages: []rpmtest.Package{{Name: "a", Format: rpmtest.FormatV4Large, Files: []rpmtest.File{{Path: "/f", Body: "x"}}}},
			want:     []string{"0644 /f = x"}},
		{name: "a name that is not UTF-8",
			packages: []rpmtest.Package{pkg("a", rpmtest.File{Path: "/f\xff"})},
			wantErr:  []string{"a-1-1.noarch", "UTF-8"}, differs: "OSTree stores no such names"},
	}
}

func langs() rpmtest.Package {
	return pkg("langs", rpmtest.File{Path: "/l/de", Lang: "de"}, rpmtest.File{Path: "/l/de_AT", Lang: "de_AT"},
		rpmtest.File{Path: "/l/fr", Lang: "fr"}, rpmtest.File{Path: "/l/frde", Lang: "fr|de"}, rpmtest.File{Path: "/l/none"})
}

// importAll writes the packages to a folder and imports them.
func importAll(t *testing.T, packages []rpmtest.Package) (s *content.Store, list []rootfs.Package, paths []string) {
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
	dir := t.TempDir()
	for _, p := range packages {
		data, err := p.Build()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, p.FileName())
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		sum, err := fetch.NewChecksum("sha256", content.DigestOf(data).String())
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.Import(t.Context(), sum, path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rootfs.Package{Name: m.NEVRA.String(), Manifest: m})
		paths = append(paths, path)
	}
	return s, list, paths
}

func line(path string, mode uint32, isLink bool, target, body string, isFile bool) string {
	out := fmt.Sprintf("%04o %s", mode&0o7777, path)
	if isLink {
		out += " -> " + target
	}
	if isFile {
		out += " = " + body
	}
	return out
}

// list returns the tree in the form of ruleCase.want.
func list(t *testing.T, s *content.Store, tree *rootfs.Tree) []string {
	t.Helper()
	var lines []string
	err := tree.Walk(func(path string, n *rootfs.Node) error {
		body := ""
		if n.IsRegular() {
			f, err := s.OpenContent(n.Content, n.Size)
			if err != nil {
				return err
			}
			data, err := io.ReadAll(f)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			body = string(data)
		}
		if n.IsDir() && n.Mode&0o7777 == 0o755 {
			return nil
		}
		lines = append(lines, line(path, n.Mode, n.IsSymlink(), n.Target, body, n.IsRegular()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestRules(t *testing.T) {
	for _, tc := range rules() {
		t.Run(tc.name, func(t *testing.T) {
			s, packages, _ := importAll(t, tc.packages)
			tree, _, err := rootfs.Assemble(t.Context(), packages, tc.opts)
			if len(tc.wantErr) > 0 {
				for _, word := range tc.wantErr {
					if err == nil || !strings.Contains(err.Error(), word) {
						t.Errorf("got the error %v, want one with %q", err, word)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := list(t, s, tree); !slices.Equal(got, tc.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(tc.want, "\n  "))
			}
		})
	}
}

// TestInteropRulesAreThoseOfRPM installs the packages of every rule with the
// real rpm and compares.
func TestInteropRulesAreThoseOfRPM(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Fatal("this test needs rpm (Debian and Fedora: rpm)")
	}
	for _, tc := range rules() {
		if tc.differs != "" {
			continue
		}
		t.Run(tc.name, func(t *testing.T) {
			_, _, paths := importAll(t, tc.packages)
			root := t.TempDir()
			out, err := rpmInstall(t, root, tc.opts, paths)
			if len(tc.wantErr) > 0 {
				if err == nil {
					t.Errorf("rpm accepts it: %s", strings.Join(listDir(t, root), "\n"))
				}
				return
			}
			if err != nil {
				t.Fatalf("rpm: %v\n%s", err, out)
			}
			if got := listDir(t, root); !slices.Equal(got, tc.want) {
				t.Errorf("rpm makes\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(tc.want, "\n  "))
			}
		})
	}
}

func rpmInstall(t *testing.T, root string, opts rootfs.Options, paths []string) (string, error) {
	t.Helper()
	args := []string{"rpm", "-i", "--root", root, "--dbpath", "/rpmdb", "--nodeps", "--noscripts", "--nosignature", "--ignorearch",
		"--define", "_transaction_color 3", "--define", fmt.Sprintf("_prefer_color %d", opts.PreferredColor)}
	if opts.PreferredColor == 0 {
		args = append(args, "--define", "_transaction_color 0")
	}
	if opts.SkipDocs {
		args = append(args, "--excludedocs")
	}
	if opts.Langs != nil {
		args = append(args, "--define", "_install_langs "+strings.Join(opts.Langs, ":"))
	}
	if os.Geteuid() != 0 {
		args = append([]string{"unshare", "--map-root-user"}, args...)
	}
	out, err := exec.CommandContext(t.Context(), args[0], append(args[1:], paths...)...).CombinedOutput()
	if strings.Contains(string(out), "error:") && err == nil {
		err = errors.New("rpm reports an error")
	}
	return string(out), err
}

// listDir returns what rpm made, but for its database.
func listDir(t *testing.T, root string) []string {
	t.Helper()
	var lines []string
	var visit func(dir string)
	visit = func(dir string) {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			path := dir + "/" + e.Name()
			if path == "/rpmdb" || path == "/var" {
				continue
			}
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			mode := uint32(info.Mode().Perm())
			for bit, set := range map[uint32]os.FileMode{0o4000: os.ModeSetuid, 0o2000: os.ModeSetgid, 0o1000: os.ModeSticky} {
				if info.Mode()&set != 0 {
					mode |= bit
				}
			}
			var target, body string
			if info.Mode().Type() == os.ModeSymlink {
				target, err = os.Readlink(filepath.Join(root, path))
			} else if info.Mode().IsRegular() {
				var data []byte
				data, err = os.ReadFile(filepath.Join(root, path))
				body = string(data)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !e.IsDir() || mode != 0o755 {
				lines = append(lines, line(path, mode, target != "", target, body, info.Mode().IsRegular()))
			}
			if e.IsDir() {
				visit(path)
			}
		}
	}
	visit("")
	return lines
}

func TestIMA(t *testing.T) {
	m := &content.Manifest{Files: []content.File{{Path: "/a", Mode: 0o100644, Content: content.DigestOf([]byte("a")), Size: 1, IMA: "0302ff", Caps: "cap_net_raw=ep"}}}
	for _, keep := range []bool{false, true} {
		tree, _, err := rootfs.Assemble(t.Context(), []rootfs.Package{{Name: "a", Manifest: m}}, rootfs.Options{IMA: keep})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, x := range tree.Lookup("a").Xattrs {
			got += fmt.Sprintf("%s ", x.Name)
		}
		if want := map[bool]string{false: "security.capability ", true: "security.capability security.ima "}[keep]; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	m.Files[0].IMA = "xyz"
	if _, _, err := rootfs.Assemble(t.Context(), []rootfs.Package{{Name: "a", Manifest: m}}, rootfs.Options{IMA: true}); err == nil {
		t.Error("a signature that is no hexadecimal number is accepted")
	}
}
