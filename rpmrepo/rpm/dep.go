package rpm

import (
	"fmt"
	"strings"
)

// Flags are the comparison of a dependency; zero means any version.
type Flags uint8

// The comparisons; GE is GT|EQ, LE is LT|EQ.
const (
	GT Flags = 1 << iota
	EQ
	LT
)

// String is the comparison as a spec file writes it.
func (f Flags) String() string {
	switch f {
	case 0:
		return ""
	case GT:
		return ">"
	case EQ:
		return "="
	case LT:
		return "<"
	case GT | EQ:
		return ">="
	case LT | EQ:
		return "<="
	case LT | GT:
		return "<>"
	case LT | GT | EQ:
		return "<=>"
	}
	return fmt.Sprintf("Flags(%d)", uint8(f))
}

// Dep is one dependency or provide: a name, perhaps with a range of versions. A
// rich dependency is a Dep whose name starts with a parenthesis: see IsRich and
// ParseRich.
type Dep struct {
	Name  string
	Flags Flags
	EVR   string // [epoch:]version[-release]; empty without Flags
	Pre   bool   // needed before the package's own scriptlets run

	// Serial, unless zero, says that this dependency is equal to all others with
	// the same one that were read from the same repository in the same go. They
	// are small numbers: who numbers dependencies need not compare them.
	Serial int32
}

// IsRich reports whether the name holds an expression for ParseRich.
func (d Dep) IsRich() bool { return startsWith(d.Name, '(') }

// String is the dependency as a spec file writes it.
func (d Dep) String() string {
	if d.Flags == 0 {
		return d.Name
	}
	return d.Name + " " + d.Flags.String() + " " + d.EVR
}

// ParseDep reads "name", "name OP evr" or a rich dependency.
func ParseDep(s string) (Dep, error) {
	s = strings.TrimSpace(s)
	if startsWith(s, '(') {
		if _, err := ParseRich(s); err != nil {
			return Dep{}, err
		}
		return Dep{Name: s}, nil
	}
	f := strings.Fields(s)
	switch len(f) {
	case 1:
		if strings.ContainsAny(s, "<=>") && !strings.Contains(s, "(") {
			return Dep{}, fmt.Errorf("dependency %q: put blanks around the comparison", s)
		}
		return Dep{Name: f[0]}, nil
	case 3:
		flags, n := parseFlags(f[1])
		if flags == 0 || n != len(f[1]) {
			return Dep{}, fmt.Errorf("dependency %q: %q is no comparison", s, f[1])
		}
		return Dep{Name: f[0], Flags: flags, EVR: f[2]}, nil
	}
	return Dep{}, fmt.Errorf("dependency %q is neither NAME nor NAME OP VERSION", s)
}

// parseFlags reads leading comparison characters and returns how many.
func parseFlags(s string) (f Flags, n int) {
	for ; n < len(s); n++ {
		switch s[n] {
		case '<':
			f |= LT
		case '=':
			f |= EQ
		case '>':
			f |= GT
		default:
			return f, n
		}
	}
	return f, n
}

// Matches reports whether provide satisfies require: same name and ranges that
// share a version. A provide without a version satisfies every version. It
// compares names only, so a rich dependency and a file dependency on a package's
// file list are the caller's to resolve.
func Matches(provide, require Dep) bool {
	if provide.Name != require.Name {
		return false
	}
	if provide.Flags == 0 || require.Flags == 0 {
		return true
	}
	return Intersects(provide.Flags, ParseEVR(provide.EVR), require.Flags, ParseEVR(require.EVR))
}

// Intersects reports whether the range of a provide and that of a requirement
// share a version. A missing or empty release on one side stands for every
// release of that version, and matches when that side's range includes its end.
func Intersects(pf Flags, p EVR, rf Flags, r EVR) bool {
	if pf&rf&(LT|GT) != 0 || pf == LT|GT|EQ || rf == LT|GT|EQ {
		return true
	}
	c := EVR{p.Epoch, p.Version, ""}.Compare(EVR{r.Epoch, r.Version, ""})
	if c == 0 {
		switch {
		case p.Release == "" && r.Release != "":
			return pf&EQ != 0
		case p.Release != "" && r.Release == "":
			return rf&EQ != 0
		}
		c = Vercmp(p.Release, r.Release)
	}
	switch {
	case c < 0:
		return rf&LT != 0 || pf&GT != 0
	case c > 0:
		return rf&GT != 0 || pf&LT != 0
	}
	return pf&rf&EQ != 0
}
