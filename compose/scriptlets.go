package compose

import (
	"errors"
	"fmt"
	"strings"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// ScriptletPolicy says what becomes of scriptlets and triggers.
type ScriptletPolicy uint8

// The policies. For a flatpak application, whose packages' programs are those of
// its runtime, RunScriptlets is RefuseScriptlets.
const (
	RunScriptlets    ScriptletPolicy = iota // they run in a sandbox
	SkipScriptlets                          // they do not run; the report lists them
	RefuseScriptlets                        // the compose fails and names them
)

var policyNames = map[ScriptletPolicy]string{RunScriptlets: "run", SkipScriptlets: "skip", RefuseScriptlets: "refuse"}

// ParseScriptletPolicy reads "run", "skip" or "refuse".
func ParseScriptletPolicy(s string) (ScriptletPolicy, error) {
	for policy, name := range policyNames {
		if s == name {
			return policy, nil
		}
	}
	return 0, errors.New(`scriptlets can be treated in three ways: "run", "skip" or "refuse"`)
}

func (p ScriptletPolicy) String() string { return policyNames[p] }

// installKinds are the scriptlets and triggers that an installation runs. The
// others belong to removing and verifying a package, which no compose does.
var installKinds = map[rpm.ScriptletKind]bool{
	rpm.PreTrans: true, rpm.PreIn: true, rpm.PostIn: true, rpm.PostTrans: true,
	rpm.TriggerPreIn: true, rpm.TriggerIn: true, rpm.FileTriggerIn: true, rpm.TransFileTriggerIn: true,
}

// ScriptletsError lists the packages that want to run something where nothing
// is run.
type ScriptletsError struct{ Scriptlets []SkippedScriptlet }

func (e *ScriptletsError) Error() string {
	var b strings.Builder
	b.WriteString("these packages have scriptlets, which do not run here; --scriptlets=skip composes without them:")
	for i, s := range e.Scriptlets {
		if i > 0 && s.Package == e.Scriptlets[i-1].Package {
			b.WriteString(", %" + s.Kind)
			continue
		}
		fmt.Fprintf(&b, "\n  %s: %%%s", s.Package, s.Kind)
	}
	return b.String()
}

// skippedScriptlets returns what the packages want to run, or an error when it
// may not be left out.
func (in *intake) skippedScriptlets(policy ScriptletPolicy) ([]SkippedScriptlet, error) {
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
	if len(list) > 0 && policy == RefuseScriptlets {
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
