package compose_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/internal/origin"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/ostreetest"
)

func newKey(t *testing.T) *rpmtest.Key {
	t.Helper()
	k, err := rpmtest.NewKey(rpmtest.KeyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func publicKey(t *testing.T, k *rpmtest.Key) string {
	t.Helper()
	data, err := k.Public()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestGPGCheck(t *testing.T) {
	good, stranger := newKey(t), newKey(t)
	signed := func(name string, k *rpmtest.Key) rpmtest.Package {
		p := pkg(name, file("/usr/"+name, name))
		if k != nil {
			p.Sign = []rpmtest.Signature{{Key: k}}
		}
		return p
	}
	w := newWorkshop(t, osTree, signed("good", good), signed("foreign", stranger), signed("unsigned", nil))
	w.write("key", publicKey(t, good))
	repo := "[test]\nname=test\nbaseurl=" + w.rpms + "\ngpgcheck=1\n"
	w.write("test.repo", repo)
	_, err := w.try()
	wantError(t, err, "gpgkey", "test.repo")
	w.write("test.repo", repo+"gpgkey=file://"+filepath.Join(w.dir, "key")+"\n")
	for _, cached := range []bool{false, true} {
		if cached { // unpacked when nobody asked for signatures
			w.write("test.repo", strings.Replace(repo, "gpgcheck=1", "gpgcheck=0", 1))
			w.compose(func(o *compose.Options) { o.CommitIDFile = filepath.Join(t.TempDir(), "id") })
			w.write("test.repo", repo+"gpgkey=file://"+filepath.Join(w.dir, "key")+"\n")
		}
		_, err = w.try()
		var unverified *compose.UnverifiedError
		if !errors.As(err, &unverified) || len(unverified.Packages) != 2 {
			t.Fatalf("cached %v: got %v, want two packages refused", cached, err)
		}
		wantError(t, err, "foreign-1-1.noarch", "unsigned-1-1.noarch", "not signed", "gpgkey")
		if strings.Contains(err.Error(), "good-1-1") || w.ref("test/x86_64/os") != "" {
			t.Errorf("got %v and the ref %q", err, w.ref("test/x86_64/os"))
		}
	}
	w.write("key", publicKey(t, good)+publicKey(t, stranger))
	w.write("tree.yaml", osTree+"packages: [good, foreign]\n")
	r := w.compose()
	if len(r.Report.Packages) != 2 || r.Report.Packages[0].SignedBy == "" || r.Report.Packages[0].SignedBy == r.Report.Packages[1].SignedBy {
		t.Errorf("got %+v, want two signers", r.Report.Packages)
	}
	// What was found to be signed is found again without the packages.
	w.must(os.RemoveAll(filepath.Join(w.rpms, "Packages")))
	again := w.compose(force)
	if again.Content != r.Content || again.Report.Packages[0].SignedBy != r.Report.Packages[0].SignedBy {
		t.Errorf("got %+v, want the same tree", again)
	}
	// With other keys, what was found with these does not count.
	w.write("key", publicKey(t, good))
	_, err = w.try(force)
	wantError(t, err, "fetching")
}

func TestRefusals(t *testing.T) {
	kernel := pkg("kernel", file("/usr/lib/modules/6.1/vmlinuz", "k"))
	other := pkg("kernel-rt", file("/usr/lib/modules/6.2/vmlinuz", "rt"))
	for _, tc := range []struct {
		name, treefile string
		packages       []rpmtest.Package
		want           []string
	}{
		{"labels without a policy", "ref: a/b\nselinux: true\n", base(), []string{"SELinux", "selinux-policy-targeted", "selinux: false"}},
		{"keys that are not built", osTree + "cliwrap: true\n", base(), []string{"tree.yaml:3: cliwrap"}},
		{"no kernel", "ref: a/b\nselinux: false\n", base(), []string{"the tree has no kernel", "container: true"}},
		{"two kernels", "ref: a/b\nselinux: false\nno-initramfs: true\n", []rpmtest.Package{kernel, other},
			[]string{"/usr/lib/modules/6.1/vmlinuz", "kernel-1-1.noarch", "/usr/lib/modules/6.2/vmlinuz", "kernel-rt-1-1.noarch"}},
		{"nothing to make an initramfs with", "ref: a/b\nselinux: false\n", []rpmtest.Package{kernel}, []string{"making the initramfs", "/bin/sh", "no-initramfs"}},
		{"a unit without a machine ID", osTree + "units: [a.service]\nmachineid-compat: false\n", base(), []string{"units", "machineid-compat"}},
		{"a pattern of remove-from-packages", osTree + "packages: [tools]\nremove-from-packages: [[tools, '(']]\n", base(), []string{"tools", "("}},
		{"a missing package", osTree + "packages: [filesystem, no-such-package]\n", base(), []string{"no-such-package"}},
		{"an unsatisfiable package", osTree, []rpmtest.Package{{Name: "x", Requires: []string{"nothing-provides-this"}}}, []string{"nothing-provides-this"}},
		{"an absent repository", osTree + "repos: [absent]\n", base(), []string{"tree.yaml:3: repos", "absent", "test"}},
		{"a pin to an absent repository", osTree + "repo-packages: [{repo: absent, packages: [tools]}]\n", base(), []string{"repo-packages", "absent"}},
		{"conflicting files", osTree, []rpmtest.Package{pkg("a", file("/usr/f", "1")), pkg("b", file("/usr/f", "2"))},
			[]string{"/usr/f", "a-1-1.noarch", "b-1-1.noarch"}},
		{"no packages", osTree + "packages: []\n", nil, []string{"asks for no package"}},
		{"a device", osTree + "ignore-devices: false\n", []rpmtest.Package{pkg("dev", rpmtest.File{Path: "/dev/null", Mode: 0o20666, RDev: 259})},
			[]string{"/dev/null", "character device"}},
		{"both places of /etc", osTree, []rpmtest.Package{pkg("a", file("/etc/f", "1")), pkg("b", file("/usr/etc/f", "2"))},
			[]string{"a-1-1.noarch", "b-1-1.noarch", "/etc/f"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorkshop(t, tc.treefile, tc.packages...)
			before := snapshot(t, w.repo)
			_, err := w.try()
			wantError(t, err, tc.want...)
			if after := snapshot(t, w.repo); after != before {
				t.Errorf("the repository changed:\n%s\nwas\n%s", after, before)
			}
		})
	}
}

// snapshot lists a repository, temporary folders and locks apart.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if err == nil && !info.IsDir() && !strings.Contains(rel, "lock") {
			fmt.Fprintln(&b, rel, info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMirroredRefIsRefused(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	w.must(origin.Update(t.Context(), w.repo, func(r *origin.Record) error {
		r.SetUpstream("fedora", origin.Upstream{URL: "https://example.org/repo"})
		r.Set("test/x86_64/os", "fedora")
		return nil
	}))
	_, err := w.try()
	wantError(t, err, "test/x86_64/os", "fedora")
}

func TestRefThatMovedMeanwhile(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	p, err := w.plan()
	w.must(err)
	repo := ostreetest.Open(t, w.repo)
	other := ostreetest.Commit(t, repo, "test/x86_64/os", ostreetest.Tree{"f": ostreetest.Regular("x")}, ostreetest.CommitOptions{})
	_, err = p.Execute(t.Context())
	if !errors.Is(err, archive.ErrRefChanged) {
		t.Errorf("got %v, want that the ref was changed", err)
	}
	wantError(t, err, "run this one again")
	if got := w.ref("test/x86_64/os"); got != other.String() {
		t.Errorf("got the ref %s, want %s", got, other)
	}
}

func TestRefThatWasMirroredMeanwhile(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	p, err := w.plan()
	w.must(err)
	w.must(origin.Update(t.Context(), w.repo, func(r *origin.Record) error {
		r.Set("test/x86_64/os", "fedora")
		return nil
	}))
	_, err = p.Execute(t.Context())
	wantError(t, err, "test/x86_64/os is mirrored from fedora", "choose another ref")
	if _, err := ostreetest.Open(t, w.repo).ResolveRef("test/x86_64/os"); !errors.Is(err, archive.ErrNotExist) {
		t.Errorf("the ref: got %v, want ErrNotExist", err)
	}
}

func TestDamagedPackage(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"truncated": func(b []byte) []byte { return b[:len(b)-30] },
		"flipped":   func(b []byte) []byte { b[len(b)-30] ^= 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t, osTree, base()...)
			paths, err := filepath.Glob(filepath.Join(w.rpms, "Packages/tools-*.rpm"))
			if err != nil || len(paths) != 1 {
				t.Fatalf("got %v, %v", paths, err)
			}
			data, err := os.ReadFile(paths[0])
			w.must(err)
			w.must(os.WriteFile(paths[0], damage(data), 0o644))
			before := snapshot(t, w.repo)
			_, err = w.try()
			wantError(t, err, "tools")
			if snapshot(t, w.repo) != before {
				t.Error("the repository changed")
			}
		})
	}
}

// TestRenamedPackage: a repository may not pass a signed package off as another.
func TestRenamedPackage(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	w.must(rpmtest.WriteRepo(w.rpms, rpmtest.RepoOptions{Compression: "none"}))
	found, err := filepath.Glob(filepath.Join(w.rpms, "repodata/*primary.xml"))
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v, %v", found, err)
	}
	data, err := os.ReadFile(found[0])
	w.must(err)
	changed := []byte(strings.ReplaceAll(string(data), "<name>setup</name>", "<name>bash</name>"))
	repomd := filepath.Join(w.rpms, "repodata/repomd.xml")
	text, err := os.ReadFile(repomd)
	w.must(err)
	old, fresh := content.DigestOf(data).String(), content.DigestOf(changed).String()
	w.must(os.WriteFile(filepath.Join(filepath.Dir(repomd), fresh+"-primary.xml"), changed, 0o644))
	fixed := strings.NewReplacer(old, fresh, fmt.Sprintf("<size>%d<", len(data)), fmt.Sprintf("<size>%d<", len(changed)),
		fmt.Sprintf("<open-size>%d<", len(data)), fmt.Sprintf("<open-size>%d<", len(changed))).Replace(string(text))
	w.must(os.WriteFile(repomd, []byte(fixed), 0o644))
	w.write("tree.yaml", osTree+"packages: [bash]\n")
	_, err = w.try()
	wantError(t, err, "calls a package bash-1-1.noarch that is setup-1-1.noarch")
}

func TestCancelled(t *testing.T) {
	w := newWorkshop(t, osTree, base()...)
	p, err := w.plan()
	w.must(err)
	before := snapshot(t, w.repo)
	_, err = p.Execute(cancelled(t))
	if err == nil || w.ref("test/x86_64/os") != "" || snapshot(t, w.repo) != before {
		t.Errorf("got %v and the ref %q", err, w.ref("test/x86_64/os"))
	}
	if r := w.compose(); r.Commit == (ostree.Checksum{}) {
		t.Error("no commit afterwards")
	}
}

// TestNoSandbox composes a tree that needs an initramfs where bubblewrap is not
// installed.
func TestNoSandbox(t *testing.T) {
	w := newWorkshop(t, "ref: a/b\nselinux: false\n", pkg("kernel", file("/usr/lib/modules/6.1/vmlinuz", "k")))
	before := snapshot(t, w.repo)
	t.Setenv("PATH", t.TempDir())
	_, err := w.try()
	wantError(t, err, "preparing the kernel", "bubblewrap")
	if after := snapshot(t, w.repo); after != before {
		t.Errorf("the repository changed:\n%s\nwas\n%s", after, before)
	}
}
