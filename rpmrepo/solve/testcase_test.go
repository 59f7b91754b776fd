package solve

import (
	"fmt"
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

func (r *testRepo) parseTags(t testing.TB, lines []string) {
	t.Helper()
	block := ""
	for _, line := range lines {
		tag, value, _ := strings.Cut(line, " ")
		switch {
		case block != "" && line == "-"+block+":":
			block = ""
			continue
		case block != "":
			tag, value = "="+block+":", line
		case strings.HasPrefix(line, "+"):
			block = strings.Trim(line, "+:")
			continue
		}
		if tag == "=Ver:" {
			r.noSelfProvides = strings.HasPrefix(value, "3") && !strings.Contains(value, "addselfprovides")
			continue
		}
		if tag == "=Pkg:" {
			f := strings.Fields(value)
			m := &rpm.Metadata{NEVRA: rpm.NEVRA{Name: f[0], EVR: rpm.ParseEVR(f[1] + "-" + f[2]), Arch: f[3]}}
			r.pkgs = append(r.pkgs, m)
			continue
		}
		r.pkgs[len(r.pkgs)-1] = addTag(t, r.pkgs[len(r.pkgs)-1], tag, value)
	}
}

func addTag(t testing.TB, m *rpm.Metadata, tag, value string) *rpm.Metadata {
	t.Helper()
	lists := map[string]*[]rpm.Dep{
		"=Req:": &m.Requires, "=Prq:": &m.Requires, "=Prv:": &m.Provides, "=Con:": &m.Conflicts, "=Obs:": &m.Obsoletes,
		"=Rec:": &m.Recommends, "=Sug:": &m.Suggests, "=Sup:": &m.Supplements, "=Enh:": &m.Enhances,
	}
	if tag == "=Fls:" {
		m.Files = append(m.Files, value)
		return m
	}
	list := lists[tag]
	if list == nil {
		t.Fatalf("unknown tag %q", tag)
	}
	d, err := parseTagDep(value)
	if err != nil {
		t.Fatal(err)
	}
	d.Pre = tag == "=Prq:"
	*list = append(*list, d)
	return m
}

var tagOps = []struct {
	op  rpm.RichOp
	tag string
}{{rpm.RichAnd, "&"}, {rpm.RichOr, "|"}, {rpm.RichIf, "<IF>"}, {rpm.RichUnless, "<UNLESS>"}, {rpm.RichWith, "+"}, {rpm.RichWithout, "-"}}

// parseTagDep reads a dependency as testtags write it.
func parseTagDep(s string) (rpm.Dep, error) {
	r, rest, err := parseTagRich(tagWords(s))
	if err != nil || len(rest) > 0 {
		return rpm.Dep{}, fmt.Errorf("dependency %q: %v, %q follows", s, err, rest)
	}
	if r.Op == rpm.RichDep {
		return r.Dep, nil
	}
	return rpm.Dep{Name: r.String()}, nil
}

// tagWords splits a dependency into words and grouping parentheses.
func tagWords(s string) []string {
	var words []string
	for i := 0; i < len(s); {
		start, open := i, 0
		for ; i < len(s) && s[i] != ' ' && (s[i] != ')' || open > 0); i++ {
			if s[i] == '(' {
				open++
			} else if s[i] == ')' {
				open--
			}
			if s[start] == '(' {
				break
			}
		}
		if i == start || s[start] == '(' {
			i = start + 1
		}
		if word := strings.TrimSpace(s[start:i]); word != "" {
			words = append(words, word)
		}
	}
	return words
}

// tagElse marks "condition else other" while parsing.
const tagElse = rpm.RichOp(255)

func parseTagRich(words []string) (*rpm.Rich, []string, error) {
	if len(words) == 0 {
		return nil, nil, fmt.Errorf("an operand is missing")
	}
	var left *rpm.Rich
	if words[0] == "(" {
		var err error
		if left, words, err = parseTagRich(words[1:]); err != nil || len(words) == 0 || words[0] != ")" {
			return nil, nil, fmt.Errorf("no closing parenthesis: %v", err)
		}
		words = words[1:]
	} else {
		left = &rpm.Rich{Dep: rpm.Dep{Name: words[0]}}
		words = words[1:]
		if len(words) > 1 {
			if d, err := rpm.ParseDep("x " + words[0] + " " + words[1]); err == nil {
				left.Dep.Flags, left.Dep.EVR = d.Flags, d.EVR
				words = words[2:]
			}
		}
	}
	if len(words) == 0 || words[0] == ")" {
		return left, words, nil
	}
	tag := words[0]
	right, words, err := parseTagRich(words[1:])
	if err != nil {
		return nil, nil, err
	}
	if tag == "<ELSE>" {
		return &rpm.Rich{Op: tagElse, Args: []*rpm.Rich{left, right}}, words, nil
	}
	for _, o := range tagOps {
		if o.tag == tag {
			args := []*rpm.Rich{left, right}
			if right.Op == tagElse {
				args = append(args[:1], right.Args...)
			}
			return &rpm.Rich{Op: o.op, Args: args}, words, nil
		}
	}
	return nil, nil, fmt.Errorf("unknown operator %q", tag)
}

// tagDep writes a dependency as testtags do.
func tagDep(d rpm.Dep) string {
	if !d.IsRich() {
		return d.String()
	}
	r, err := rpm.ParseRich(d.Name)
	if err != nil {
		panic(err)
	}
	return tagRich(r)
}

func tagRich(r *rpm.Rich) string {
	if r.Op == rpm.RichDep {
		return r.Dep.String()
	}
	op := ""
	for _, o := range tagOps {
		if o.op == r.Op {
			op = o.tag
		}
	}
	right := tagRich(r.Args[len(r.Args)-1])
	switch {
	case (r.Op == rpm.RichIf || r.Op == rpm.RichUnless) && len(r.Args) == 3:
		right = "(" + tagRich(r.Args[1]) + " <ELSE> " + right + ")"
	default:
		for _, a := range slices.Backward(r.Args[1 : len(r.Args)-1]) {
			right = "(" + tagRich(a) + " " + op + " " + right + ")"
		}
	}
	return "(" + tagRich(r.Args[0]) + " " + op + " " + right + ")"
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
