package compose

import (
	"fmt"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// installKinds are the scriptlets and triggers that an installation runs. The
// others belong to removing and verifying a package, which no compose does.
var installKinds = map[rpm.ScriptletKind]bool{
	rpm.PreTrans: true, rpm.PreIn: true, rpm.PostIn: true, rpm.PostTrans: true,
	rpm.TriggerPreIn: true, rpm.TriggerIn: true, rpm.FileTriggerIn: true, rpm.TransFileTriggerIn: true,
}

// ScriptletsError lists the packages that want to run something.
type ScriptletsError struct{ Scriptlets []SkippedScriptlet }

func (e *ScriptletsError) Error() string {
	var b strings.Builder
	b.WriteString("treewright does not run scriptlets yet, and these packages have some; " +
		"--scriptlets=skip composes without running them:")
	for i, s := range e.Scriptlets {
		if i > 0 && s.Package == e.Scriptlets[i-1].Package {
			b.WriteString(", %" + s.Kind)
			continue
		}
		fmt.Fprintf(&b, "\n  %s: %%%s", s.Package, s.Kind)
	}
	return b.String()
}

// scriptlets returns what the packages want to run, or an error when they may
// not be left out.
func (in *intake) scriptlets() ([]SkippedScriptlet, error) {
	var list []SkippedScriptlet
	for i, m := range in.manifests {
		for _, s := range m.Scriptlets {
			if installKinds[s.Kind] {
				list = append(list, SkippedScriptlet{
					Package: in.plan.Packages[i].NEVRA.String(), Kind: sectionName(s.Kind), Interpreter: strings.Join(s.Interpreter, " "),
				})
			}
		}
	}
	if len(list) > 0 && in.plan.opts.Scriptlets == RefuseScriptlets {
		return nil, &ScriptletsError{Scriptlets: list}
	}
	return list, nil
}

// sectionName is the name of a scriptlet's section in a spec file.
func sectionName(k rpm.ScriptletKind) string {
	switch k {
	case rpm.PreIn:
		return "pre"
	case rpm.PostIn:
		return "post"
	}
	return string(k)
}
