//go:build interopdata

package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// featureTree keeps /opt and /usr/local where rpm puts them.
const featureTree = "ref: test/os\nrepos: [base, rpms]\ncontainer: true\nopt-usrlocal: root\n"

// features compares packages that rpm and a compose install on the same base.
type features struct {
	t      *testing.T
	dir    string
	layout map[string]bool // differences that the base has without the package
	same   int
}

// TestInteropDataFeatures installs every package of a collection of features
// with the real rpm and by a compose, each on a base of a few programs, and
// compares what is there then: files, modes, owners, capabilities, links, and
// what scriptlets did.
func TestInteropDataFeatures(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root: rpm --root runs scriptlets in chroot, and owners are compared")
	}
	programs, err := rpmtest.Programs("sh", "cat", "chmod", "chown", "cp", "echo", "grep", "id", "ln", "ls", "mkdir", "rm", "sed", "touch")
	if err != nil {
		t.Fatal(err)
	}
	f := &features{t: t, dir: publicDir(t)}
	base := []rpmtest.Package{programs, {Name: "accounts", Files: []rpmtest.File{
		{Path: "/etc/passwd", Body: "root:x:0:0::/root:/bin/sh\n"}, {Path: "/etc/group", Body: "root:x:0:\n"},
		{Path: "/usr/lib/ostree/prepare-root.conf", Body: "[root]\ntransient = true\n"}}}} // everything at the top stays
	if err := rpmtest.WriteRepo(filepath.Join(f.dir, "base"), rpmtest.RepoOptions{}, base...); err != nil {
		t.Fatal(err)
	}
	for _, p := range base {
		if said := f.install("baseroot", filepath.Join(f.dir, "base/Packages", p.FileName())); said != "" {
			t.Fatal(said)
		}
	}
	lines, refused := f.compare("")
	if refused != "" {
		t.Fatal(refused)
	}
	f.layout = map[string]bool{}
	for _, line := range lines {
		f.layout[line] = true
	}
	seen, differ, installed := map[string]bool{}, []string{}, 0
	var refusals []string
	err = filepath.WalkDir(filepath.Join(dataDir(t), "rpm-features"), func(file string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, ".rpm") || strings.HasSuffix(file, ".src.rpm") || seen[filepath.Base(file)] {
			return err
		}
		name := filepath.Base(file)
		seen[name] = true
		lines, refused := f.compare(file)
		if refused != "" {
			refusals = append(refusals, name+": "+refused)
			return nil
		}
		installed++
		for _, line := range lines {
			if !f.layout[line] {
				differ = append(differ, name+" "+line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d packages that both install, %d that one of them refuses; %d paths beyond the base's are the same", installed, len(refusals), f.same)
	if installed < 100 {
		t.Errorf("only %d packages were compared", installed)
	}
	wantDifferences(t, differ, featureDifferences)
	wantDifferences(t, refusals, featureRefusals)
}

// compare installs a package file, or none, both ways. It returns how the roots
// differ, or who refuses the package.
func (f *features) compare(file string) (lines []string, refused string) {
	t := f.t
	t.Helper()
	work := filepath.Join(f.dir, "work")
	if err := os.RemoveAll(work); err != nil {
		t.Fatal(err)
	}
	needs, names := rpmtest.Package{Name: "needs"}, []string{"programs", "accounts"}
	rpms := filepath.Join(work, "rpms")
	if err := os.MkdirAll(filepath.Join(rpms, "Packages"), 0o755); err != nil {
		t.Fatal(err)
	}
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := rpm.Open(bytes.NewReader(data))
		if err != nil {
			return nil, f.verdict(file, "treewright cannot read it")
		}
		m, err := p.Metadata()
		if err != nil {
			return nil, f.verdict(file, "treewright cannot read it")
		}
		for _, d := range m.Requires {
			switch {
			case strings.HasPrefix(d.Name, "("):
				for word := range strings.FieldsSeq(strings.NewReplacer("(", " ", ")", " ").Replace(d.Name)) {
					if !strings.ContainsAny(word[:1], "<=>0123456789") && !slices.Contains([]string{"and", "or", "if", "else", "unless", "with", "without"}, word) {
						needs.Provides = append(needs.Provides, word)
					}
				}
			case !strings.HasPrefix(d.Name, "rpmlib("):
				needs.Provides = append(needs.Provides, d.String())
			}
		}
		names = append(names, "'"+m.Name+"'")
		write(t, filepath.Join(rpms, "Packages", filepath.Base(file)), string(data))
	}
	data, err := needs.Build()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(rpms, "Packages", needs.FileName()), string(data))
	mustRun(t, work, "createrepo_c", "-q", "rpms")
	write(t, filepath.Join(work, "rpms.repo"), "[base]\nname=base\nbaseurl=file://"+f.dir+"/base\ngpgcheck=0\n[rpms]\nname=rpms\nbaseurl=file://"+rpms+"\ngpgcheck=0\n")
	write(t, filepath.Join(work, "os.yaml"), featureTree+"packages: ["+strings.Join(names, ", ")+"]\n")
	mustRun(t, work, "ostree", "init", "--mode=archive", "--repo=repo")
	code, _, stderr := inProcess(t, "compose", "tree", "-q", "--repo="+work+"/repo", "--cachedir="+f.dir+"/cache", work+"/os.yaml")
	if code != 0 {
		return nil, f.verdict(file, "treewright: "+lastWords(stderr))
	}
	if said := f.onBase(file); said != "" {
		return nil, "only rpm: " + said
	}
	mustRun(t, work, "ostree", "checkout", "--repo=repo", "test/os", "tree")
	ours, theirs := map[string]rootEntry{}, scanRoot(t, filepath.Join(work, "root"))
	for path, e := range scanRoot(t, filepath.Join(work, "tree")) {
		if path == "/usr/etc" || strings.HasPrefix(path, "/usr/etc/") {
			path = strings.TrimPrefix(path, "/usr")
		}
		ours[path] = e
	}
	for _, side := range []map[string]rootEntry{ours, theirs} {
		for path := range side {
			if strings.HasPrefix(path, "/rpmdb") || strings.HasSuffix(path, "/rpmdb.sqlite") || path == "/usr/share/rpm-ostree/treefile.json" {
				delete(side, path)
			}
		}
	}
	lines, same := differencesOf(ours, theirs, "rpm")
	if file != "" {
		f.same += same
	}
	return lines, ""
}

// onBase lets rpm install a package on the base; it returns what it said when it
// could not.
func (f *features) onBase(file string) string {
	mustRun(f.t, f.dir, "rm", "-rf", "work/root")
	mustRun(f.t, f.dir, "cp", "-a", "baseroot", "work/root")
	if file == "" {
		return ""
	}
	return f.install("work/root", file)
}

func (f *features) install(root, file string) string {
	root = filepath.Join(f.dir, root)
	if err := os.MkdirAll(root, 0o755); err != nil {
		f.t.Fatal(err)
	}
	out, err := shellCommand(f.dir, "rpm", "-i", "--root", root, "--dbpath=/rpmdb", "--nodeps", "--nosignature", "--ignoreos", file).CombinedOutput()
	if err != nil {
		return lastWords(string(out))
	}
	return ""
}

// verdict says whether rpm refuses a package that treewright refuses.
func (f *features) verdict(file, why string) string {
	if file != "" && f.onBase(file) != "" {
		return "both: " + why
	}
	return "only " + why
}

// lastWords are the last line of an output.
func lastWords(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

// featureDifferences are those of both roots, each line the package's file and
// the path.
var featureDifferences = []expected{
	{`.* /var/.*: only rpm, .*`, "a line of tmpfiles.d makes folders when the machine boots; files are in the report"},
	{`.* /tmp/.*: only rpm, .*`, "the same: in the report"},
	{`.* /tmp: mode 1777, not 0755`, "/tmp of a tree is that of a machine; these packages do not own the folder"},
}

// featureRefusals are packages that one of the two does not install.
var featureRefusals = []expected{
	{`(alternatives-.*|python39-evtx-.*): only treewright: .*: update-alternatives: not found`,
		"rpm goes on after a failed %post, whose status it prints; a compose stops. The package that has the program is not among those of the collection"},
	{`libtest1-.*: only treewright: .*no package of the tree has /sbin/ldconfig:.*`, "the same"},
	{`hello-1.0-1.ppc64.rpm: both: .*`, "another architecture"},
	{`hello-2.0-1.x86_64-corrupted.rpm: both: .*`, "damaged"},
	{`rpm-rich-deps-.*: only treewright: .*`, "its conditions cannot all hold with one package that provides every name; rpm was told --nodeps"},
	{`(SpecCheck4|ruby2.6-rubygem-fast_gettext|xtables-addons-kmp-default)-.*: only treewright: .*Packages not found.*`, "createrepo_c leaves them out of the repository"},
}
