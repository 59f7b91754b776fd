package scriptlet

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// defaultPrefer is the colour that rpm prefers when no macro says another.
const defaultPrefer = 2

// NewPlan says what runs when the packages are installed, in the order in which
// they are given to rpm. It runs nothing. An error names package and kind, and
// the line where there is one.
func NewPlan(pkgs []Package, opts Options) (*Plan, error) {
	p := &planner{pkgs: pkgs, opts: opts, counts: map[string]int{}, named: map[string][]int{}, conditions: map[conditionKey][]condition{}}
	p.macros.tree = opts.Tree
	p.macros.define = opts.Define
	p.triggersCount = triggersCount(pkgs)
	if anything(pkgs) {
		if err := p.order(); err != nil {
			return nil, err
		}
		if err := p.replay(); err != nil {
			return nil, err
		}
	}
	steps, err := p.sysusers()
	if err != nil {
		return nil, err
	}
	plan := &Plan{Order: p.installOrder, lua: opts.LuaCommand}
	for _, list := range [][]Step{p.before, steps, p.pre, p.after} {
		plan.Steps = append(plan.Steps, list...)
	}
	plan.joinRuns()
	return plan, nil
}

// joinRuns leaves out a run of ldconfig that follows another: nothing is there
// for it to do that the one before has not done.
func (p *Plan) joinRuns() {
	var last *Step
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Skipped != "" {
			continue
		}
		if last != nil && isLdconfig(s) && isLdconfig(last) && s.Interpreter[0] == last.Interpreter[0] && s.Script == last.Script {
			s.Skipped = again
			continue
		}
		last = s
	}
}

const again = "the same program has just run, and nothing has changed since"

// isLdconfig tells whether the step does nothing but run ldconfig: as its
// program, or in a shell.
func isLdconfig(s *Step) bool {
	if len(s.Interpreter) != 1 {
		return false
	}
	program := s.Interpreter[0]
	if s.HasScript {
		if shell := path.Base(program); shell != "sh" && shell != "bash" {
			return false
		}
		program = strings.TrimSpace(s.Script)
	}
	switch program {
	case "ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig":
		return true
	}
	return false
}

// anything tells whether there is a package to install, and one that has
// something to run then.
func anything(pkgs []Package) bool {
	fresh := slices.ContainsFunc(pkgs, func(p Package) bool { return !p.Installed })
	return fresh && slices.ContainsFunc(pkgs, func(p Package) bool {
		return hasAny(&p, isTrigger) || !p.Installed && hasAny(&p, isScript)
	})
}

func hasAny(p *Package, is func(rpm.ScriptletKind) bool) bool {
	return slices.ContainsFunc(p.Manifest.Scriptlets, func(s rpm.Scriptlet) bool { return is(s.Kind) })
}

// isScript tells whether installing the package itself runs the kind.
func isScript(k rpm.ScriptletKind) bool {
	return k == rpm.PreTrans || k == rpm.PreIn || k == rpm.PostIn || k == rpm.PostTrans
}

// isTrigger tells whether installing a package can run the kind of another.
func isTrigger(k rpm.ScriptletKind) bool {
	return k == rpm.TriggerPreIn || k == rpm.TriggerIn || k == rpm.FileTriggerIn || k == rpm.TransFileTriggerIn
}

// A planner replays an installation.
type planner struct {
	pkgs         []Package
	opts         Options
	macros       macroSet
	installOrder []int
	// triggersCount tells whether the tree's rpm gives file triggers counts.
	triggersCount bool
	skipped       []Skip

	// The database: what is installed by now.
	installed []int            // in the order of installation
	carriers  []int            // those of them that have triggers
	counts    map[string]int   // by name
	named     map[string][]int // packages by name

	conditions map[conditionKey][]condition

	before []Step // %pretrans
	pre    []Step // %triggerprein and %pre
	after  []Step // the rest
}

// order fills installOrder with the packages that are to be installed, and the
// database with those that are there.
func (p *planner) order() error {
	var fresh []Package
	var index []int
	for i := range p.pkgs {
		if p.pkgs[i].Installed {
			p.add(i)
		} else {
			fresh, index = append(fresh, p.pkgs[i]), append(index, i)
		}
	}
	order, err := Order(fresh, OrderOptions{Colors: p.opts.Colors, Prefer: cmp.Or(p.opts.Prefer, defaultPrefer)})
	if err != nil {
		return err
	}
	for _, i := range order {
		p.installOrder = append(p.installOrder, index[i])
	}
	return nil
}

func (p *planner) name(i int) string { return p.pkgs[i].Manifest.NEVRA.Name }

func (p *planner) add(i int) {
	p.installed = append(p.installed, i)
	if hasAny(&p.pkgs[i], isTrigger) {
		p.carriers = append(p.carriers, i)
	}
	p.counts[p.name(i)]++
	p.named[p.name(i)] = append(p.named[p.name(i)], i)
}

func (p *planner) replay() error {
	for _, i := range p.installOrder {
		if err := p.script(&p.before, i, rpm.PreTrans, p.counts[p.name(i)]+1); err != nil {
			return err
		}
	}
	for _, i := range p.installOrder {
		if err := p.install(i); err != nil {
			return fmt.Errorf("planning the scriptlets of %s: %w", p.pkgs[i].Name, err)
		}
	}
	for _, i := range p.installOrder {
		if err := p.script(&p.after, i, rpm.PostTrans, p.counts[p.name(i)]); err != nil {
			return err
		}
	}
	return p.transFileTriggers()
}

// install replays the installation of one package.
func (p *planner) install(i int) error {
	arg := p.counts[p.name(i)] + 1
	for _, do := range []func() error{
		func() error { return p.triggers(&p.pre, i, rpm.TriggerPreIn) },
		func() error { return p.script(&p.pre, i, rpm.PreIn, arg) },
		func() error { p.add(i); return nil },
		func() error { return p.fileTriggers(i, true) },
		func() error { return p.script(&p.after, i, rpm.PostIn, arg) },
		func() error { return p.triggers(&p.after, i, rpm.TriggerIn) },
		func() error { return p.fileTriggers(i, false) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// script adds the scriptlet of a kind, when the package has it.
func (p *planner) script(to *[]Step, i int, kind rpm.ScriptletKind, arg int) error {
	for j := range p.pkgs[i].Manifest.Scriptlets {
		if s := &p.pkgs[i].Manifest.Scriptlets[j]; s.Kind == kind {
			if err := p.step(to, i, s, Step{HasScript: s.Body != "", Args: []string{strconv.Itoa(arg)}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// step completes a step and adds it.
func (p *planner) step(to *[]Step, i int, s *rpm.Scriptlet, step Step) error {
	pkg := &p.pkgs[i]
	step.Package, step.Kind, step.Interpreter = pkg.Name, s.Kind, s.Interpreter
	step.Skipped = p.skip(i, s)
	fail := func(err error) error { return fmt.Errorf("%s of %s: %w", step.Section(), pkg.Name, err) }
	if len(step.Interpreter) == 0 {
		return fail(fmt.Errorf("there is no interpreter"))
	}
	if step.Skipped == "" {
		var err error
		if step.Script, err = p.body(pkg, s); err != nil {
			return fail(err)
		}
		if err := p.prefixes(pkg, &step); err != nil {
			return fail(err)
		}
		if step.Lua() {
			if err := p.checkLua(&step); err != nil {
				return fail(err)
			}
		} else if p.opts.Tree != nil && !p.opts.Tree.Has(step.Interpreter[0]) {
			step.missing = step.Interpreter[0]
		}
	}
	if !step.HasScript && !step.Lua() {
		step.Args = nil
	}
	*to = append(*to, step)
	return nil
}

func (p *planner) checkLua(step *Step) error {
	if p.opts.LuaCommand == nil {
		return fmt.Errorf("nothing is there to run Lua scripts")
	}
	if p.opts.CheckLua == nil {
		return nil
	}
	return p.opts.CheckLua(step.Section()+" of "+step.Package, step.Script)
}

// body expands what the flags of a scriptlet ask for: macros first.
func (p *planner) body(pkg *Package, s *rpm.Scriptlet) (string, error) {
	body := s.Body
	if s.Flags&rpm.ScriptletExpand != 0 {
		m, err := p.macros.get()
		if err != nil {
			return "", err
		}
		if body, err = m.expand(body); err != nil {
			return "", fmt.Errorf("expanding macros: %w", err)
		}
	}
	if s.Flags&rpm.ScriptletQFormat != 0 {
		if pkg.Header == nil {
			return "", fmt.Errorf("its header is not at hand to fill in the query format")
		}
		h, err := pkg.Header()
		if err != nil {
			return "", fmt.Errorf("reading the header for the query format: %w", err)
		}
		if body, err = queryFormat(body, h.Header); err != nil {
			return "", fmt.Errorf("filling in the query format: %w", err)
		}
	}
	return body, nil
}
