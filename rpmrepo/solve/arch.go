package solve

import "strings"

// archPolicies are the architectures that a machine runs, best first. What is
// not listed runs its own alone.
const archPolicies = `
x86_64_v4: x86_64_v4 x86_64_v3 x86_64_v2 x86_64 athlon i686 i586 i486 i386
x86_64_v3: x86_64_v3 x86_64_v2 x86_64 athlon i686 i586 i486 i386
x86_64_v2: x86_64_v2 x86_64 athlon i686 i586 i486 i386
x86_64: x86_64 athlon i686 i586 i486 i386
amd64: amd64 x86_64 athlon i686 i586 i486 i386
ia32e: ia32e x86_64 athlon i686 i586 i486 i386
athlon: athlon i686 i586 i486 i386
i686: i686 i586 i486 i386
i586: i586 i486 i386
i486: i486 i386
s390x: s390x s390
ppc64: ppc64 ppc
ppc64p7: ppc64p7 ppc64 ppc
armv8hl: armv8hl armv7hl armv6hl
armv7hnl: armv7hnl armv7hl armv6hl
armv7hl: armv7hl armv6hl
`

// archScore ranks an architecture: 0 cannot be installed, noarch fits any
// other, and above it the lowest is the best.
type archScore uint8

const (
	scoreNone archScore = iota
	scoreNoarch
	scoreBest
)

// colors are the word sizes that an architecture occupies: packages of one name
// exclude each other only where their colors meet.
type colors uint8

const (
	color32 colors = 1 << iota
	color64
	colorAll = color32 | color64
)

// archPolicy answers for the architectures of one machine.
type archPolicy struct {
	noarch strID
	scores []archScore // by strID; beyond its end nothing can be installed
	colors []colors
}

func newArchPolicy(in *interner, arch string) archPolicy {
	list := []string{arch}
	for line := range strings.Lines(archPolicies) {
		if name, archs, ok := strings.Cut(line, ":"); ok && name == arch {
			list = strings.Fields(archs)
		}
	}
	p := archPolicy{noarch: in.id("noarch")}
	p.set(p.noarch, scoreNoarch, colorAll)
	for i, a := range list {
		c := color32
		if a == "s390x" || strings.Contains(a, "64") {
			c = color64
		}
		p.set(in.id(a), scoreBest+archScore(i), c)
	}
	return p
}

func (p *archPolicy) set(arch strID, s archScore, c colors) {
	for int(arch) >= len(p.scores) {
		p.scores = append(p.scores, scoreNone)
		p.colors = append(p.colors, colorAll)
	}
	p.scores[arch], p.colors[arch] = s, c
}

func (p *archPolicy) score(arch strID) archScore {
	if int(arch) < len(p.scores) {
		return p.scores[arch]
	}
	return scoreNone
}

// meet reports whether packages of the two architectures share a color. An
// unknown architecture meets all.
func (p *archPolicy) meet(a, b strID) bool {
	ca, cb := colorAll, colorAll
	if int(a) < len(p.colors) {
		ca = p.colors[a]
	}
	if int(b) < len(p.colors) {
		cb = p.colors[b]
	}
	return ca&cb != 0
}
