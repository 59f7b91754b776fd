package scriptlet

import (
	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// A Package is one package of the tree.
type Package struct {
	// Name is the NEVRA, for messages and the report.
	Name     string
	Manifest *content.Manifest
	// Header reads the package's header. Without it the order knows less (no
	// colours of dependencies, no order hints), and a scriptlet that needs the
	// header is an error.
	Header func() (*rpm.Package, error)
	// Installed means that the package is part of the tree since before: its
	// scriptlets do not run, and its triggers are fired by the others.
	Installed bool
}

// A Tree is what the plan looks at in the tree. Paths are absolute.
type Tree interface {
	// Has tells whether something is at the path, symbolic links followed.
	Has(path string) bool
	// Read returns a file; an error that is fs.ErrNotExist when there is none.
	Read(path string) ([]byte, error)
	// List returns the names in a folder, sorted; none when it is not there.
	List(dir string) []string
}

// Sysusers says when systemd-sysusers runs before all %pre.
type Sysusers uint8

// The ways of Sysusers. SysusersAuto runs it when the macros of the tree's rpm
// define __systemd_sysusers: rpm itself makes users from then on (4.19).
const (
	SysusersAuto Sysusers = iota
	SysusersForced
)

// Options of a plan. Tree is needed when a package has anything to run.
type Options struct {
	Tree     Tree
	Sysusers Sysusers
	// KernelInstall runs what kernel packages do after the transaction, which
	// otherwise is left out: the tree's layout puts kernels in place.
	KernelInstall bool
	// Colors are the colours of files that the tree takes, and Prefer is the one
	// that wins, as rpm's macros _transaction_color and _prefer_color. The zero
	// value takes all files, as distributions of one architecture do.
	Colors, Prefer uint32
	// Installs tells whether a file of a package is in the tree. Nil means all.
	Installs func(pkg int, f *content.File) bool
	// Define are macros in addition to the tree's own.
	Define map[string]string
	// CheckLua tells whether a Lua script can be read; the error names its line.
	CheckLua func(name, body string) error
	// LuaCommand are the arguments of our own binary that run a Lua script with
	// these arguments; the path of the script is added to them.
	LuaCommand func(name string, args []string) []string
}

// A Step is one run of one scriptlet.
type Step struct {
	Package string            `json:"package"`
	Kind    rpm.ScriptletKind `json:"kind"`
	// By is the package whose installation fires a trigger.
	By string `json:"by,omitempty"`
	// Interpreter is the program and its own arguments.
	Interpreter []string `json:"interpreter"`
	// Script is the text that is handed over in a file, whose path follows the
	// interpreter's arguments. Without one, HasScript is false, and then there
	// are no Args either, as in rpm.
	Script    string `json:"-"`
	HasScript bool   `json:"-"`
	// Args follow the script: how many packages of this name there are, and for
	// triggers, how many of the package that fires it.
	Args []string `json:"args,omitempty"`
	// Stdin are the paths a file trigger gets, one a line.
	Stdin []string `json:"-"`
	// Env is added to the environment.
	Env []string `json:"-"`
	// Skipped, when not empty, is the reason why the step does not run.
	Skipped string `json:"skipped,omitempty"`

	missing string // the interpreter, when the tree does not have it
}

// Section is the scriptlet's name in a spec file: "%post" for rpm.PostIn.
func (s *Step) Section() string { return section(s.Kind) }

func section(k rpm.ScriptletKind) string {
	switch k {
	case rpm.PreIn:
		return "%pre"
	case rpm.PostIn:
		return "%post"
	case KindSysusers:
		return string(k)
	}
	return "%" + string(k)
}

// KindSysusers is the kind of the step that runs systemd-sysusers.
const KindSysusers rpm.ScriptletKind = "systemd-sysusers"

// Lua tells whether our own interpreter runs the script.
func (s *Step) Lua() bool { return len(s.Interpreter) > 0 && s.Interpreter[0] == "<lua>" }

// A Plan is what will run, in order.
type Plan struct {
	// Order are indexes into the packages given, in install order; nil when no
	// package has anything to run, so that the order does not matter.
	Order []int
	// Steps are in the order in which they run, those that are left out at
	// their place.
	Steps []Step

	lua func(name string, args []string) []string
}

// NeedsDisk tells whether anything runs, so that the tree must be on disk.
func (p *Plan) NeedsDisk() bool {
	for i := range p.Steps {
		if p.Steps[i].Skipped == "" {
			return true
		}
	}
	return false
}
