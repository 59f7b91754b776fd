package compose_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// commitFiles commits files, as the real client does, to a ref of a repository.
func commitFiles(t testing.TB, repo, ref string, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for path, body := range files {
		name := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if target, link := strings.CutPrefix(body, "-> "); link {
			if err := os.Symlink(target, name); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "ostree", "commit", "--repo="+repo, "--branch="+ref, "--owner-uid=0", "--owner-gid=0", "--no-xattrs", dir)
}

// withLayers opens the repository that has the layers.
func withLayers(t testing.TB, dir string) func(*compose.Options) {
	return func(o *compose.Options) {
		repo, err := archive.Open(dir, archive.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := repo.Close(); err != nil {
				t.Error(err)
			}
		})
		o.LayerRepo = repo
	}
}

func TestLayers(t *testing.T) {
	w := newWorkshop(t, osTree+"ostree-layers: [one]\nostree-override-layers: [two]\n", append(accounts(t),
		scripted("over", []rpm.Scriptlet{sh(rpm.PostIn, "cat /usr/share/layer /etc/layer > /usr/share/both")},
			rpmtest.File{Path: "/usr/share/same", Body: "same"}, rpmtest.File{Path: "/usr/share/other", Body: "package", Mode: 0o600},
			rpmtest.File{Path: "/usr/share/linked", LinkTo: "dir"}, rpmtest.File{Path: "/usr/share/dir/"}))...)
	layers := filepath.Join(t.TempDir(), "layers")
	run(t, "ostree", "init", "--mode=archive", "--repo="+layers)
	one := map[string]string{"usr/share/layer": "layer\n", "usr/etc/layer": "etc\n", "usr/share/same": "same", "usr/share/linked/below": "below", "usr/bin/link": "-> layer"}
	commitFiles(t, layers, "one", one)
	commitFiles(t, layers, "two", map[string]string{"usr/share/other": "layer", "usr/share/layer": "over\n"})
	r := w.compose(withLayers(t, layers))
	for path, want := range map[string]string{
		"/usr/share/both": "over\netc\n", "/usr/share/dir/below": "below", "/usr/share/other": "layer", "/usr/etc/layer": "etc\n", "/usr/share/same": "same",
	} {
		if got := w.ostree("cat", "test/x86_64/os", path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if row := w.list("test/x86_64/os")["/usr/share/other"]; !strings.HasPrefix(row, "-00644") {
		t.Errorf("got %s, want the layer's mode", row)
	}
	if l := r.Report.Layers; len(l) != 2 || l[0].Added != 4 || !slices.Equal(l[1].Replaced, []string{"/usr/share/layer", "/usr/share/other"}) {
		t.Errorf("got the layers %+v", l)
	}
	w.ostree("fsck")
	// Another commit of the same files is no new input; another file is.
	commitFiles(t, layers, "one", one)
	if w.compose(withLayers(t, layers)).Changed {
		t.Error("the same files of a layer made another commit")
	}
	one["usr/share/new"] = "new"
	commitFiles(t, layers, "one", one)
	if !w.compose(withLayers(t, layers)).Changed {
		t.Error("a new file of a layer made no other commit")
	}
}

// TestLayerConflicts: all conflicts are listed, with the package and the layer.
func TestLayerConflicts(t *testing.T) {
	for key, c := range map[string]struct {
		files map[string]string
		words []string
	}{
		"ostree-layers": {map[string]string{"usr/bin/ping": "other", "usr/lib64/libx.so": "-> other", "usr/bin/g1": "linked", "usr/etc/group": "root:x:0:\n"},
			[]string{"/usr/bin/ping", "tools-1:2-1.x86_64", "layer extra", "/usr/lib64/libx.so", "links to", "/usr/bin/g1", "modes 0755 and 0644", "/etc/group", "setup-1-1.noarch", "different content"}},
		"ostree-override-layers": {map[string]string{"usr/lib64": "a file"}, []string{"/usr/lib64", "filesystem-1-1.noarch", "different types"}},
	} {
		w := newWorkshop(t, osTree+key+": [extra]\npackages: [tools]\n", base()...)
		commitFiles(t, w.repo, "extra", c.files)
		_, err := w.try()
		wantError(t, err, c.words...)
		if w.ref("test/x86_64/os") != "" {
			t.Errorf("%s: there is a commit", key)
		}
	}
}

func TestLayerRefuses(t *testing.T) {
	w := newWorkshop(t, osTree+"ostree-layers: [absent]\npackages: [tools]\n", base()...)
	_, err := w.try()
	wantError(t, err, "tree.yaml:3", "absent", "--layer-repo")
}
