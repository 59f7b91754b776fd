package scriptlet_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose/scriptlet"
	"github.com/treewright/treewright/internal/rpmtest"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// makeRoot makes a folder with a shell and cat, for rpm to install into.
func makeRoot(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	put := func(file, at string) {
		data, err := os.ReadFile(file)
		if err == nil {
			err = os.MkdirAll(filepath.Join(root, filepath.Dir(at)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(root, at), data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range []string{"/bin/sh", "/bin/cat"} {
		put(program, program)
		out, err := exec.CommandContext(t.Context(), "ldd", program).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.Fields(string(out)) {
			if strings.HasPrefix(word, "/") {
				put(word, word)
			}
		}
	}
	return root
}

// install lets the real rpm install package files into root and returns what
// scriptlets have written to /log.
func install(t testing.TB, root string, files []string, options ...string) []string {
	t.Helper()
	args := append([]string{"rpm", "-i", "--root", root, "--dbpath", "/rpmdb", "--nodeps", "--nosignature", "--nodigest"}, options...)
	if os.Getuid() != 0 {
		args = append([]string{"unshare", "-r"}, args...)
	}
	args = append(args, files...)
	if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(root, "log"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(root, "log"))
	return entries(string(data))
}

// entries splits the log: each entry starts with a colon.
func entries(log string) (list []string) {
	for _, line := range strings.SplitAfter(log, "\n") {
		if strings.HasPrefix(line, ":") || len(list) == 0 {
			list = append(list, "")
		}
		list[len(list)-1] += line
	}
	return list[:len(list):len(list)]
}

// logging is a scriptlet that writes its arguments and its input to /log.
func logging(id string, s rpm.Scriptlet) rpm.Scriptlet {
	s.Body = fmt.Sprintf(`{ echo ":%s %s $*"; cat; } >> /log`, s.Kind, id)
	return s
}

// planned are the log entries that the plan would make.
func planned(p *scriptlet.Plan) (list []string) {
	for i := range p.Steps {
		s := &p.Steps[i]
		_, id, _ := strings.Cut(s.Script, ":")
		id, _, _ = strings.Cut(id, " $*")
		entry := ":" + id + " " + strings.Join(s.Args, " ") + "\n"
		for _, file := range s.Stdin {
			entry += file + "\n"
		}
		list = append(list, entry)
	}
	return list
}

// inStages is a log of rpm in the order of the plan's stages.
func inStages(log []string) []string {
	stage := func(entry string) int {
		kind, _, _ := strings.Cut(strings.TrimPrefix(entry, ":"), " ")
		switch rpm.ScriptletKind(kind) {
		case rpm.PreTrans:
			return 0
		case rpm.TriggerPreIn, rpm.PreIn:
			return 1
		}
		return 2
	}
	log = slices.DeleteFunc(slices.Clone(log), func(s string) bool { return s == "" })
	slices.SortStableFunc(log, func(a, b string) int { return stage(a) - stage(b) })
	return log
}

func plan(t testing.TB, pkgs []scriptlet.Package, opts scriptlet.Options) *scriptlet.Plan {
	t.Helper()
	p, err := scriptlet.NewPlan(pkgs, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// oldRPM makes the plan be that of the rpm that the tests run.
func oldRPM(t testing.TB) rpmtest.Package {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "rpm", "--eval", "%{rpmversion}").Output()
	version := strings.TrimSpace(string(out))
	if err != nil || version == "" || strings.HasPrefix(version, "%") {
		return rpmtest.Package{Name: "rpm", Version: "4.18"}
	}
	return rpmtest.Package{Name: "rpm", Version: version}
}

func TestAsRPM(t *testing.T) {
	for name, list := range sets(t) {
		t.Run(name, func(t *testing.T) {
			compare(t, append([]rpmtest.Package{oldRPM(t)}, list...))
		})
	}
}

// depsOf reads dependencies as a spec file writes them.
func depsOf(t testing.TB, names ...string) (list []rpm.Dep) {
	t.Helper()
	for _, n := range names {
		d, err := rpm.ParseDep(n)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, d)
	}
	return list
}

// sets are packages that show one thing each.
func sets(t testing.TB) map[string][]rpmtest.Package {
	type (
		pkg = rpmtest.Package
		scr = rpm.Scriptlet
	)
	on := func(names ...string) []rpm.Dep { return depsOf(t, names...) }
	file := func(paths ...string) (list []rpmtest.File) {
		for _, p := range paths {
			list = append(list, rpmtest.File{Path: p, Body: p})
		}
		return list
	}
	return map[string][]pkg{
		"all kinds": {
			{Name: "a", Files: file("/usr/a/f", "/usr/a/g"), Scriptlets: []scr{{Kind: rpm.PreTrans}, {Kind: rpm.PreIn}, {Kind: rpm.PostIn}, {Kind: rpm.PostTrans},
				{Kind: rpm.PreUn}, {Kind: rpm.PostUn}, {Kind: rpm.VerifyScript}}},
			{Name: "b", Requires: []string{"a"}, Scriptlets: []scr{{Kind: rpm.TriggerPreIn, Triggers: on("a", "c")}, {Kind: rpm.TriggerIn, Triggers: on("a", "c")},
				{Kind: rpm.TriggerUn, Triggers: on("a")}, {Kind: rpm.FileTriggerIn, Paths: []string{"/usr"}}, {Kind: rpm.TransFileTriggerIn, Paths: []string{"/usr"}}}},
			{Name: "c", Requires: []string{"b"}, Files: file("/usr/c/f"), Scriptlets: []scr{{Kind: rpm.PreTrans}, {Kind: rpm.PreIn}, {Kind: rpm.PostIn}, {Kind: rpm.PostTrans}}},
		},
		"two triggers for one package": {
			{Name: "a", Scriptlets: []scr{{Kind: rpm.TriggerIn, Triggers: on("z")}, {Kind: rpm.TriggerIn, Triggers: on("z")}, {Kind: rpm.TriggerIn, Triggers: on("z < 1", "z > 0")}}},
			{Name: "z"}, {Name: "y", Requires: []string{"z"}, Scriptlets: []scr{{Kind: rpm.TriggerIn, Triggers: on("z > 5", "z")}, {Kind: rpm.TriggerIn, Triggers: on("z")}}},
		},
		"two triggers of one that is there": {
			{Name: "z", Requires: []string{"a"}}, {Name: "a", Scriptlets: []scr{{Kind: rpm.TriggerIn, Triggers: on("z")}, {Kind: rpm.TriggerIn, Triggers: on("z")}}},
		},
		"itself": {{Name: "a", Scriptlets: []scr{{Kind: rpm.TriggerIn, Triggers: on("a")}, {Kind: rpm.TriggerPreIn, Triggers: on("a")}}}},
		"one name twice": {
			{Name: "a", Arch: "x86_64", Scriptlets: []scr{{Kind: rpm.PreTrans}, {Kind: rpm.PreIn}, {Kind: rpm.PostIn}, {Kind: rpm.PostTrans}, {Kind: rpm.TriggerIn, Triggers: on("b")}}},
			{Name: "a", Arch: "i686", Scriptlets: []scr{{Kind: rpm.PreTrans}, {Kind: rpm.PreIn}, {Kind: rpm.PostIn}, {Kind: rpm.PostTrans}, {Kind: rpm.TriggerIn, Triggers: on("b")}}},
			{Name: "b", Scriptlets: []scr{{Kind: rpm.TriggerIn, Triggers: on("a")}, {Kind: rpm.TriggerPreIn, Triggers: on("a")}}},
		},
		"versions": {
			{Name: "a", Scriptlets: []scr{{Kind: rpm.TriggerIn, Triggers: on("z < 1")}, {Kind: rpm.TriggerIn, Triggers: on("z >= 1")}}},
			{Name: "z", Provides: []string{"z = 0.5"}},
		},
		"priorities": {
			{Name: "a", Files: file("/usr/a/f"), Scriptlets: []scr{{Kind: rpm.PostIn}, {Kind: rpm.TriggerIn, Triggers: on("b")},
				{Kind: rpm.FileTriggerIn, Paths: []string{"/usr/a"}, Priority: 10}, {Kind: rpm.FileTriggerIn, Paths: []string{"/usr"}, Priority: 10000},
				{Kind: rpm.FileTriggerIn, Paths: []string{"/usr/b", "/usr"}, Priority: 9999}, {Kind: rpm.TransFileTriggerIn, Paths: []string{"/usr/b"}, Priority: 5},
				{Kind: rpm.TransFileTriggerIn, Paths: []string{"/usr/a"}, Priority: 50}}},
			{Name: "b", Files: file("/usr/b/f"), Scriptlets: []scr{{Kind: rpm.PostIn}, {Kind: rpm.FileTriggerIn, Paths: []string{"/usr"}, Priority: 20000}, {Kind: rpm.TransFileTriggerIn, Paths: []string{"/usr/b/f", "/us"}, Priority: 70}}},
		},
		"folders and ghosts": {
			{Name: "a", Files: append(file("/usr/lib/x.so", "/usr/lib/sub/y"), rpmtest.File{Path: "/usr/lib/ghost", Flags: rpm.FileGhost}, rpmtest.File{Path: "/usr/lib/dir/"},
				rpmtest.File{Path: "/usr/lib/link", LinkTo: "x.so"}),
				Scriptlets: []scr{{Kind: rpm.FileTriggerIn, Paths: []string{"/usr/lib"}}, {Kind: rpm.FileTriggerIn, Paths: []string{"/usr/lib/x"}}, {Kind: rpm.TransFileTriggerIn, Paths: []string{"/usr/lib/"}},
					{Kind: rpm.TransFileTriggerIn, Paths: []string{"/usr/lib/x", "/usr/lib/su"}}}},
			{Name: "b", Requires: []string{"a"}, Files: file("/usr/lib/x.b", "/usr/lib/xdir/f")},
		},
	}
}

// compare installs packages whose scriptlets log, and compares with the plan.
func compare(t *testing.T, list []rpmtest.Package) {
	t.Helper()
	for i := range list {
		for j, s := range list[i].Scriptlets {
			list[i].Scriptlets[j] = logging(fmt.Sprintf("%s.%d", list[i].Name, j), s)
		}
	}
	pkgs, files := build(t, list...)
	got := planned(plan(t, pkgs, scriptlet.Options{}))
	want := inStages(install(t, makeRoot(t), files))
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("from entry %d: got\n%s\nwant\n%s", i, strings.Join(got[min(i, len(got)):], ""), strings.Join(want[min(i, len(want)):], ""))
			for _, p := range list {
				t.Logf("%s: %v %v", p.Name, p.Requires, p.Scriptlets)
			}
			return
		}
	}
}

// TestAsRPMRandom compares random packages that fire triggers of each other.
func TestAsRPMRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	kinds := []rpm.ScriptletKind{rpm.PreTrans, rpm.PreIn, rpm.PostIn, rpm.PostTrans, rpm.TriggerPreIn, rpm.TriggerIn, rpm.TriggerIn,
		rpm.FileTriggerIn, rpm.FileTriggerIn, rpm.TransFileTriggerIn}
	paths := []string{"/usr", "/usr/share", "/usr/share/a", "/usr/share/a/", "/usr/share/b/f", "/etc/"}
	for range 4 {
		n := 3 + random.IntN(10)
		list := []rpmtest.Package{oldRPM(t)}
		name := func() string { return fmt.Sprintf("p%02d", random.IntN(n)) }
		for i := range n {
			p := rpmtest.Package{Name: fmt.Sprintf("p%02d", i), Requires: []string{name()}}
			for range random.IntN(4) {
				p.Files = append(p.Files, rpmtest.File{Path: fmt.Sprintf("/usr/share/%c/f%02d-%d", 'a'+random.IntN(3), i, len(p.Files)), Body: "x"})
			}
			used := map[rpm.ScriptletKind]bool{}
			for range random.IntN(6) {
				s := rpm.Scriptlet{Kind: kinds[random.IntN(len(kinds))]}
				switch {
				case strings.HasPrefix(string(s.Kind), "trigger"):
					for range 1 + random.IntN(2) {
						s.Triggers = append(s.Triggers, rpm.Dep{Name: name()})
					}
				case strings.Contains(string(s.Kind), "file"):
					s.Priority = uint32(1 + random.IntN(3)*9999)
					for range 1 + random.IntN(2) {
						s.Paths = append(s.Paths, paths[random.IntN(len(paths))])
					}
				case used[s.Kind]:
					continue
				}
				used[s.Kind] = true
				p.Scriptlets = append(p.Scriptlets, s)
			}
			list = append(list, p)
		}
		compare(t, list)
	}
}
