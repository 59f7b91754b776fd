package scriptlet_test

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/scriptlet"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// A memoryTree is a Tree of files by path.
type memoryTree map[string]string

func (t memoryTree) Has(name string) bool { _, ok := t[name]; return ok }

func (t memoryTree) Read(name string) ([]byte, error) {
	if data, ok := t[name]; ok {
		return []byte(data), nil
	}
	return nil, fs.ErrNotExist
}

func (t memoryTree) List(dir string) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
			if first, _, _ := strings.Cut(rest, "/"); !slices.Contains(list, first) {
				list = append(list, path.Base(first))
			}
		}
	}
	return list
}

// sections lists the steps of a plan, those left out in brackets.
func sections(p *scriptlet.Plan) string {
	var list []string
	for i := range p.Steps {
		name := p.Steps[i].Section() + " " + strings.TrimSuffix(p.Steps[i].Package, "-1-1.noarch")
		if p.Steps[i].Skipped != "" {
			name = "[" + name + "]"
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}

func TestSysusers(t *testing.T) {
	const conf = "/usr/lib/sysusers.d/a.conf"
	macros := "/usr/lib/rpm/macros"
	for _, test := range []struct {
		name string
		tree memoryTree
		how  scriptlet.Sysusers
		want string
		err  string
	}{
		{"no macro", memoryTree{conf: "", "/usr/bin/systemd-sysusers": "", macros: ""}, scriptlet.SysusersAuto, "%pre a", ""},
		{"forced", memoryTree{conf: "", "/usr/bin/systemd-sysusers": ""}, scriptlet.SysusersForced, "systemd-sysusers systemd, %pre a", ""},
		{"macro", memoryTree{conf: "", "/usr/bin/systemd-sysusers": "", macros: "%__systemd_sysusers /usr/bin/x\n"}, scriptlet.SysusersAuto, "systemd-sysusers systemd, %pre a", ""},
		{"macro of a package", memoryTree{conf: "", "/usr/bin/systemd-sysusers": "", macros + ".d/macros.sysusers": "%__systemd_sysusers x\n"}, 0, "systemd-sysusers systemd, %pre a", ""},
		{"empty macro", memoryTree{conf: "", "/usr/bin/systemd-sysusers": "", macros: "%__systemd_sysusers x\n", "/etc/rpm/macros": "%__systemd_sysusers\n"}, 0, "%pre a", ""},
		{"nothing to do", memoryTree{"/usr/bin/systemd-sysusers": ""}, scriptlet.SysusersForced, "%pre a", ""},
		{"no program", memoryTree{conf: "", macros: "%__systemd_sysusers x\n"}, 0, "[systemd-sysusers systemd], %pre a", ""},
		{"no program, forced", memoryTree{conf: ""}, scriptlet.SysusersForced, "", "the tree has no /usr/bin/systemd-sysusers"},
	} {
		pkgs, _ := build(t, rpmtest.Package{Name: "a", Scriptlets: []rpm.Scriptlet{{Kind: rpm.PreIn, Body: "x"}}})
		p, err := scriptlet.NewPlan(pkgs, scriptlet.Options{Tree: test.tree, Sysusers: test.how})
		switch {
		case test.err != "":
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: got %v, want %q", test.name, err, test.err)
			}
		case err != nil:
			t.Errorf("%s: %v", test.name, err)
		default:
			if got := sections(p); got != test.want {
				t.Errorf("%s: got %q, want %q", test.name, got, test.want)
			}
		}
	}
}

func TestExpandsFromTheTree(t *testing.T) {
	tree := memoryTree{
		"/usr/lib/rpm/macros": "%_bindir %{_prefix}/bin\n%_prefix /usr\n", "/usr/lib/rpm/macros.d/macros.x": "%mine(n:) %{-n*} %1\n",
		"/etc/rpm/macros.y.rpmsave": "%_prefix /wrong\n", "/etc/rpm/macros.y": "%_later 1\n",
	}
	pkgs, _ := build(t, rpmtest.Package{Name: "a", Scriptlets: []rpm.Scriptlet{
		{Kind: rpm.PostIn, Flags: rpm.ScriptletExpand | rpm.ScriptletQFormat, Body: "%{_bindir} %{mine -n 4 x} %{_later} %{given} %%{NAME} %{undefined}"},
		{Kind: rpm.PostTrans, Body: "%{_bindir}"},
	}})
	_, err := scriptlet.NewPlan(pkgs, scriptlet.Options{Tree: tree, Define: map[string]string{"given": "yes"}})
	if err == nil || !strings.Contains(err.Error(), `"undefined"`) {
		t.Errorf("got %v, want an error: what macros leave is a query format", err)
	}
	pkgs[0].Manifest.Scriptlets[0].Body = strings.ReplaceAll(pkgs[0].Manifest.Scriptlets[0].Body, " %{undefined}", "")
	p := plan(t, pkgs, scriptlet.Options{Tree: tree, Define: map[string]string{"given": "yes"}})
	for i, want := range []string{"/usr/bin 4 x 1 yes a", "%{_bindir}"} {
		if got := p.Steps[i].Script; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSkips(t *testing.T) {
	script := func(kind rpm.ScriptletKind, body string) rpm.Scriptlet {
		s := rpm.Scriptlet{Kind: kind, Body: body}
		if kind == rpm.TransFileTriggerIn {
			s.Paths = []string{"/usr"}
		}
		return s
	}
	document, err := os.ReadFile("../../docs/scriptlets.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range scriptlet.Skips() {
		if !strings.Contains(string(document), k.Reason) {
			t.Errorf("docs/scriptlets.md does not say %q", k.Reason)
		}
		for _, name := range k.Packages {
			pkgs, _ := build(t, rpmtest.Package{Name: name, Files: []rpmtest.File{{Path: "/usr/x/y"}}, Scriptlets: []rpm.Scriptlet{script(k.Kind, k.Contains+"x")}})
			if p := plan(t, pkgs, scriptlet.Options{}); p.NeedsDisk() || len(p.Steps) != 1 || p.Steps[0].Skipped != k.Reason {
				t.Errorf("%s: got %s, want it left out", name, sections(p))
			}
			if p := plan(t, pkgs, scriptlet.Options{KernelInstall: true}); p.NeedsDisk() != k.Kernel {
				t.Errorf("%s with kernel-install: got %s", name, sections(p))
			}
		}
		if k.Contains != "" {
			pkgs, _ := build(t, rpmtest.Package{Name: k.Packages[0], Scriptlets: []rpm.Scriptlet{script(k.Kind, "other")}})
			if p := plan(t, pkgs, scriptlet.Options{}); !p.NeedsDisk() {
				t.Errorf("%s: got %s, want it to run: it has no %q", k.Packages[0], sections(p), k.Contains)
			}
		}
	}
}

// TestLdconfigOnce has packages that all run ldconfig, and one that does more.
func TestLdconfigOnce(t *testing.T) {
	ldconfig := []rpm.Scriptlet{{Kind: rpm.PostIn, Interpreter: []string{"/sbin/ldconfig"}}}
	pkgs, _ := build(t, rpmtest.Package{Name: "a", Scriptlets: ldconfig}, rpmtest.Package{Name: "b", Requires: []string{"a"}, Scriptlets: ldconfig},
		rpmtest.Package{Name: "c", Requires: []string{"b"}, Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Body: "x"}}},
		rpmtest.Package{Name: "d", Requires: []string{"c"}, Scriptlets: ldconfig},
		rpmtest.Package{Name: "e", Requires: []string{"d"}, Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Body: "/usr/sbin/ldconfig\n"}}},
		rpmtest.Package{Name: "f", Requires: []string{"e"}, Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Body: "/usr/sbin/ldconfig\n"}}},
		rpmtest.Package{Name: "g", Requires: []string{"f"}, Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Body: "/usr/sbin/ldconfig -X\n"}}})
	if got, want := sections(plan(t, pkgs, scriptlet.Options{})), "%post a, [%post b], %post c, %post d, %post e, [%post f], %post g"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNeedsDisk(t *testing.T) {
	pkgs, _ := build(t,
		rpmtest.Package{Name: "a", Files: []rpmtest.File{{Path: "/usr/a"}}, Scriptlets: []rpm.Scriptlet{
			{Kind: rpm.PreUn, Body: "x"}, {Kind: rpm.VerifyScript, Body: "x"}, {Kind: rpm.TriggerIn, Triggers: []rpm.Dep{{Name: "nobody"}}, Body: "x"},
			{Kind: rpm.TransFileTriggerIn, Paths: []string{"/etc"}, Body: "x"},
		}})
	p := plan(t, pkgs, scriptlet.Options{})
	if p.NeedsDisk() {
		t.Errorf("got %s, want nothing", sections(p))
	}
}

// TestInstalled has packages that are in the tree since before.
func TestInstalled(t *testing.T) {
	one := []rpm.Scriptlet{{Kind: rpm.PreTrans, Body: "x"}, {Kind: rpm.PreIn, Body: "x"}, {Kind: rpm.PostIn, Body: "x"}, {Kind: rpm.PostTrans, Body: "x"}}
	old := append(slices.Clone(one), rpm.Scriptlet{Kind: rpm.TriggerIn, Body: "x", Triggers: []rpm.Dep{{Name: "new"}}},
		rpm.Scriptlet{Kind: rpm.FileTriggerIn, Paths: []string{"/usr"}, Body: "x"}, rpm.Scriptlet{Kind: rpm.TransFileTriggerIn, Paths: []string{"/usr"}, Body: "x"})
	pkgs, _ := build(t, rpmtest.Package{Name: "old", Files: []rpmtest.File{{Path: "/usr/o/f"}}, Scriptlets: old},
		rpmtest.Package{Name: "new", Files: []rpmtest.File{{Path: "/usr/n/f"}, {Path: "/usr/n/g"}}, Scriptlets: one})
	pkgs[0].Installed = true
	opts := scriptlet.Options{Installs: func(_ int, f *content.File) bool { return f.Path != "/usr/n/g" }}
	p := plan(t, pkgs, opts)
	const want = "%pretrans new, %pre new, %filetriggerin old, %post new, %triggerin old, %posttrans new, %transfiletriggerin old"
	if got := sections(p); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if last := p.Steps[len(p.Steps)-1]; !slices.Equal(last.Stdin, []string{"/usr/n/f"}) {
		t.Errorf("got the files %q, want those that are new and installed", last.Stdin)
	}
	if !slices.Equal(p.Order, []int{1}) {
		t.Errorf("got the order %v, want [1]", p.Order)
	}
}

func TestPrefixes(t *testing.T) {
	pkgs, _ := build(t, rpmtest.Package{Name: "a", Scriptlets: []rpm.Scriptlet{{Kind: rpm.PostIn, Body: "cd $RPM_INSTALL_PREFIX"}}})
	if p := plan(t, pkgs, scriptlet.Options{}); len(p.Steps[0].Env) != 0 {
		t.Errorf("got %q, want nothing for a package without prefixes", p.Steps[0].Env)
	}
}
