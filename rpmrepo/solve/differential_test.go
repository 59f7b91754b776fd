package solve

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// The differential test draws random small repositories that use every kind of
// dependency and compares our answers with those of libsolv's own test program.
// A longer run:
//
//	go test -run TestDifferential ./rpmrepo/solve -args -duration 5m -seed 1
var (
	fuzzDuration = flag.Duration("duration", 0, "how long the differential test runs; 0 for a fixed number of cases")
	fuzzSeed     = flag.Uint64("seed", 1, "first seed of the differential test")
	fuzzCases    = flag.Int("cases", 300, "repositories of the differential test")
)

// drawer draws a testcase.
type drawer struct {
	*rand.Rand
	names   []string
	caps    []string
	oldElse bool // libsolv before 0.7.25: no else in Recommends and Suggests
	noElse  bool // what is being drawn has none
}

func (d *drawer) chance(percent int) bool { return d.IntN(100) < percent }

func pick[T any](d *drawer, list []T) T { return list[d.IntN(len(list))] }

func drawCase(seed uint64, oldElse bool) *testcase {
	d := &drawer{Rand: rand.New(rand.NewPCG(seed, 7)), oldElse: oldElse}
	for i := range 3 + d.IntN(6) {
		d.names = append(d.names, string(rune('A'+i)))
	}
	d.caps = []string{"x", "y", "z", "/usr/bin/f", "/usr/share/g"}
	c := &testcase{disabled: map[string]bool{}}
	for i := range 1 + d.IntN(2) {
		r := testRepo{name: fmt.Sprintf("r%d", i), prio: d.IntN(2) * d.IntN(10), subprio: d.IntN(2), noSelfProvides: true}
		for range 3 + d.IntN(9) {
			m := d.pkg()
			id := m.NEVRA.String() + "@" + r.name
			if slices.ContainsFunc(r.pkgs, func(o *rpm.Metadata) bool { return o.NEVRA == m.NEVRA }) {
				continue // jobs name packages
			}
			r.pkgs = append(r.pkgs, m)
			if d.chance(3) {
				c.disabled[id] = true
			}
		}
		c.repos = append(c.repos, r)
	}
	for range 4 {
		c.blocks = append(c.blocks, d.block(c))
	}
	return c
}

func (d *drawer) pkg() *rpm.Metadata {
	arch := pick(d, []string{"noarch", "x86_64", "x86_64", "i686"})
	evr := rpm.ParseEVR(pick(d, []string{"1-1", "2-1", "2-2", "1:1-1"}))
	m := &rpm.Metadata{NEVRA: rpm.NEVRA{Name: pick(d, d.names), EVR: evr, Arch: arch}}
	m.Provides = []rpm.Dep{{Name: m.Name, Flags: rpm.EQ, EVR: m.EVR.String()}}
	for d.chance(40) {
		m.Provides = append(m.Provides, d.provide())
	}
	if d.chance(15) {
		m.Files = append(m.Files, pick(d, []string{"/usr/bin/f", "/usr/share/g"}))
	}
	fill := func(list *[]rpm.Dep, percent, rich int) {
		for d.chance(percent) {
			dep := d.dep(rich)
			if !slices.Contains(*list, dep) {
				*list = append(*list, dep)
			}
		}
	}
	fill(&m.Requires, 40, 25)
	fill(&m.Conflicts, 15, 25)
	d.noElse = d.oldElse
	fill(&m.Recommends, 30, 25)
	fill(&m.Suggests, 15, 25)
	d.noElse = false
	fill(&m.Supplements, 15, 30)
	fill(&m.Enhances, 10, 30)
	if d.chance(12) {
		m.Obsoletes = append(m.Obsoletes, d.simple(pick(d, d.names)))
	}
	return m
}

func (d *drawer) evr() string { return pick(d, []string{"1", "2", "1-1", "2-1", "2-2", "1:1", "3"}) }

func (d *drawer) provide() rpm.Dep {
	p := rpm.Dep{Name: pick(d, append(slices.Clone(d.names), "x", "y", "z"))}
	if d.chance(50) {
		p.Flags, p.EVR = rpm.EQ, d.evr()
		if d.chance(10) {
			p.Flags = pick(d, []rpm.Flags{rpm.LT, rpm.GT | rpm.EQ, rpm.LT | rpm.EQ})
		}
	}
	return p
}

// simple is a dependency on a name, perhaps on a range of versions.
func (d *drawer) simple(name string) rpm.Dep {
	dep := rpm.Dep{Name: name}
	if d.chance(40) && !strings.HasPrefix(name, "/") {
		dep.Flags, dep.EVR = pick(d, []rpm.Flags{rpm.LT, rpm.LT | rpm.EQ, rpm.EQ, rpm.GT | rpm.EQ, rpm.GT}), d.evr()
	}
	return dep
}

func (d *drawer) dep(richPercent int) rpm.Dep {
	if d.chance(richPercent) {
		if r := d.rich(2); r.Op != rpm.RichDep {
			return rpm.Dep{Name: r.String()}
		}
	}
	if d.chance(35) {
		return d.simple(pick(d, d.caps))
	}
	return d.simple(pick(d, d.names))
}

func (d *drawer) rich(depth int) *rpm.Rich {
	if depth == 0 || d.chance(35) {
		return &rpm.Rich{Dep: d.dep(0)}
	}
	op := rpm.RichOp(1 + d.IntN(6))
	r := &rpm.Rich{Op: op, Args: []*rpm.Rich{d.rich(depth - 1), d.rich(depth - 1)}}
	switch op {
	case rpm.RichWith, rpm.RichWithout: // only on simple operands
		r.Args = []*rpm.Rich{d.rich(0), d.rich(0)}
	case rpm.RichIf, rpm.RichUnless:
		if d.chance(30) && !d.noElse {
			r.Args = append(r.Args, d.rich(depth-1))
		}
	case rpm.RichAnd, rpm.RichOr:
		if d.chance(20) {
			r.Args = append(r.Args, d.rich(depth-1))
		}
	}
	return r
}

func (d *drawer) block(c *testcase) testBlock {
	b := testBlock{ignore: d.chance(20)}
	if d.chance(10) {
		b.jobs = append(b.jobs, testJob{verb: "multiversion", sel: "name", args: []string{pick(d, d.names)}})
	}
	if d.chance(10) {
		b.jobs = append(b.jobs, testJob{verb: "excludefromweak", sel: "name", args: []string{pick(d, d.names)}})
	}
	for range 1 + d.IntN(3) {
		j := testJob{verb: "install"}
		switch d.IntN(4) {
		case 0, 1:
			j.sel, j.args = "name", []string{pick(d, d.names)}
		case 2:
			// Of a condition in a job libsolv takes the packages without
			// their own dependencies; we do not.
			dep := d.dep(30)
			for strings.Contains(dep.Name, " if ") || strings.Contains(dep.Name, " unless ") {
				dep = d.dep(30)
			}
			j.sel, j.args = "provides", []string{tagDep(dep)}
		case 3:
			j.sel = "oneof"
			for _, r := range c.repos {
				for _, m := range r.pkgs {
					if d.chance(20) {
						j.args = append(j.args, m.NEVRA.String()+"@"+r.name)
					}
				}
			}
			if len(j.args) == 0 {
				continue
			}
			if d.chance(50) {
				j.flags = append(j.flags, "setarch")
			}
		}
		if d.chance(35) {
			j.flags = append(j.flags, "forcebest")
		}
		b.jobs = append(b.jobs, j)
	}
	return b
}

// text writes a testcase as a .t file.
func (c *testcase) text() string {
	var b strings.Builder
	for _, r := range c.repos {
		fmt.Fprintf(&b, "repo %s %d.%d testtags <inline>\n#>=Ver: 3.0\n", r.name, r.prio, r.subprio)
		for _, m := range r.pkgs {
			fmt.Fprintf(&b, "#>=Pkg: %s %s %s %s\n", m.Name, strings.TrimSuffix(m.EVR.String(), "-"+m.Release), m.Release, m.Arch)
			for _, l := range []struct {
				tag  string
				list []rpm.Dep
			}{{"Prv", m.Provides}, {"Req", m.Requires}, {"Con", m.Conflicts}, {"Obs", m.Obsoletes}, {"Rec", m.Recommends}, {"Sug", m.Suggests}, {"Sup", m.Supplements}, {"Enh", m.Enhances}} {
				for _, dep := range l.list {
					fmt.Fprintf(&b, "#>=%s: %s\n", l.tag, tagDep(dep))
				}
			}
			for _, f := range m.Files {
				fmt.Fprintf(&b, "#>=Fls: %s\n", f)
			}
		}
	}
	fmt.Fprintf(&b, "system x86_64 rpm %s\npoolflags implicitobsoleteusescolors whatprovideswithdisabled\n", c.installed)
	for _, r := range c.repos {
		for _, m := range r.pkgs {
			if id := m.NEVRA.String() + "@" + r.name; c.disabled[id] {
				b.WriteString("disable pkg " + id + "\n")
			}
		}
	}
	for i, block := range c.blocks {
		if i > 0 {
			b.WriteString("nextjob\n")
		}
		if block.ignore {
			b.WriteString("solverflags ignorerecommended\n")
		}
		for _, j := range block.jobs {
			b.WriteString(j.String() + "\n")
		}
		b.WriteString("result transaction,problems <inline>\n")
		for _, line := range block.expected {
			b.WriteString("#>" + line + "\n")
		}
	}
	return b.String()
}

// testsolv runs libsolv's test program on a .t file and returns each block's
// result, with problems reduced to that there were some.
func testsolv(t testing.TB, file string) [][]string {
	t.Helper()
	out, err := exec.Command("testsolv", "-r", file).Output()
	if err != nil {
		t.Fatalf("testsolv %s: %v (Debian package libsolv-tools, Fedora package libsolv-tools)", file, err)
	}
	var blocks [][]string
	for line := range bytes.Lines(out) {
		switch s := strings.TrimSpace(string(line)); {
		case strings.HasPrefix(s, "test "):
			blocks = append(blocks, nil)
		case strings.HasPrefix(s, "problem "):
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], "problem")
		case s != "":
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], s)
		}
	}
	for i, b := range blocks {
		slices.Sort(b)
		if slices.Contains(b, "problem") { // the rest is what would do without them
			blocks[i] = []string{"problem"}
		}
	}
	return blocks
}

// hasOldElse reports whether the installed libsolv is older than 0.7.25: it
// overlooks packages that occur only as the condition of an else, and then
// installs them without their dependencies.
func hasOldElse(t *testing.T, file string) bool {
	t.Helper()
	probe := &testcase{repos: []testRepo{{name: "r"}}, blocks: []testBlock{{jobs: []testJob{{verb: "install", sel: "name", args: []string{"a"}}}}, {}}}
	probe.repos[0].pkgs = packages(t, "a\nPrv: a = 1-1\nRec: (b <UNLESS> (c <ELSE> x))\nc\nPrv: c = 1-1\nReq: nowhere\nx\nPrv: x = 1-1")
	if err := os.WriteFile(file, []byte(probe.text()), 0o644); err != nil {
		t.Fatal(err)
	}
	return slices.Contains(testsolv(t, file)[0], "install c-1-1.noarch@r")
}

func TestDifferential(t *testing.T) {
	end := time.Now().Add(*fuzzDuration)
	file := filepath.Join(t.TempDir(), "case.t")
	cases, blocks, problems, broken := 0, 0, 0, 0
	oldElse := hasOldElse(t, file)
	for seed := *fuzzSeed; cases < *fuzzCases || time.Now().Before(end); seed++ {
		if *fuzzDuration > 0 && time.Now().After(end) {
			break
		}
		c := drawCase(seed, oldElse)
		if err := os.WriteFile(file, []byte(c.text()), 0o644); err != nil {
			t.Fatal(err)
		}
		want := testsolv(t, file)
		u := c.universe()
		for i := range c.blocks {
			s, got := c.run(t, u, &c.blocks[i])
			blocks++
			if isProblem(got) {
				problems++
			} else if msg := s.check(s.answer()); msg != "" {
				t.Fatalf("seed %d, block %d: %s\n%s", seed, i+1, msg, c.text())
			}
			if slices.Equal(got, want[i]) {
				continue
			}
			// libsolv takes noarch builds that come in by lock-step alone
			// without looking at their own dependencies.
			if len(s.more) > 0 || !isProblem(want[i]) && s.check(s.packages(want[i])) != "" {
				broken++
				continue
			}
			t.Fatalf("seed %d, block %d: got %q, want %q\n%s", seed, i+1, got, want[i], c.text())
		}
		cases++
	}
	t.Logf("%d repositories, %d requests, %d of them with problems: no difference, but for %d broken answers of libsolv", cases, blocks, problems, broken)
	if broken > blocks/200 {
		t.Errorf("got %d of %d answers of libsolv that do not hold: is the check wrong?", broken, blocks)
	}
}

func isProblem(result []string) bool { return len(result) > 0 && result[0] == "problem" }
