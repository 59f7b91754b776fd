package solve

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// A testcase is what a .t file of libsolv's tools states, as far as requests to
// install go: repositories in testtags form, jobs, and the results to expect.
type testcase struct {
	repos     []testRepo
	installed string
	disabled  map[string]bool // name-evr.arch@repo
	blocks    []testBlock
}

type testRepo struct {
	name           string
	prio, subprio  int
	pkgs           []*rpm.Metadata
	noSelfProvides bool
}

type testBlock struct {
	jobs     []testJob
	ignore   bool // recommended packages
	expected []string
}

type testJob struct {
	verb, sel string
	args      []string
	flags     []string
}

// String is the job's line in a .t file.
func (j testJob) String() string {
	s := "job " + j.verb + " " + j.sel + " " + strings.Join(j.args, " ")
	if len(j.flags) > 0 {
		s += " [" + strings.Join(j.flags, ",") + "]"
	}
	return s
}

// parseTestcase reads a .t file. It knows what our own cases use, and fails on
// everything else.
func parseTestcase(t testing.TB, text string) *testcase {
	t.Helper()
	c := &testcase{disabled: map[string]bool{}, blocks: make([]testBlock, 1)}
	lines := strings.Split(text, "\n")
	inline := func(i int) (body []string, next int) {
		for i+1 < len(lines) && strings.HasPrefix(lines[i+1], "#>") {
			i++
			body = append(body, lines[i][2:])
		}
		return body, i
	}
	for i := 0; i < len(lines); i++ {
		f := strings.Fields(lines[i])
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		b := &c.blocks[len(c.blocks)-1]
		switch f[0] {
		case "repo":
			r := testRepo{name: f[1]}
			prio, sub, _ := strings.Cut(f[2], ".")
			r.prio, _ = strconv.Atoi(prio)
			r.subprio, _ = strconv.Atoi(sub)
			var body []string
			body, i = inline(i)
			r.parseTags(t, body)
			c.repos = append(c.repos, r)
		case "system":
			if len(f) > 3 {
				c.installed = f[3]
			}
		case "poolflags":
		case "solverflags":
			b.ignore = slices.Contains(f, "ignorerecommended")
		case "disable":
			c.disabled[f[2]] = true
		case "job":
			b.jobs = append(b.jobs, parseTestJob(f[1:]))
		case "nextjob":
			c.blocks = append(c.blocks, testBlock{})
		case "result":
			b.expected, i = inline(i)
		default:
			t.Fatalf("line %d: unknown %q", i+1, f[0])
		}
	}
	return c
}

func parseTestJob(f []string) testJob {
	j := testJob{verb: f[0], sel: f[1], args: f[2:]}
	if last := j.args[len(j.args)-1]; strings.HasPrefix(last, "[") {
		j.flags = strings.Split(strings.Trim(last, "[]"), ",")
		j.args = j.args[:len(j.args)-1]
	}
	return j
}

// universe builds the repositories of a testcase.
func (c *testcase) universe() *Universe {
	u := NewUniverse(Options{Order: OrderXML, InstallOnly: []string{}})
	for _, tr := range c.repos {
		r := u.AddRepo(RepoOptions{ID: tr.name, Priority: 1000 - tr.prio, Cost: 1000 - tr.subprio, Installed: tr.name == c.installed})
		for _, m := range tr.pkgs {
			r.Add(m)
		}
	}
	u.reindex()
	return u
}

// run resolves one block and returns result lines as testsolv prints them, the
// texts of problems apart.
func (c *testcase) run(t testing.TB, u *Universe, b *testBlock) (*solver, []string) {
	t.Helper()
	s := newSolver(t.Context(), u)
	s.withWeak = !b.ignore
	ids := map[string]lit{}
	for p := firstPkg; int(p) < len(u.pkgs); p++ {
		id := u.nevra(p) + "@" + u.repoOf(p).opts.ID
		ids[id] = p
		if c.disabled[id] {
			s.exclude([]lit{p}, "disabled")
		}
	}
	for i, j := range b.jobs {
		c.addJob(t, s, i, j, ids)
	}
	s, solved, err := s.solve()
	if err != nil {
		t.Fatal(err)
	}
	if !solved {
		return s, []string{"problem"}
	}
	var out []string
	for p := firstPkg; int(p) < len(u.pkgs); p++ {
		if s.levels[p] > 0 && !u.installed(p) {
			out = append(out, "install "+u.nevra(p)+"@"+u.repoOf(p).opts.ID)
		}
	}
	slices.Sort(out)
	return s, out
}

func (c *testcase) addJob(t testing.TB, s *solver, i int, tj testJob, ids map[string]lit) {
	t.Helper()
	u := s.u
	var list []lit
	var d depID
	switch tj.sel {
	case "name", "provides":
		rd, err := parseTagDep(strings.Join(tj.args, " "))
		if err != nil {
			t.Fatal(err)
		}
		d = u.dep(rd)
		for _, p := range u.providers(d) {
			if tj.sel == "provides" || u.matchesName(p, d) {
				list = append(list, p)
			}
		}
	case "oneof", "pkg":
		for _, id := range tj.args {
			p, ok := ids[id]
			if !ok {
				t.Fatalf("job %v: no package %s", tj, id)
			}
			list = append(list, p)
		}
	case "repo": // lock repo: what is installed stays anyway
		return
	}
	switch tj.verb {
	case "multiversion":
		for _, p := range list {
			s.multi[p] = true
		}
		return
	case "excludefromweak":
		for _, p := range list {
			s.notWeak[p] = true
		}
		return
	}
	j := job{spec: i, clauses: [][]lit{list}, best: slices.Contains(tj.flags, "forcebest"), anyArch: tj.sel == "pkg" || slices.Contains(tj.flags, "setarch")}
	if u.isComplex(d) && tj.sel == "provides" {
		clauses, truth, err := u.normalForm(d, conjunctive)
		if err != nil {
			t.Fatal(err)
		}
		j.clauses, j.involved = clauses, list
		if truth == never {
			list, j.clauses = nil, [][]lit{nil}
		}
	}
	if len(j.clauses) == 1 && len(j.clauses[0]) == 0 {
		if tj.sel == "oneof" {
			return
		}
		j.clauses[0] = []lit{-system}
	}
	s.jobs = append(s.jobs, j)
}

// TestCases runs the cases of testdata, and libsolv's test program on them:
// their results are its own (testsolv -r).
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.t")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases in testdata", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".t"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("testsolv", file).CombinedOutput(); err != nil {
				t.Fatalf("testsolv: %v (package libsolv-tools)\n%s", err, out)
			}
			c := parseTestcase(t, string(text))
			u := c.universe()
			for i := range c.blocks {
				want := c.blocks[i].expected
				if len(want) > 0 && strings.HasPrefix(want[0], "problem") {
					want = []string{"problem"}
				}
				if _, got := c.run(t, u, &c.blocks[i]); !slices.Equal(got, want) {
					t.Errorf("block %d: got %q, want %q", i+1, got, want)
				}
			}
		})
	}
}
