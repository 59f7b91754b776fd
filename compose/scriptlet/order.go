package scriptlet

import (
	"fmt"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// OrderOptions are the colours of the transaction, as in Options.
type OrderOptions struct{ Colors, Prefer uint32 }

// Order returns the indexes of the packages in the order in which rpm installs
// them when they are added to a transaction in the order given: a package comes
// after those that it requires, and before those that have fewer others waiting
// for them. A cycle is cut where that hurts no scriptlet, if there is such a
// place: far from what a scriptlet of the cycle needs. The same packages in the
// same order give the same result.
func Order(pkgs []Package, opts OrderOptions) ([]int, error) {
	elements := make([]element, len(pkgs))
	for i := range pkgs {
		if err := elements[i].read(&pkgs[i]); err != nil {
			return nil, fmt.Errorf("ordering %s: %w", pkgs[i].Name, err)
		}
	}
	g := newGraph(elements, opts)
	return g.sort(), nil
}

// An element is what the order wants to know of a package.
type element struct {
	provides []need
	order    []need // what is to be installed before it, weak needs included
	files    []colored
	color    uint32
}

type colored struct {
	path  string
	color uint32
}

// A need is a dependency with what only the order looks at.
type need struct {
	rpm.Dep
	sense   uint32 // the header's flags
	color   uint32 // of the files that cause it
	weak    bool
	reverse bool // the package is to be installed before the other
}

// Bits of a header's flags that say what a dependency is for.
const (
	senseLess       = 1 << 1
	senseGreater    = 1 << 2
	senseEqual      = 1 << 3
	sensePosttrans  = 1 << 5
	sensePrereq     = 1 << 6
	sensePretrans   = 1 << 7
	senseInterp     = 1 << 8
	sensePre        = 1 << 9
	sensePost       = 1 << 10
	sensePreun      = 1 << 11
	sensePostun     = 1 << 12
	senseVerify     = 1 << 13
	senseFind       = 1 << 14
	senseMissingOK  = 1 << 19
	senseRPMLib     = 1 << 24
	senseKeyring    = 1 << 26
	senseConfig     = 1 << 28
	senseMeta       = 1 << 29
	senseInstallPre = sensePre | sensePost | senseRPMLib | senseKeyring | sensePretrans | sensePosttrans
	senseUnordered  = senseRPMLib | senseConfig | sensePretrans | sensePosttrans | senseVerify | senseMeta
	senseScripts    = sensePre | sensePost | sensePreun | sensePostun
	senseAnyPurpose = senseInterp | senseScripts | senseVerify | senseFind | senseRPMLib | senseKeyring |
		sensePretrans | sensePosttrans | sensePrereq | senseMeta | senseMissingOK
)

// unordered tells whether the need says nothing about the order: it is for
// something that runs at another time.
func (n *need) unordered() bool {
	return n.sense&senseUnordered != 0 && n.sense&senseScripts == 0
}

// hard returns what makes the need one of a scriptlet, or zero.
func (n *need) hard() uint32 {
	if n.weak {
		return 0
	}
	flags := n.sense & senseInstallPre
	if n.sense&senseAnyPurpose == sensePrereq { // of packages built long ago
		flags |= sensePre
	}
	return flags
}

// Tags that only the order reads.
const (
	tagOrderName    rpm.Tag = 5035
	tagOrderVersion rpm.Tag = 5036
	tagOrderFlags   rpm.Tag = 5037
	tagFileDepX     rpm.Tag = 1143
	tagFileDepN     rpm.Tag = 1144
	tagDepDict      rpm.Tag = 1145
)

func (e *element) read(p *Package) error {
	for i := range p.Manifest.Files {
		f := &p.Manifest.Files[i]
		e.files = append(e.files, colored{f.Path, f.Color})
	}
	if p.Header == nil {
		e.fromManifest(p)
		return nil
	}
	pkg, err := p.Header()
	if err != nil {
		return err
	}
	h := pkg.Header
	e.provides = headerNeeds(h, rpm.TagProvideName, rpm.TagProvideVersion, rpm.TagProvideFlags)
	e.order = headerNeeds(h, rpm.TagRequireName, rpm.TagRequireVersion, rpm.TagRequireFlags)
	e.paint(h)
	for i := range e.order {
		e.order[i].weak = e.order[i].sense&senseMissingOK != 0
	}
	for _, t := range []struct {
		name, version, flags rpm.Tag
		reverse              bool
	}{
		{rpm.TagRecommendName, rpm.TagRecommendVersion, rpm.TagRecommendFlags, false},
		{rpm.TagSuggestName, rpm.TagSuggestVersion, rpm.TagSuggestFlags, false},
		{rpm.TagSupplementName, rpm.TagSupplementVersion, rpm.TagSupplementFlags, true},
		{rpm.TagEnhanceName, rpm.TagEnhanceVersion, rpm.TagEnhanceFlags, true},
		{tagOrderName, tagOrderVersion, tagOrderFlags, false},
	} {
		for _, n := range headerNeeds(h, t.name, t.version, t.flags) {
			n.weak, n.reverse = true, t.reverse
			e.order = append(e.order, n)
		}
	}
	return nil
}

func (e *element) fromManifest(p *Package) {
	for _, d := range p.Manifest.Provides {
		e.provides = append(e.provides, need{Dep: d})
	}
	for _, d := range p.Manifest.Requires {
		n := need{Dep: d}
		if d.Pre {
			n.sense = sensePre
		}
		e.order = append(e.order, n)
	}
	for i := range e.files {
		e.color |= e.files[i].color
	}
}

// headerNeeds reads one kind of dependency. Arrays of other lengths are as if
// they were not there.
func headerNeeds(h *rpm.Header, name, version, flags rpm.Tag) []need {
	names, versions, senses := h.Strings(name), h.Strings(version), h.Uint32s(flags)
	list := make([]need, len(names))
	for i := range list {
		n := &list[i]
		n.Name = names[i]
		if i < len(senses) {
			n.sense = senses[i]
		}
		if i < len(versions) && versions[i] != "" && !n.IsRich() {
			n.Flags, n.EVR = comparison(n.sense), versions[i]
		}
	}
	return list
}

func comparison(sense uint32) (f rpm.Flags) {
	for _, b := range [...]struct {
		bit  uint32
		flag rpm.Flags
	}{{senseLess, rpm.LT}, {senseGreater, rpm.GT}, {senseEqual, rpm.EQ}} {
		if sense&b.bit != 0 {
			f |= b.flag
		}
	}
	return f
}

// paint gives dependencies the colours of the files that cause them, and the
// package all of these colours.
func (e *element) paint(h *rpm.Header) {
	first, count, dict := h.Uint32s(tagFileDepX), h.Uint32s(tagFileDepN), h.Uint32s(tagDepDict)
	for i := range e.files {
		if i >= len(first) || i >= len(count) || e.files[i].color == 0 {
			continue
		}
		from, n := uint64(first[i]), uint64(count[i])
		if from+n > uint64(len(dict)) {
			continue
		}
		for _, word := range dict[from : from+n] {
			list := e.order
			switch word >> 24 {
			case 'P':
				list = e.provides
			case 'R':
			default:
				continue
			}
			if ix := int(word & 0xffffff); ix < len(list) {
				list[ix].color |= e.files[i].color
				e.color |= e.files[i].color
			}
		}
	}
}
