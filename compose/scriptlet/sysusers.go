package scriptlet

import (
	"fmt"
	"slices"
	"strings"
)

const (
	sysusersProgram = "/usr/bin/systemd-sysusers"
	sysusersMacro   = "__systemd_sysusers"
	sysusersFolder  = "/usr/lib/sysusers.d"
)

// sysusers returns the step that makes the users of sysusers.d, if it is wanted
// and there is something for it to do.
func (p *planner) sysusers() ([]Step, error) {
	tree := p.opts.Tree
	if tree == nil || !slices.ContainsFunc(p.pkgs, func(pkg Package) bool { return !pkg.Installed }) {
		return nil, nil
	}
	if !slices.ContainsFunc(tree.List(sysusersFolder), func(name string) bool { return strings.HasSuffix(name, ".conf") }) {
		return nil, nil
	}
	if p.opts.Sysusers != SysusersForced {
		m, err := p.macros.get()
		if err != nil {
			return nil, err
		}
		if value, ok := m.table[sysusersMacro]; !ok || value.body == "" {
			return nil, nil
		}
	}
	step := Step{Package: "systemd", Kind: KindSysusers, Interpreter: []string{sysusersProgram}}
	if !tree.Has(sysusersProgram) {
		if p.opts.Sysusers == SysusersForced {
			return nil, fmt.Errorf("making the users of %s: the tree has no %s: add the package that has it (systemd), "+
				"or set sysusers to compose-auto", sysusersFolder, sysusersProgram)
		}
		step.Skipped = "the tree has no " + sysusersProgram + "; each boot of the tree makes the users"
	}
	return []Step{step}, nil
}
