package selinux

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/rootfs"
	"github.com/treewright/treewright/ostree"
)

// contexts reads a file_contexts.
func contexts(t testing.TB, text string) *Contexts {
	t.Helper()
	c, err := ParseContexts(Files{Contexts: []byte(text)})
	must(t, err)
	c.Policy = "targeted"
	return c
}

func TestApply(t *testing.T) {
	const text = "/.* u:r:default:s0\n/ -d u:r:root:s0\n/etc(/.*)? u:r:etc:s0\n/usr/etc/hidden.* u:r:hidden:s0\n" +
		"/mnt -d u:r:mnt:s0\n/proc.* <<none>>\n/usr/lib -l u:r:link:s0\n/usr/lib -d u:r:lib:s0\n"
	for _, tc := range []struct {
		version int
		want    map[string]string
	}{
		{0, map[string]string{"/": "root", "/usr/etc": "default", "/usr/etc/passwd": "default", "/usr/etc/hidden": "hidden", "/usr/lib": "lib", "/proc": "mnt"}},
		{1, map[string]string{"/": "root", "/usr/etc": "etc", "/usr/etc/passwd": "etc", "/usr/etc/hidden": "etc", "/usr/lib": "lib", "/proc": "mnt", "/usr/etcetera": "default"}},
	} {
		t.Run(fmt.Sprint("version ", tc.version), func(t *testing.T) {
			tree := files(t, map[string]string{"usr/etc/passwd": "", "usr/etc/hidden": "", "usr/etcetera": "", "usr/lib/a": "", "proc/": ""})
			report, err := Apply(tree, contexts(t, text), tc.version)
			must(t, err)
			if report.Policy != "targeted" || report.Labelled != 9 || len(report.Unlabelled) > 0 || report.Err() != nil {
				t.Errorf("got %+v, want 9 labelled by targeted", report)
			}
			for path, want := range tc.want {
				if got := label(t, tree, path); got != "u:r:"+want+":s0\x00" {
					t.Errorf("%s: got %q, want type %s", path, got, want)
				}
			}
		})
	}
}

func TestApplyAttributes(t *testing.T) {
	tree := files(t, map[string]string{"a": "", "b": ""})
	shared := []ostree.Xattr{{Name: "user.x", Value: []byte("1")}, {Name: Attribute, Value: []byte("old\x00")}, {Name: "security.capability", Value: []byte("2")}}
	tree.Lookup("a").Xattrs, tree.Lookup("b").Xattrs = shared, shared
	report, err := Apply(tree, contexts(t, "/ u:r:root:s0\n/a u:r:a:s0\n"), 0)
	must(t, err)
	if got, want := xattrs(tree.Lookup("a").Xattrs), []string{"security.capability", Attribute, "user.x"}; !slices.Equal(got, want) {
		t.Errorf("attributes: got %q, want %q", got, want)
	}
	if got := label(t, tree, "b"); got != "" {
		t.Errorf("the label that a package brought: got %q, want none", got)
	}
	if string(shared[1].Value) != "old\x00" {
		t.Error("the attributes of another node were changed")
	}
	if !slices.Equal(report.Unlabelled, []string{"/b"}) {
		t.Errorf("unlabelled: got %q, want /b", report.Unlabelled)
	}
}

func TestApplyUnlabelled(t *testing.T) {
	tree := rootfs.New()
	for i := range 7 {
		must(t, tree.AddFile(fmt.Sprintf("proc/%d", i), 0o644, nil))
	}
	report, err := Apply(tree, contexts(t, "/ u:r:root:s0\n/mnt u:r:mnt:s0\n/proc/.* <<none>>\n"), 1)
	must(t, err)
	var unlabelled *UnlabelledError
	if err := report.Err(); !errors.As(err, &unlabelled) || len(unlabelled.Paths) != 7 ||
		!strings.Contains(err.Error(), `"targeted" has no label for /proc/0, /proc/1, /proc/2, /proc/3, /proc/4 and 2 more;`) {
		t.Errorf("got %v, want the first five paths", err)
	}
}

func TestApplyVersion(t *testing.T) {
	if _, err := Apply(rootfs.New(), contexts(t, ""), 2); err == nil || !strings.Contains(err.Error(), "label version 2: there are 0 and 1") {
		t.Errorf("got %v, want an error about the version", err)
	}
}
