package selinux

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/archive"
)

// TestOSTree has libostree label a tree by the policy in it, and compares.
func TestOSTree(t *testing.T) {
	for _, etc := range []string{"etc", "usr/etc"} {
		tree := files(t, map[string]string{
			"usr/bin/tool": "tool\n", "usr/bin/other": "other\n", "usr/sbin/xctl": "xctl\n", "usr/bin/link": "-> tool", "usr/bin/locals": "-> tool",
			"usr/etc/passwd": "root\n", "usr/etc/password-": "", "usr/lib/a/b": "", "proc/1": "", "sysroot/": "", "var/a.b": "", "x": "", "home/me/notes": "", "run/lock/": "",
			"lib/tool": "", "export/me/x": "", "ostree": "-> sysroot/ostree",
		})
		withPolicy(t, tree, etc, "testdata/policy")
		compareOSTree(t, tree, "testdata/policy")
	}
}

// compareOSTree commits a tree with the policy in it by ostree, and compares each
// object with ours.
func compareOSTree(t *testing.T, tree *rootfs.Tree, policy string) {
	t.Helper()
	if _, err := exec.LookPath("ostree"); err != nil {
		t.Fatal("ostree is missing: install ostree")
	}
	dir := t.TempDir()
	root, repo := filepath.Join(dir, "tree"), filepath.Join(dir, "repo")
	write(t, tree, root)
	run(t, "ostree", "init", "--repo="+repo, "--mode=archive")
	commit := run(t, "ostree", "commit", "--repo="+repo, "--branch=test", "--selinux-policy="+root,
		"--owner-uid=0", "--owner-gid=0", "--tree=dir="+root)
	c, err := Load(tree, read)
	must(t, err)
	report, err := Apply(tree, c, 0)
	must(t, err)
	r, err := archive.Open(repo, archive.Options{})
	must(t, err)
	defer r.Close()
	sum, err := ostree.ParseChecksum(strings.TrimSpace(commit))
	must(t, err)
	object, err := r.Commit(t.Context(), sum)
	must(t, err)
	o := &oracle{t: t, repo: r}
	o.compare("/", tree.Root, object.RootTree, object.RootMeta)
	t.Logf("%s: %d entries with labels of %s, %d without, %d differences", policy, report.Labelled, report.Policy, len(report.Unlabelled), o.wrong)
	if want := tree.Stats(); o.entries != want.Files+want.Symlinks+want.Directories {
		t.Errorf("compared %d entries, want %+v", o.entries, want)
	}
}

// oracle compares a tree with a commit.
type oracle struct {
	t              *testing.T
	repo           *archive.Repo
	entries, wrong int
}

func (o *oracle) compare(path string, n *rootfs.Node, treeSum, metaSum ostree.Checksum) {
	o.t.Helper()
	ctx := context.WithoutCancel(o.t.Context())
	o.entries++
	data, err := o.repo.ReadMeta(ctx, ostree.ObjectName{Checksum: metaSum, Type: ostree.ObjectDirMeta})
	must(o.t, err)
	meta, err := ostree.DecodeDirMeta(data)
	must(o.t, err)
	o.attributes(path, n.Xattrs, meta.Xattrs)
	data, err = o.repo.ReadMeta(ctx, ostree.ObjectName{Checksum: treeSum, Type: ostree.ObjectDirTree})
	must(o.t, err)
	dir, err := ostree.DecodeDirTree(data)
	must(o.t, err)
	for _, d := range dir.Dirs {
		o.compare(filepath.Join(path, d.Name), n.Child(d.Name), d.Tree, d.Meta)
	}
	for _, f := range dir.Files {
		o.entries++
		child := n.Child(f.Name)
		hash := ostree.ContentHasher(child.FileHeader())
		hash.Write(child.Data)
		if ostree.Checksum(hash.Sum(nil)) == f.Checksum {
			continue
		}
		header, _, body, err := o.repo.OpenFile(ctx, f.Checksum)
		must(o.t, err)
		must(o.t, body.Close())
		o.attributes(filepath.Join(path, f.Name), child.Xattrs, header.Xattrs)
		o.t.Errorf("%s: got another object, want %s", filepath.Join(path, f.Name), f.Checksum)
	}
}

func (o *oracle) attributes(path string, got, want []ostree.Xattr) {
	o.t.Helper()
	if len(got) != len(want) || len(got) == 1 && (got[0].Name != want[0].Name || string(got[0].Value) != string(want[0].Value)) {
		o.wrong++
		o.t.Errorf("%s: got %q, want %q", path, got, want)
	}
}

// write writes a tree to disk.
func write(t *testing.T, tree *rootfs.Tree, root string) {
	t.Helper()
	must(t, tree.Walk(func(path string, n *rootfs.Node) error {
		name := filepath.Join(root, path)
		switch {
		case n.IsSymlink():
			return os.Symlink(n.Target, name)
		case n.IsDir():
			return cmp.Or(os.Mkdir(name, 0o700), os.Chmod(name, os.FileMode(n.Mode&0o777)))
		}
		return cmp.Or(os.WriteFile(name, n.Data, 0o600), os.Chmod(name, os.FileMode(n.Mode&0o777)))
	}))
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, errors.String())
	}
	return string(out)
}
