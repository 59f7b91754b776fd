package scriptlet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// A condition is one of those that fire the package triggers of a package.
type condition struct {
	dep    rpm.Dep
	script *rpm.Scriptlet
}

// family are the package triggers of a package, in the order of their numbers.
func family(pkg *Package) (list []*rpm.Scriptlet) {
	for i := range pkg.Manifest.Scriptlets {
		s := &pkg.Manifest.Scriptlets[i]
		switch s.Kind {
		case rpm.TriggerPreIn, rpm.TriggerIn, rpm.TriggerUn, rpm.TriggerPostUn:
			list = append(list, s)
		}
	}
	return list
}

// A conditionKey says whose conditions, and of which kind.
type conditionKey struct {
	pkg  int
	kind rpm.ScriptletKind
}

// conditionsOf returns the conditions of package i of a kind.
func (p *planner) conditionsOf(i int, kind rpm.ScriptletKind) ([]condition, error) {
	key := conditionKey{i, kind}
	list, ok := p.conditions[key]
	if ok {
		return list, nil
	}
	list, err := readConditions(&p.pkgs[i], kind)
	if err == nil {
		p.conditions[key] = list
	}
	return list, err
}

// readConditions returns the conditions of a kind in the order in which rpm looks at
// them, which the header alone has when there are several triggers.
func readConditions(pkg *Package, kind rpm.ScriptletKind) (list []condition, err error) {
	triggers := family(pkg)
	if len(triggers) > 1 && pkg.Header != nil {
		h, err := pkg.Header()
		if err != nil {
			return nil, fmt.Errorf("reading the header for its triggers: %w", err)
		}
		needs := headerNeeds(h.Header, rpm.TagTriggerName, rpm.TagTriggerVersion, rpm.TagTriggerFlags)
		index := h.Header.Uint32s(rpm.TagTriggerIndex)
		for i := range needs {
			if i < len(index) && int64(index[i]) < int64(len(triggers)) && triggers[index[i]].Kind == kind {
				list = append(list, condition{needs[i].Dep, triggers[index[i]]})
			}
		}
		return list, nil
	}
	for _, s := range triggers {
		for _, d := range s.Triggers {
			if s.Kind == kind {
				list = append(list, condition{d, s})
			}
		}
	}
	return list, nil
}

// fires tells whether package i has what the condition asks for: a version of
// the package, or of what it provides by its own name.
func (p *planner) fires(i int, d rpm.Dep) bool {
	if d.Name != p.name(i) {
		return false
	}
	return slices.ContainsFunc(p.pkgs[i].Manifest.Provides, func(provide rpm.Dep) bool { return rpm.Matches(provide, d) })
}

// triggers adds the triggers of a kind that the installation of package i fires:
// those of the packages in the database, and its own for what is there.
func (p *planner) triggers(to *[]Step, i int, kind rpm.ScriptletKind) error {
	count := p.counts[p.name(i)]
	for _, carrier := range p.carriers {
		list, err := p.conditionsOf(carrier, kind)
		if err != nil {
			return err
		}
		if err := p.fire(to, carrier, i, list, count, nil); err != nil {
			return err
		}
	}
	list, err := p.conditionsOf(i, kind)
	if err != nil {
		return err
	}
	ran := map[*rpm.Scriptlet]bool{}
	for _, c := range list {
		if ran[c.script] {
			continue
		}
		sources := p.named[c.dep.Name]
		for _, source := range sources {
			if err := p.fire(to, i, source, list, len(sources), ran); err != nil {
				return err
			}
		}
	}
	return nil
}

// fire adds the first script of the carrier whose condition the source meets: one
// package runs one script of another.
func (p *planner) fire(to *[]Step, carrier, source int, list []condition, count int, ran map[*rpm.Scriptlet]bool) error {
	for _, c := range list {
		if !p.fires(source, c.dep) {
			continue
		}
		if ran[c.script] {
			return nil
		}
		if ran != nil {
			ran[c.script] = true
		}
		args := []string{strconv.Itoa(p.counts[p.name(carrier)]), strconv.Itoa(count)}
		return p.step(to, carrier, c.script, Step{By: p.pkgs[source].Name, HasScript: true, Args: args})
	}
	return nil
}

// prefixes sets what a relocatable package's script gets in its environment.
func (p *planner) prefixes(pkg *Package, step *Step) error {
	if pkg.Header == nil || !strings.Contains(step.Script, "RPM_INSTALL_PREFIX") {
		return nil
	}
	h, err := pkg.Header()
	if err != nil {
		return fmt.Errorf("reading the header for its prefixes: %w", err)
	}
	for i, prefix := range h.Header.Strings(rpm.TagPrefixes) {
		if i == 0 {
			step.Env = append(step.Env, "RPM_INSTALL_PREFIX="+prefix)
		}
		step.Env = append(step.Env, fmt.Sprintf("RPM_INSTALL_PREFIX%d=%s", i, prefix))
	}
	return nil
}
