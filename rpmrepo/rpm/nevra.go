package rpm

import (
	"fmt"
	"strings"
)

// NEVRA names one build of one package: name, epoch, version, release and
// architecture.
type NEVRA struct {
	Name string
	EVR
	Arch string
}

// String is name-[epoch:]version-release.arch; a zero epoch is left out.
func (n NEVRA) String() string {
	return n.Name + "-" + n.EVR.String() + "." + n.Arch
}

// ParseNEVRA reads name-[epoch:]version-release.arch. All parts but the epoch
// must be there.
func ParseNEVRA(s string) (NEVRA, error) {
	bad := func(missing string) (NEVRA, error) {
		return NEVRA{}, fmt.Errorf("%q is not name-[epoch:]version-release.arch: no %s", s, missing)
	}
	dot := strings.LastIndexByte(s, '.')
	if dot < 0 || dot == len(s)-1 || strings.ContainsRune(s[dot:], '-') {
		return bad("architecture")
	}
	rest, arch := s[:dot], s[dot+1:]
	rel := strings.LastIndexByte(rest, '-')
	if rel < 0 || rel == len(rest)-1 {
		return bad("release")
	}
	ver := strings.LastIndexByte(rest[:rel], '-')
	if ver < 0 || ver == rel-1 {
		return bad("version")
	}
	if ver == 0 {
		return bad("name")
	}
	n := NEVRA{Name: rest[:ver], EVR: ParseEVR(rest[ver+1:]), Arch: arch}
	if n.Version == "" {
		return bad("version")
	}
	return n, nil
}

// Compare orders by name, then EVR, then architecture.
func (n NEVRA) Compare(o NEVRA) int {
	if c := strings.Compare(n.Name, o.Name); c != 0 {
		return c
	}
	if c := n.EVR.Compare(o.EVR); c != 0 {
		return c
	}
	return strings.Compare(n.Arch, o.Arch)
}
